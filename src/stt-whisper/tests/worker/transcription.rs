//! What the worker hears.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use vesta_wyoming::{AudioFormat, Message, Uri};

use crate::speech::{noise, say, tune, wave};
use crate::worker::Worker;

const LIGHT: &str = "turn on the kitchen light";

#[tokio::test]
async fn it_says_what_it_can_do() {
    let worker = Worker::start(&[]).await;
    let mut client = worker.client().await;
    client.send(Message::Describe).await;
    let Message::Info(info) = client.next().await else { panic!("no info") };
    let program = &info.asr[0];
    assert!(program.supports_transcript_streaming && program.about.installed);
    assert_eq!(program.models[0].languages, ["en"]);
    client.send(Message::Ping { text: Some("?".to_owned()) }).await;
    assert_eq!(client.next().await, Message::Pong { text: Some("?".to_owned()) });
}

#[tokio::test]
async fn one_connection_carries_several_transcriptions() {
    let worker = Worker::start(&[]).await;
    let mut client = worker.client().await;
    for text in [LIGHT, "stop", LIGHT] {
        let answer = client.transcribe(&say(text)).await;
        assert_eq!(answer.text, text);
        assert_eq!(answer.chunks.concat(), text);
        assert_eq!(answer.language.as_deref(), Some("en"));
        assert!(answer.last_settled);
    }
    // The next request may be sent before the answer has come.
    for _ in 0..3 {
        client.say(AudioFormat::SPEECH, &AudioFormat::pcm16(&say("stop")), 4096).await;
    }
    for _ in 0..3 {
        assert_eq!(client.answer().await.text, "stop");
    }
}

#[tokio::test]
async fn words_arrive_while_speech_goes_on() {
    let worker = Worker::start(&[]).await;
    let mut client = worker.client().await;
    let format = AudioFormat::SPEECH;
    let text = "set the bedroom lights to fifty percent";
    let spoken = AudioFormat::pcm16(&say(text)).to_vec();
    let speech_ms = format.duration_ms(spoken.len());
    client.ask(Some("en-US")).await;
    client.send(Message::AudioStart { format, timestamp: None }).await;
    client.send(Message::AudioChunk { format, timestamp: None, audio: spoken.into() }).await;
    let mut told = String::new();
    let mut settled = false;
    // The first pause makes the worker decode everything, each further one makes it confirm that; there is no stop.
    for _ in 0..4 {
        client.send(Message::AudioChunk { format, timestamp: None, audio: vec![0; 9600].into() }).await;
        loop {
            let message = client.next().await;
            let Message::TranscriptChunk { text, settled: all, heard_ms } = message else { continue };
            told += &text;
            settled = all == Some(true);
            if heard_ms.unwrap() >= speech_ms {
                break;
            }
        }
        if settled {
            break;
        }
    }
    assert_eq!((told.as_str(), settled), (text, true));
    client.send(Message::AudioStop { timestamp: None }).await;
    assert_eq!(client.answer_rest().await, (text.to_owned(), String::new()));
}

#[tokio::test]
async fn short_words_are_heard_from_the_first_sample() {
    let worker = Worker::start(&[]).await;
    let mut client = worker.client().await;
    for word in ["stop", "yes", "off"] {
        assert_eq!(client.transcribe(&say(word)).await.text, word);
    }
}

#[tokio::test]
async fn any_usual_format_is_heard() {
    let worker = Worker::start(&[]).await;
    let mut client = worker.client().await;
    let wave = wave(LIGHT);
    let mono = &wave[44..];
    let samples: Vec<i16> = mono.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    let stereo: Vec<i16> = samples.iter().flat_map(|&sample| [sample, sample]).collect();
    let wide: Vec<u8> = samples.iter().flat_map(|&sample| (i32::from(sample) << 16).to_le_bytes()).collect();
    for (width, channels, bytes) in [(2, 1, mono.to_vec()), (2, 2, AudioFormat::pcm16(&stereo).to_vec()), (4, 1, wide)]
    {
        client.say(AudioFormat { rate: 22_050, width, channels }, &bytes, 1001).await;
        assert_eq!(client.answer().await.text, LIGHT, "{width} bytes, {channels} channels");
    }
}

#[tokio::test]
async fn silence_noise_and_a_tune_say_nothing() {
    let worker = Worker::start(&[]).await;
    let mut client = worker.client().await;
    let sounds = [vec![], vec![0; 100], vec![0; 30 * 16_000], noise(30, 300), noise(30, 6000), tune(30)];
    for (number, sound) in sounds.iter().enumerate() {
        let answer = client.transcribe(sound).await;
        assert_eq!((answer.text.as_str(), answer.chunks.concat().as_str()), ("", ""), "sound {number}");
        assert_eq!(answer.last_heard_ms, sound.len() as u64 / 16, "sound {number}");
    }
}

