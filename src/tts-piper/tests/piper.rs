//! The worker as a program, with two tiny Piper voices: the real path through piper-rs and ONNX Runtime. Without ONNX Runtime on the
//! machine only the fall-backs are tested.

mod common;

use common::{Heard, Worker, onnxruntime, tiny_voices, voice};
use vesta_wyoming::{Message, Voice};

const MANY: &str = "en_GB-beeps-low";
const ONE: &str = "de_DE-beeps-low";

fn speaker(name: &str) -> Option<Voice> {
    Some(Voice { speaker: Some(name.to_owned()), ..voice(MANY) })
}

#[tokio::test]
async fn a_piper_voice_speaks() {
    let Some(library) = onnxruntime() else { return };
    let worker = Worker::start(&["--voices", &tiny_voices(), "--voice", MANY, "--onnxruntime", &library]).await;
    assert_eq!(worker.ready["ready"]["model"], MANY);
    let mut client = worker.client().await;
    let short = client.say("Yes.", None).await;
    let long = client.say("The light in the kitchen is on.", None).await;
    assert_eq!((short.rate, short.start_field("engine").as_str()), (16_000, "piper"));
    assert_eq!(long.start_field("note"), "");
    assert!(
        long.seconds() > 2.0 * short.seconds(),
        "the length follows the text: {} s, {} s",
        short.seconds(),
        long.seconds()
    );
    assert!(long.loudness() > 0.3, "loudness is levelled: {}", long.loudness());
    // 30 ms for every phoneme, its padding, the beginning and the end: whole multiples show that nothing was lost or doubled.
    assert_eq!(long.samples.len() % 480, 0);
}

#[tokio::test]
async fn speakers_differ_and_unknown_ones_are_named() {
    let Some(library) = onnxruntime() else { return };
    let mut worker = Worker::start(&["--voices", &tiny_voices(), "--onnxruntime", &library]).await;
    let mut client = worker.client().await;
    let low = client.say("Hello there.", speaker("low")).await;
    let high = client.say("Hello there.", speaker("HIGH")).await;
    let by_number = client.say("Hello there.", speaker("2")).await;
    assert!(
        (high.pitch() - low.pitch() - 600.0).abs() < 60.0,
        "two steps of 300 Hz: {} Hz, {} Hz",
        low.pitch(),
        high.pitch()
    );
    assert_eq!(high.samples, by_number.samples);
    let unknown = client.say("Hello there.", speaker("nobody")).await;
    assert_eq!(unknown.samples, low.samples);
    assert!(unknown.start_field("note").contains("high, low, middle"), "{}", unknown.start_field("note"));
    worker.logged(&["WARN", "nobody"]).await;
}

#[tokio::test]
async fn the_language_chooses_the_voice() {
    let Some(library) = onnxruntime() else { return };
    let worker = Worker::start(&["--voices", &tiny_voices(), "--voice", MANY, "--onnxruntime", &library]).await;
    let mut client = worker.client().await;
    for (language, expected) in [("de", ONE), ("de-AT", ONE), ("en_US", MANY), ("fr", "espeak-ng/fr")] {
        let asked = Voice { language: Some(language.to_owned()), ..Voice::default() };
        let heard = client.say("Hallo.", Some(asked)).await;
        assert_eq!(heard.start_field("voice"), expected, "{language}");
        assert!(heard.loudness() > 0.02);
    }
}

#[tokio::test]
async fn speed_scales_the_length() {
    let Some(library) = onnxruntime() else { return };
    let worker = Worker::start(&["--voices", &tiny_voices(), "--voice", MANY, "--onnxruntime", &library]).await;
    let mut client = worker.client().await;
    let normal = client.say("The light is on.", None).await.samples.len();
    let fast = client.say("The light is on.", Some(Voice { speed: Some(2.0), ..Voice::default() })).await.samples.len();
    assert_eq!(normal, fast * 2);
}

#[tokio::test]
async fn streamed_audio_of_a_piper_voice_leaves_after_the_first_clause() {
    let Some(library) = onnxruntime() else { return };
    let worker = Worker::start(&["--voices", &tiny_voices(), "--voice", MANY, "--onnxruntime", &library]).await;
    let mut client = worker.client().await;
    client.send(Message::SynthesizeStart { voice: None }).await;
    client.chunk("The light in the kitchen is on, and").await;
    let mut heard = Heard::default();
    client.hear_until("audio-chunk", &mut heard).await;
    client.chunk(" so is the fan.").await;
    client.send(Message::SynthesizeStop).await;
    client.hear_until("synthesize-stopped", &mut heard).await;
    assert_eq!((heard.starts.len(), heard.stops), (1, 1));
    assert!(heard.seconds() > 2.0);
}

