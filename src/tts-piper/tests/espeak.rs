//! The worker as a program, where no Piper voice is installed: eSpeak NG speaks.

mod common;

use std::time::Duration;

use common::{Client, Heard, Worker, command, voice, within};
use vesta_wyoming::{Event, Message, Voice};

#[tokio::test]
async fn a_text_is_spoken() {
    let worker = Worker::start(&[]).await;
    let mut client = worker.client().await;
    let heard = client.say("The kitchen light is on.", None).await;
    assert_eq!((heard.starts.len(), heard.stops), (1, 1));
    assert!((0.8..3.0).contains(&heard.seconds()), "{} s", heard.seconds());
    assert!(heard.loudness() > 0.02, "{}", heard.loudness());
    assert_eq!(heard.start_field("engine"), "espeak-ng");
    let again = client.say("Yes.", None).await;
    assert!(again.seconds() < heard.seconds(), "the connection serves on");
}

#[tokio::test]
async fn audio_leaves_before_the_text_has_ended() {
    let worker = Worker::start(&[]).await;
    let mut client = worker.client().await;
    client.send(Message::SynthesizeStart { voice: None }).await;
    for token in ["The", " light", " is", " on", ".", " And"] {
        client.chunk(token).await;
    }
    let mut heard = Heard::default();
    client.hear_until("audio-chunk", &mut heard).await;
    assert!(!heard.samples.is_empty(), "audio before the rest of the text was sent");
    // For servers that cannot stream; a server that can must not speak it again.
    client.send(Message::Synthesize { text: "The light is on. And the fan is off.".to_owned(), voice: None }).await;
    for token in [" the", " fan", " is", " off", "."] {
        client.chunk(token).await;
    }
    client.send(Message::SynthesizeStop).await;
    client.hear_until("synthesize-stopped", &mut heard).await;
    assert_eq!((heard.starts.len(), heard.stops), (1, 1));
    let whole = client.say("The light is on. And the fan is off.", None).await;
    assert!(
        heard.is_as_long_as(&whole),
        "in pieces it is the same speech: {} s, {} s",
        heard.seconds(),
        whole.seconds()
    );
}

#[tokio::test]
async fn a_sentence_needs_no_look_ahead_where_it_comes_whole() {
    let worker = Worker::start(&[]).await;
    let mut client = worker.client().await;
    client.send(Message::SynthesizeStart { voice: None }).await;
    client.chunk("The light is on.").await;
    let mut heard = Heard::default();
    client.hear_until("audio-chunk", &mut heard).await;
    client.send(Message::SynthesizeStop).await;
    client.hear_until("synthesize-stopped", &mut heard).await;
    assert!(heard.seconds() > 0.5);
}

#[tokio::test]
async fn speed_changes_the_length() {
    let worker = Worker::start(&[]).await;
    let slow_worker = Worker::start(&["--speed", "0.6"]).await;
    let mut client = worker.client().await;
    let text = "The temperature in the living room is twenty one degrees.";
    let normal = client.say(text, None).await.seconds();
    let fast = client.say(text, Some(Voice { speed: Some(2.0), ..Voice::default() })).await.seconds();
    let slow = slow_worker.client().await.say(text, None).await.seconds();
    assert!(fast < normal * 0.7, "{fast} s against {normal} s");
    assert!(slow > normal * 1.3, "{slow} s against {normal} s");
}

#[tokio::test]
async fn a_voice_that_is_not_installed_is_replaced_and_that_is_said() {
    let mut worker = Worker::start(&[]).await;
    let mut client = worker.client().await;
    let heard = client.say("Guten Tag.", Some(voice("de_DE-thorsten-medium"))).await;
    assert!(heard.loudness() > 0.02);
    assert_eq!(heard.start_field("voice"), "espeak-ng/de");
    assert!(heard.start_field("note").contains("de_DE-thorsten-medium"), "{}", heard.start_field("note"));
    worker.logged(&["WARN", "de_DE-thorsten-medium", "espeak-ng/de speaks"]).await;
    let french = client.say("Bonjour.", Some(Voice { language: Some("fr_FR".to_owned()), ..Voice::default() })).await;
    assert!(french.start_field("voice").starts_with("espeak-ng/fr"), "{}", french.start_field("voice"));
    assert_eq!(french.start_field("note"), "");
    let unknown = client.say("Hello.", Some(Voice { language: Some("tlh".to_owned()), ..Voice::default() })).await;
    assert!(unknown.loudness() > 0.02, "there is always a voice");
    let variant =
        Voice { name: Some("espeak-ng/en-gb".to_owned()), speaker: Some("f3".to_owned()), ..Voice::default() };
    let other = client.say("The light is on.", Some(variant)).await;
    let usual = client.say("The light is on.", Some(voice("espeak-ng/en-gb"))).await;
    assert_ne!(other.samples, usual.samples, "another speaker");
}

