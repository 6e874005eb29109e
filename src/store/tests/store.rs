//! The store as the rest of the program uses it.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failing helper is a failing test"
)]

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use vesta_store::{Audio, AudioKind, Retention, Stage, Store, StoreError, TurnEvent, TurnFilter, TurnRecord};

const PATIENCE: Duration = Duration::from_secs(60);

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

fn tone(seconds: f64) -> Audio {
    let samples =
        (0..(seconds * 16_000.0) as u32).map(|n| (f64::from(n) * 0.3).sin().mul_add(9_000.0, 0.0) as i16).collect();
    Audio { rate: 16_000, samples }
}

fn turn(started_at_ms: i64) -> TurnRecord {
    TurnRecord {
        id: uuid::Uuid::now_v7().to_string(),
        started_at_ms,
        source: "hear".into(),
        mode: "hands_free".into(),
        language: "en".into(),
        transcript: Some("turn on the kitchen light".into()),
        intent: Some(json!({ "intent": "HassTurnOn", "slots": { "name": "light.kitchen_light" } })),
        action: Some(json!([{ "id": "light.kitchen_light", "after": "on" }])),
        outcome: "done".into(),
        error_code: None,
        spoken: Some("Turned on the kitchen light – ‘ok’".into()),
        events: vec![TurnEvent { at_ms: 1.5, name: "speech_started".into(), detail: json!({ "probability": 0.9 }) }],
        stages: vec![Stage { name: "listen".into(), start_ms: 0.0, end_ms: 1_234.5 }],
        heard: Some(tone(0.5)),
        reply: Some(Audio { rate: 22_050, samples: vec![i16::MIN, -1, 0, 1, i16::MAX] }),
        settings: json!({ "complete_ms": 200 }),
        person: Some("anna".into()),
        went_wrong: None,
    }
}

#[tokio::test]
async fn a_turn_comes_back_as_it_was_saved() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut turn = turn(now_ms());
    store.save_turn(turn.clone()).await.unwrap();
    assert_eq!(store.turn(&turn.id).await.unwrap().unwrap(), turn);
    assert_eq!(store.audio(&turn.id, AudioKind::Reply).await.unwrap(), turn.reply);
    assert_eq!(store.turn("unknown").await.unwrap(), None);
    assert_eq!(store.audio("unknown", AudioKind::Heard).await.unwrap(), None);

    // Saved again with more and with less.
    turn.outcome = "failed".into();
    turn.error_code = Some("no_answer".into());
    turn.reply.as_mut().unwrap().samples.push(7);
    turn.heard = None;
    store.save_turn(turn.clone()).await.unwrap();
    assert_eq!(store.turn(&turn.id).await.unwrap().unwrap(), turn);
    let usage = store.usage().await.unwrap();
    assert_eq!((usage.turns, usage.recordings), (1, 1));

    drop(store);
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(store.turn(&turn.id).await.unwrap().unwrap(), turn);
}

#[tokio::test]
async fn turns_are_found_by_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut saved = Vec::new();
    for number in 0..10_i64 {
        let outcome = if number % 2 == 0 { "done" } else { "refused" };
        let source = if number < 5 { "ask" } else { "talk" };
        let id = format!("{number:02}_%");
        let turn = TurnRecord { id, outcome: outcome.into(), source: source.into(), ..turn(1_000 * number) };
        store.save_turn(turn.clone()).await.unwrap();
        saved.push(TurnRecord { heard: None, reply: None, ..turn });
    }
    let all = store.turns(TurnFilter::default()).await.unwrap();
    assert!(all.iter().eq(saved.iter().rev()), "the newest first, without audio");
    let ids = async |filter: TurnFilter| -> Vec<String> {
        store.turns(filter).await.unwrap().iter().map(|turn| turn.id[..2].to_owned()).collect()
    };
    let any = TurnFilter::default;
    assert_eq!(ids(TurnFilter { limit: 2, ..any() }).await, ["09", "08"]);
    assert_eq!(ids(TurnFilter { outcome: Some("refused".into()), limit: 2, ..any() }).await, ["09", "07"]);
    assert_eq!(ids(TurnFilter { source: Some("ask".into()), ..any() }).await.len(), 5);
    assert_eq!(ids(TurnFilter { since_ms: Some(3_000), before_ms: Some(5_000), ..any() }).await, ["04", "03"]);
    assert_eq!(ids(TurnFilter { id_prefix: Some("03_%".into()), ..any() }).await, ["03"]);
    assert_eq!(ids(TurnFilter { id_prefix: Some("_".into()), ..any() }).await, [""; 0], "no wildcards");
    assert_eq!(ids(TurnFilter { limit: 0, ..any() }).await, [""; 0]);
}

