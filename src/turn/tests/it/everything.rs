//! Each intent of Home Assistant's dictionaries comes to a deed or to a fitting answer, in every language.

use serde_json::{Value, json};
use vesta_home::IntentCall;
use vesta_turn::answer::to_error;

use crate::house::House;

/// The intents, with slots as their sentences give them, and what an empty home answers; "" where it can be done at once.
const INTENTS: [(&str, &str, &str); 45] = [
    ("HassBroadcast", r#"{"message": "dinner"}"#, "nobody_listens"),
    ("HassCancelAllTimers", "{}", ""),
    ("HassCancelTimer", "{}", "no_timer"),
    ("HassClimateGetTemperature", "{}", "none_in_area"),
    ("HassClimateSetFanMode", r#"{"fan_mode": "low"}"#, "none_in_area"),
    ("HassClimateSetHvacMode", r#"{"hvac_mode": "heat"}"#, "none_in_area"),
    ("HassClimateSetTemperature", r#"{"temperature": 20}"#, "none_in_area"),
    ("HassDecreaseTimer", r#"{"minutes": 5}"#, "no_timer"),
    ("HassFanSetSpeed", r#"{"percentage": 50}"#, "none_in_area"),
    ("HassGetCurrentDate", "{}", ""),
    ("HassGetCurrentTime", "{}", ""),
    ("HassGetState", r#"{"domain": "light", "state": "on"}"#, "none_in_area"),
    ("HassGetWeather", r#"{"outdoor": ["outside"]}"#, "none_in_area"),
    ("HassHumidifierMode", r#"{"mode": "eco"}"#, "none_in_area"),
    ("HassHumidifierSetpoint", r#"{"humidity": 50}"#, "none_in_area"),
    ("HassIncreaseTimer", r#"{"minutes": 5}"#, "no_timer"),
    ("HassLawnMowerDock", "{}", "none_in_area"),
    ("HassLawnMowerStartMowing", "{}", "none_in_area"),
    ("HassLightSet", r#"{"brightness": 50}"#, "none_in_area"),
    ("HassListAddItem", r#"{"item": "milk", "name": "shopping"}"#, ""),
    ("HassListCompleteItem", r#"{"item": "milk", "name": "shopping"}"#, ""),
    ("HassListRemoveItem", r#"{"item": "milk", "name": "shopping"}"#, ""),
    ("HassMediaNext", "{}", "none_in_area"),
    ("HassMediaPause", "{}", "none_in_area"),
    ("HassMediaPlayerMute", "{}", "none_in_area"),
    ("HassMediaPlayerUnmute", "{}", "none_in_area"),
    ("HassMediaPrevious", "{}", "none_in_area"),
    ("HassMediaSearchAndPlay", r#"{"search_query": "jazz"}"#, "none_in_area"),
    ("HassMediaUnpause", "{}", "none_in_area"),
    ("HassNevermind", "{}", ""),
    ("HassPauseTimer", "{}", "no_timer"),
    ("HassRespond", "{}", ""),
    ("HassSetPosition", r#"{"position": 50}"#, "none_in_area"),
    ("HassSetVolume", r#"{"volume_level": 50}"#, "none_in_area"),
    ("HassSetVolumeRelative", r#"{"volume_step": "up"}"#, "none_in_area"),
    ("HassShoppingListAddItem", r#"{"item": "eggs"}"#, ""),
    ("HassShoppingListCompleteItem", r#"{"item": "eggs"}"#, ""),
    ("HassStartTimer", r#"{"minutes": 5}"#, ""),
    ("HassTimerStatus", "{}", ""),
    ("HassTurnOff", r#"{"name": "the lamp"}"#, "no_such_name"),
    ("HassTurnOn", r#"{"domain": "script", "name": "routine"}"#, "no_such_name"),
    ("HassUnpauseTimer", "{}", "timer_already"),
    ("HassVacuumCleanArea", r#"{"area": "attic"}"#, "no_such_area"),
    ("HassVacuumReturnToBase", "{}", "none_in_area"),
    ("HassVacuumStart", "{}", "none_in_area"),
];

#[tokio::test]
async fn each_intent_comes_to_something() {
    for language in ["en", "de", "fr", "es"] {
        let folder = tempfile::tempdir().unwrap();
        let house = House::with_broker(folder.path(), language).await;
        for (intent, slots, expected) in INTENTS {
            let slots = serde_json::from_str(slots).unwrap();
            let call = IntentCall { intent: intent.to_owned(), slots, ..IntentCall::default() };
            match house.act(&call).await {
                Ok(_) => assert_eq!(expected, "", "{intent} was done"),
                Err(error) => {
                    assert_eq!(error.code(), expected, "{intent}: {error}");
                    let said = to_error(&house.assistant.parts().language, &error);
                    assert!(said.ends_with(['.', '?', '!']) && said.len() > 8, "{intent} in {language}: {said:?}");
                }
            }
        }
        house.close().await;
    }
}

/// Slots of every kind that no sentence gives come to an error, never to an end.
#[tokio::test]
async fn slots_that_make_no_sense_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path(), "en").await;
    let odd = [json!(null), json!([]), json!({}), json!(-1), json!(1e300), json!(""), json!("\u{0}"), json!(true)];
    for (intent, slots, _) in INTENTS {
        let slots: serde_json::Map<String, Value> = serde_json::from_str(slots).unwrap();
        for slot in slots.keys().map(String::as_str).chain([
            "name",
            "area",
            "id",
            "start_hours",
            "hours",
            "entities",
            "at_hour",
            "at_ms",
            "kind",
        ]) {
            for value in &odd {
                let mut slots = slots.clone();
                slots.insert(slot.to_owned(), value.clone());
                let call = IntentCall {
                    intent: intent.to_owned(),
                    slots: slots.into_iter().collect(),
                    ..IntentCall::default()
                };
                if let Err(error) = house.act(&call).await {
                    assert!(!matches!(error.code(), "internal" | "store_failed"), "{intent} {slot} {value}: {error}");
                }
            }
        }
    }
    house.close().await;
}
