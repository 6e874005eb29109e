//! Timers, lists and announcements, without devices.

use tokio::time::timeout;
use vesta_home::IntentCall;
use vesta_turn::Language;

use crate::house::{House, PATIENCE};

#[tokio::test]
async fn a_typed_timer_rings_where_it_was_set_until_somebody_says_stop() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path(), "en").await;
    let mut kitchen = house.listen("kitchen");
    let mut phone = house.listen("phone");
    let answer = house.ask("kitchen", "set a pasta timer for one second").await;
    assert_eq!(answer.said, "Pasta timer: 1 second, starting now.");
    assert_eq!(house.assistant.timers().borrow()[0].name.as_deref(), Some("pasta"));
    let (said, samples) = kitchen.announcement().await;
    assert_eq!(said, "Time is up: pasta.");
    assert!(samples > 10_000, "a chime without a voice");
    assert!(phone.told.try_recv().is_err(), "it rings where it was set");
    assert!(house.assistant.timers().borrow()[0].is_ringing);
    assert_eq!(house.ask("kitchen", "stop").await.outcome, "done");
    assert!(house.assistant.timers().borrow().is_empty());
    kitchen.leave().await;
    phone.leave().await;
    house.close().await;
}

#[tokio::test]
async fn several_timers_are_told_apart_by_name_and_length() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path(), "en").await;
    let me = "phone";
    assert_eq!(house.ask(me, "how long is left on the pasta timer").await.error, "no_timer");
    assert_eq!(house.ask(me, "what timers are running").await.said, "There are no timers.");
    house.ask(me, "set a timer for ten minutes called pizza").await;
    house.ask(me, "set a timer for an hour and a half").await;
    assert_eq!(house.assistant.timers().borrow().len(), 2);
    let which = house.ask(me, "cancel the timer").await;
    assert_eq!(which.error, "several_timers");
    assert!(
        which.said.contains("the pizza timer for 10 minutes, or the timer for 1 hour and 30 minutes"),
        "{}",
        which.said
    );
    let which = house.ask(me, "pause the timer").await;
    assert_eq!(which.error, "several_timers");
    assert!(house.ask(me, "the pizza one").await.said.starts_with("The pizza timer is paused"));
    house.ask(me, "resume the pizza timer").await;
    let left = house.ask(me, "how long is left on the pizza timer").await;
    assert!(left.said.starts_with("10 minutes left"), "{}", left.said);
    let more = house.ask(me, "add five minutes to the pizza timer").await;
    assert_eq!(more.said, "The pizza timer now has 15 minutes left.");
    let less = house.ask(me, "take one hour off the pizza timer").await;
    assert_eq!(less.error, "timer_too_short");
    house.ask(me, "pause the pizza timer").await;
    assert_eq!(house.ask(me, "pause the pizza timer").await.error, "timer_already");
    assert!(house.ask(me, "resume the timer").await.said.contains("goes on"), "only one is paused");
    assert_eq!(house.ask(me, "cancel all timers").await.said, "2 timers are cancelled.");
    house.close().await;
}

#[tokio::test]
async fn timers_that_make_no_sense_are_refused_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::with_broker(folder.path(), "en").await;
    for (text, error) in [
        ("set a timer for 0 seconds", "timer_without_length"),
        ("set a timer for 10000 hours", "timer_too_long"),
        ("set a ten minute timer for five minutes", "timer_two_lengths"),
        ("walk the dog in ten minutes", "not_understood"),
        ("the moon and the stars in ten minutes", "not_understood"),
    ] {
        let answer = house.ask("phone", text).await;
        assert_eq!((answer.error.as_str(), answer.outcome.as_str()), (error, "refused"), "{text}");
        assert!(!answer.said.is_empty());
    }
    for _ in 0..100 {
        house.ask("phone", "set a timer for an hour").await;
    }
    assert_eq!(house.ask("phone", "set a timer for an hour").await.error, "too_many_timers");
    house.close().await;
}

