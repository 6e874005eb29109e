//! What brings an entity back to how it was before a command.

use serde_json::{Value, json};

use crate::call::IntentCall;
use crate::model::Entity;

/// The calls that bring an entity back from how it `is` to how it `was`, in order. Empty where nothing changed, where it is not
/// known how it was, or where there is no way back (a button stays pressed).
pub(crate) fn calls(was: &Entity, is: &Entity) -> Vec<IntentCall> {
    if was.state == is.state && was.attributes == is.attributes {
        return Vec::new();
    }
    let Some(state) = was.state.as_deref() else { return Vec::new() };
    let undo = Undo { was, is };
    match was.domain.as_str() {
        "light" => undo.light(state),
        "switch" | "siren" => vec![undo.switch(state)],
        "fan" => match (state, undo.changed("percentage")) {
            ("on", Some(percentage)) => vec![undo.call("HassFanSetSpeed", Some(("percentage", percentage)))],
            _ => vec![undo.switch(state)],
        },
        "humidifier" => undo.humidifier(state),
        "climate" => undo.climate(state),
        "cover" | "valve" => undo.cover(state),
        "lock" => match state {
            "locked" | "locking" => vec![undo.call("HassTurnOn", None)],
            "unlocked" | "unlocking" => vec![undo.call("HassTurnOff", None)],
            _ => Vec::new(),
        },
        "vacuum" => match state {
            "cleaning" => vec![undo.call("HassVacuumStart", None)],
            "paused" => vec![undo.call("HassVacuumPause", None)],
            _ => vec![undo.call("HassVacuumReturnToBase", None)],
        },
        "lawn_mower" if state == "mowing" => vec![undo.call("HassLawnMowerStartMowing", None)],
        "lawn_mower" => vec![undo.call("HassLawnMowerDock", None)],
        "media_player" => undo.media(state),
        "number" => vec![undo.call("HassSetValue", Some(("value", state.into())))],
        "select" => vec![undo.call("HassSelectOption", Some(("option", state.into())))],
        _ => Vec::new(),
    }
}

struct Undo<'a> {
    was: &'a Entity,
    is: &'a Entity,
}

