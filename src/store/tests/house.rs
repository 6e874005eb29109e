//! What is kept beside the turns: samples, preferences, requests; and what is said of turns.

use serde_json::json;
use vesta_store::{Begun, Retention, Sample, Store, TurnFilter, TurnRecord};

fn turn(id: &str, at: i64, person: &str, transcript: &str) -> TurnRecord {
    TurnRecord {
        id: id.into(),
        started_at_ms: at,
        person: Some(person.into()),
        transcript: Some(transcript.into()),
        ..TurnRecord::default()
    }
}

#[tokio::test]
async fn samples_are_averaged_and_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let many = (0..100).map(|n| ("sensor.a".to_owned(), Sample { at_ms: n * 10, value: n as f64 })).collect();
    store.add_samples(many, 10_000).await.unwrap();
    store.add_samples(vec![("sensor.b".into(), Sample { at_ms: 5, value: f64::NAN })], 10_000).await.unwrap();
    assert_eq!(store.samples("sensor.a", 0, 1_000).await.unwrap().len(), 100);
    assert_eq!(store.samples("sensor.a", 500, 1_000).await.unwrap().len(), 50);
    assert!(store.samples("sensor.b", 0, 10).await.unwrap().is_empty());
    let few = store.samples("sensor.a", 0, 10).await.unwrap();
    assert_eq!(few.len(), 10);
    assert!((few[0].value - 4.5).abs() < 0.6 && few.windows(2).all(|two| two[0].at_ms < two[1].at_ms), "{few:?}");

    store.add_samples(vec![("sensor.c".into(), Sample { at_ms: 1_200, value: 1.0 })], 500).await.unwrap();
    assert_eq!(store.samples("sensor.a", 0, 1_000).await.unwrap().len(), 30, "older than 700 ms is gone");
}

#[tokio::test]
async fn a_request_is_begun_once_also_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(store.begin_request("anna", "1").await.unwrap(), Begun::First);
    assert_eq!(store.begin_request("ben", "1").await.unwrap(), Begun::First, "another's is another");
    assert_eq!(store.begin_request("anna", "1").await.unwrap(), Begun::Before);
    store.finish_request("anna", "1", &json!({ "said": "Done." })).await.unwrap();
    store.close().await;
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(store.begin_request("anna", "1").await.unwrap(), Begun::Answered(json!({ "said": "Done." })));
    assert_eq!(store.begin_request("ben", "1").await.unwrap(), Begun::Before);
}

#[tokio::test]
async fn preferences_are_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    assert!(store.preferences("anna").await.unwrap().is_null());
    store.set_preferences("anna", &json!({ "voice": "a" })).await.unwrap();
    store.set_preferences("anna", &json!({ "voice": "b" })).await.unwrap();
    assert_eq!(store.preferences("anna").await.unwrap(), json!({ "voice": "b" }));
    assert!(store.preferences("ben").await.unwrap().is_null());
}

#[tokio::test]
async fn what_went_wrong_is_found_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    for record in [turn("1", 1, "anna", "Lamp ON"), turn("2", 2, "ben", "lamp off"), turn("3", 3, "anna", "good night")]
    {
        store.save_turn(record).await.unwrap();
    }
    assert!(store.set_went_wrong("1", Some("wrong lamp".into())).await.unwrap());
    assert!(!store.set_went_wrong("9", None).await.unwrap());
    // Saved again by a turn that is still running.
    store.save_turn(turn("1", 1, "anna", "Lamp ON")).await.unwrap();
    let ids = async |filter: TurnFilter| {
        store.turns(filter).await.unwrap().into_iter().map(|turn| turn.id).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(ids(TurnFilter { person: Some("anna".into()), ..TurnFilter::default() }).await, "3 1");
    assert_eq!(ids(TurnFilter { text: Some("LAMP".into()), ..TurnFilter::default() }).await, "2 1");
    assert_eq!(ids(TurnFilter { went_wrong: true, ..TurnFilter::default() }).await, "1");

    let day = std::time::Duration::from_secs(86_400);
    store.retain(Retention { max_age: day, max_bytes: 0 }).await.unwrap();
    assert_eq!(ids(TurnFilter::default()).await, "1", "the others are older than a day");
    assert!(store.delete_turn("1").await.unwrap() && !store.delete_turn("1").await.unwrap());
}
