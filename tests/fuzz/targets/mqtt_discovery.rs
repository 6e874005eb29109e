//! A device that announces itself with arbitrary bytes, as every kind of entity and as a whole device.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vesta_home::discovery::{Announcement, parse};

const PLATFORMS: [&str; 19] = [
    "binary_sensor", "button", "climate", "cover", "device", "device_tracker", "fan", "humidifier", "lawn_mower", "light", "lock",
    "number", "scene", "select", "sensor", "siren", "switch", "vacuum", "valve",
];

fuzz_target!(|input: (u8, &str, &[u8])| {
    let (platform, topic, payload) = input;
    let _ = parse(topic, payload);
    let platform = PLATFORMS[usize::from(platform) % PLATFORMS.len()];
    let known = format!("homeassistant/{platform}/any/config");
    if let Ok(Announcement::Entities { entities, .. }) = parse(&known, payload) {
        assert!(entities.len() <= 500);
        for entity in entities {
            assert!(platform == "device" || entity.domain() == platform);
        }
    }
});
