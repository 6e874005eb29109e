//! Alarms, reminders and commands at a time of day.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use tokio::time::timeout;
use vesta_home::IntentCall;
use vesta_turn::Guess;

use crate::house::{House, PATIENCE};

fn start_at(milliseconds_from_now: i64, more: serde_json::Value) -> IntentCall {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    let mut slots = std::collections::BTreeMap::from([("at_ms".to_owned(), json!(now + milliseconds_from_now))]);
    slots.extend(more.as_object().unwrap().clone());
    IntentCall { intent: "HassStartTimer".into(), slots, ..IntentCall::default() }
}

#[tokio::test]
async fn an_alarm_is_set_asked_about_corrected_and_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path(), "en").await;
    let me = "phone";
    assert_eq!(house.ask(me, "cancel the alarm").await.error, "no_alarm");
    assert_eq!(house.ask(me, "when is my alarm").await.said, "No alarm is set.");
    let set = house.ask(me, "wake me up the day after tomorrow at half past six").await;
    assert!(
        set.said.starts_with("Your alarm rings on ") && set.said.ends_with("day at 6:30 in the morning."),
        "{set:?}"
    );
    let moved = house.ask(me, "no, at quarter past seven").await;
    assert!(moved.said.ends_with("day at 7:15 in the morning."), "the day stays: {moved:?}");
    house.ask(me, "set a timer for ten minutes").await;
    assert_eq!(house.assistant.timers().borrow().len(), 2);
    let when = house.ask(me, "what time is my alarm set for").await;
    assert!(when.said.starts_with("The alarm rings on "), "{when:?}");
    assert_eq!(house.ask(me, "cancel all timers").await.said, "1 timer is cancelled.", "somebody wants to be woken");
    assert_eq!(house.ask(me, "cancel the alarm at eight").await.error, "no_alarm");
    let gone = house.ask(me, "delete the alarm for 7:15").await;
    assert!(gone.said.starts_with("The alarm on ") && gone.said.ends_with("in the morning is cancelled."), "{gone:?}");
    assert!(house.assistant.timers().borrow().is_empty());
    house.close().await;
}

#[tokio::test]
async fn an_alarm_rings_says_the_time_and_sleeps_on() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path(), "en").await;
    let mut bedroom = house.listen("bedroom");
    house.act(&start_at(700, json!({ "name": "swimming" }))).await.unwrap();
    let (said, samples) = bedroom.announcement().await;
    assert!(said.starts_with("It is ") && said.ends_with(": swimming."), "{said}");
    assert!(samples > 10_000, "a chime without a voice");
    let later = house.ask("bedroom", "snooze").await;
    assert!(later.said.ends_with(", then."), "{later:?}");
    let timers = house.assistant.timers().borrow().clone();
    assert!(timers[0].is_active && timers[0].left_ms > 8 * 60_000, "{timers:?}");
    bedroom.leave().await;
    house.close().await;
}

#[tokio::test]
async fn a_command_is_done_at_its_time_and_two_have_each_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::with_broker(folder.path(), "en").await;
    let two = "add tea to the shopping list at ten pm and add coffee to the shopping list at eleven pm";
    assert_eq!(house.ask("phone", two).await.outcome, "done");
    let commands: Vec<_> =
        house.assistant.timers().borrow().iter().map(|timer| timer.command.clone().unwrap()).collect();
    assert_eq!(commands.len(), 2, "{commands:?}");
    assert!(commands.contains(&"add tea to the shopping list".to_owned()), "{commands:?}");
    assert_eq!(house.ask("phone", "walk the dog at seven").await.error, "not_understood");
    house.act(&start_at(700, json!({ "conversation_command": "add milk to the shopping list" }))).await.unwrap();
    let mut lists = house.assistant.lists();
    let there = lists.wait_for(|lists| lists.iter().any(|list| list.items.iter().any(|item| item.text == "milk")));
    timeout(PATIENCE, there).await.expect("it is done").unwrap();
    house.close().await;
}

#[tokio::test]
async fn what_is_no_time_to_come_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::with_broker(folder.path(), "en").await;
    assert_eq!(house.act(&start_at(-1, json!({}))).await.unwrap_err().code(), "timer_past");
    assert_eq!(house.act(&start_at(10_000, json!({ "minutes": 5 }))).await.unwrap_err().code(), "timer_two_lengths");
    assert_eq!(house.act(&start_at(8 * 86_400_000, json!({}))).await.unwrap_err().code(), "timer_too_long");
    assert_eq!(house.ask("phone", "wake me at 25:70").await.error, "not_understood");
    for again in ["wake me every morning at seven", "turn off the lights every day at ten"] {
        let answer = house.ask("phone", again).await;
        assert_eq!(answer.error, "timer_repeats", "{again}: {}", answer.said);
    }
    assert!(house.assistant.timers().borrow().is_empty());
    house.close().await;
}