#[tokio::test]
async fn it_says_what_it_offers() {
    let worker = Worker::start(&[]).await;
    let ready = &worker.ready["ready"];
    assert_eq!(ready["name"], "tts-piper");
    assert!(ready["model"].as_str().expect("a name").starts_with("espeak-ng/en"));
    assert!(ready["languages"].as_array().expect("languages").contains(&"de".into()));
    let mut client = worker.client().await;
    client.send(Message::Describe).await;
    let Message::Info(info) = Message::try_from(client.event().await).expect("info") else { panic!("no info") };
    let program = &info.tts[0];
    assert!(program.supports_synthesize_streaming && program.about.installed);
    assert!(program.about.description.as_deref().expect("a description").contains("No Piper voice is installed"));
    assert!(program.voices.len() > 50, "{} voices", program.voices.len());
    assert!(program.voices.iter().any(|voice| voice.languages.contains(&"de".to_owned())));
}

#[tokio::test]
async fn a_text_with_nothing_to_say_is_answered() {
    let worker = Worker::start(&[]).await;
    let mut client = worker.client().await;
    for text in ["", "   ", "😀 👍", "---"] {
        let heard = client.say(text, None).await;
        assert_eq!((heard.starts.len(), heard.samples.len()), (1, 0), "{text:?}");
    }
    client.send(Message::SynthesizeStart { voice: None }).await;
    client.send(Message::SynthesizeStop).await;
    let mut heard = Heard::default();
    client.hear_until("synthesize-stopped", &mut heard).await;
    assert_eq!((heard.starts.len(), heard.stops, heard.samples.len()), (1, 1, 0));
}

#[tokio::test]
async fn markup_is_not_read_out() {
    let worker = Worker::start(&[]).await;
    let mut client = worker.client().await;
    let plain = client.say("Status. The kitchen is at 21.5 degrees Celsius.", None).await;
    let marked = client.say("# Status\n\nThe **kitchen** 😀 is at `21.5 °C`.", None).await;
    assert!(plain.is_as_long_as(&marked), "{} s, {} s", plain.seconds(), marked.seconds());
}

#[tokio::test]
async fn a_text_that_is_too_long_is_refused_with_a_reason() {
    let worker = Worker::start(&["--max-chars", "100"]).await;
    let mut client = worker.client().await;
    let mut heard = Heard::default();
    client.send(Message::Synthesize { text: "word ".repeat(50), voice: None }).await;
    client.hear_until("error", &mut heard).await;
    let (code, text) = heard.error.take().expect("an error");
    assert_eq!(code, "text_too_long");
    assert!(text.contains("100"), "{text}");
    // Streamed: what fitted is spoken, then the rest is refused, and the stream ends as streams do.
    client.send(Message::SynthesizeStart { voice: None }).await;
    client.chunk("This still fits. ").await;
    client.chunk(&"word ".repeat(50)).await;
    client.chunk("More.").await;
    client.send(Message::SynthesizeStop).await;
    client.hear_until("synthesize-stopped", &mut heard).await;
    assert_eq!(heard.error.expect("an error").0, "text_too_long");
    assert_eq!(heard.starts.len(), heard.stops);
    assert!(client.say("Fine.", None).await.loudness() > 0.02, "the connection serves on");
}

