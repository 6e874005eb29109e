use super::*;

#[test]
fn the_built_in_manifest_has_what_it_should() {
    let manifest = Manifest::built_in().unwrap();
    let of = |kind: Kind| manifest.models().iter().filter(move |model| model.kind == kind);
    for name in
        ["whisper-tiny.en", "whisper-base", "whisper-small.en-q5_1", "whisper-large-v3-turbo", "whisper-base.en-acft"]
    {
        let model = manifest.find(name).unwrap();
        let extra = if name.ends_with("acft") { 64 } else { 128 };
        assert_eq!(model.audio_ctx, Some(AudioCtx { per_second: 50.0, extra, multiple: 1, min: 0 }), "{name}");
    }
    assert!(manifest.find("whisper-small").unwrap().languages.len() == 99);
    assert!(manifest.find("nano-en").unwrap().builtin);

    let spoken: HashSet<&str> =
        of(Kind::Tts).flat_map(|model| &model.languages).map(|language| language.split('-').next().unwrap()).collect();
    assert!(spoken.len() >= 10, "{spoken:?}");
    for voice in of(Kind::Tts) {
        assert_eq!(voice.files[1].name, format!("{}.json", voice.files[0].name));
    }
    assert!(of(Kind::Wake).count() >= 3);
    assert!(of(Kind::Chat).count() >= 10);
    assert!(of(Kind::Chat).all(|model| model.tools.is_some() && model.context.is_some()));
}

#[test]
fn every_entry_of_the_built_in_manifest_is_complete() {
    for model in Manifest::built_in().unwrap().models() {
        let name = &model.name;
        assert!(!model.languages.is_empty() && !model.licence.is_empty() && !model.notes.is_empty(), "{name}");
        assert_eq!(model.audio_ctx.is_some(), model.kind == Kind::Stt, "{name}");
        for file in &model.files {
            assert!(file.size > 1000, "{name}");
            assert!(file.urls.iter().all(|url| url.starts_with("https://")), "{name}");
            assert_ne!(file.format, Format::Other, "{name}: {}", file.name);
        }
    }
}

#[test]
fn an_unknown_name_gets_suggestions() {
    let manifest = Manifest::built_in().unwrap();
    for (typed, meant) in
        [("whisper-bse.en", "whisper-base.en"), ("base.en", "whisper-base.en"), ("Qwen3-4B", "qwen3-4b")]
    {
        let error = manifest.find(typed).unwrap_err().to_string();
        assert!(error.contains(meant), "{error}");
    }
    let error = manifest.find("zzzz").unwrap_err().to_string();
    assert!(error.contains("vesta models list"), "{error}");
}

fn parse_one(model: &str) -> Result<Manifest, ModelsError> {
    Manifest::parse(&format!("[[model]]\nlicence = \"MIT\"\n{model}"), "test.toml")
}

#[test]
fn mistakes_in_a_manifest_are_named() {
    let file = |extra: &str| {
        format!("name = \"m\"\nkind = \"stt\"\n[[model.file]]\nurl = \"http://x/m.bin\"\nsize = 1\n{extra}")
    };
    let good = parse_one(&file("sha256 = \"unknown\"")).unwrap();
    assert_eq!(good.models()[0].files[0].name, "m.bin");
    for (wrong, says) in [
        (file("sha256 = \"abc\""), "no SHA-256"),
        (file("sha256 = \"unknown\"\nname = \"../m\""), "cannot be a file's name"),
        (file("sha256 = \"unknown\"\nname = \"m.part\""), "cannot be a file's name"),
        ("name = \"../m\"\nkind = \"stt\"\nbuiltin = true".to_owned(), "cannot be a model's name"),
        ("name = \"m\"\nkind = \"stt\"".to_owned(), "has files, or it is built in"),
        ("name = \"m\"\nkind = \"stt\"\nbuiltin = true\nlanguages = [\"@none\"]".to_owned(), "no list of languages"),
        ("name = \"m\"\nkind = \"video\"\nbuiltin = true".to_owned(), "video"),
        ("name = \"m\"\nkind = \"stt\"\nbuiltin = true\ncolour = 1".to_owned(), "colour"),
    ] {
        let error = parse_one(&wrong).unwrap_err().to_string();
        assert!(error.contains(says) && error.contains("test.toml"), "{error}");
    }
    let twice = "[[model]]\nname = \"m\"\nkind = \"stt\"\nlicence = \"MIT\"\nbuiltin = true\n".repeat(2);
    assert!(Manifest::parse(&twice, "test.toml").unwrap_err().to_string().contains("two models named m"));
}

#[test]
fn own_models_replace_and_add() {
    let own = parse_one("name = \"nano-en\"\nkind = \"chat\"\nbuiltin = true").unwrap();
    let both = Manifest::built_in().unwrap().with(own);
    assert_eq!(both.find("nano-en").unwrap().kind, Kind::Chat);
    assert_eq!(both.models().len(), Manifest::built_in().unwrap().models().len());
}
