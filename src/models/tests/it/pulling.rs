//! Downloads.

use std::time::Duration;

use vesta_models::{Manifest, Models, ModelsError, Progress, PullOptions, Pulled, State, Step};

use crate::server::{Act, Server, ggml, models, quick, sha256};

const SIZE: usize = 300_000;

/// What a pull came to, and what was reported.
async fn pull(models: &Models) -> (Result<Pulled, ModelsError>, Vec<Progress>) {
    let mut seen = Vec::new();
    let result = models.pull("m", &mut |progress| seen.push(progress)).await;
    (result, seen)
}

fn places(seen: &[Progress]) -> Vec<u64> {
    let mut places: Vec<u64> = Vec::new();
    for progress in seen {
        if let Step::Receiving { from } = progress.step
            && places.last() != Some(&from)
        {
            places.push(from);
        }
    }
    places
}

#[tokio::test]
async fn a_model_is_fetched_checked_and_reported() {
    let content = ggml(SIZE, 1);
    let server = Server::start(content.clone(), []).await;
    let folder = tempfile::tempdir().unwrap();
    let models = models(folder.path(), &[format!("{}/m.bin", server.address())], SIZE, &sha256(&content));
    let (pulled, seen) = pull(&models).await;
    let pulled = pulled.unwrap();
    assert_eq!((pulled.fetched, pulled.already_there, pulled.bytes), (1, 0, SIZE as u64));
    assert!(pulled.recorded.is_empty());
    assert_eq!(std::fs::read(folder.path().join("models/m/m.bin")).unwrap(), content);
    assert!(!folder.path().join("models/m/m.bin.part").exists());
    assert!(!folder.path().join("models/m/m.bin.resume").exists());

    let last = seen.last().unwrap();
    assert_eq!((last.bytes, last.total, last.number, last.files), (SIZE as u64, SIZE as u64, 1, 1));
    assert_eq!(last.step, Step::FileDone);
    assert!(seen.is_sorted_by_key(|progress| progress.bytes), "progress never goes back");
    assert!(seen.iter().all(|progress| progress.bytes <= progress.total));

    let (again, _) = pull(&models).await;
    assert_eq!(again.unwrap().already_there, 1);
    assert_eq!(server.ranges().len(), 1, "what is here is not fetched again");
}

#[tokio::test]
async fn a_cut_connection_is_continued_where_it_broke() {
    let content = ggml(SIZE, 2);
    let server = Server::start(content.clone(), [Act::CutAfter(100_000), Act::CutAfter(50_000)]).await;
    let folder = tempfile::tempdir().unwrap();
    let models = models(folder.path(), &[format!("{}/m.bin", server.address())], SIZE, &sha256(&content));
    let (pulled, seen) = pull(&models).await;
    pulled.unwrap();
    assert_eq!(std::fs::read(folder.path().join("models/m/m.bin")).unwrap(), content);
    let ranges = server.ranges();
    assert_eq!(ranges, [None, Some("bytes=100000-".to_owned()), Some("bytes=150000-".to_owned())]);
    assert_eq!(places(&seen), [0, 100_000, 150_000]);
    assert!(seen.iter().any(|progress| matches!(progress.step, Step::Retrying { attempt: 1, .. })));
}

#[tokio::test]
async fn a_pull_that_was_stopped_goes_on_with_the_next_one() {
    let content = ggml(SIZE, 3);
    let server = Server::start(content.clone(), [Act::StallAfter(120_000)]).await;
    let folder = tempfile::tempdir().unwrap();
    let models = models(folder.path(), &[format!("{}/m.bin", server.address())], SIZE, "unknown");
    {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
        let mut report = move |progress: Progress| {
            if progress.bytes == 120_000 {
                let _ = sender.try_send(());
            }
        };
        let pulling = models.pull("m", &mut report);
        tokio::select! {
            result = pulling => panic!("{result:?}"),
            _ = receiver.recv() => {}
        }
    }
    let listed = models.list().unwrap();
    assert_eq!((listed[0].state, listed[0].on_disk), (State::Partial, 120_000));
    assert!(models.installed("m").is_err());
    let (pulled, seen) = pull(&models).await;
    assert_eq!(pulled.unwrap().recorded, ["m.bin"]);
    assert_eq!(places(&seen), [120_000]);
    assert_eq!(std::fs::read(folder.path().join("models/m/m.bin")).unwrap(), content);
}

