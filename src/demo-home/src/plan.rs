//! What stands in which room.

use std::time::Duration;

use crate::devices::Device;
use crate::devices::climate::Heating;
use crate::devices::cover::{self, Cover};
use crate::devices::fan::Fan;
use crate::devices::light::{self, Light};
use crate::devices::sensor::{Contact, Motion, RoomSensor};
use crate::devices::speaker::Speaker;
use crate::devices::switch::{Button, MeteredSwitch, Socket};
use crate::devices::vacuum::Vacuum;
use crate::discovery::Identity;

/// A scene: a name for several commands.
pub(crate) struct Scene {
    pub(crate) identity: Identity,
    /// Topics below the house's own first level, and what is sent there.
    pub(crate) steps: &'static [(&'static str, &'static str)],
}

/// Rooms as the vacuum robot numbers them.
const SEGMENTS: [(&str, &str); 6] =
    [("1", "Kitchen"), ("2", "Living Room"), ("3", "Bedroom"), ("4", "Bathroom"), ("5", "Hallway"), ("6", "Office")];

/// A storey of the demo home. Discovery has no word for storeys, so whoever shows the demo home has to know them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storey {
    /// What people call it.
    pub name: &'static str,
    /// Other things people call it.
    pub aliases: &'static [&'static str],
    /// Its rooms, as the devices suggest them.
    pub rooms: &'static [&'static str],
}

/// The storeys of the demo home, from below.
pub const STOREYS: [Storey; 2] = [
    Storey { name: "Ground Floor", aliases: &["downstairs"], rooms: &["Kitchen", "Living Room", "Hallway", "Garage"] },
    Storey { name: "Upper Floor", aliases: &["upstairs", "top floor"], rooms: &["Bedroom", "Bathroom", "Office"] },
];

const fn of(id: &'static str, name: &'static str, area: &'static str) -> Identity {
    Identity { id, name, area }
}

/// All devices of the house.
pub(crate) fn devices() -> Vec<Box<dyn Device>> {
    use light::Dialect::{JsonColour, JsonDimmer, JsonWhite, OnOff, TemplatesDimmer, TopicsColour, TopicsDimmer};
    let seconds = Duration::from_secs;
    let lights = [
        (of("kitchen_light", "Kitchen Light", "Kitchen"), JsonColour),
        (of("living_room_lamp", "Living Room Lamp", "Living Room"), TopicsColour),
        (of("living_room_light", "Living Room Light", "Living Room"), JsonDimmer),
        (of("bedroom_light", "Bedroom Light", "Bedroom"), JsonWhite),
        (of("bedside_lamp", "Bedside Lamp", "Bedroom"), TemplatesDimmer),
        (of("bathroom_light", "Bathroom Light", "Bathroom"), JsonDimmer),
        (of("office_light", "Office Light", "Office"), JsonColour),
        (of("desk_lamp", "Desk Lamp", "Office"), TopicsDimmer),
        (of("hallway_light", "Hallway Light", "Hallway"), OnOff),
        (of("garage_light", "Garage Light", "Garage"), OnOff),
    ];
    let covers = [
        (of("bedroom_blinds", "Bedroom Blinds", "Bedroom"), cover::Dialect::Topics, "blind", seconds(6)),
        (
            of("living_room_curtains", "Living Room Curtains", "Living Room"),
            cover::Dialect::Json,
            "curtain",
            seconds(5),
        ),
        (of("garage_door", "Garage Door", "Garage"), cover::Dialect::Door, "garage", seconds(8)),
    ];
    let rooms = [
        (of("kitchen_sensor", "Kitchen", "Kitchen"), 21.5, 48.0),
        (of("living_room_sensor", "Living Room", "Living Room"), 21.0, 44.0),
        (of("bedroom_sensor", "Bedroom", "Bedroom"), 18.5, 50.0),
        (of("bathroom_sensor", "Bathroom", "Bathroom"), 22.0, 62.0),
        (of("office_sensor", "Office", "Office"), 20.5, 42.0),
    ];
    let contacts = [
        (of("kitchen_window", "Kitchen Window", "Kitchen"), "window", false),
        (of("bedroom_window", "Bedroom Window", "Bedroom"), "window", true),
        (of("front_door", "Front Door", "Hallway"), "door", false),
    ];

    let mut devices: Vec<Box<dyn Device>> = Vec::new();
    devices.extend(lights.map(|(identity, dialect)| Box::new(Light::new(identity, dialect)) as Box<dyn Device>));
    devices.extend(covers.map(|(identity, dialect, class, travel)| {
        Box::new(Cover::new(identity, dialect, class, travel)) as Box<dyn Device>
    }));
    devices.extend(rooms.map(|(identity, temperature, humidity)| {
        Box::new(RoomSensor::new(identity, temperature, humidity)) as Box<dyn Device>
    }));
    devices.extend(
        contacts.map(|(identity, class, open)| Box::new(Contact::new(identity, class, open)) as Box<dyn Device>),
    );
    devices.push(Box::new(Motion::new(of("hallway_motion", "Hallway Motion", "Hallway"))));
    devices.push(Box::new(Fan::new(of("office_fan", "Office Fan", "Office"))));
    devices.push(Box::new(Heating::new(of("heating", "Heating", "Living Room"))));
    devices.push(Box::new(Vacuum::new(of("robot", "Robot Vacuum", "Hallway"), &SEGMENTS)));
    devices.push(Box::new(Speaker::new(of("speaker", "Speaker", "Living Room"))));
    devices.push(Box::new(MeteredSwitch::new(of("coffee_machine", "Coffee Machine", "Kitchen"), 1_250.0)));
    devices.push(Box::new(Socket::new(of("socket", "Socket", "Living Room"))));
    devices.push(Box::new(Button(of("doorbell", "Doorbell", "Hallway"))));
    devices
}