#[tokio::test]
async fn long_audio_is_transcribed_window_by_window() {
    let worker = Worker::start(&[]).await;
    let mut client = worker.client().await;
    let mut samples = Vec::new();
    let commands = [LIGHT, "turn off the bedroom light", "stop"];
    for text in commands.iter().cycle().take(12) {
        samples.extend(say(text));
        samples.extend([0; 16_000 * 3]);
    }
    let answer = client.transcribe(&samples).await;
    let expected: Vec<&str> = commands.iter().cycle().take(12).copied().collect();
    assert_eq!(answer.text, expected.join(" "));
    assert_eq!(answer.chunks.concat(), answer.text);
}

#[tokio::test]
async fn a_language_that_the_model_lacks_is_refused_and_the_connection_goes_on() {
    let worker = Worker::start(&[]).await;
    let mut client = worker.client().await;
    client.ask(Some("de")).await;
    client.say(AudioFormat::SPEECH, &[0; 6400], 640).await;
    let Message::Error { text, code } = client.next().await else { panic!("no error") };
    assert_eq!(code.as_deref(), Some("language_not_supported"));
    assert!(text.contains("\"de\"") && text.contains("en"), "{text}");
    client.send(Message::Transcribe { name: Some("no-such-model".to_owned()), language: None }).await;
    let Message::Error { code, .. } = client.next().await else { panic!("no error") };
    assert_eq!(code.as_deref(), Some("no_such_model"));
    client.say(AudioFormat { rate: 500, width: 2, channels: 1 }, &[0; 64], 64).await;
    client.ask(Some("auto")).await;
    client.say(AudioFormat { rate: 500, width: 2, channels: 1 }, &[0; 64], 64).await;
    let Message::Error { code, .. } = client.next().await else { panic!("no error") };
    assert_eq!(code.as_deref(), Some("bad_audio_format"));
    assert_eq!(client.transcribe(&say("stop")).await.text, "stop");
}

#[tokio::test]
async fn many_clients_are_served_at_once() {
    let worker = Worker::start(&[]).await;
    let spoken = say("stop");
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..24 {
        let (mut client, spoken) = (worker.client().await, spoken.clone());
        clients.spawn(async move { client.transcribe(&spoken).await.text });
    }
    for text in clients.join_all().await {
        assert_eq!(text, "stop");
    }
}

#[tokio::test]
async fn who_leaves_is_not_decoded_for() {
    let mut worker = Worker::start_logged(&[]).await;
    let long: Vec<i16> = say(LIGHT).iter().copied().cycle().take(16_000 * 15).collect();
    let mut client = worker.client().await;
    client.ask(None).await;
    client.say(AudioFormat::SPEECH, &AudioFormat::pcm16(&long), 64_000).await;
    worker.logged(&["spectrogram", "samples=240000"]).await;
    drop(client);
    worker.logged(&["decode aborted", "cancelled=true"]).await;
    assert_eq!(worker.client().await.transcribe(&say("stop")).await.text, "stop");
}

#[tokio::test]
async fn who_only_stops_sending_is_answered() {
    let worker = Worker::start(&[]).await;
    let Uri::Tcp { host, port } = worker.uri.clone() else { panic!("not TCP") };
    let mut stream = TcpStream::connect((host, port)).await.unwrap();
    let audio = AudioFormat::pcm16(&say(LIGHT));
    let format = r#"{"rate":16000,"width":2,"channels":1}"#;
    let events = format!(
        "{{\"type\":\"audio-start\",\"data\":{format}}}\n{{\"type\":\"audio-chunk\",\"data\":{format},\"payload_length\":{}}}\n",
        audio.len()
    );
    stream.write_all(events.as_bytes()).await.unwrap();
    stream.write_all(&audio).await.unwrap();
    stream.write_all(b"{\"type\":\"audio-stop\",\"data\":{}}\n").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains(LIGHT) && answer.contains("transcript-stop"), "{answer}");
}

#[tokio::test]
async fn garbage_hurts_only_its_sender() {
    let worker = Worker::start(&[]).await;
    let Uri::Tcp { host, port } = worker.uri.clone() else { panic!("not TCP") };
    let mut client = worker.client().await;
    for garbage in
        [&b"\x00\xff\xfe garbage\n"[..], b"{\"type\":\"audio-chunk\",\"payload_length\":99999999999}\n", b"[]\n"]
    {
        let mut stream = TcpStream::connect((host.as_str(), port)).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
    }
    assert_eq!(client.transcribe(&say("stop")).await.text, "stop");
}
