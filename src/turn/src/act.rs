//! An intent call to its result: by the home's devices, or by what the house knows itself.

use jiff::Zoned;
use serde_json::{Map, Value, json};
use vesta_home::{CallError, Home, IntentCall, Outcome};

/// Carries out `call`. A command is done when the device says so; a question changes nothing.
pub async fn act(home: &Home, call: IntentCall) -> Result<Outcome, CallError> {
    match call.intent.as_str() {
        "HassGetCurrentTime" => Ok(time_of_day(&Zoned::now())),
        "HassGetCurrentDate" => Ok(date(&Zoned::now())),
        "HassNevermind" | "HassRespond" => Ok(Outcome { read_only: true, ..Outcome::default() }),
        _ => home.call(call).await,
    }
}

fn time_of_day(now: &Zoned) -> Outcome {
    let slots = json!({ "hour": now.hour(), "minute": now.minute(), "time": now.strftime("%H:%M").to_string() });
    known(slots)
}

fn date(now: &Zoned) -> Outcome {
    let slots = json!({
        "year": now.year(), "month": now.month(), "day": now.day(),
        "weekday": now.weekday().to_monday_one_offset(), "date": now.strftime("%Y-%m-%d").to_string(),
    });
    known(slots)
}

fn known(slots: Value) -> Outcome {
    let response_slots = match slots {
        Value::Object(slots) => slots,
        _ => Map::new(),
    };
    Outcome { response_slots, read_only: true, ..Outcome::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_told_in_numbers_that_a_response_can_word() {
        let moment: Zoned = "2026-03-01T07:05:00[UTC]".parse().unwrap();
        let slots = time_of_day(&moment).response_slots;
        assert_eq!((slots["hour"].as_i64(), slots["minute"].as_i64()), (Some(7), Some(5)));
        assert_eq!(date(&moment).response_slots["weekday"], 7, "the first of March 2026 is a Sunday");
    }
}
