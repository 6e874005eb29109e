use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    Kind, MAX_LENGTH_MS, MAX_TIMERS, Now, Parts, Request, Timer, TimerError, TimerState, Timers, Which, given,
};

const MINUTE: u64 = 60_000;
const START: i64 = 1_790_000_000_000;

fn at(ms: u64) -> Now {
    Now { steady_ms: ms, unix_ms: START + ms as i64 }
}

fn request(id: &str, minutes: u64) -> Request {
    Request { id: id.to_owned(), length_ms: minutes * MINUTE, ..Request::default() }
}

fn named(id: &str, name: &str, minutes: u64) -> Request {
    Request { name: Some(name.to_owned()), ..request(id, minutes) }
}

fn called(name: &str) -> Which {
    Which { name: Some(name.to_owned()), ..Which::default() }
}

fn ids(timers: &Timers) -> Vec<String> {
    timers.all(at(0)).into_iter().map(|timer| timer.id).collect()
}

fn slots(slots: Value) -> BTreeMap<String, Value> {
    serde_json::from_value(slots).unwrap()
}

#[test]
fn an_hour_of_timers_passes_at_once() {
    let mut timers = Timers::default();
    timers.start(named("a", "pasta", 10), at(0)).unwrap();
    timers.start(request("b", 3), at(0)).unwrap();
    assert_eq!(timers.next_ms(at(0)), Some(3 * MINUTE));
    assert!(timers.due(at(3 * MINUTE - 1)).is_empty());
    let due = timers.due(at(3 * MINUTE));
    assert_eq!(due.len(), 1);
    assert_eq!((due[0].timer.id.as_str(), due[0].late_ms), ("b", 0));
    assert!(due[0].timer.is_ringing);
    assert_eq!(timers.cancel(&Which { id: Some("b".into()), ..Which::default() }, at(3 * MINUTE)).unwrap().id, "b");
    assert_eq!(timers.due(at(10 * MINUTE))[0].timer.name.as_deref(), Some("pasta"));
}

#[test]
fn it_rings_again_until_it_was_heard_often_enough() {
    let mut timers = Timers::default();
    timers.start(request("a", 1), at(0)).unwrap();
    let (mut now, mut rings) = (MINUTE, 0);
    while let Some(wait) = timers.next_ms(at(now)) {
        now += wait;
        for due in timers.due(at(now)) {
            rings += 1;
            timers.heard(&due.timer.id);
        }
    }
    assert_eq!(rings, 8);
    assert!(timers.is_empty());
}

#[test]
fn what_nobody_hears_rings_for_a_day_at_most() {
    let mut timers = Timers::default();
    timers.start(request("a", 1), at(0)).unwrap();
    assert_eq!(timers.due(at(MINUTE)).len(), 1);
    assert!(timers.given_up(at(23 * 60 * MINUTE)).is_empty());
    assert_eq!(timers.given_up(at(25 * 60 * MINUTE)).len(), 1);
    assert!(timers.is_empty());
}

#[test]
fn silence_stops_what_rings_for_the_client_and_nothing_that_runs() {
    let mut timers = Timers::default();
    let of = |id: &str, client: &str| Request { client: Some(client.into()), ..request(id, 1) };
    timers.start(of("a", "phone"), at(0)).unwrap();
    timers.start(of("b", "kitchen"), at(0)).unwrap();
    timers.start(request("c", 60), at(0)).unwrap();
    assert!(timers.silence(Some("phone"), at(0)).is_empty());
    timers.due(at(MINUTE));
    let stopped: Vec<_> = timers.silence(Some("phone"), at(MINUTE)).into_iter().map(|timer| timer.id).collect();
    assert_eq!(stopped, ["a"]);
    assert_eq!(timers.silence(Some("phone"), at(MINUTE)).len(), 1, "then what rings elsewhere");
    assert_eq!(ids(&timers), ["c"]);
}

#[test]
fn pausing_and_going_on() {
    let mut timers = Timers::default();
    timers.start(request("a", 10), at(0)).unwrap();
    timers.pause(&Which::default(), at(4 * MINUTE)).unwrap();
    assert!(matches!(timers.pause(&Which::default(), at(4 * MINUTE)), Err(TimerError::Already { is: "paused", .. })));
    assert_eq!(timers.next_ms(at(9 * MINUTE)), None);
    timers.resume(&Which::default(), at(100 * MINUTE)).unwrap();
    assert!(matches!(timers.resume(&Which::default(), at(100 * MINUTE)), Err(TimerError::Already { .. })));
    assert_eq!(timers.next_ms(at(100 * MINUTE)), Some(6 * MINUTE));
}