#[tokio::test]
async fn timers_and_lists_are_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path(), "en").await;
    house.ask("phone", "set a tea timer for one second").await;
    house.ask("phone", "set a roast timer for two hours").await;
    assert_eq!(house.ask("phone", "clear the shopping list").await.said, "The shopping list is empty.");
    let added = house.ask("phone", "Add milk, eggs and brown bread to the shopping list!").await;
    assert_eq!(added.said, "Milk, eggs and brown bread are on the shopping list.");
    house.ask("phone", "take the eggs off the shopping list").await;
    house.ask("phone", "and cheese too").await;
    house.ask("phone", "add sun cream to the packing list").await;
    assert!(house.assistant.timers().borrow().iter().any(|timer| timer.name.as_deref() == Some("tea")));
    house.close().await;

    let house = House::open(folder.path(), "en").await;
    let mut phone = house.listen("phone");
    // Nobody was there to hear it, so it still rings.
    assert_eq!(phone.announcement().await.0, "Time is up: tea.");
    house.ask("phone", "stop").await;
    let left = house.ask("phone", "how long is left on the roast timer").await;
    assert!(left.said.starts_with("2 hours left") || left.said.starts_with("1 hour"), "{}", left.said);
    let list = house.ask("phone", "what is on the shopping list").await;
    assert_eq!(list.said, "There are 3 things on the shopping list: milk, brown bread and cheese.");
    assert_eq!(house.ask("phone", "check bread off the shopping list").await.said, "Checked off brown bread.");
    assert_eq!(house.ask("phone", "remove eggs from the shopping list").await.error, "not_on_list");
    assert_eq!(house.ask("phone", "what is on the party list").await.error, "no_list");
    assert!(house.ask("phone", "read me the packing list").await.said.contains("sun cream"));
    assert_eq!(house.ask("phone", "clear the shopping list").await.said, "The shopping list is empty.");
    phone.leave().await;
    house.close().await;
}

#[tokio::test]
async fn a_command_for_later_is_done_and_says_only_what_went_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path(), "en").await;
    let mut phone = house.listen("phone");
    let answer = house.ask("phone", "add coffee to the shopping list in one second").await;
    assert_eq!(answer.said, "I will do that in 1 second.");
    let mut lists = house.assistant.lists();
    let there = lists.wait_for(|lists| lists.iter().any(|list| list.items.iter().any(|item| item.text == "coffee")));
    timeout(PATIENCE, there).await.expect("it is done").unwrap();
    house.ask("phone", "remove tea from the shopping list in one second").await;
    assert_eq!(phone.announcement().await.0, "Tea is not on the shopping list.");
    assert!(house.assistant.timers().borrow().is_empty());
    phone.leave().await;
    house.close().await;
}

/// Each of them could be about all that follow; taken apart in every way, thirty would take longer than anybody waits.
#[tokio::test]
async fn what_is_for_later_again_and_again_is_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path(), "en").await;
    for times in [2, 30, 150] {
        let text = "in five minutes ".repeat(times);
        for text in [format!("{text} add tea to the shopping list"), format!("add tea to the shopping list {text}")] {
            let answer = house.ask("phone", &text).await;
            assert!(!answer.error.is_empty(), "{text}: {answer:?}");
        }
    }
    assert!(house.assistant.timers().borrow().is_empty());
    assert!(house.assistant.lists().borrow().iter().all(|list| list.items.is_empty()));
    house.close().await;
}

#[tokio::test]
async fn a_correction_undoes_what_was_done_and_a_follow_up_needs_something_to_follow() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::with_broker(folder.path(), "en").await;
    let me = "phone";
    assert_eq!(house.ask(me, "no, fifteen minutes").await.error, "not_understood");
    house.ask(me, "set a timer for fifty minutes").await;
    house.ask(me, "no, fifteen minutes").await;
    let timers = house.assistant.timers().borrow().clone();
    assert_eq!((timers.len(), timers[0].start_minutes), (1, 15));
    house.ask(me, "five minutes more").await;
    assert!(house.assistant.timers().borrow()[0].left_ms > 19 * 60_000);
    assert_eq!(house.ask("somebody else", "five minutes more").await.error, "not_understood");
    house.ask(me, "undo that").await;
    assert!(house.assistant.timers().borrow()[0].left_ms < 16 * 60_000);
    assert_eq!(house.ask(me, "undo that").await.error, "not_understood", "what was undone is forgotten");
    house.ask(me, "add milk to the shopping list").await;
    house.ask(me, "no, oat milk").await;
    let list = house.ask(me, "what is on the shopping list").await;
    assert_eq!(list.said, "On the shopping list there is oat milk.");
    house.close().await;
}