#[tokio::test]
async fn the_alarm_in_german_is_no_timer() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path(), "de").await;
    let me = "handy";
    assert_eq!(house.ask(me, "weck mich morgen um halb sieben").await.said, "Der Wecker klingelt morgen um 6 Uhr 30.");
    house.ask(me, "stell einen Timer auf zehn Minuten").await;
    assert_eq!(house.ask(me, "wann klingelt der Wecker").await.said, "Der Wecker klingelt morgen um 6 Uhr 30.");
    assert_eq!(house.ask(me, "lösche den Wecker").await.said, "Der Wecker morgen um 6 Uhr 30 ist abgebrochen.");
    assert_eq!(house.assistant.timers().borrow().len(), 1);
    house.close().await;
}

#[tokio::test]
async fn the_command_of_talk_that_nobody_meant_for_the_house_is_not_repaired() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path(), "en").await;
    let (language, home) = (house.assistant.parts().language.clone(), house.assistant.parts().home.snapshot());
    let understands = |text: &str| language.understand(text, &home, None).is_some();
    assert!(understands("turn off the lights at seven"));
    assert!(!understands("turn off the lihgts at seven"));
    assert!(matches!(language.guess("turn off the lihgts at seven", &home, None), Guess::Meaning(_)));
    house.close().await;
}

#[tokio::test]
async fn a_time_that_is_told_is_no_time_to_tell_it() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path(), "en").await;
    let mut kitchen = house.listen("kitchen");
    house.ask("phone", "announce that we leave at eight").await;
    assert_eq!(kitchen.announcement().await.0, "we leave at eight");
    house.ask("phone", "tell everyone that dinner is ready in ten minutes").await;
    assert_eq!(kitchen.announcement().await.0, "dinner is ready in ten minutes");
    assert_eq!(
        house.ask("phone", "in ten minutes announce that dinner is ready").await.said,
        "I will do that in 10 minutes."
    );
    kitchen.leave().await;
    house.close().await;
}

#[tokio::test]
async fn a_reminder_is_neither_a_timer_nor_an_alarm() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path(), "en").await;
    let me = "phone";
    assert_eq!(house.ask(me, "what reminders do I have").await.said, "There are no reminders.");
    assert_eq!(house.ask(me, "cancel the reminder to feed the cat").await.error, "no_reminder");
    let set = house.ask(me, "remind me tomorrow at six pm to feed the cat").await;
    assert_eq!(set.said, "I will remind you tomorrow at 6 o'clock in the evening: feed the cat.");
    house.ask(me, "wake me tomorrow at seven").await;
    house.ask(me, "set a timer for ten minutes").await;
    assert_eq!(house.ask(me, "when is my alarm").await.said, "The alarm rings tomorrow at 7 o'clock in the morning.");
    assert_eq!(house.ask(me, "cancel all timers").await.said, "1 timer is cancelled.");
    assert_eq!(house.ask(me, "cancel all alarms").await.said, "1 alarm is cancelled.");
    house.ask(me, "set a pasta timer for ten minutes").await;
    house.ask(me, "remind me tomorrow at nine to call mum").await;
    assert_eq!(house.ask(me, "cancel all my reminders").await.said, "2 reminders are cancelled.");
    assert_eq!(house.assistant.timers().borrow()[0].name.as_deref(), Some("pasta"), "nobody calls it a reminder");
    house.ask(me, "cancel all timers").await;
    house.ask(me, "remind me tomorrow at nine pm to feed the cat").await;
    let corrected = house.ask(me, "no, twenty minutes").await;
    assert_eq!(corrected.said, "Feed the cat timer: 20 minutes, starting now.", "a length has no day");
    house.ask(me, "no, at six pm").await;
    house.ask(me, "cancel that").await;
    house.ask(me, "remind me tomorrow at six pm to feed the cat").await;
    let listed = house.ask(me, "what reminders do I have").await.said;
    assert_eq!(listed, "Tomorrow at 6 o'clock in the evening: feed the cat.");
    let gone = house.ask(me, "cancel the reminder to feed the cat").await.said;
    assert_eq!(gone, "The reminder \"feed the cat\" tomorrow at 6 o'clock in the evening is cancelled.");
    house.close().await;
}

#[tokio::test]
async fn an_alarm_is_moved_and_put_back_and_told_by_its_day() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path(), "en").await;
    let me = "phone";
    assert_eq!(house.ask(me, "change my alarm to eight").await.error, "no_alarm");
    house.ask(me, "wake me tomorrow at seven").await;
    assert_eq!(house.ask(me, "cancel the alarm on the day after tomorrow").await.error, "no_alarm");
    assert_eq!(house.ask(me, "do I have an alarm today").await.error, "no_alarm", "there is another");
    let moved = house.ask(me, "change my alarm to tomorrow at eight").await;
    assert_eq!(moved.said, "Your alarm rings tomorrow at 8 o'clock in the morning.");
    assert_eq!(house.assistant.timers().borrow().len(), 1);
    house.ask(me, "undo that").await;
    assert_eq!(house.ask(me, "when is my alarm").await.said, "The alarm rings tomorrow at 7 o'clock in the morning.");
    let reminded = house.ask(me, "remind me tomorrow to water the plants").await;
    assert_eq!(reminded.said, "I will remind you tomorrow at 9 o'clock in the morning: water the plants.");
    assert!(house.ask(me, "cancel tomorrow's alarm").await.said.ends_with("is cancelled."));
    assert_eq!(house.assistant.timers().borrow().len(), 1);
    house.close().await;
}