impl Undo<'_> {
    fn call(&self, intent: &str, slot: Option<(&str, Value)>) -> IntentCall {
        let name = ("name".to_owned(), Value::from(self.was.id.as_str()));
        let slots = std::iter::once(name).chain(slot.map(|(slot, value)| (slot.to_owned(), value))).collect();
        IntentCall { intent: intent.to_owned(), slots, ..IntentCall::default() }
    }

    fn switch(&self, state: &str) -> IntentCall {
        self.call(if state == "on" { "HassTurnOn" } else { "HassTurnOff" }, None)
    }

    /// The attribute as it was, where it was known and is different now.
    fn changed(&self, attribute: &str) -> Option<Value> {
        let was = self.was.attributes.get(attribute).filter(|value| !value.is_null())?;
        (self.is.attributes.get(attribute) != Some(was)).then(|| was.clone())
    }

    fn can(&self, feature: &str) -> bool {
        self.was.features.iter().any(|own| own == feature)
    }

    /// A lamp that was off goes off; one that was on shows what it showed.
    fn light(&self, state: &str) -> Vec<IntentCall> {
        if state != "on" {
            return vec![self.switch(state)];
        }
        let mut set = self.call("HassLightSet", None);
        let mut put = |slot: &str, value: Value| set.slots.insert(slot.to_owned(), value);
        let brightness = self.was.number("brightness").filter(|_| self.can("brightness"));
        if let Some(brightness) = brightness {
            put("brightness", json!(brightness / 255.0 * 100.0));
        }
        let color = self.was.attributes.get("rgb_color").filter(|color| color.is_array() && self.can("color"));
        let kelvin = self.was.number("color_temp_kelvin").filter(|_| self.can("color_temp"));
        match (color, kelvin) {
            (Some(color), _) => drop(put("color", color.clone())),
            (None, Some(kelvin)) => drop(put("temperature", json!(kelvin))),
            (None, None) => {}
        }
        if set.slots.len() > 1 { vec![set] } else { vec![self.switch(state)] }
    }

    fn humidifier(&self, state: &str) -> Vec<IntentCall> {
        if state != "on" {
            return vec![self.switch(state)];
        }
        let on = (self.is.state.as_deref() != Some("on")).then(|| self.switch("on"));
        let humidity =
            self.changed("humidity").map(|value| self.call("HassHumidifierSetpoint", Some(("humidity", value))));
        let mode = self.changed("mode").map(|value| self.call("HassHumidifierMode", Some(("mode", value))));
        on.into_iter().chain(humidity).chain(mode).collect()
    }

    fn climate(&self, state: &str) -> Vec<IntentCall> {
        let mode = (self.is.state.as_deref() != Some(state))
            .then(|| self.call("HassClimateSetHvacMode", Some(("hvac_mode", state.into()))));
        let temperature = self
            .changed("temperature")
            .filter(|_| self.can("temperature"))
            .map(|value| self.call("HassClimateSetTemperature", Some(("temperature", value))));
        let fan = self
            .changed("fan_mode")
            .filter(|_| self.can("fan_mode"))
            .map(|value| self.call("HassClimateSetFanMode", Some(("fan_mode", value))));
        mode.into_iter().chain(temperature).chain(fan).collect()
    }

    fn cover(&self, state: &str) -> Vec<IntentCall> {
        let position = self.was.attributes.get("current_position").filter(|_| self.can("position"));
        match (position, state) {
            (Some(position), _) => vec![self.call("HassSetPosition", Some(("position", position.clone())))],
            (None, "closed" | "closing") => vec![self.call("HassCloseCover", None)],
            (None, "open" | "opening") => vec![self.call("HassOpenCover", None)],
            _ => Vec::new(),
        }
    }

    fn media(&self, state: &str) -> Vec<IntentCall> {
        let mut calls = Vec::new();
        if let Some(source) = self.changed("source").filter(|_| self.can("source")) {
            calls.push(self.call("HassMediaSearchAndPlay", Some(("search_query", source))));
        }
        if let Some(volume) = self.changed("volume_level").and_then(|volume| volume.as_f64()) {
            calls.push(self.call("HassSetVolume", Some(("volume_level", json!((volume * 100.0).round())))));
        }
        if let Some(muted) = self.changed("is_volume_muted").and_then(|muted| muted.as_bool()) {
            calls.push(self.call(if muted { "HassMediaPlayerMute" } else { "HassMediaPlayerUnmute" }, None));
        }
        if self.is.state.as_deref() != Some(state) {
            let back = match state {
                "playing" => Some("HassMediaUnpause"),
                "paused" | "idle" | "stopped" => Some("HassMediaPause"),
                "off" => Some("HassTurnOff"),
                "on" => Some("HassTurnOn"),
                _ => None,
            };
            calls.extend(back.map(|intent| self.call(intent, None)));
        }
        calls
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;

    fn entity(domain: &str, state: &str, attributes: Value, features: &[&str]) -> Entity {
        Entity {
            id: format!("{domain}.x"),
            domain: domain.to_owned(),
            name: "X".to_owned(),
            aliases: Vec::new(),
            area: None,
            device: None,
            device_class: None,
            unit: None,
            available: true,
            exposed: true,
            state: Some(state.to_owned()),
            attributes: attributes.as_object().cloned().unwrap_or_else(Map::new),
            features: features.iter().map(|feature| (*feature).to_owned()).collect(),
        }
    }

    fn told(was: &Entity, is: &Entity) -> Vec<Value> {
        calls(was, is)
            .into_iter()
            .map(|mut call| {
                assert_eq!(call.slots.remove("name"), Some(Value::from(was.id.as_str())));
                json!([call.intent, call.slots])
            })
            .collect()
    }

    #[test]
    fn a_lamp_shows_again_what_it_showed() {
        let features = ["brightness", "color", "color_temp"];
        let red = entity("light", "on", json!({ "brightness": 51, "rgb_color": [255, 0, 0] }), &features);
        let warm = entity("light", "on", json!({ "brightness": 255, "color_temp_kelvin": 2700 }), &features);
        let off = entity("light", "off", json!({}), &features);
        assert_eq!(told(&red, &off), [json!(["HassLightSet", { "brightness": 20.0, "color": [255, 0, 0] }])]);
        assert_eq!(told(&warm, &red), [json!(["HassLightSet", { "brightness": 100.0, "temperature": 2700.0 }])]);
        assert_eq!(told(&off, &red), [json!(["HassTurnOff", {}])]);
        assert!(calls(&red, &red).is_empty(), "nothing changed");
        let plain = |state| entity("light", state, json!({}), &[]);
        assert_eq!(told(&plain("on"), &plain("off")), [json!(["HassTurnOn", {}])]);
    }

    #[test]
    fn only_what_changed_is_brought_back() {
        let heat = entity("climate", "heat", json!({ "temperature": 20, "fan_mode": "low" }), &["temperature"]);
        let warmer = entity("climate", "heat", json!({ "temperature": 22, "fan_mode": "low" }), &["temperature"]);
        let off = entity("climate", "off", json!({ "temperature": 20, "fan_mode": "low" }), &["temperature"]);
        assert_eq!(told(&heat, &warmer), [json!(["HassClimateSetTemperature", { "temperature": 20 }])]);
        assert_eq!(told(&heat, &off), [json!(["HassClimateSetHvacMode", { "hvac_mode": "heat" }])]);
        let loud = |state, level| entity("media_player", state, json!({ "volume_level": level }), &[]);
        assert_eq!(
            told(&loud("playing", 0.3), &loud("playing", 0.5)),
            [json!(["HassSetVolume", { "volume_level": 30.0 }])]
        );
        assert_eq!(told(&loud("playing", 0.3), &loud("paused", 0.3)), [json!(["HassMediaUnpause", {}])]);
    }

    #[test]
    fn a_blind_goes_to_where_it_was() {
        let at = |state, position: u64| entity("cover", state, json!({ "current_position": position }), &["position"]);
        assert_eq!(told(&at("open", 40), &at("closed", 0)), [json!(["HassSetPosition", { "position": 40 }])]);
        let plain = |state| entity("cover", state, json!({}), &[]);
        assert_eq!(told(&plain("closed"), &plain("open")), [json!(["HassCloseCover", {}])]);
    }

    #[test]
    fn what_cannot_be_taken_back_is_not_offered() {
        let button = |state| entity("button", state, json!({}), &[]);
        assert!(calls(&button("2026-01-01"), &button("2026-01-02")).is_empty());
        let mut unknown = entity("switch", "on", json!({}), &[]);
        unknown.state = None;
        assert!(calls(&unknown, &entity("switch", "on", json!({}), &[])).is_empty());
    }
}
