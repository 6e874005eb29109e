//! Loudspeakers. MQTT discovery has no media player: a speaker is a device whose entities together are one.
//!
//! The rule (also in `docs/devices.md`): a device with a `number` for the volume is a speaker. Its other parts are found in the
//! same way, by a word in their key, name or unique id, or by their icon. The speaker appears as one more entity,
//! `media_player.<device>`, named as the device; its volume and mute parts are then no longer spoken about on their own.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::discovery::Description;
use crate::model::{Entity, EntityId};

/// What a part of a speaker is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Volume,
    Mute,
    Power,
    Play,
    Pause,
    PlayPause,
    Stop,
    Next,
    Previous,
    Source,
    Playback,
    Title,
}

/// Part, domain of its entity, words of which one must be in its key, name or unique id, icons.
const PARTS: &[(Part, &str, &[&str], &[&str])] = &[
    (Part::Volume, "number", &["volume"], &["mdi:volume-high", "mdi:volume-medium", "mdi:volume-low"]),
    (Part::Mute, "switch", &["mute", "muted"], &["mdi:volume-off", "mdi:volume-mute"]),
    (Part::Power, "switch", &["power"], &["mdi:power"]),
    (Part::PlayPause, "button", &["playpause", "play_pause"], &["mdi:play-pause"]),
    (Part::Play, "button", &["play", "resume"], &["mdi:play"]),
    (Part::Pause, "button", &["pause"], &["mdi:pause"]),
    (Part::Stop, "button", &["stop"], &["mdi:stop"]),
    (Part::Next, "button", &["next", "skip"], &["mdi:skip-next"]),
    (Part::Previous, "button", &["previous", "prev"], &["mdi:skip-previous"]),
    (
        Part::Source,
        "select",
        &["source", "station", "input", "playlist", "radio", "preset"],
        &["mdi:radio", "mdi:playlist-music"],
    ),
    (Part::Playback, "sensor", &["playback", "state", "status", "player"], &[]),
    (Part::Title, "sensor", &["title", "track", "song"], &["mdi:music"]),
];

/// The parts of one speaker by what they are for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Speaker {
    pub(crate) parts: BTreeMap<Part, EntityId>,
}

impl Speaker {
    /// The speaker that these entities of one device are together, if one of them is a volume.
    pub(crate) fn of<'a>(entities: impl Iterator<Item = (&'a EntityId, &'a Description)>) -> Option<Self> {
        let mut parts = BTreeMap::new();
        for (id, description) in entities {
            if let Some(part) = part_of(description) {
                parts.entry(part).or_insert_with(|| id.clone());
            }
        }
        parts.contains_key(&Part::Volume).then_some(Self { parts })
    }

    pub(crate) fn part(&self, part: Part) -> Option<&EntityId> {
        self.parts.get(&part)
    }

    /// Parts that are spoken about only through the speaker.
    pub(crate) fn hidden(&self) -> impl Iterator<Item = &EntityId> {
        [Part::Volume, Part::Mute, Part::Power].into_iter().filter_map(|part| self.parts.get(&part))
    }

    /// The speaker as an entity, made of its parts.
    pub(crate) fn entity(&self, id: &str, parts: &BTreeMap<EntityId, Arc<Entity>>) -> Option<Entity> {
        let part = |part: Part| self.parts.get(&part).and_then(|id| parts.get(id));
        let volume = part(Part::Volume)?;
        let state = |wanted: Part| part(wanted).and_then(|entity| entity.state.clone());
        let mut attributes = Map::new();
        if let Some(percent) = percent(volume) {
            attributes.insert("volume_level".to_owned(), Value::from((percent / 100.0 * 1e3).round() / 1e3));
        }
        if let Some(muted) = state(Part::Mute) {
            attributes.insert("is_volume_muted".to_owned(), (muted == "on").into());
        }
        for (key, wanted) in [("source", Part::Source), ("media_title", Part::Title)] {
            attributes.extend(state(wanted).map(|value| (key.to_owned(), value.into())));
        }
        if let Some(options) = part(Part::Source).and_then(|source| source.attributes.get("options")) {
            attributes.insert("source_list".to_owned(), options.clone());
        }
        let powered = state(Part::Power);
        let playback = state(Part::Playback).map(|word| word.to_lowercase());
        let has = |part: Part| self.parts.contains_key(&part);
        let features = [
            ("volume", true),
            ("mute", has(Part::Mute)),
            ("play", has(Part::Play) || has(Part::PlayPause)),
            ("pause", has(Part::Pause) || has(Part::PlayPause) || has(Part::Stop)),
            ("next", has(Part::Next)),
            ("previous", has(Part::Previous)),
            ("source", has(Part::Source)),
        ];
        let device = volume.device.clone()?;
        Some(Entity {
            id: id.to_owned(),
            domain: "media_player".to_owned(),
            name: device.clone(),
            aliases: Vec::new(),
            area: volume.area.clone(),
            device: Some(device),
            device_class: Some("speaker".to_owned()),
            unit: None,
            available: volume.available,
            exposed: true,
            state: match powered.as_deref() {
                Some("off") => Some("off".to_owned()),
                _ => playback.or(powered),
            },
            attributes,
            features: features.into_iter().filter(|(_, has)| *has).map(|(name, _)| name.to_owned()).collect(),
        })
    }
}

/// Where a number stands between its limits, in percent.
pub(crate) fn percent(number: &Entity) -> Option<f64> {
    let (min, max) = limits(number);
    let value: f64 = number.state.as_ref()?.parse().ok()?;
    Some((value - min) / (max - min) * 100.0)
}

/// The value between a number's limits that is this percentage of the way.
pub(crate) fn of_percent(number: &Entity, percent: f64) -> f64 {
    let (min, max) = limits(number);
    min + percent.clamp(0.0, 100.0) / 100.0 * (max - min)
}

fn limits(number: &Entity) -> (f64, f64) {
    let (min, max) = (number.number("min").unwrap_or(0.0), number.number("max").unwrap_or(100.0));
    if max > min { (min, max) } else { (0.0, 100.0) }
}

fn part_of(description: &Description) -> Option<Part> {
    let domain = description.domain();
    let spelled: Vec<String> =
        [Some(&description.object_id), description.name.as_ref(), description.unique_id.as_ref()]
            .into_iter()
            .flatten()
            .map(|name| name.to_lowercase())
            .collect();
    // The key within the device is the most exact; the unique id often holds the device's own name as well.
    let says = |text: &String, word: &str| {
        let mut words = text.split(|c: char| !c.is_alphanumeric());
        if word.contains('_') { text.contains(word) } else { words.any(|part| part == word) }
    };
    let fitting = || PARTS.iter().filter(|(_, of, ..)| *of == domain);
    for text in &spelled {
        if let Some((part, ..)) = fitting().find(|(_, _, words, _)| words.iter().any(|word| says(text, word))) {
            return Some(*part);
        }
    }
    let icon = description.icon.as_deref()?;
    fitting().find(|(.., icons)| icons.contains(&icon)).map(|(part, ..)| *part)
}
