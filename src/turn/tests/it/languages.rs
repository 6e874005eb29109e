//! A household of one language, with people who speak others.

use std::time::Duration;

use tokio::time::timeout;

use crate::house::{House, PATIENCE};

#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_understood_and_answered_in_their_own_language() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path(), "en").await;
    let said = async |language: Option<&str>, text: &str| house.ask_in("me", language, text).await;

    let english = said(None, "set a timer for ten minutes").await;
    assert_eq!(english.outcome, "done", "{english:?}");
    assert!(english.said.contains("minute"), "{english:?}");
    for (language, sentence, words) in [
        ("de", "stelle einen Timer auf zehn Minuten", "Minuten"),
        ("de-AT", "stelle einen Timer auf zehn Minuten", "Minuten"),
        ("fr", "règle un minuteur de dix minutes", "minut"),
    ] {
        let own = said(Some(language), sentence).await;
        assert_eq!(own.outcome, "done", "{language}: {own:?}");
        assert!(own.said.contains(words) && own.said != english.said, "{language}: {own:?}");
        // The household's sentences are understood as well, and answered as one speaks.
        let mixed = said(Some(language), "set a timer for ten minutes").await;
        assert_eq!((mixed.outcome.as_str(), &mixed.said), ("done", &own.said), "{language}");
    }
    let nonsense = said(Some("de"), "quibble frotz zzyzx").await;
    let foreign = said(None, "quibble frotz zzyzx").await;
    assert!(!nonsense.error.is_empty() && nonsense.error == foreign.error, "{nonsense:?} {foreign:?}");
    assert_ne!(nonsense.said, foreign.said, "errors are worded, too");
    // Nobody has sentences of it: the household's language serves.
    let klingon = said(Some("tlh"), "set a timer for ten minutes").await;
    assert_eq!(klingon.said, english.said);
    let stranger = said(None, "stelle einen Timer auf zehn Minuten").await;
    assert_ne!(stranger.outcome, "done", "an English person is not heard in German: {stranger:?}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timer_rings_in_the_language_of_whoever_set_it() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path(), "en").await;
    let mut listener = house.listen("me");
    let set = house.ask_in("me", Some("de"), "stelle einen Timer auf eine Sekunde").await;
    assert_eq!(set.outcome, "done", "{set:?}");
    let (german, _) = timeout(PATIENCE, listener.announcement()).await.unwrap();
    house.ask_in("me", Some("de"), "stopp").await;
    let set = house.ask_in("me", None, "set a timer for one second").await;
    assert_eq!(set.outcome, "done", "{set:?}");
    let (english, _) = timeout(PATIENCE + Duration::from_secs(1), listener.announcement()).await.unwrap();
    assert_ne!(german, english);
    listener.leave().await;
    house.close().await;
}
