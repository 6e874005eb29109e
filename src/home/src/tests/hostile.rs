//! Arbitrary input: nothing panics, and what worked goes on working.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::House;
use crate::call::IntentCall;
use crate::config::HomeConfig;
use crate::discovery;

const PLATFORMS: [&str; 20] = [
    "light",
    "switch",
    "cover",
    "fan",
    "vacuum",
    "climate",
    "sensor",
    "binary_sensor",
    "scene",
    "button",
    "number",
    "select",
    "lock",
    "valve",
    "siren",
    "humidifier",
    "lawn_mower",
    "device_tracker",
    "device",
    "unknown",
];

/// Every key that any kind reads, in short and long form.
fn key() -> impl Strategy<Value = String> {
    let mut keys: Vec<String> = include_str!("../data/abbreviations.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(|line| line.split('\t').skip(1).map(str::to_owned).collect::<Vec<_>>())
        .collect();
    keys.extend(
        ["~", "schema", "segments", "clean_segments_command_topic", "name", "device", "qos"].map(str::to_owned),
    );
    proptest::sample::select(keys)
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        (-2i64..300).prop_map(Value::from),
        proptest::sample::select(vec![
            "ON",
            "OFF",
            "json",
            "template",
            "basic",
            "a/b",
            "a/+",
            "#",
            "~/x",
            "",
            "None",
            "{{ value_json.x }}",
            "{{ value | float }}",
            "{% for x in range(9) %}{{ x }}{% endfor %}",
            "{{ 1 // 0 }}",
            "{{ value * 99 }}",
            "all",
            "first",
            "xy",
            "open",
            "100",
        ])
        .prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((key(), inner), 0..4)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

fn payload() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("ON".to_owned()),
        Just("55".to_owned()),
        Just(r#"{"state":"ON","brightness":1e300,"color":{"x":0,"y":0},"color_mode":"xy","x":[1]}"#.to_owned()),
        Just(r#"{"state":"cleaning","segments":{"1":"a"},"position":-5}"#.to_owned()),
        Just("1,2,3".to_owned()),
        Just("inf".to_owned()),
        ".{0,24}",
    ]
}

const INTENTS: [&str; 16] = [
    "HassTurnOn",
    "HassTurnOff",
    "HassToggle",
    "HassLightSet",
    "HassSetPosition",
    "HassFanSetSpeed",
    "HassClimateSetTemperature",
    "HassVacuumCleanArea",
    "HassSetVolume",
    "HassSetVolumeRelative",
    "HassMediaPause",
    "HassGetState",
    "HassClimateGetTemperature",
    "HassSetValue",
    "HassSelectOption",
    "HassVacuumStart",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_on_any_topic_are_survived(topic in ".{0,40}", bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = discovery::parse(&topic, &bytes);
        let _ = discovery::parse(&format!("homeassistant/light/{topic}/config"), &bytes);
        let _ = discovery::parse("homeassistant/device/x/config", &bytes);
    }

    #[test]
    fn any_description_with_any_messages_and_calls_is_survived(
        platform in proptest::sample::select(PLATFORMS.to_vec()),
        pairs in proptest::collection::vec((key(), value()), 0..30),
        messages in proptest::collection::vec(payload(), 0..8),
        intent in proptest::sample::select(INTENTS.to_vec()),
        slot in value(),
    ) {
        let mut house = House::new(HomeConfig::default());
        house.send("homeassistant/light/ok/config", br#"{"name":"Good","command_topic":"ok/set","state_topic":"ok"}"#);
        let mut map: Map<String, Value> = pairs.into_iter().collect();
        // Most kinds need these: without them little would be tried.
        map.insert("command_topic".to_owned(), "t/set".into());
        map.insert("state_topic".to_owned(), "t".into());
        house.send(&format!("homeassistant/{platform}/any/config"), Value::Object(map.clone()).to_string().as_bytes());
        map.insert("platform".to_owned(), platform.into());
        let device = json!({ "device": { "identifiers": "d", "name": "D" }, "components": { "volume": map } });
        house.send("homeassistant/device/any/config", device.to_string().as_bytes());
        house.settle();
        let filters: Vec<String> = house.subscribed.clone();
        for message in &messages {
            for filter in &filters {
                house.send(&filter.replace(['+', '#'], "x"), message.as_bytes());
            }
        }
        house.settle();
        let names: Vec<String> = house.core.snapshot().entities.keys().cloned().collect();
        for name in names {
            let keys = ["brightness", "position", "percentage", "temperature", "volume_level", "volume_step", "value", "option", "area", "color"];
            let mut slots: std::collections::BTreeMap<String, Value> =
                keys.iter().map(|key| ((*key).to_owned(), slot.clone())).collect();
            slots.insert("name".to_owned(), name.into());
            house.start(&IntentCall { intent: intent.to_owned(), slots, ..IntentCall::default() });
            house.wait(10);
        }
        house.wait(3_600_000);
        house.send("ok", b"ON");
        house.settle();
        let good = house.core.snapshot().entities.get("light.good").cloned();
        prop_assert_eq!(good.and_then(|good| good.state.clone()), Some("on".to_owned()));
    }

    #[test]
    fn a_question_never_publishes(
        intent in proptest::sample::select(vec!["HassGetState", "HassClimateGetTemperature"]),
        slots in proptest::collection::btree_map(
            proptest::sample::select(vec!["name", "area", "floor", "domain", "device_class", "state"]).prop_map(str::to_owned),
            prop_oneof![Just(json!("light")), Just(json!("Lamp")), Just(json!("on")), Just(json!("all")), value()],
            0..5,
        ),
    ) {
        let mut house = House::new(HomeConfig::default());
        house.send("homeassistant/light/l/config", br#"{"name":"Lamp","command_topic":"l/set","state_topic":"l"}"#);
        house.send("homeassistant/climate/c/config", br#"{"name":"Heat","mode_command_topic":"c/set","mode_state_topic":"c"}"#);
        house.settle();
        let id = house.start(&IntentCall { intent: intent.to_owned(), slots, ..IntentCall::default() });
        let answered = house.reply(id).is_some();
        prop_assert!(answered);
        prop_assert!(house.published.is_empty());
    }
}
