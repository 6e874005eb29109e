//! A worker process and a client of it.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use vesta_wyoming::{AudioFormat, Connection, Event, Message, Receiver, Sender, Uri, Voice, connect};

/// How long an event may take before the test counts as hanging. Nothing is asserted about times below it.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Worker {
    pub child: Child,
    pub stdin: Option<ChildStdin>,
    stdout: Lines<BufReader<ChildStdout>>,
    stderr: Lines<BufReader<ChildStderr>>,
    pub ready: serde_json::Value,
    uri: Uri,
}

pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vesta-tts-piper"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command.env("RUST_LOG", "info").env_remove("ORT_DYLIB_PATH");
    command
}

impl Worker {
    pub async fn start(arguments: &[&str]) -> Self {
        let mut child = command(arguments).spawn().expect("the worker starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout")).lines();
        let stderr = BufReader::new(child.stderr.take().expect("stderr")).lines();
        let stdin = child.stdin.take();
        let line = within(stdout.next_line()).await.expect("readable").expect("a line that says it is ready");
        let ready: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        let uri = ready["ready"]["uri"].as_str().expect("an address").parse().expect("an address");
        Self { child, stdin, stdout, stderr, ready, uri }
    }

    pub async fn connect(&self) -> Connection {
        connect(&self.uri, PATIENCE).await.expect("a connection")
    }

    pub async fn client(&self) -> Client {
        let (sender, receiver) = self.connect().await.split();
        Client { sender, receiver }
    }

    /// The next line of the log that holds all of `words`.
    pub async fn logged(&mut self, words: &[&str]) -> String {
        loop {
            let line = within(self.stderr.next_line()).await.expect("readable").expect("the line, before the log ends");
            if words.iter().all(|word| line.contains(word)) {
                return line;
            }
        }
    }

    pub async fn exit_code(&mut self) -> Option<i32> {
        within(self.child.wait()).await.expect("an exit code").code()
    }
}

pub async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("an answer within the test's patience")
}

/// What a request was answered with.
#[derive(Debug, Default)]
pub struct Heard {
    pub rate: u32,
    pub samples: Vec<i16>,
    /// `audio-start` with all its fields.
    pub starts: Vec<Event>,
    pub stops: usize,
    pub stopped: bool,
    pub error: Option<(String, String)>,
}

impl Heard {
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.rate.max(1))
    }

    /// eSpeak NG speaks the same text within a few samples of the same length.
    pub fn is_as_long_as(&self, other: &Self) -> bool {
        (self.seconds() / other.seconds() - 1.0).abs() < 0.02
    }

    /// Root mean square, of full scale 1.
    pub fn loudness(&self) -> f64 {
        let sum: f64 = self.samples.iter().map(|sample| (f64::from(*sample) / 32768.0).powi(2)).sum();
        (sum / self.samples.len().max(1) as f64).sqrt()
    }

    /// Sign changes a second, halved: the pitch of a beep.
    pub fn pitch(&self) -> f64 {
        let changes = self.samples.windows(2).filter(|pair| (pair[0] < 0) != (pair[1] < 0)).count();
        changes as f64 / 2.0 / self.seconds()
    }

    /// A field of the first `audio-start`.
    pub fn start_field(&self, field: &str) -> String {
        self.starts[0].data.get(field).and_then(|value| value.as_str()).unwrap_or_default().to_owned()
    }
}

pub struct Client {
    pub sender: Sender,
    pub receiver: Receiver,
}

impl Client {
    pub async fn send(&mut self, message: Message) {
        within(self.sender.send(message)).await.expect("sent");
    }

    pub async fn chunk(&mut self, text: &str) {
        self.send(Message::SynthesizeChunk { text: text.to_owned() }).await;
    }

    pub async fn event(&mut self) -> Event {
        within(self.receiver.recv_event()).await.expect("readable").expect("an event")
    }

    /// Reads one event into `heard`; returns the event's type.
    pub async fn hear(&mut self, heard: &mut Heard) -> String {
        let event = self.event().await;
        let kind = event.kind.clone();
        if kind == "audio-start" {
            heard.starts.push(event.clone());
        }
        match Message::try_from(event).expect("a well-formed event") {
            Message::AudioStart { format, .. } => heard.rate = format.rate,
            Message::AudioChunk { format, audio, .. } => {
                assert_eq!(format, AudioFormat::mono16(heard.rate), "audio in the announced format");
                heard.samples.extend(format.to_mono(&audio));
            }
            Message::AudioStop { .. } => heard.stops += 1,
            Message::SynthesizeStopped => heard.stopped = true,
            Message::Error { text, code } => heard.error = Some((code.unwrap_or_default(), text)),
            other => panic!("unexpected {other:?}"),
        }
        kind
    }

    /// Reads on until an event of this type.
    pub async fn hear_until(&mut self, kind: &str, heard: &mut Heard) {
        while self.hear(heard).await != kind {}
    }

    pub async fn say(&mut self, text: &str, voice: Option<Voice>) -> Heard {
        self.send(Message::Synthesize { text: text.to_owned(), voice }).await;
        let mut heard = Heard::default();
        self.hear_until("audio-stop", &mut heard).await;
        heard
    }
}

pub fn voice(name: &str) -> Voice {
    Voice { name: Some(name.to_owned()), ..Voice::default() }
}

pub fn tiny_voices() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tiny-voice").to_string_lossy().into_owned()
}

/// The ONNX Runtime library of `script/setup`; a machine without one skips the tests that need it.
pub fn onnxruntime() -> Option<String> {
    let named = std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()).map(PathBuf::from);
    let cache = || {
        let base = std::env::var_os("VESTA_CACHE").map(PathBuf::from);
        let base = base.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/vesta")))?;
        Some(base.join("onnxruntime").join(if cfg!(target_os = "macos") {
            "libonnxruntime.dylib"
        } else {
            "libonnxruntime.so"
        }))
    };
    let path = named.or_else(cache).filter(|path| path.is_file());
    if path.is_none() {
        eprintln!("skipped: there is no ONNX Runtime (script/setup installs it)");
    }
    path.map(|path| path.to_string_lossy().into_owned())
}
