//! A time of day as sentences give it, to the moment that is meant.
//!
//! | slot | of it |
//! |---|---|
//! | `at_hour` | hour as it was said, 0 to 24, `noon` or `midnight`; 24 is the midnight at which the day ends |
//! | `at_minute` | minutes past it |
//! | `at_before` | minutes before it: "quarter to", "halb" |
//! | `at_part` | `am`, `pm` or `night`: "in the morning", "in the evening", "at night" |
//! | `at_days` | days from today: 0, 1 for tomorrow, 2 |
//! | `at_weekday` | 1 for Monday to 7 for Sunday: the next one |
//! | `wake` | somebody is to be woken: four to eleven without their half of the day are in the morning |
//! | `at_ms` | the moment itself, in milliseconds since 1970, from an app; nothing else counts then |
//!
//! Where a clock of twelve hours leaves both halves of the day open, the next one is meant. On another day, for which both lie
//! ahead, six to eleven are in the morning and one to five in the afternoon. The answer names the time that was taken, so that
//! whoever meant the other one hears it.

use std::collections::BTreeMap;

use jiff::civil::{Date, Time, Weekday};
use jiff::{ToSpan, Zoned};
use serde_json::{Map, Value, json};
use vesta_home::timers::TimerError;

type Slots = BTreeMap<String, Value>;

/// The moment that is meant, from `now` on; `None` where no time of day is given. An hour that the change to summer time leaves out is the
/// one after it.
///
/// # Errors
/// [`TimerError::Past`] for a time of today that is over, [`TimerError::NoLength`] for what is no time of day.
pub(crate) fn moment(slots: &Slots, now: &Zoned) -> Result<Option<Zoned>, TimerError> {
    if let Some(at_ms) = whole(slots, "at_ms", 0..=i64::MAX)? {
        let moment = jiff::Timestamp::from_millisecond(at_ms).map_err(|_| TimerError::TooLong)?;
        let moment = moment.to_zoned(now.time_zone().clone());
        return if moment > *now { Ok(Some(moment)) } else { Err(TimerError::Past) };
    }
    let Some(minutes) = minutes_of_day(slots)? else { return some_time(slots, now) };
    let days = days(slots, now)?;
    let minutes = likely(minutes, slots.contains_key("wake"), days.iter().all(|day| *day > 0));
    let ahead = days.iter().flat_map(|day| minutes.iter().map(|at| at_minute(now, *day, *at)));
    let ahead: Vec<Zoned> = ahead.collect::<Result<_, _>>()?;
    ahead.into_iter().filter(|moment| moment > now).min().ok_or(TimerError::Past).map(Some)
}

/// A day or a part of it without a time: "remind me tomorrow", "remind me tonight". Nine in the morning, six in the evening, eight at night; what is
/// over today already is in an hour.
fn some_time(slots: &Slots, now: &Zoned) -> Result<Option<Zoned>, TimerError> {
    let part = slots.get("at_part").and_then(Value::as_str);
    let named = ["at_days", "at_weekday"].iter().any(|slot| slots.contains_key(*slot));
    let hour = match part {
        None if !named => return Ok(None),
        Some("pm") => 18,
        Some("night") => 20,
        _ => 9,
    };
    let days = if named { days(slots, now)? } else { vec![0] };
    let moments = days.iter().map(|day| at_minute(now, *day, hour * 60)).collect::<Result<Vec<_>, _>>()?;
    let in_an_hour = || now.checked_add(1.hour()).map_err(|_| TimerError::TooLong);
    match moments.into_iter().find(|moment| moment > now) {
        Some(moment) => Ok(Some(moment)),
        None => in_an_hour().map(Some),
    }
}

/// From when to when the day lies that is named without a time, in milliseconds since 1970: "tomorrow's alarm". `None` where there is a time,
/// or no day.
///
/// # Errors
/// [`TimerError::NoLength`] for what is no day.
pub(crate) fn day_ms(slots: &Slots, now: &Zoned) -> Result<Option<(i64, i64)>, TimerError> {
    let named = ["at_days", "at_weekday"].iter().any(|slot| slots.contains_key(*slot));
    if !named || slots.contains_key("at_hour") {
        return Ok(None);
    }
    let Some(day) = days(slots, now)?.into_iter().next() else { return Ok(None) };
    let ms = |moment: Zoned| moment.timestamp().as_millisecond();
    Ok(Some((ms(at_minute(now, day, 0)?), ms(at_minute(now, day + 1, 0)?))))
}