#[test]
fn of_several_the_likely_one_is_meant() {
    let mut timers = Timers::default();
    timers.start(request("a", 10), at(0)).unwrap();
    timers.start(request("b", 20), at(0)).unwrap();
    timers.pause(&Which { length_ms: Some(10 * MINUTE), ..Which::default() }, at(0)).unwrap();
    // "Resume the timer": only one stands still.
    assert_eq!(timers.resume(&Which::default(), at(0)).unwrap().id, "a");
    let Err(TimerError::Several { timers: several }) = timers.cancel(&Which::default(), at(0)) else { panic!() };
    assert_eq!(several.len(), 2);
    assert_eq!(timers.len(), 2, "nothing was cancelled");
}

#[test]
fn more_time_and_less() {
    let mut timers = Timers::default();
    timers.start(named("a", "Pasta", 10), at(0)).unwrap();
    timers.add(&called("pasta"), 5 * MINUTE, at(0)).unwrap();
    assert_eq!(timers.next_ms(at(0)), Some(15 * MINUTE));
    assert!(matches!(timers.take_off(&called("pasta"), 15 * MINUTE, at(0)), Err(TimerError::TooShort { .. })));
    timers.take_off(&called("pasta"), 14 * MINUTE, at(0)).unwrap();
    assert_eq!(timers.next_ms(at(0)), Some(MINUTE));
    assert_eq!(timers.add(&called("pasta"), MAX_LENGTH_MS, at(0)), Err(TimerError::TooLong));
    assert_eq!(timers.due(at(MINUTE)).len(), 1);
    timers.add(&called("pasta"), 2 * MINUTE, at(MINUTE)).unwrap();
    assert_eq!(timers.next_ms(at(MINUTE)), Some(2 * MINUTE), "one that rings runs again");
}

#[test]
fn names_are_found_by_their_words() {
    let mut timers = Timers::default();
    timers.start(named("a", "soft eggs", 5), at(0)).unwrap();
    timers.start(named("b", "egg noodles", 8), at(0)).unwrap();
    let found = |name: &str| timers.find(&called(name), at(0)).into_iter().map(|timer| timer.id).collect::<Vec<_>>();
    assert_eq!(found("EGGS"), ["a"]);
    assert_eq!(found("my soft eggs"), ["a"]);
    assert!(found("gg").is_empty());
    assert!(found("").is_empty() || found("").len() == 2);
}

#[test]
fn twins_do_not_stand_in_each_others_way() {
    let mut timers = Timers::default();
    timers.start(named("a", "tea", 5), at(0)).unwrap();
    timers.start(named("b", "tea", 5), at(1_000)).unwrap();
    assert_eq!(timers.cancel(&called("tea"), at(2_000)).unwrap().id, "a", "the one that ends first");
    timers.start(named("c", "tea", 9), at(3_000)).unwrap();
    assert!(matches!(timers.cancel(&called("tea"), at(4_000)), Err(TimerError::Several { .. })));
    let which = Which { length_ms: Some(9 * MINUTE), ..called("tea") };
    assert_eq!(timers.cancel(&which, at(4_000)).unwrap().id, "c");
}

#[test]
fn a_thousand_timers_are_refused_clearly() {
    let mut timers = Timers::default();
    for number in 0..MAX_TIMERS {
        timers.start(request(&number.to_string(), 1), at(0)).unwrap();
    }
    for number in MAX_TIMERS..1_000 {
        assert_eq!(timers.start(request(&number.to_string(), 1), at(0)), Err(TimerError::TooMany));
    }
    assert_eq!(timers.cancel_all(&Which::default(), at(0)).len(), MAX_TIMERS);
}

#[test]
fn a_clock_that_is_set_moves_no_timer_of_this_run() {
    let mut timers = Timers::default();
    timers.start(request("a", 10), at(0)).unwrap();
    // Set back by a year, and forward by one.
    for wrong in [-31_536_000_000, 31_536_000_000] {
        let now = Now { steady_ms: 4 * MINUTE, unix_ms: START + wrong };
        assert_eq!(timers.next_ms(now), Some(6 * MINUTE));
        let right = timers.put_right(now);
        assert_eq!(right[0].state, TimerState::Running { ends_ms: now.unix_ms + 6 * MINUTE as i64 });
        assert!(timers.put_right(now).is_empty());
    }
    assert_eq!(timers.due(Now { steady_ms: 10 * MINUTE, unix_ms: START }).len(), 1);
}