#[tokio::test]
async fn what_was_saved_outlives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let (mut process, saved) = writer(folder.path()).await;
    process.kill().await.unwrap();
    let store = Store::open(folder.path()).unwrap();
    let found = store.turn(&saved).await.unwrap().expect("saved before it was told");
    assert_eq!(found.heard.unwrap().samples.len(), 8_000);
}

#[tokio::test]
async fn another_process_reads_while_one_writes() {
    let folder = tempfile::tempdir().unwrap();
    let (mut process, first) = writer(folder.path()).await;
    let store = Store::open(folder.path()).unwrap();
    assert!(store.turn(&first).await.unwrap().is_some());
    let watching = async {
        // New turns keep appearing, and this process may write as well.
        let before = store.usage().await.unwrap().turns;
        store.save_turn(turn(now_ms())).await.unwrap();
        while store.usage().await.unwrap().turns < before + 5 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, watching).await.unwrap();
    assert!(process.try_wait().unwrap().is_none(), "the writer is not disturbed");
    process.kill().await.unwrap();
}

/// A process that saves turn after turn; returned when it has told the id of one.
async fn writer(folder: &Path) -> (tokio::process::Child, String) {
    let mut process = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "writer_in_another_process", "--ignored", "--nocapture"])
        .env("VESTA_TEST_STORE_FOLDER", folder)
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let id = loop {
        let line =
            tokio::time::timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().expect("tells what it saved");
        if let Some((_, id)) = line.split_once("saved ") {
            break id.to_owned();
        }
    };
    // Its pipe must not fill up or break.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (process, id)
}

/// Not a test: the other process of the tests above.
#[tokio::test]
#[ignore = "started by other tests as a process of its own"]
async fn writer_in_another_process() {
    let Some(folder) = std::env::var_os("VESTA_TEST_STORE_FOLDER") else { return };
    let store = Store::open(Path::new(&folder)).unwrap();
    loop {
        let turn = turn(now_ms());
        let id = turn.id.clone();
        store.save_turn(turn).await.unwrap();
        println!("saved {id}");
    }
}

/// What a durable save costs here: run with `--ignored --nocapture`.
#[tokio::test]
#[ignore = "a measurement"]
async fn cost_of_a_durable_save() {
    let folder = tempfile::tempdir_in(".").unwrap();
    let began = Instant::now();
    let store = Store::open(folder.path()).unwrap();
    println!("open: {:.2} ms", began.elapsed().as_secs_f64() * 1e3);
    for (what, seconds) in [("text only", 0.0), ("2 s of audio", 2.0), ("10 s of audio", 10.0)] {
        let mut costs = Vec::new();
        for _ in 0..200 {
            let record = TurnRecord { heard: (seconds > 0.0).then(|| tone(seconds)), reply: None, ..turn(now_ms()) };
            let began = Instant::now();
            store.save_turn(record).await.unwrap();
            costs.push(began.elapsed().as_secs_f64() * 1e3);
        }
        costs.sort_by(f64::total_cmp);
        println!("save, {what}: p50 {:.2} ms, p95 {:.2} ms, max {:.2} ms", costs[100], costs[190], costs[199]);
    }
}

#[tokio::test]
async fn many_save_at_the_same_time() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let tasks: Vec<_> = (0..200)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move { store.save_turn(turn(number)).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(store.usage().await.unwrap().turns, 200);
    assert_eq!(store.queued(), 0);
}

#[tokio::test]
async fn old_turns_go_with_their_audio() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let day = 86_400_000;
    for age in 0..200 {
        store.save_turn(turn(now_ms() - age * day)).await.unwrap();
    }
    let deleted =
        store.retain(Retention { max_age: Duration::from_secs(100 * 86_400 - 3_600), max_bytes: 0 }).await.unwrap();
    assert_eq!((deleted.turns, deleted.recordings), (100, 0));
    let usage = store.usage().await.unwrap();
    assert_eq!((usage.turns, usage.recordings), (100, 200));
    assert_eq!(store.retain(Retention::default()).await.unwrap(), vesta_store::Deleted::default(), "zero is no limit");
}

#[tokio::test]
async fn too_much_costs_the_oldest_audio_first_and_the_file_shrinks() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut ids = Vec::new();
    for number in 0..100 {
        let turn = TurnRecord { heard: Some(tone(2.0)), ..turn(number) };
        ids.push(turn.id.clone());
        store.save_turn(turn).await.unwrap();
    }
    let full = store.usage().await.unwrap();
    let half = full.bytes / 2;
    let deleted = store.retain(Retention { max_bytes: half, ..Retention::default() }).await.unwrap();
    let usage = store.usage().await.unwrap();
    assert_eq!((deleted.turns, usage.turns), (0, 100), "no turn is lost while there is audio to delete");
    assert!(usage.bytes <= half && usage.bytes > half * 8 / 10, "{usage:?} {half}");
    assert!(store.turn(&ids[0]).await.unwrap().unwrap().heard.is_none(), "the oldest first");
    assert!(store.turn(&ids[99]).await.unwrap().unwrap().heard.is_some());

    let deleted = store.retain(Retention { max_bytes: 60_000, ..Retention::default() }).await.unwrap();
    let usage = store.usage().await.unwrap();
    assert!(deleted.turns > 0 && usage.recordings == 0 && usage.bytes <= 60_000, "{deleted:?} {usage:?}");
    assert!(store.turn(&ids[0]).await.unwrap().is_none());

    store.close().await;
    let size = std::fs::metadata(folder.path().join("turns.db")).unwrap().len();
    assert!(size <= 60_000, "the space is given back: {size}");
}

