//! Transcribes sound with a server's own speech engine, over Wyoming.

use std::time::Duration;

use vesta_audio::Resampler;
use vesta_wyoming::{AudioFormat, Message, connect};

use crate::server::Server;

/// What the server's speech engine hears in `samples`.
pub async fn transcribe(server: &Server, samples: &[i16], rate: u32) -> String {
    let status = server.get("/api/status").await;
    let engines = status["engines"].as_array().unwrap();
    let uri = engines.iter().find(|engine| engine["name"] == "stt").unwrap()["detail"].as_str().unwrap().to_owned();
    let mut resampler = Resampler::new(rate, vesta_audio::SAMPLE_RATE).unwrap();
    let mut audio = resampler.process(samples);
    audio.extend(resampler.flush());
    let format = AudioFormat { rate: vesta_audio::SAMPLE_RATE, width: 2, channels: 1 };
    let mut connection = connect(&uri.parse().unwrap(), Duration::from_secs(10)).await.unwrap();
    connection.send(Message::Transcribe { name: None, language: None }).await.unwrap();
    connection.send(Message::AudioStart { format, timestamp: None }).await.unwrap();
    for piece in audio.chunks(8_000) {
        let bytes: Vec<u8> = piece.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        connection.send(Message::AudioChunk { format, timestamp: None, audio: bytes.into() }).await.unwrap();
    }
    connection.send(Message::AudioStop { timestamp: None }).await.unwrap();
    loop {
        match connection.recv().await.unwrap().expect("a transcript") {
            Message::Transcript { text, .. } => return text.trim().to_lowercase(),
            Message::Error { text, .. } => panic!("{text}"),
            _ => {}
        }
    }
}
