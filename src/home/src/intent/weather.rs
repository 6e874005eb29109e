//! The weather, from what the home measures outside.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::ask::view;
use super::slots::{spoken, text, texts};
use crate::call::{CallError, IntentCall, Outcome};
use crate::model::{Entity, Snapshot};
use crate::text::fold;

/// What a sensor outside can tell: the name in the answer, and the device classes that measure it.
const MEASURED: [(&str, &[&str]); 6] = [
    ("temperature", &["temperature"]),
    ("humidity", &["humidity"]),
    ("wind", &["wind_speed"]),
    ("rain", &["precipitation_intensity", "precipitation"]),
    ("pressure", &["atmospheric_pressure", "pressure"]),
    ("brightness", &["illuminance"]),
];
/// Binary sensors that notice rain.
const RAIN: &str = "moisture";

/// `HassGetWeather`: what the sensors outside say. The slot `outdoor` has the language's words by which they are known, in
/// their own name or in their room's; `when` asks for a forecast, which the home never has.
pub(super) fn get_weather(call: &IntentCall, house: &Snapshot) -> Result<Outcome, CallError> {
    let words: Vec<String> = texts(call, "outdoor").iter().map(|word| fold(word)).collect();
    let outside: Vec<&Arc<Entity>> =
        house.entities.values().filter(|entity| entity.exposed && is_outside(entity, house, &words)).collect();
    let mut weather = Map::new();
    let mut used: Vec<&Entity> = Vec::new();
    for (name, classes) in MEASURED {
        let measures = |entity: &&&Arc<Entity>| {
            entity.domain == "sensor"
                && entity.available
                && entity.device_class.as_deref().is_some_and(|class| classes.contains(&class))
        };
        let Some((entity, value)) =
            outside.iter().filter(measures).find_map(|entity| Some((entity, measured(entity)?)))
        else {
            continue;
        };
        weather.insert(name.to_owned(), json!(value));
        weather.insert(format!("{name}_unit"), json!(entity.unit));
        used.push(entity);
    }
    let raining = outside.iter().find(|entity| entity.domain == "binary_sensor" && is_of(entity, RAIN));
    let rain_falls = weather.get("rain").and_then(Value::as_f64).map(|rain| rain > 0.0);
    if let Some(raining) = raining.map(|entity| entity.state.as_deref() == Some("on")).or(rain_falls) {
        weather.insert("raining".to_owned(), raining.into());
    }
    // A weather station that has a word for it: text without a unit.
    let says = |entity: &&&Arc<Entity>| {
        entity.domain == "sensor" && entity.available && entity.unit.is_none() && entity.device_class.is_none()
    };
    let condition = outside.iter().filter(says).find_map(|entity| {
        let state = entity.state.as_deref()?;
        let told = state.parse::<f64>().is_err() && state.chars().any(char::is_alphabetic);
        told.then_some((entity, state))
    });
    if let Some((entity, state)) = condition {
        weather.insert("condition".to_owned(), state.into());
        used.push(entity);
    }
    if weather.is_empty() {
        return Err(CallError::NoneInArea { domain: Some("weather".to_owned()), device_class: None, area: None });
    }
    if text(call, "when").is_some() {
        return Err(CallError::NotSupported { name: String::new(), what: "forecast".to_owned() });
    }
    let mut response_slots = spoken(call, house, &[]);
    response_slots.insert("weather".to_owned(), weather.clone().into());
    Ok(Outcome {
        response_slots,
        state: Some(as_home_assistant(&weather, used.first().copied())),
        matched: used.into_iter().map(Entity::view).collect(),
        read_only: true,
        confirmed: true,
        ..Outcome::default()
    })
}

/// The same as the responses of Home Assistant's dictionaries read it: as an entity of the domain `weather`.
fn as_home_assistant(weather: &Map<String, Value>, first: Option<&Entity>) -> Value {
    let mut state = first.map(|entity| view(&entity.view())).unwrap_or_default();
    let condition = weather.get("condition").and_then(Value::as_str).unwrap_or_default();
    let attributes = json!({
        "temperature": weather.get("temperature"), "temperature_unit": weather.get("temperature_unit"),
        "humidity": weather.get("humidity"), "wind_speed": weather.get("wind"),
    });
    if let Some(fields) = state.as_object_mut() {
        fields.insert("domain".to_owned(), "weather".into());
        fields.insert("state".to_owned(), condition.into());
        fields.insert("attributes".to_owned(), attributes);
    }
    state
}

fn is_outside(entity: &Entity, house: &Snapshot, words: &[String]) -> bool {
    let area = entity.area.as_deref().and_then(|area| house.area(area));
    let places = area.into_iter().flat_map(|area| std::iter::once(&area.name).chain(&area.aliases));
    let own = std::iter::once(&entity.name).chain(&entity.aliases);
    own.chain(places).map(|name| fold(name)).any(|name| words.iter().any(|word| name.contains(word.as_str())))
}

fn is_of(entity: &Entity, class: &str) -> bool {
    entity.available && entity.device_class.as_deref() == Some(class)
}

fn measured(entity: &Entity) -> Option<f64> {
    entity.state.as_deref()?.trim().parse::<f64>().ok().filter(|value| value.is_finite())
}