/// Every moment of the next week that may be meant, in milliseconds since 1970: what somebody calls an alarm by. `None` where
/// no time of day is given.
///
/// # Errors
/// [`TimerError::NoLength`] for what is no time of day.
pub(crate) fn moments_ms(slots: &Slots, now: &Zoned) -> Result<Option<Vec<i64>>, TimerError> {
    let Some(minutes) = minutes_of_day(slots)? else { return Ok(None) };
    let named = ["at_days", "at_weekday"].iter().any(|slot| slots.contains_key(*slot));
    // One that rings since yesterday is still called by its time.
    let days = if named { days(slots, now)? } else { (-1..=7).collect() };
    let all = days.iter().flat_map(|day| minutes.iter().map(|at| at_minute(now, *day, *at)));
    let all = all.map(|moment| moment.map(|moment| moment.timestamp().as_millisecond()));
    all.collect::<Result<_, _>>().map(Some)
}

/// What a response words of a moment: its hour and minute, its weekday (1 for Monday), and how many days from today it is.
pub(crate) fn parts(ends_ms: i64, now: &Zoned) -> Option<Map<String, Value>> {
    let moment = jiff::Timestamp::from_millisecond(ends_ms).ok()?.to_zoned(now.time_zone().clone());
    let days = now.date().until(moment.date()).ok()?.get_days();
    let parts = json!({
        "hour": moment.hour(), "minute": moment.minute(), "weekday": moment.weekday().to_monday_one_offset(),
        "days": days,
    });
    match parts {
        Value::Object(parts) => Some(parts),
        _ => None,
    }
}

/// Adds to every timer in the slots of a response that is for a time of day, under `at`, what [`parts`] tells of it.
pub(crate) fn tell_times(slots: &mut Map<String, Value>, now: &Zoned) {
    let tell = |timer: &mut Value| {
        let Value::Object(timer) = timer else { return };
        let by_clock = timer.get("by_clock").and_then(Value::as_bool).unwrap_or(false);
        let ends_ms = timer.get("ends_ms").and_then(Value::as_i64).filter(|_| by_clock);
        if let Some(at) = ends_ms.and_then(|ends_ms| parts(ends_ms, now)) {
            timer.insert("at".to_owned(), Value::Object(at));
        }
    };
    for value in slots.values_mut() {
        match value {
            Value::Array(several) => several.iter_mut().for_each(tell),
            one => tell(one),
        }
    }
}

/// Minutes since the midnight at which the day began: one, or two where the half of the day is open.
fn minutes_of_day(slots: &Slots) -> Result<Option<Vec<i64>>, TimerError> {
    let named = match slots.get("at_hour").and_then(Value::as_str) {
        Some("noon") => Some(12),
        Some("midnight") => Some(24),
        _ => None,
    };
    let hour = if named.is_some() { named } else { whole(slots, "at_hour", 0..=24)? };
    let Some(hour) = hour else { return Ok(None) };
    let minute = whole(slots, "at_minute", 0..=59)?.unwrap_or(0) - whole(slots, "at_before", 0..=59)?.unwrap_or(0);
    let part = slots.get("at_part").and_then(Value::as_str);
    let hours = match (part, hour) {
        _ if named.is_some() => vec![hour],
        (_, 0 | 13..=24) => vec![hour],
        (Some("am"), _) => vec![hour % 12],
        (Some("night"), 12 | 1..=5) => vec![if hour == 12 { 24 } else { hour }],
        (Some("pm" | "night"), _) => vec![hour % 12 + 12],
        _ => vec![hour % 12, hour % 12 + 12],
    };
    Ok(Some(hours.into_iter().map(|hour| hour * 60 + minute).collect()))
}

/// Of an open half of the day, the one that people mean of another day or to be woken at.
fn likely(minutes: Vec<i64>, wake: bool, other_day: bool) -> Vec<i64> {
    let [morning, evening] = minutes.as_slice() else { return minutes };
    match (wake, other_day) {
        (false, false) => minutes,
        (false, true) => vec![*if (360..720).contains(morning) { morning } else { evening }],
        // "Half past twelve" is at noon, whoever says it.
        (true, true) => vec![*if (60..720).contains(morning) { morning } else { evening }],
        // Whoever wants to be woken at two sleeps now, by day or by night.
        (true, false) if (240..720).contains(morning) => vec![*morning],
        (true, false) => minutes,
    }
}

/// The days that may be meant, from today on.
fn days(slots: &Slots, now: &Zoned) -> Result<Vec<i64>, TimerError> {
    if let Some(day) = whole(slots, "at_days", 0..=7)? {
        return Ok(vec![day]);
    }
    if let Some(weekday) = whole(slots, "at_weekday", 1..=7)? {
        let weekday = i8::try_from(weekday).ok().and_then(|day| Weekday::from_monday_one_offset(day).ok());
        let until = now.weekday().until(weekday.ok_or(TimerError::NoLength)?);
        let until = i64::from(until);
        // Said on a Monday, "on Monday at eight" is today or in a week.
        return Ok(if until == 0 { vec![0, 7] } else { vec![until] });
    }
    Ok(vec![0, 1])
}