/// The scenes.
pub(crate) fn scenes() -> Vec<Scene> {
    vec![
        Scene {
            identity: of("movie_night", "Movie Night", "Living Room"),
            steps: &[
                ("living_room_light/set", r#"{"state":"OFF"}"#),
                ("living_room_lamp/white/set", "2200"),
                ("living_room_lamp/brightness/set", "20"),
                ("living_room_curtains/set", "close"),
            ],
        },
        Scene {
            identity: of("good_morning", "Good Morning", "Bedroom"),
            steps: &[
                ("bedroom_blinds/set", "OPEN"),
                ("bedroom_light/set", r#"{"state":"ON","brightness":160,"color_temp":4000}"#),
                ("kitchen_light/set", r#"{"state":"ON","brightness":254}"#),
                ("coffee_machine/set", "ON"),
            ],
        },
        Scene {
            identity: of("good_night", "Good Night", "Bedroom"),
            steps: &[
                ("kitchen_light/set", r#"{"state":"OFF"}"#),
                ("living_room_light/set", r#"{"state":"OFF"}"#),
                ("living_room_lamp/set", "OFF"),
                ("bedroom_light/set", r#"{"state":"OFF"}"#),
                ("bathroom_light/set", r#"{"state":"OFF"}"#),
                ("office_light/set", r#"{"state":"OFF"}"#),
                ("desk_lamp/set", "OFF"),
                ("hallway_light/set", "0"),
                ("garage_light/set", "0"),
                ("bedroom_blinds/set", "CLOSE"),
                ("coffee_machine/set", "OFF"),
            ],
        },
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_room_is_on_one_storey() {
        let rooms: Vec<&str> = STOREYS.iter().flat_map(|storey| storey.rooms).copied().collect();
        let different: BTreeSet<&str> = rooms.iter().copied().collect();
        assert_eq!(rooms.len(), different.len());
        let suggested: BTreeSet<String> = devices()
            .iter()
            .flat_map(|device| device.configs("homeassistant"))
            .filter_map(|publish| serde_json::from_str::<serde_json::Value>(&publish.payload).ok())
            .filter_map(|body| {
                let device = body.get("device").or(body.get("dev"))?;
                let area = device.get("suggested_area").or(device.get("sa"))?;
                area.as_str().map(str::to_owned)
            })
            .collect();
        assert_eq!(suggested, different.iter().map(|room| (*room).to_owned()).collect());
    }
}