#[tokio::test]
async fn without_onnx_runtime_espeak_speaks_and_says_why() {
    let mut worker =
        Worker::start(&["--voices", &tiny_voices(), "--voice", MANY, "--onnxruntime", "/nowhere/libonnxruntime.so"])
            .await;
    let mut client = worker.client().await;
    let heard = client.say("The light is on.", Some(voice(MANY))).await;
    assert_eq!(heard.start_field("engine"), "espeak-ng");
    assert!(heard.loudness() > 0.02);
    worker.logged(&["WARN", "/nowhere/libonnxruntime.so does not exist", "script/setup"]).await;
    client.send(Message::Describe).await;
    let Message::Info(info) = Message::try_from(client.event().await).expect("info") else { panic!("no info") };
    let entry = info.tts[0].voices.iter().find(|entry| entry.about.name == MANY).expect("the voice is listed");
    assert!(!entry.about.installed);
    assert!(entry.about.description.as_deref().expect("a reason").contains("does not exist"));
}

#[tokio::test]
async fn a_library_that_is_none_is_no_danger() {
    let folder = tempfile::tempdir().expect("a folder");
    let fake = folder.path().join("libonnxruntime.so");
    std::fs::write(&fake, "not a library").expect("written");
    let worker = Worker::start(&["--voices", &tiny_voices(), "--onnxruntime", &fake.to_string_lossy()]).await;
    let heard = worker.client().await.say("The light is on.", Some(voice(MANY))).await;
    assert_eq!(heard.start_field("engine"), "espeak-ng");
    assert!(heard.loudness() > 0.02);
}

#[tokio::test]
async fn broken_voices_are_named_and_the_others_speak() {
    let Some(library) = onnxruntime() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: &str| folder.path().join(name);
    let copy = |from: &str, to: &str| {
        std::fs::copy(std::path::Path::new(&tiny_voices()).join(from), place(to)).expect("copied")
    };
    std::fs::create_dir(place("de")).expect("made");
    copy("de_DE-beeps-low.onnx", "de/de_DE-beeps-low.onnx");
    copy("de_DE-beeps-low.onnx.json", "de/de_DE-beeps-low.onnx.json");
    std::fs::write(place("en_GB-garbage-low.onnx"), "not a model").expect("written");
    copy("en_GB-beeps-low.onnx.json", "en_GB-garbage-low.onnx.json");
    copy("en_GB-beeps-low.onnx", "en_GB-lonely-low.onnx");
    copy("en_GB-beeps-low.onnx", "en_GB-odd-low.onnx");
    std::fs::write(place("en_GB-odd-low.onnx.json"), "{\"audio\": 5}").expect("written");
    // The JSON claims one speaker, the model wants a number for it: ONNX Runtime refuses.
    copy("en_GB-beeps-low.onnx", "fr_FR-mixed-low.onnx");
    copy("de_DE-beeps-low.onnx.json", "fr_FR-mixed-low.onnx.json");
    let worker = Worker::start(&["--voices", &folder.path().to_string_lossy(), "--onnxruntime", &library]).await;
    let mut client = worker.client().await;
    for name in ["en_GB-garbage-low", "fr_FR-mixed-low"] {
        let heard = client.say("The light is on.", Some(voice(name))).await;
        assert_eq!(heard.start_field("engine"), "espeak-ng", "{name}");
        assert!(heard.start_field("note").contains(name), "{}", heard.start_field("note"));
    }
    let heard = client.say("Das Licht ist an.", Some(voice(ONE))).await;
    assert_eq!(heard.start_field("engine"), "piper");
    client.send(Message::Describe).await;
    let Message::Info(info) = Message::try_from(client.event().await).expect("info") else { panic!("no info") };
    let unusable: Vec<&str> = info.tts[0]
        .voices
        .iter()
        .filter(|entry| !entry.about.installed)
        .map(|entry| entry.about.name.as_str())
        .collect();
    for name in ["en_GB-garbage-low", "en_GB-lonely-low", "en_GB-odd-low", "fr_FR-mixed-low"] {
        assert!(unusable.contains(&name), "{name} in {unusable:?}");
    }
}

#[tokio::test]
async fn a_voice_that_is_installed_meanwhile_is_found() {
    let Some(library) = onnxruntime() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let worker = Worker::start(&["--voices", &folder.path().to_string_lossy(), "--onnxruntime", &library]).await;
    let mut client = worker.client().await;
    assert_eq!(client.say("Hello.", Some(voice(MANY))).await.start_field("engine"), "espeak-ng");
    for ending in ["onnx", "onnx.json"] {
        let file = format!("{MANY}.{ending}");
        std::fs::copy(std::path::Path::new(&tiny_voices()).join(&file), folder.path().join(&file)).expect("copied");
    }
    assert_eq!(client.say("Hello.", Some(voice(MANY))).await.start_field("engine"), "piper");
}