fn at_minute(now: &Zoned, day: i64, minute: i64) -> Result<Zoned, TimerError> {
    let day: Date = now.date().checked_add((day + minute.div_euclid(1_440)).days()).map_err(|_| TimerError::TooLong)?;
    let minute = minute.rem_euclid(1_440);
    let part = |number: i64| i8::try_from(number).map_err(|_| TimerError::NoLength);
    let time = Time::new(part(minute / 60)?, part(minute % 60)?, 0, 0).map_err(|_| TimerError::NoLength)?;
    day.to_datetime(time).to_zoned(now.time_zone().clone()).map_err(|_| TimerError::TooLong)
}

/// A slot's whole number, given as one or in words of digits.
fn whole(slots: &Slots, slot: &str, allowed: std::ops::RangeInclusive<i64>) -> Result<Option<i64>, TimerError> {
    let number = match slots.get(slot) {
        None => return Ok(None),
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(_) => None,
    };
    let number = number.filter(|number: &f64| number.fract() == 0.0 && number.abs() < 9e15).map(|number| number as i64);
    number.filter(|number| allowed.contains(number)).map(Some).ok_or(TimerError::NoLength)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(slots: Value) -> Slots {
        serde_json::from_value(slots).unwrap()
    }

    /// What is meant, said on Thursday the 26th of November 2026.
    fn said_at(clock: &str, given: Value) -> String {
        let now: Zoned = format!("2026-11-26T{clock}:00[Europe/Berlin]").parse().unwrap();
        match moment(&slots(given), &now) {
            Ok(Some(moment)) => moment.strftime("%a %H:%M").to_string(),
            Ok(None) => "none".to_owned(),
            Err(error) => error.code().to_owned(),
        }
    }

    #[test]
    fn an_hour_is_the_next_of_its_two_on_the_clock() {
        for (clock, given, meant) in [
            ("15:00", json!({ "at_hour": 7 }), "Thu 19:00"),
            ("20:00", json!({ "at_hour": 7 }), "Fri 07:00"),
            ("07:00", json!({ "at_hour": 7 }), "Thu 19:00"),
            ("06:59", json!({ "at_hour": 7 }), "Thu 07:00"),
            ("11:00", json!({ "at_hour": 12 }), "Thu 12:00"),
            ("13:00", json!({ "at_hour": 12, "at_minute": 30 }), "Fri 00:30"),
            ("15:00", json!({ "at_hour": 19, "at_minute": 5 }), "Thu 19:05"),
            ("20:00", json!({ "at_hour": 19 }), "Fri 19:00"),
            ("15:00", json!({ "at_hour": 7, "at_part": "am" }), "Fri 07:00"),
            ("15:00", json!({ "at_hour": 12, "at_part": "am" }), "Fri 00:00"),
            ("15:00", json!({ "at_hour": 12, "at_part": "pm" }), "Fri 12:00"),
            ("09:00", json!({ "at_hour": 10, "at_part": "pm" }), "Thu 22:00"),
            ("09:00", json!({ "at_hour": 2, "at_part": "night" }), "Fri 02:00"),
            ("09:00", json!({ "at_hour": 11, "at_part": "night" }), "Thu 23:00"),
            ("09:00", json!({ "at_hour": 24 }), "Fri 00:00"),
            ("13:00", json!({ "at_hour": "midnight" }), "Fri 00:00"),
            ("13:00", json!({ "at_hour": "noon" }), "Fri 12:00"),
            ("09:00", json!({ "at_hour": "noon", "at_minute": 30 }), "Thu 12:30"),
            ("09:00", json!({ "at_hour": 0 }), "Fri 00:00"),
            ("09:00", json!({ "at_hour": 8, "at_before": 15 }), "Thu 19:45"),
            ("06:00", json!({ "at_hour": 7, "at_before": 30 }), "Thu 06:30"),
            ("09:00", json!({ "at_hour": 1, "at_before": 30 }), "Thu 12:30"),
            ("09:00", json!({ "minutes": 5 }), "none"),
        ] {
            assert_eq!(said_at(clock, given.clone()), meant, "{given} at {clock}");
        }
    }

    #[test]
    fn another_day_has_its_likely_half_and_a_day_that_is_over_is_refused() {
        for (clock, given, meant) in [
            ("15:00", json!({ "at_hour": 7, "at_days": 1 }), "Fri 07:00"),
            ("15:00", json!({ "at_hour": 3, "at_days": 1 }), "Fri 15:00"),
            ("15:00", json!({ "at_hour": 12, "at_days": 1 }), "Fri 12:00"),
            ("15:00", json!({ "at_hour": 24, "at_days": 1 }), "Sat 00:00"),
            ("15:00", json!({ "at_hour": 9, "at_weekday": 1 }), "Mon 09:00"),
            ("15:00", json!({ "at_hour": 18, "at_weekday": 4 }), "Thu 18:00"),
            ("19:00", json!({ "at_hour": 18, "at_weekday": 4 }), "Thu 18:00"),
            ("15:00", json!({ "at_hour": 8, "at_days": 0 }), "Thu 20:00"),
            ("15:00", json!({ "at_hour": 8, "at_days": 0, "at_part": "am" }), "timer_past"),
            ("21:00", json!({ "at_hour": 8, "at_days": 0 }), "timer_past"),
            ("15:00", json!({ "at_hour": 7, "wake": true }), "Fri 07:00"),
            ("15:00", json!({ "at_hour": 5, "wake": true, "at_days": 1 }), "Fri 05:00"),
            ("05:00", json!({ "at_hour": 7, "at_before": 30, "wake": true }), "Thu 06:30"),
            ("15:00", json!({ "at_hour": 12, "wake": true }), "Fri 00:00"),
            ("13:00", json!({ "at_hour": 2, "wake": true }), "Thu 14:00"),
            ("23:00", json!({ "at_hour": 2, "wake": true }), "Fri 02:00"),
        ] {
            assert_eq!(said_at(clock, given.clone()), meant, "{given} at {clock}");
        }
    }

    #[test]
    fn a_day_without_a_time_has_its_usual_one() {
        for (clock, given, meant) in [
            ("15:00", json!({ "at_days": 1 }), "Fri 09:00"),
            ("15:00", json!({ "at_days": 1, "at_part": "pm" }), "Fri 18:00"),
            ("15:00", json!({ "at_part": "night" }), "Thu 20:00"),
            ("21:30", json!({ "at_part": "night" }), "Thu 22:30"),
            ("15:00", json!({ "at_days": 0 }), "Thu 16:00"),
            ("08:00", json!({ "at_days": 0 }), "Thu 09:00"),
            ("15:00", json!({ "at_weekday": 1 }), "Mon 09:00"),
            ("15:00", json!({ "at_weekday": 4 }), "Thu 09:00"),
        ] {
            assert_eq!(said_at(clock, given.clone()), meant, "{given} at {clock}");
        }
        let now: Zoned = "2026-11-26T15:00:00[Europe/Berlin]".parse().unwrap();
        let (from, to) = day_ms(&slots(json!({ "at_days": 1 })), &now).unwrap().unwrap();
        assert_eq!((to - from) / 3_600_000, 24);
        assert_eq!(day_ms(&slots(json!({ "at_days": 1, "at_hour": 7 })), &now), Ok(None));
    }

    #[test]
    fn what_is_no_time_of_day_is_refused() {
        for given in [
            json!({ "at_hour": 25 }),
            json!({ "at_hour": -1 }),
            json!({ "at_hour": 7.5 }),
            json!({ "at_hour": "soon" }),
            json!({ "at_hour": 7, "at_minute": 60 }),
            json!({ "at_hour": [7] }),
            json!({ "at_hour": 1e300 }),
            json!({ "at_hour": 7, "at_days": 400 }),
            json!({ "at_hour": 7, "at_weekday": 8 }),
        ] {
            assert_eq!(said_at("09:00", given.clone()), "timer_without_length", "{given}");
        }
    }

    #[test]
    fn summer_time_neither_loses_nor_repeats_an_alarm() {
        let meant = |now: &str, hour: i64| {
            let now: Zoned = now.parse().unwrap();
            moment(&slots(json!({ "at_hour": hour, "at_minute": 30, "at_part": "am" })), &now)
                .unwrap()
                .unwrap()
                .to_string()
        };
        assert_eq!(meant("2026-03-28T20:00:00[Europe/Berlin]", 2), "2026-03-29T03:30:00+02:00[Europe/Berlin]");
        assert_eq!(meant("2026-10-24T20:00:00[Europe/Berlin]", 2), "2026-10-25T02:30:00+02:00[Europe/Berlin]");
        assert_eq!(meant("2026-03-28T20:00:00[Europe/Berlin]", 7), "2026-03-29T07:30:00+02:00[Europe/Berlin]");
    }

    #[test]
    fn a_response_is_told_the_day_and_the_time() {
        let now: Zoned = "2026-11-26T15:00:00[Europe/Berlin]".parse().unwrap();
        let at: Zoned = "2026-11-27T06:05:00[Europe/Berlin]".parse().unwrap();
        let parts = parts(at.timestamp().as_millisecond(), &now).unwrap();
        let told = json!({ "hour": 6, "minute": 5, "weekday": 5, "days": 1 });
        assert_eq!(Value::Object(parts), told);
        let all = moments_ms(&slots(json!({ "at_hour": 6, "at_minute": 5 })), &now).unwrap().unwrap();
        assert!(all.contains(&at.timestamp().as_millisecond()));
    }
}