#[test]
fn what_was_kept_goes_on_after_a_restart() {
    let mut timers = Timers::default();
    let running = timers.start(named("a", "pasta", 10), at(0)).unwrap();
    let over = timers.start(request("b", 2), at(0)).unwrap();
    timers.start(request("c", 7), at(0)).unwrap();
    let paused = timers.pause(&Which { id: Some("c".into()), ..Which::default() }, at(MINUTE)).unwrap();
    let json = serde_json::to_string(&[&running, &over, &paused]).unwrap();
    let kept: Vec<Timer> = serde_json::from_str(&json).unwrap();
    // The steady clock begins anew; five minutes went by.
    let now = Now { steady_ms: 3, unix_ms: START + 5 * MINUTE as i64 };
    let mut timers = Timers::restore(kept);
    let due = timers.due(now);
    assert_eq!((due.len(), due[0].timer.id.as_str(), due[0].late_ms), (1, "b", 3 * MINUTE));
    timers.heard("b");
    assert_eq!(timers.find(&called("pasta"), now)[0].left_ms, 5 * MINUTE);
    assert_eq!(timers.resume(&Which { id: Some("c".into()), ..Which::default() }, now).unwrap().id, "c");
    // A machine whose clock was a day behind when it started, and is then set.
    let mut timers = Timers::restore([running]);
    assert!(timers.due(Now { steady_ms: 5, unix_ms: START - 86_400_000 }).is_empty());
    assert_eq!(timers.due(Now { steady_ms: 6, unix_ms: START + 11 * MINUTE as i64 })[0].late_ms, MINUTE);
}

#[test]
fn a_command_for_later_is_handed_out_once() {
    let mut timers = Timers::default();
    timers.start(Request { command: Some("turn off the light".into()), ..request("a", 10) }, at(0)).unwrap();
    assert_eq!(timers.find(&called("light"), at(0)).len(), 1);
    let due = timers.due(at(10 * MINUTE));
    assert_eq!(due[0].timer.command.as_deref(), Some("turn off the light"));
    assert!(timers.is_empty());
}

fn alarm(id: &str, minutes: u64) -> Request {
    Request { at_ms: Some(START + (minutes * MINUTE) as i64), ..request(id, minutes) }
}

fn of_kind(kind: Kind) -> Which {
    Which { kind, ..Which::default() }
}

#[test]
fn an_alarm_keeps_to_the_wall_clock_whatever_is_done_to_that() {
    let mut timers = Timers::default();
    timers.start(alarm("a", 60), at(0)).unwrap();
    // The clock is set forward by half an hour: the alarm comes as much sooner, and is right on disk as it is.
    let later = |steady: u64, unix: u64| Now { steady_ms: steady * MINUTE, unix_ms: START + (unix * MINUTE) as i64 };
    assert_eq!(timers.next_ms(later(10, 40)), Some(20 * MINUTE));
    assert!(timers.put_right(later(10, 40)).is_empty());
    assert!(timers.due(later(29, 59)).is_empty());
    let due = timers.due(later(30, 60));
    assert_eq!((due[0].timer.by_clock, due[0].late_ms), (true, 0));
    let more = timers.add(&of_kind(Kind::Alarm), 9 * MINUTE, later(31, 61)).unwrap();
    assert_eq!(more.state, TimerState::Running { ends_ms: START + 70 * MINUTE as i64 }, "it sleeps on");
    let kept: Timer = serde_json::from_value(serde_json::to_value(&more).unwrap()).unwrap();
    assert_eq!(Timers::restore([kept]).next_ms(later(0, 61)), Some(9 * MINUTE));
}