#[tokio::test]
async fn an_announcement_is_heard_by_everybody_else() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path(), "en").await;
    assert_eq!(house.ask("phone", "announce dinner is ready").await.error, "nobody_listens");
    let mut kitchen = house.listen("kitchen");
    let mut phone = house.listen("phone");
    assert_eq!(house.ask("phone", "announce dinner is ready").await.said, "I have told everybody.");
    let (said, samples) = kitchen.announcement().await;
    assert_eq!(said, "dinner is ready");
    assert!(samples > 5_000);
    assert!(phone.told.try_recv().is_err());
    kitchen.leave().await;
    phone.leave().await;
    house.close().await;
}

#[tokio::test]
async fn the_same_in_german() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path(), "de").await;
    let me = "handy";
    assert_eq!(
        house.ask(me, "stell einen Nudeltimer auf anderthalb Stunden").await.said,
        "Timer Nudel: eine Stunde und 30 Minuten ab jetzt."
    );
    assert!(
        house.ask(me, "wie lange läuft der Nudeltimer noch").await.said.starts_with("Noch eine Stunde und 30 Minuten")
    );
    assert_eq!(
        house.ask(me, "setz Milch und Brot auf die Einkaufsliste").await.said,
        "Milch und Brot stehen auf der Einkaufsliste."
    );
    assert_eq!(
        house.ask(me, "setz in zwei Stunden Eier auf die Einkaufsliste").await.said,
        "Das mache ich in 2 Stunden."
    );
    assert_eq!(house.ask(me, "brich den Nudeltimer ab").await.said, "Der Timer Nudel ist abgebrochen.");
    house.close().await;
}

/// As Home Assistant's dictionaries have it: a list is a name like any device, and `todo` its domain.
const LISTS_BY_NAME: &str = r#"
language: en
lists: {item: {wildcard: true}}
intents:
  HassListAddItem:
    data:
      - sentences: ["add {item} to [my|the] {name} [list]"]
        requires_context: {domain: [todo]}
        response: item_added
  HassShoppingListAddItem:
    data: [{sentences: ["add {item} to the shopping list"], response: item_added}]
  HassTurnOn:
    data: [{sentences: ["turn on {name}"], excludes_context: {domain: [todo]}}]
responses:
  intents:
    HassListAddItem: {item_added: "Added {{ slots.item }}"}
    HassShoppingListAddItem: {item_added: "Added {{ slots.item }}"}
"#;

#[tokio::test]
async fn dictionaries_that_name_lists_know_those_of_the_house() {
    let folder = tempfile::tempdir().unwrap();
    let sentences = vesta_intents::Dictionary::load(&[("en.yaml", LISTS_BY_NAME)]).unwrap();
    let house = House::speaking(folder.path(), Language::new("en", sentences)).await;
    assert_eq!(house.ask("phone", "add socks to my packing list").await.error, "not_understood", "there is none yet");
    let add = |list: &str, item: &str| IntentCall {
        intent: "HassListAddItem".into(),
        slots: [("list".to_owned(), list.into()), ("item".to_owned(), item.into())].into(),
        ..IntentCall::default()
    };
    house.act(&add("packing", "sun cream")).await.unwrap();
    assert_eq!(house.ask("phone", "add socks to my packing list").await.said, "Added socks");
    assert_eq!(house.ask("phone", "add tea to the shopping list").await.said, "Added tea");
    let lists = house.assistant.lists().borrow().clone();
    let items = |id: &str| -> Vec<String> {
        let list = lists.iter().find(|list| list.id == id);
        list.into_iter().flat_map(|list| &list.items).map(|item| item.text.clone()).collect()
    };
    assert_eq!((items("packing"), items("shopping")), (vec!["sun cream".into(), "socks".into()], vec!["tea".into()]));
    assert_eq!(house.ask("phone", "turn on packing").await.error, "not_understood", "a list is no device");
    house.close().await;
}