#[tokio::test]
async fn a_damaged_database_is_kept_and_a_new_one_begun() {
    let folder = tempfile::tempdir().unwrap();
    let saved = turn(now_ms());
    let store = Store::open(folder.path()).unwrap();
    store.save_turn(saved.clone()).await.unwrap();
    store.close().await;
    let path = folder.path().join("turns.db");
    let mut bytes = std::fs::read(&path).unwrap();
    for cut in [bytes.len() / 2, 17] {
        bytes.truncate(cut);
        std::fs::write(&path, &bytes).unwrap();
        let store = Store::open(folder.path()).unwrap();
        assert!(store.turns(TurnFilter::default()).await.unwrap().is_empty());
        store.save_turn(saved.clone()).await.unwrap();
        assert!(store.turn(&saved.id).await.unwrap().is_some());
        store.close().await;
        let kept = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .any(|path| path.to_string_lossy().contains("damaged") && std::fs::read(path).unwrap() == bytes);
        assert!(kept, "{cut}");
    }
}

#[tokio::test]
async fn a_newer_database_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    Store::open(folder.path()).unwrap().close().await;
    let database = rusqlite::Connection::open(folder.path().join("turns.db")).unwrap();
    database.execute_batch("PRAGMA user_version = 99").unwrap();
    database.close().unwrap();
    let error = Store::open(folder.path()).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error}");
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let saving = tokio::spawn({
        let store = store.clone();
        async move { store.save_turn(turn(1)).await }
    });
    saving.await.unwrap().unwrap();
    store.close().await;
    store.close().await;
    assert!(matches!(store.save_turn(turn(2)).await, Err(StoreError::Closed)));
    assert!(!folder.path().join("turns.db-wal").exists(), "everything is in the file");
}

#[test]
fn a_folder_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "in the way").unwrap();
    let error = Store::open(&file).unwrap_err();
    assert!(matches!(&error, StoreError::Folder { path, .. } if *path == file), "{error}");
    // A folder where the database should be.
    std::fs::create_dir(folder.path().join("turns.db")).unwrap();
    let error = Store::open(folder.path()).unwrap_err();
    assert!(error.to_string().contains("turns.db"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_folder_without_permission_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let shut = folder.path().join("shut");
    std::fs::create_dir(&shut).unwrap();
    std::fs::set_permissions(&shut, std::fs::Permissions::from_mode(0o555)).unwrap();
    if std::fs::write(shut.join("probe"), "").is_ok() {
        // The superuser may write everywhere.
        return;
    }
    let error = Store::open(&shut).unwrap_err();
    assert!(error.to_string().contains("writable"), "{error}");
}

#[test]
fn an_export_is_read_by_others() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("deep/turn");
    let turn = turn(now_ms());
    let files = vesta_store::export(&turn, &target).unwrap();
    let names: Vec<_> = files.iter().map(|file| file.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["turn.json", "waterfall.svg", "heard.wav", "reply.wav"]);

    let wav = std::fs::read(target.join("reply.wav")).unwrap();
    assert_eq!(wav.len(), 44 + 10, "a plain header");
    let mut reader = hound::WavReader::open(target.join("reply.wav")).unwrap();
    assert_eq!((reader.spec().sample_rate, reader.spec().channels, reader.spec().bits_per_sample), (22_050, 1, 16));
    assert_eq!(reader.samples::<i16>().map(Result::unwrap).collect::<Vec<_>>(), turn.reply.as_ref().unwrap().samples);

    let json = std::fs::read_to_string(target.join("turn.json")).unwrap();
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["heard"], json!({ "rate": 16_000, "samples": 8_000, "seconds": 0.5 }));
    let back: TurnRecord = serde_json::from_str(&json).unwrap();
    assert_eq!(back, TurnRecord { heard: None, reply: None, ..turn.clone() });
    assert!(std::fs::read_to_string(target.join("waterfall.svg")).unwrap().contains("listen"));

    let silent = TurnRecord { heard: None, reply: None, ..turn };
    assert_eq!(vesta_store::export(&silent, &folder.path().join("silent")).unwrap().len(), 2);
    let error = vesta_store::export(&silent, &target.join("turn.json")).unwrap_err();
    assert!(matches!(error, StoreError::Export { .. }), "{error}");
}