#[tokio::test]
async fn a_stalled_connection_is_opened_anew() {
    let content = ggml(SIZE, 4);
    let server = Server::start(content.clone(), [Act::StallAfter(10_000)]).await;
    let folder = tempfile::tempdir().unwrap();
    let urls = [format!("{}/m.bin", server.address())];
    let models = models(folder.path(), &urls, SIZE, &sha256(&content))
        .with_options(PullOptions { stall: Duration::from_millis(100), ..quick() });
    let (pulled, _) = pull(&models).await;
    pulled.unwrap();
    assert_eq!(server.ranges()[1].as_deref(), Some("bytes=10000-"));
    assert_eq!(std::fs::read(folder.path().join("models/m/m.bin")).unwrap(), content);
}

#[tokio::test]
async fn a_server_that_knows_no_ranges_is_begun_again() {
    let content = ggml(SIZE, 5);
    let server = Server::start(content.clone(), [Act::CutAfter(100_000), Act::Whole]).await;
    let folder = tempfile::tempdir().unwrap();
    let models = models(folder.path(), &[format!("{}/m.bin", server.address())], SIZE, &sha256(&content));
    let (pulled, seen) = pull(&models).await;
    pulled.unwrap();
    assert_eq!(places(&seen), [0]);
    assert_eq!(std::fs::read(folder.path().join("models/m/m.bin")).unwrap(), content);
}

#[tokio::test]
async fn a_file_that_changes_in_between_is_begun_again() {
    for sha_known in [false, true] {
        let (old, new) = (ggml(SIZE, 6), ggml(SIZE, 7));
        let server = Server::start(old, [Act::CutAfter(100_000), Act::Replace(new.clone())]).await;
        let folder = tempfile::tempdir().unwrap();
        let sha = if sha_known { sha256(&new) } else { "unknown".to_owned() };
        let models = models(folder.path(), &[format!("{}/m.bin", server.address())], SIZE, &sha);
        let (pulled, _) = pull(&models).await;
        pulled.unwrap();
        assert_eq!(std::fs::read(folder.path().join("models/m/m.bin")).unwrap(), new, "sha known: {sha_known}");
    }
}

#[tokio::test]
async fn another_piece_than_was_asked_for_is_not_glued_on() {
    let content = ggml(SIZE, 8);
    let server = Server::start(content.clone(), [Act::CutAfter(1000), Act::WrongRange]).await;
    let folder = tempfile::tempdir().unwrap();
    let models = models(folder.path(), &[format!("{}/m.bin", server.address())], SIZE, "unknown");
    let (pulled, _) = pull(&models).await;
    pulled.unwrap();
    assert_eq!(std::fs::read(folder.path().join("models/m/m.bin")).unwrap(), content);
}