#[tokio::test]
async fn a_peer_that_goes_away_stops_its_speech() {
    let mut worker = Worker::start(&[]).await;
    let mut gone = worker.client().await;
    let text = "This sentence is spoken again and again until nobody listens. ".repeat(300);
    gone.send(Message::Synthesize { text, voice: None }).await;
    gone.hear_until("audio-chunk", &mut Heard::default()).await;
    drop(gone);
    let line = worker.logged(&["abandoned"]).await;
    let sent: u64 = line
        .split("sent_ms=")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next())
        .expect("a time")
        .parse()
        .expect("a number");
    assert!(sent < 300 * 3000, "it stopped {sent} ms into the speech");
    let heard = worker.client().await.say("Still here.", None).await;
    assert!(heard.loudness() > 0.02);
}

#[tokio::test]
async fn many_speak_at_once_and_nobody_hears_another() {
    let worker = Worker::start(&[]).await;
    let texts = ["Yes.", "The light in the kitchen is on.", "Good morning, it is a quarter past seven and it rains."];
    let mut alone = Vec::new();
    for text in texts {
        alone.push(worker.client().await.say(text, None).await);
    }
    let mut all = tokio::task::JoinSet::new();
    for turn in 0..24 {
        let mut client: Client = worker.client().await;
        all.spawn(async move { (turn % 3, client.say(texts[turn % 3], None).await) });
    }
    while let Some(done) = all.join_next().await {
        let (which, heard) = done.expect("no panic");
        assert!(heard.is_as_long_as(&alone[which]), "{:?}: {} s", texts[which], heard.seconds());
    }
}

#[tokio::test]
async fn nonsense_is_answered_and_others_are_served() {
    let worker = Worker::start(&[]).await;
    let mut client = worker.client().await;
    client.sender.send_event(Event::new("synthesize").with("text", 5)).await.expect("sent");
    let mut heard = Heard::default();
    client.hear_until("error", &mut heard).await;
    client.sender.send_event(Event::new("something-else")).await.expect("sent");
    client.send(Message::SynthesizeStop).await;
    client.chunk("lost").await;
    client.hear_until("synthesize-stopped", &mut heard).await;
    assert!(client.say("Fine.", None).await.loudness() > 0.02);
    let mut odd = worker.client().await;
    let text = "\u{0}\u{1}[[h@'loU]] <speak><break/>ok</speak> \u{ffff} 日本語 %s%n";
    assert!(odd.say(text, None).await.stops == 1);
}

#[tokio::test]
async fn it_ends_with_its_parent_and_on_request() {
    let mut orphan = Worker::start(&[]).await;
    drop(orphan.stdin.take());
    assert_eq!(orphan.exit_code().await, Some(0));

    let mut detached = Worker::start(&["--detached"]).await;
    drop(detached.stdin.take());
    assert!(detached.client().await.say("Still here.", None).await.loudness() > 0.02);
    let id = detached.child.id().expect("running").to_string();
    let kill = tokio::process::Command::new("kill").args(["-TERM", &id]).status();
    assert!(within(kill).await.expect("kill").success());
    assert_eq!(detached.exit_code().await, Some(0));
}

#[tokio::test]
async fn it_says_why_it_cannot_start() {
    let empty = tempfile::tempdir().expect("a folder");
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("tcp://{}", taken.local_addr().expect("its address"));
    let folder = empty.path().to_string_lossy().into_owned();
    for (arguments, reason) in
        [(["--espeak-data", folder.as_str()], "espeak-ng-data"), (["--uri", address.as_str()], "cannot listen")]
    {
        let output = within(command(&arguments).output()).await.expect("output");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(log.trim().lines().last().expect("a line").contains(reason), "{log}");
        assert!(output.stdout.is_empty(), "it never said that it is ready");
    }
    let output = within(command(&["--speed", "9"]).output()).await.expect("output");
    assert_eq!(output.status.code(), Some(2));
}

#[tokio::test]
async fn a_half_closed_peer_hears_its_text_to_the_end() {
    let worker = Worker::start(&[]).await;
    let mut client = worker.client().await;
    client.send(Message::Synthesize { text: "The light is on. The fan is off.".to_owned(), voice: None }).await;
    client.sender.close().await.expect("closed");
    let mut heard = Heard::default();
    client.hear_until("audio-stop", &mut heard).await;
    assert!(heard.seconds() > 1.0);
    assert!(
        tokio::time::timeout(Duration::from_secs(30), client.receiver.recv())
            .await
            .expect("an end")
            .expect("clean")
            .is_none()
    );
}
