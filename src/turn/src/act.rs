//! An intent call to its result: by the home's devices, or by what the house knows and keeps itself.

use jiff::{Span, Zoned};
use serde_json::{Map, Value, json};
use vesta_home::timers::TimerView;
use vesta_home::{CallError, IntentCall, Outcome, Permissions};

use crate::announce::{AnnouncementKind, Audience};
use crate::conversation::Client;
use crate::error::TurnError;
use crate::understand::Scene;
use crate::{Assistant, clock, lists, timers};

impl Assistant {
    /// Carries out `call` for `client`. A command is done when the device says so, or when it is on disk; a question changes
    /// nothing.
    ///
    /// # Errors
    /// What the home, a timer or a list refuses, under its stable code.
    pub async fn act(&self, call: &IntentCall, client: &Client) -> Result<Outcome, TurnError> {
        let call = &IntentCall { permissions: client.permissions, ..call.clone() };
        self.permits(call, client.language.as_deref())?;
        if let Some(outcome) = timers::act(self, call, client).await? {
            return Ok(outcome);
        }
        if let Some(outcome) = lists::act(self, call, client).await? {
            return Ok(outcome);
        }
        match call.intent.as_str() {
            "HassGetCurrentTime" => Ok(time_of_day(&Zoned::now())),
            "HassGetCurrentDate" => Ok(date(&Zoned::now(), call.slots.get("days").and_then(Value::as_i64))),
            "HassRespond" => Ok(Outcome { read_only: true, ..Outcome::default() }),
            "HassBroadcast" => broadcast(self, call, client).await,
            _ => Ok(self.parts.home.call(call.clone()).await?),
        }
    }
}

/// How the names of intents about lists begin.
const LISTS: [&str; 3] = ["HassList", "HassShoppingList", "VestaList"];

impl Assistant {
    /// Refuses what is not for whoever calls and is not for the home to refuse: lists, and commands for later, which nobody in particular gives
    /// once their time has come.
    fn permits(&self, call: &IntentCall, language: Option<&str>) -> Result<(), TurnError> {
        let may = call.permissions;
        if !may.lists && LISTS.iter().any(|prefix| call.intent.starts_with(prefix)) {
            return Err(CallError::NotAllowed { names: Vec::new() }.into());
        }
        let Some(command) = timers::later_command(call).filter(|_| may != Permissions::ALL) else { return Ok(()) };
        let scene = Scene::from(call.speaker_area.as_deref());
        let meaning = self.understand(&command, language, &scene);
        for step in meaning.iter().flat_map(|meaning| &meaning.calls) {
            let step = IntentCall { permissions: may, ..step.intent.clone() };
            self.permits(&step, language)?;
            self.parts.home.permits(&step)?;
        }
        Ok(())
    }
}

/// Tells everybody else something.
async fn broadcast(assistant: &Assistant, call: &IntentCall, client: &Client) -> Result<Outcome, TurnError> {
    let message = text(call, "message").ok_or(TurnError::NothingHeard)?;
    let audience = Audience::AllBut(client.id.clone());
    if !assistant.announce(AnnouncementKind::Message, audience, message.clone(), None, client.language.as_deref()).await
    {
        return Err(TurnError::NobodyListens);
    }
    Ok(done(json!({ "message": message })))
}

/// Something was done that no device confirms.
pub(crate) fn done(slots: Value) -> Outcome {
    Outcome { confirmed: true, read_only: false, ..known(slots) }
}

/// What was done before was undone.
pub(crate) fn undone() -> Outcome {
    done(json!({}))
}

/// A slot's text.
pub(crate) fn text(call: &IntentCall, slot: &str) -> Option<String> {
    let text = match call.slots.get(slot)? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// What the sentence about a timer may name.
pub(crate) fn timer_slots(timer: &TimerView) -> Map<String, Value> {
    let given = json!({
        "hours": timer.start_hours, "minutes": timer.start_minutes, "seconds": timer.start_seconds,
    });
    let mut slots = Map::from_iter([("timer".to_owned(), json!(timer)), ("given".to_owned(), given)]);
    // Home Assistant's responses ask whether there is a name, so there is none where the timer has none.
    let own = [("name", &timer.name), ("command", &timer.command)];
    slots.extend(own.into_iter().filter_map(|(slot, text)| Some((slot.to_owned(), text.as_deref()?.into()))));
    clock::tell_times(&mut slots, &Zoned::now());
    slots
}

fn time_of_day(now: &Zoned) -> Outcome {
    // Home Assistant's responses read them as parts of one.
    let time = json!({ "hour": now.hour(), "minute": now.minute(), "second": now.second() });
    let slots = json!({ "hour": now.hour(), "minute": now.minute(), "time": time });
    known(slots)
}

/// The date of today, or of so many days from now.
fn date(now: &Zoned, days: Option<i64>) -> Outcome {
    let offset = days.unwrap_or_default();
    let day = now.checked_add(Span::new().days(offset.clamp(-10_000, 10_000)));
    let now = day.as_ref().unwrap_or(now);
    let (year, month, day, weekday) = (now.year(), now.month(), now.day(), now.weekday().to_monday_one_offset());
    let date = json!({ "year": year, "month": month, "day": day, "weekday": weekday });
    let slots = json!({
        "offset": offset, "year": year, "month": month, "day": day, "weekday": weekday, "date": date,
    });
    known(slots)
}

/// The answer to a question.
pub(crate) fn known(slots: Value) -> Outcome {
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
        assert_eq!(date(&moment, None).response_slots["weekday"], 7, "the first of March 2026 is a Sunday");
        let before = date(&moment, Some(-1)).response_slots;
        assert_eq!((&before["day"], &before["month"], &before["offset"]), (&json!(28), &json!(2), &json!(-1)));
    }

    #[test]
    fn the_hour_that_a_summer_time_skips_or_repeats_is_told_as_the_clock_shows_it() {
        for (moment, hour) in [
            ("2026-03-29T01:59:59+01:00[Europe/Berlin]", 1),
            ("2026-03-29T03:00:00+02:00[Europe/Berlin]", 3),
            ("2026-10-25T02:30:00+02:00[Europe/Berlin]", 2),
            ("2026-10-25T02:30:00+01:00[Europe/Berlin]", 2),
        ] {
            let moment: Zoned = moment.parse().unwrap();
            assert_eq!(time_of_day(&moment).response_slots["hour"], hour, "{moment}");
        }
    }
}
