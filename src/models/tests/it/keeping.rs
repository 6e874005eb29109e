//! What is here: lists, checks, removal, choice.

use vesta_models::{Check, Kind, Models, ModelsError, State};

use crate::server::{Server, ggml, models, sha256};

async fn pulled(folder: &std::path::Path, content: &[u8], sha: &str) -> Models {
    let server = Server::start(content.to_vec(), []).await;
    let models = models(folder, &[format!("{}/m.bin", server.address())], content.len(), sha);
    models.pull("m", &mut |_| {}).await.unwrap();
    models
}

#[tokio::test]
async fn a_model_can_be_used_only_when_it_is_here() {
    let folder = tempfile::tempdir().unwrap();
    let content = ggml(10_000, 1);
    let absent = models(folder.path(), &["http://127.0.0.1:9/m.bin".to_owned()], content.len(), "unknown");
    assert!(matches!(absent.choose("m").unwrap_err(), ModelsError::NotInstalled { .. }));
    assert!(matches!(absent.remove("m").unwrap_err(), ModelsError::NotInstalled { .. }));
    assert!(matches!(absent.verify("m", &mut |_, _| {}).unwrap_err(), ModelsError::NotInstalled { .. }));
    assert_eq!(absent.chosen(Kind::Stt).unwrap(), None);
    assert!(!folder.path().join("models").exists(), "looking creates nothing");

    let models = pulled(folder.path(), &content, "unknown").await;
    assert_eq!(models.choose("m").unwrap(), Kind::Stt);
    let chosen = models.chosen(Kind::Stt).unwrap().unwrap();
    assert_eq!(chosen.name, "m");
    assert_eq!(std::fs::read(&chosen.path).unwrap(), content);
    assert_eq!(models.chosen(Kind::Tts).unwrap(), None);
    let listed = &models.list().unwrap()[0];
    assert_eq!((listed.state, listed.in_use, listed.on_disk), (State::Installed, true, 10_000));

    std::fs::remove_file(&chosen.path).unwrap();
    let error = models.chosen(Kind::Stt).unwrap_err().to_string();
    assert!(error.contains("vesta models pull m"), "{error}");
}

#[tokio::test]
async fn removal_frees_the_disk_and_ends_the_use() {
    let folder = tempfile::tempdir().unwrap();
    let models = pulled(folder.path(), &ggml(10_000, 2), "unknown").await;
    models.choose("m").unwrap();
    std::fs::write(folder.path().join("models/m/notes.txt"), "mine").unwrap();
    assert_eq!(models.remove("m").unwrap(), 10_000);
    assert_eq!(models.chosen(Kind::Stt).unwrap(), None);
    assert_eq!(models.list().unwrap()[0].state, State::Available);
    assert!(folder.path().join("models/m/notes.txt").exists(), "what Vesta did not bring stays");
}

#[tokio::test]
async fn a_check_finds_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let content = ggml(10_000, 3);
    for known in [true, false] {
        let sha = if known { sha256(&content) } else { "unknown".to_owned() };
        let models = pulled(folder.path(), &content, &sha).await;
        let mut last = (0, 0);
        let checks = models.verify("m", &mut |done, total| last = (done, total)).unwrap();
        assert_eq!(checks, [("m.bin".to_owned(), Check::Good)]);
        assert_eq!(last, (10_000, 10_000));

        let path = folder.path().join("models/m/m.bin");
        let mut spoiled = content.clone();
        spoiled[7000] ^= 1;
        std::fs::write(&path, &spoiled).unwrap();
        let checks = models.verify("m", &mut |_, _| {}).unwrap();
        let (expected, actual) = (sha256(&content), sha256(&spoiled));
        assert_eq!(checks[0].1, Check::Wrong { expected, actual });

        std::fs::write(&path, "<html>no</html>").unwrap();
        assert!(matches!(models.verify("m", &mut |_, _| {}).unwrap()[0].1, Check::NotAModel { .. }));
        models.remove("m").unwrap();
    }
    std::fs::remove_file(folder.path().join("models/models.lock")).unwrap();
    let own = models(folder.path(), &["http://127.0.0.1:9/m.bin".to_owned()], content.len(), "unknown");
    std::fs::create_dir_all(folder.path().join("models/m")).unwrap();
    std::fs::write(folder.path().join("models/m/m.bin"), &content).unwrap();
    assert_eq!(own.verify("m", &mut |_, _| {}).unwrap()[0].1, Check::Unknown { sha256: sha256(&content) });
}

#[tokio::test]
async fn the_model_that_is_part_of_vesta_is_used_until_another_is_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let content = ggml(200_000, 4);
    std::fs::create_dir_all(folder.path().join("models/m")).unwrap();
    let own = "[[model]]\nname = \"m\"\nkind = \"stt\"\nlicence = \"mine\"\n[[model.file]]\nname = \"m.bin\"\n\
               url = \"http://127.0.0.1:9/m.bin\"\nsize = 200000\nsha256 = \"unknown\"\n";
    std::fs::write(folder.path().join("models/local.toml"), own).unwrap();
    let models = Models::open(folder.path()).unwrap();
    let nano = || models.list().unwrap().into_iter().find(|listed| listed.model.name == "nano-en").unwrap();
    assert_eq!((nano().state, nano().in_use, nano().on_disk), (State::BuiltIn, true, 0));
    assert_eq!(models.chosen(Kind::Stt).unwrap(), None, "no file has to be loaded");
    assert!(matches!(models.verify("nano-en", &mut |_, _| {}).unwrap_err(), ModelsError::BuiltIn { .. }));
    assert!(matches!(models.remove("nano-en").unwrap_err(), ModelsError::BuiltIn { .. }));
    assert!(matches!(models.pull("nano-en", &mut |_| {}).await.unwrap_err(), ModelsError::BuiltIn { .. }));

    std::fs::write(folder.path().join("models/m/m.bin"), &content).unwrap();
    models.choose("m").unwrap();
    assert_eq!(models.chosen(Kind::Stt).unwrap().unwrap().name, "m");
    assert!(!nano().in_use);
    models.choose("nano-en").unwrap();
    assert_eq!(models.chosen(Kind::Stt).unwrap(), None);
    assert!(nano().in_use);
}

#[test]
fn models_of_ones_own_are_added_and_mistakes_in_them_named() {
    let folder = tempfile::tempdir().unwrap();
    let local = folder.path().join("models/local.toml");
    std::fs::create_dir_all(local.parent().unwrap()).unwrap();
    let file = "[[model.file]]\nurl = \"http://nas/own.gguf\"\nsize = 5000\nsha256 = \"unknown\"\n";
    std::fs::write(&local, format!("[[model]]\nname = \"own\"\nkind = \"chat\"\nlicence = \"mine\"\n{file}")).unwrap();
    let models = Models::open(folder.path()).unwrap();
    assert_eq!(models.find("own").unwrap().kind, Kind::Chat);
    assert!(models.find("whisper-tiny").is_ok());

    std::fs::write(&local, "[[model]]\nname = 5").unwrap();
    let error = Models::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("local.toml") && error.contains("name"), "{error}");
}

#[test]
fn records_that_cannot_be_understood_are_named_and_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("models")).unwrap();
    std::fs::write(folder.path().join("models/use.toml"), "stt = [").unwrap();
    let models = Models::open(folder.path()).unwrap();
    for error in [models.chosen(Kind::Stt).unwrap_err(), models.choose("nano-en").unwrap_err()] {
        assert!(error.to_string().contains("use.toml"), "{error}");
    }
    assert_eq!(std::fs::read_to_string(folder.path().join("models/use.toml")).unwrap(), "stt = [");
}