#[tokio::test]
async fn a_wrong_checksum_deletes_the_file_and_says_so() {
    let content = ggml(SIZE, 9);
    let server = Server::start(content.clone(), [Act::Corrupt]).await;
    let folder = tempfile::tempdir().unwrap();
    let models = models(folder.path(), &[format!("{}/m.bin", server.address())], SIZE, &sha256(&content));
    let (pulled, _) = pull(&models).await;
    let error = pulled.unwrap_err();
    assert!(matches!(error, ModelsError::Checksum { recorded: false, .. }), "{error}");
    assert!(error.to_string().contains("was deleted") && error.to_string().contains("the manifest says"), "{error}");
    let left: Vec<_> = std::fs::read_dir(folder.path().join("models/m")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    pull(&models).await.0.unwrap();
}

#[tokio::test]
async fn bytes_spoiled_on_the_disk_cost_a_second_download_and_not_the_model() {
    let content = ggml(SIZE, 10);
    let server = Server::start(content.clone(), [Act::CutAfter(100_000), Act::Status(404)]).await;
    let folder = tempfile::tempdir().unwrap();
    let models = models(folder.path(), &[format!("{}/m.bin", server.address())], SIZE, &sha256(&content));
    pull(&models).await.0.unwrap_err();
    let part = folder.path().join("models/m/m.bin.part");
    let mut spoiled = std::fs::read(&part).unwrap();
    spoiled[5000] ^= 0xff;
    std::fs::write(&part, spoiled).unwrap();
    let (pulled, seen) = pull(&models).await;
    pulled.unwrap();
    assert_eq!(places(&seen), [100_000, 0]);
    assert_eq!(std::fs::read(folder.path().join("models/m/m.bin")).unwrap(), content);
}

#[tokio::test]
async fn the_first_pull_is_recorded_and_enforced_afterwards() {
    let (old, new) = (ggml(SIZE, 11), ggml(SIZE, 12));
    let server = Server::start(old.clone(), []).await;
    let folder = tempfile::tempdir().unwrap();
    let models = models(folder.path(), &[format!("{}/m.bin", server.address())], SIZE, "unknown");
    assert_eq!(pull(&models).await.0.unwrap().recorded, ["m.bin"]);
    let lock = std::fs::read_to_string(folder.path().join("models/models.lock")).unwrap();
    assert!(lock.contains(&sha256(&old)), "{lock}");

    models.remove("m").unwrap();
    server.will([Act::Replace(new.clone())]);
    let error = pull(&models).await.0.unwrap_err();
    assert!(matches!(error, ModelsError::Checksum { recorded: true, .. }), "{error}");
    assert!(error.to_string().contains("models.lock"), "{error}");

    std::fs::remove_file(folder.path().join("models/models.lock")).unwrap();
    pull(&models).await.0.unwrap();
    assert_eq!(std::fs::read(folder.path().join("models/m/m.bin")).unwrap(), new);
}

#[tokio::test]
async fn a_web_page_is_not_a_model() {
    let content = ggml(SIZE, 13);
    let server = Server::start(content, [Act::Page]).await;
    let folder = tempfile::tempdir().unwrap();
    let models = models(folder.path(), &[format!("{}/m.bin", server.address())], SIZE, "unknown");
    let error = pull(&models).await.0.unwrap_err().to_string();
    assert!(error.contains("web page"), "{error}");
    assert!(!folder.path().join("models/models.lock").exists());
    pull(&models).await.0.unwrap();
}

#[tokio::test]
async fn a_file_that_ends_too_early_without_a_length_is_caught_by_its_checksum() {
    let content = ggml(SIZE, 14);
    let server = Server::start(content.clone(), [Act::Short(200_000)]).await;
    let folder = tempfile::tempdir().unwrap();
    let models = models(folder.path(), &[format!("{}/m.bin", server.address())], SIZE, &sha256(&content));
    let error = pull(&models).await.0.unwrap_err();
    assert!(matches!(error, ModelsError::Checksum { .. }), "{error}");
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    for (status, says) in [
        (404, "does not exist any more (HTTP 404)"),
        (410, "(HTTP 410)"),
        (401, "accept its terms"),
        (403, "accept its terms"),
        (418, "answers with HTTP 418"),
    ] {
        let server = Server::start(ggml(SIZE, 15), [Act::Status(status)]).await;
        let models = models(folder.path(), &[format!("{}/m.bin", server.address())], SIZE, "unknown");
        let error = pull(&models).await.0.unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
        assert_eq!(server.ranges().len(), 1, "there is no use in asking again");
    }
}

#[tokio::test]
async fn a_busy_server_is_asked_again_and_then_given_up() {
    let content = ggml(SIZE, 16);
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(content.clone(), [Act::Later, Act::Status(500), Act::Status(429)]).await;
    let models = models(folder.path(), &[format!("{}/m.bin", server.address())], SIZE, &sha256(&content));
    pull(&models).await.0.unwrap();
    models.remove("m").unwrap();

    server.will([Act::CutAfter(70_000), Act::Later, Act::Later, Act::Later, Act::Later]);
    let error = pull(&models).await.0.unwrap_err();
    assert!(matches!(error, ModelsError::Network { kept: 70_000, .. }), "{error}");
    assert!(error.to_string().contains("70.0 kB are kept") && error.to_string().contains("503"), "{error}");
    let (pulled, seen) = pull(&models).await;
    pulled.unwrap();
    assert_eq!(places(&seen), [70_000]);
}

#[tokio::test]
async fn redirections_are_followed_but_not_in_circles() {
    let content = ggml(SIZE, 17);
    let server = Server::start(content.clone(), [Act::Redirect("/elsewhere/m.bin".to_owned())]).await;
    let folder = tempfile::tempdir().unwrap();
    let models = models(folder.path(), &[format!("{}/m.bin", server.address())], SIZE, &sha256(&content));
    pull(&models).await.0.unwrap();
    assert_eq!(server.paths(), ["/m.bin", "/elsewhere/m.bin"]);
    models.remove("m").unwrap();

    server.will(vec![Act::Redirect("/m.bin".to_owned()); 60]);
    let error = pull(&models).await.0.unwrap_err().to_string();
    assert!(error.contains("redirects in a circle"), "{error}");
}

#[tokio::test]
async fn the_next_place_is_tried_when_one_does_not_have_it() {
    let content = ggml(SIZE, 18);
    let gone = Server::start(Vec::new(), [Act::Status(404)]).await;
    let there = Server::start(content.clone(), []).await;
    let folder = tempfile::tempdir().unwrap();
    let urls = [format!("{}/old.bin", gone.address()), format!("{}/new.bin", there.address())];
    let models = models(folder.path(), &urls, SIZE, &sha256(&content));
    pull(&models).await.0.unwrap();
    assert_eq!(there.paths(), ["/new.bin"]);
}

#[tokio::test]
async fn the_mirror_takes_the_place_of_every_server() {
    let content = ggml(SIZE, 19);
    let server = Server::start(content.clone(), []).await;
    let folder = tempfile::tempdir().unwrap();
    let urls = ["https://huggingface.co/ggerganov/whisper.cpp/resolve/main/m.bin".to_owned()];
    let models = models(folder.path(), &urls, SIZE, &sha256(&content))
        .with_mirror(Some(format!("{}/hf/", server.address())))
        .unwrap();
    pull(&models).await.0.unwrap();
    assert_eq!(server.paths(), ["/hf/ggerganov/whisper.cpp/resolve/main/m.bin"]);
}

#[test]
fn a_mirror_that_is_no_address_is_refused_before_anything_is_fetched() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = [
        "nas.local/models",
        "/srv/models",
        "ftp://nas.local/models",
        "http://",
        "http://nas.local/?path=",
        "not a url",
    ];
    for mirror in wrong {
        let error = Models::open(folder.path()).unwrap().with_mirror(Some(mirror.to_owned())).unwrap_err();
        assert!(matches!(error, ModelsError::Mirror { .. }), "{mirror}: {error}");
        assert!(error.to_string().contains(mirror), "{error}");
    }
    for mirror in [Some("https://nas.local:8000/models/".to_owned()), Some("  ".to_owned()), None] {
        assert!(Models::open(folder.path()).unwrap().with_mirror(mirror).is_ok());
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said_so() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let folder = tempfile::tempdir().unwrap();
    let models = models(folder.path(), &[format!("http://{address}/m.bin")], SIZE, "unknown");
    let error = pull(&models).await.0.unwrap_err();
    assert!(matches!(error, ModelsError::Network { attempts: 4, kept: 0, .. }), "{error}");
    assert!(error.to_string().contains("is this machine online?"), "{error}");
}

#[tokio::test]
async fn what_does_not_fit_on_the_disk_is_not_begun() {
    let content = ggml(SIZE, 20);
    let server = Server::start(content, []).await;
    let folder = tempfile::tempdir().unwrap();
    let options = PullOptions { free_space: Some(|_| Ok(1_000_000)), ..quick() };
    let models = models(folder.path(), &[format!("{}/m.bin", server.address())], SIZE, "unknown").with_options(options);
    let error = pull(&models).await.0.unwrap_err();
    assert!(matches!(error, ModelsError::NoSpace { free: 1_000_000, .. }), "{error}");
    assert!(error.to_string().contains("1.0 MB are free"), "{error}");
    assert!(server.paths().is_empty());
}

#[tokio::test]
async fn a_file_that_is_larger_than_the_manifest_says_is_checked_for_space_again() {
    let content = ggml(SIZE, 21);
    let server = Server::start(content, []).await;
    let folder = tempfile::tempdir().unwrap();
    let room = (64 << 20) + 10_000;
    assert_eq!(room, 67_118_864);
    let options = PullOptions { free_space: Some(|_| Ok(67_118_864)), ..quick() };
    let models = models(folder.path(), &[format!("{}/m.bin", server.address())], 5000, "unknown").with_options(options);
    assert!(matches!(pull(&models).await.0.unwrap_err(), ModelsError::NoSpace { .. }));
}

#[tokio::test]
async fn two_pulls_of_the_same_model_do_not_meet() {
    let content = ggml(SIZE, 22);
    let server = Server::start(content.clone(), [Act::StallAfter(1000)]).await;
    let folder = tempfile::tempdir().unwrap();
    let models = models(folder.path(), &[format!("{}/m.bin", server.address())], SIZE, &sha256(&content));
    let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
    let first = models.clone();
    let pulling = tokio::spawn(async move {
        let mut report = move |progress: Progress| {
            if progress.bytes == 1000 {
                let _ = sender.try_send(());
            }
        };
        first.pull("m", &mut report).await
    });
    receiver.recv().await.unwrap();
    assert!(matches!(pull(&models).await.0.unwrap_err(), ModelsError::Busy { .. }));
    assert!(matches!(models.remove("m").unwrap_err(), ModelsError::Busy { .. }));
    pulling.abort();
    assert!(pulling.await.unwrap_err().is_cancelled());
    pull(&models).await.0.unwrap();
}

#[tokio::test]
async fn a_model_of_several_files_is_counted_as_one() {
    let (voice, config) = ([b"\x08\x07".to_vec(), ggml(50_000, 23)].concat(), b"{\"audio\": {}}".to_vec());
    let voice_server = Server::start(voice.clone(), []).await;
    let config_server = Server::start(config.clone(), []).await;
    let text = format!(
        "[[model]]\nname = \"m\"\nkind = \"tts\"\nlicence = \"MIT\"\n\
         [[model.file]]\nurl = \"{}/v.onnx\"\nsize = {}\nsha256 = {:?}\n\
         [[model.file]]\nurl = \"{}/v.onnx.json\"\nsize = 9000\napproximate = true\nsha256 = \"unknown\"\n",
        voice_server.address(),
        voice.len(),
        sha256(&voice),
        config_server.address(),
    );
    let folder = tempfile::tempdir().unwrap();
    let manifest = Manifest::parse(&text, "test").unwrap();
    let models = Models::open(folder.path()).unwrap().with_manifest(manifest).with_options(quick());
    let (pulled, seen) = pull(&models).await;
    let pulled = pulled.unwrap();
    assert_eq!((pulled.fetched, pulled.bytes), (2, (voice.len() + config.len()) as u64));
    assert_eq!(pulled.recorded, ["v.onnx.json"]);
    let last = seen.last().unwrap();
    assert_eq!((last.number, last.files, last.bytes, last.total), (2, 2, pulled.bytes, pulled.bytes));
    assert!(seen.is_sorted_by_key(|progress| progress.bytes));
    let installed = models.installed("m").unwrap();
    assert!(installed.path.ends_with("m/v.onnx"));
    assert_eq!(installed.files.len(), 2);
}
