//! A running worker, and a client of it.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use vesta_wyoming::{AudioFormat, Connection, Message, Uri, connect};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_vesta-stt-whisper");

/// The project's own speech model as a file, or the one named in `VESTA_TEST_WHISPER_MODEL`.
pub(crate) fn model() -> PathBuf {
    let own = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../models/nano-en/nano-en.bin.zst");
    std::env::var_os("VESTA_TEST_WHISPER_MODEL").map_or_else(own, PathBuf::from)
}

/// A worker that ends with the test.
pub(crate) struct Worker {
    pub(crate) child: Child,
    pub(crate) uri: Uri,
    pub(crate) ready: serde_json::Value,
    log: Option<Lines<BufReader<ChildStderr>>>,
}

impl Worker {
    pub(crate) async fn start(arguments: &[&str]) -> Worker {
        Worker::start_with(arguments, "warn", Stdio::inherit()).await
    }

    /// A worker that logs everything; the test reads that by [`Worker::logged`].
    pub(crate) async fn start_logged(arguments: &[&str]) -> Worker {
        Worker::start_with(arguments, "vesta_stt_whisper=trace", Stdio::piped()).await
    }

    async fn start_with(arguments: &[&str], level: &str, log: Stdio) -> Worker {
        let mut child = Command::new(PROGRAM)
            .arg("--model")
            .arg(model())
            .args(["--ctx-extra", "16", "--ctx-multiple", "32", "--ctx-min", "96"])
            .args(arguments)
            .env("RUST_LOG", level)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let log = child.stderr.take().map(|log| BufReader::new(log).lines());
        let line = lines.next_line().await.unwrap().expect("the worker says that it is ready");
        let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
        let uri = ready["ready"]["uri"].as_str().unwrap().parse().unwrap();
        Worker { child, uri, ready, log }
    }

    pub(crate) async fn client(&self) -> Client {
        Client(connect(&self.uri, Duration::from_secs(5)).await.unwrap())
    }

    /// Reads the log until a line says all of this.
    pub(crate) async fn logged(&mut self, words: &[&str]) -> String {
        let log = self.log.as_mut().expect("a worker with a log");
        loop {
            let line = log.next_line().await.unwrap().expect("the worker ended");
            if words.iter().all(|word| line.contains(word)) {
                return line;
            }
        }
    }
}

/// What a transcription was answered with.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) chunks: Vec<String>,
    pub(crate) last_settled: bool,
    pub(crate) last_heard_ms: u64,
    pub(crate) text: String,
    pub(crate) language: Option<String>,
}

pub(crate) struct Client(pub(crate) Connection);

impl Client {
    pub(crate) async fn send(&mut self, message: Message) {
        self.0.send(message).await.unwrap();
    }

    pub(crate) async fn ask(&mut self, language: Option<&str>) {
        self.send(Message::Transcribe { name: None, language: language.map(str::to_owned) }).await;
    }

    /// Sends audio of any format in chunks of so many bytes, from start to stop.
    pub(crate) async fn say(&mut self, format: AudioFormat, bytes: &[u8], chunk: usize) {
        self.send(Message::AudioStart { format, timestamp: None }).await;
        for part in bytes.chunks(chunk) {
            self.send(Message::AudioChunk { format, timestamp: None, audio: part.to_vec().into() }).await;
        }
        self.send(Message::AudioStop { timestamp: None }).await;
    }

    pub(crate) async fn next(&mut self) -> Message {
        self.0.recv().await.unwrap().expect("the worker answers")
    }

    /// The whole answer, in the order that the protocol asks for.
    pub(crate) async fn answer(&mut self) -> Answer {
        let mut answer = Answer::default();
        assert!(matches!(self.next().await, Message::TranscriptStart { .. }), "a transcript begins");
        loop {
            match self.next().await {
                Message::TranscriptChunk { text, settled, heard_ms } => {
                    answer.chunks.push(text);
                    answer.last_settled = settled.unwrap();
                    answer.last_heard_ms = heard_ms.unwrap();
                }
                Message::Transcript { text, language, .. } => {
                    (answer.text, answer.language) = (text, language);
                    break;
                }
                other => panic!("unexpected {other:?}"),
            }
        }
        assert_eq!(self.next().await, Message::TranscriptStop);
        answer
    }

    /// The rest of an answer whose beginning was read already: the transcript, and the chunks before it.
    pub(crate) async fn answer_rest(&mut self) -> (String, String) {
        let mut chunks = String::new();
        loop {
            match self.next().await {
                Message::TranscriptChunk { text, .. } => chunks += &text,
                Message::Transcript { text, .. } => return (text, chunks),
                other => panic!("unexpected {other:?}"),
            }
        }
    }

    /// Transcribes 16 kHz samples sent as fast as they go.
    pub(crate) async fn transcribe(&mut self, samples: &[i16]) -> Answer {
        self.ask(None).await;
        self.say(AudioFormat::SPEECH, &AudioFormat::pcm16(samples), 640).await;
        self.answer().await
    }
}