#[test]
fn timers_and_alarms_are_told_apart_by_what_they_are_called() {
    let mut timers = Timers::default();
    timers.start(request("pasta", 10), at(0)).unwrap();
    timers.start(alarm("early", 60), at(0)).unwrap();
    timers.start(alarm("late", 90), at(0)).unwrap();
    let found = |timers: &Timers, which: &Which| -> Vec<String> {
        timers.find(which, at(0)).into_iter().map(|timer| timer.id).collect()
    };
    assert_eq!(found(&timers, &of_kind(Kind::Alarm)), ["early", "late"]);
    assert_eq!(found(&timers, &of_kind(Kind::Timer)), ["pasta"]);
    assert_eq!(timers.pause(&of_kind(Kind::TimerFirst), at(0)).unwrap().id, "pasta");
    assert!(matches!(timers.cancel(&of_kind(Kind::Alarm), at(0)), Err(TimerError::Several { .. })));
    let at_minute =
        |minute: u64| Which { ends_ms: Some(vec![START + (minute * MINUTE) as i64 + 20_000]), ..of_kind(Kind::Alarm) };
    assert_eq!(timers.cancel(&at_minute(61), at(0)), Err(TimerError::NoAlarm));
    assert_eq!(timers.cancel(&at_minute(60), at(0)).unwrap().id, "early");
    assert_eq!(timers.cancel(&of_kind(Kind::AlarmFirst), at(0)).unwrap().id, "late");
    assert_eq!(timers.cancel(&of_kind(Kind::Alarm), at(0)), Err(TimerError::NoAlarm), "the timer does not ring");
    timers.resume(&of_kind(Kind::AlarmFirst), at(0)).unwrap();
    timers.due(at(10 * MINUTE));
    assert_eq!(timers.cancel(&of_kind(Kind::SetAlarm), at(10 * MINUTE)), Err(TimerError::NoAlarm), "none was set");
    assert_eq!(timers.cancel(&of_kind(Kind::Alarm), at(10 * MINUTE)).unwrap().id, "pasta", "what rings is an alarm");
}

#[test]
fn of_several_the_one_that_rings_is_meant() {
    let mut timers = Timers::default();
    timers.start(request("a", 1), at(0)).unwrap();
    timers.start(request("b", 10), at(0)).unwrap();
    timers.due(at(MINUTE));
    assert_eq!(timers.add(&Which::default(), MINUTE, at(MINUTE)).unwrap().id, "a");
    timers.due(at(2 * MINUTE));
    assert_eq!(timers.cancel(&Which::default(), at(2 * MINUTE)).unwrap().id, "a");
}

#[test]
fn lengths_that_make_no_sense() {
    assert_eq!(given(&slots(json!({})), ""), Ok(None));
    assert_eq!(given(&slots(json!({"minutes": 90, "hours": 1})), ""), Ok(Some(150 * MINUTE)));
    assert_eq!(given(&slots(json!({"hours": 1.5})), ""), Ok(Some(90 * MINUTE)));
    assert_eq!(given(&slots(json!({"minutes": "half"})), ""), Err(TimerError::NoLength));
    assert_eq!(given(&slots(json!({"seconds": 0})), ""), Err(TimerError::NoLength));
    assert_eq!(given(&slots(json!({"seconds": -5})), ""), Err(TimerError::NoLength));
    assert_eq!(given(&slots(json!({"hours": 10_000})), ""), Err(TimerError::TooLong));
    assert_eq!(given(&slots(json!({"hours": 1e300})), ""), Err(TimerError::TooLong));
    assert_eq!(given(&slots(json!({"start_minutes": 5})), "start_"), Ok(Some(5 * MINUTE)));
    assert_eq!(given(&slots(json!({"start_minutes": 5})), ""), Ok(None));
    let mut timers = Timers::default();
    assert_eq!(timers.start(request("a", 0), at(0)), Err(TimerError::NoLength));
    assert_eq!(timers.start(request("a", MAX_LENGTH_MS), at(0)), Err(TimerError::TooLong));
}

#[test]
fn lengths_are_spoken_as_people_say_them() {
    let parts = |hours, minutes, seconds| Parts { hours, minutes, seconds };
    assert_eq!(Parts::spoken(272_400), parts(0, 4, 32));
    assert_eq!(Parts::spoken(12 * MINUTE + 40_000), parts(0, 13, 0));
    assert_eq!(Parts::spoken(59 * MINUTE + 59_000), parts(1, 0, 0));
    assert_eq!(Parts::spoken(26 * 60 * MINUTE + 40 * MINUTE), parts(27, 0, 0));
    assert_eq!(Parts::spoken(3), parts(0, 0, 1));
    assert_eq!(Parts::exact(90 * MINUTE), parts(1, 30, 0));
}
