//! Text to speech, with workers that die.

use tokio_util::sync::CancellationToken;
use vesta_engines::{EngineKind, SpeakOptions, SpeechChunk, TextToSpeech};
use vesta_wyoming::{Connection, Error, Message};

use crate::fake::{Fake, Manner, SPEECH_RATE, Server, info, kill, remote, speech};

fn joined(chunks: &[SpeechChunk]) -> Vec<i16> {
    assert!(chunks.iter().all(|chunk| chunk.rate == SPEECH_RATE && !chunk.samples.is_empty()));
    chunks.iter().flat_map(|chunk| chunk.samples.clone()).collect()
}

#[tokio::test]
async fn clauses_become_speech_with_a_space_between_them() {
    let fake = Fake::new(EngineKind::Tts, Manner::Good);
    let tts = TextToSpeech::new(fake.start());
    let (mut text, mut chunks) = tts.speak(SpeakOptions::default());
    text.push("The light").await;
    text.push("is on.").await;
    text.push(" Anything else?").await;
    text.finish().await;
    let mut spoken = Vec::new();
    while let Some(chunk) = chunks.recv().await {
        spoken.push(chunk.unwrap());
    }
    assert_eq!(joined(&spoken), speech("The light is on. Anything else?"));
    assert_eq!(tts.engine().sessions(), 0);
}

#[tokio::test]
async fn nothing_to_say_is_said_without_an_engine() {
    let fake = Fake::new(EngineKind::Tts, Manner::Broken);
    let tts = TextToSpeech::new(fake.start());
    assert_eq!(tts.say("", SpeakOptions::default()).await.unwrap(), []);
}

#[tokio::test]
async fn a_reply_survives_killed_workers_without_a_lost_or_doubled_sample() {
    let fake = Fake::new(EngineKind::Tts, Manner::Halting);
    let engine = fake.start();
    let tts = TextToSpeech::new(engine.clone());
    let sentence = "It is half past seven.";
    let (mut text, mut chunks) = tts.speak(SpeakOptions::default());
    text.push(sentence).await;
    text.finish().await;
    let mut spoken = Vec::new();
    for _ in 0..5 {
        spoken.push(chunks.recv().await.expect("one more block than the worker before").unwrap());
        kill(engine.pid().expect("the worker that has just spoken"));
    }
    while let Some(chunk) = chunks.recv().await {
        spoken.push(chunk.unwrap());
    }
    assert_eq!(joined(&spoken), speech(sentence));
    assert_eq!(fake.starts(), 6);
}

#[tokio::test]
async fn a_worker_that_cannot_start_is_an_error_with_its_last_words() {
    let fake = Fake::new(EngineKind::Tts, Manner::Broken);
    let tts = TextToSpeech::new(fake.start());
    let error = tts.say("Good evening.", SpeakOptions::default()).await.unwrap_err();
    assert_eq!(error.code(), "tts_unavailable");
    assert!(error.stderr_tail().iter().any(|line| line == "cannot open the model"), "{error}");
}

/// A server of another make: speaks whole texts only, two blocks each, and hangs up after each where that is its habit.
async fn plain(mut peer: Connection, hangs_up: bool) -> Result<(), Error> {
    while let Some(message) = peer.recv().await? {
        match message {
            Message::Describe => peer.send(Message::Info(info(false))).await?,
            Message::Synthesize { text, voice } => {
                let voice = voice.and_then(|voice| voice.name).unwrap_or_default();
                let samples = speech(&format!("{voice}:{text}"));
                let format = vesta_wyoming::AudioFormat::mono16(SPEECH_RATE);
                peer.send(Message::AudioStart { format, timestamp: None }).await?;
                let (first, second) = samples.split_at(samples.len() / 2);
                peer.send(Message::audio(SPEECH_RATE, first)).await?;
                peer.send(Message::audio(SPEECH_RATE, second)).await?;
                peer.send(Message::AudioStop { timestamp: None }).await?;
                if hangs_up {
                    return Ok(());
                }
            }
            _ => {}
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_server_that_takes_only_whole_texts_is_given_sentence_by_sentence() {
    for hangs_up in [false, true] {
        let server = Server::start(None, move |peer| plain(peer, hangs_up)).await;
        let cancel = CancellationToken::new();
        let tts = TextToSpeech::new(remote(EngineKind::Tts, &server.uri, &cancel));
        let options = SpeakOptions { voice: Some("alba".to_owned()), ..SpeakOptions::default() };
        let (mut text, mut chunks) = tts.speak(options);
        text.push("It is 21.5 degrees").await;
        text.push("inside. Outside it").await;
        // The first sentence is spoken before the second one is complete.
        let mut spoken = vec![chunks.recv().await.unwrap().unwrap(), chunks.recv().await.unwrap().unwrap()];
        assert_eq!(joined(&spoken), speech("alba:It is 21.5 degrees inside."));
        text.push("is colder").await;
        text.finish().await;
        while let Some(chunk) = chunks.recv().await {
            spoken.push(chunk.unwrap());
        }
        let mut expected = speech("alba:It is 21.5 degrees inside.");
        expected.extend(speech("alba:Outside it is colder"));
        assert_eq!(joined(&spoken), expected, "hangs up: {hangs_up}");
    }
}

#[tokio::test]
async fn a_slow_listener_gets_everything() {
    let server = Server::start(None, |peer| plain(peer, false)).await;
    let cancel = CancellationToken::new();
    let tts = TextToSpeech::new(remote(EngineKind::Tts, &server.uri, &cancel));
    let sentences: Vec<String> = (0..60).map(|number| format!("This is sentence number {number}.")).collect();
    let (mut text, mut chunks) = tts.speak(SpeakOptions::default());
    let mut spoken = Vec::new();
    for sentence in &sentences {
        text.push(sentence).await;
        // One block is taken for two that come in.
        spoken.push(chunks.recv().await.unwrap().unwrap());
    }
    text.finish().await;
    while let Some(chunk) = chunks.recv().await {
        spoken.push(chunk.unwrap());
    }
    let expected: Vec<i16> = sentences.iter().flat_map(|sentence| speech(&format!(":{sentence}"))).collect();
    assert_eq!(joined(&spoken), expected);
}
