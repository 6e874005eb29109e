//! Workers that need no model. What they hear and say can be computed, so that a test can tell whether a single sample was lost.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use vesta_engines::{Engine, EngineKind, EngineSpec, EngineState, Source, WorkerCommand};
use vesta_wyoming::{
    Artifact, AsrModel, AsrProgram, Connection, Error, Info, Listener, Message, ServeOptions, TtsProgram, Uri,
};

/// Tells the worker process what to be; see [`Manner`].
const MANNER: &str = "FAKE_WORKER_MANNER";
/// A file to which every start of the worker process adds a line.
const STARTS: &str = "FAKE_WORKER_STARTS";
/// The rate of all fake speech.
pub(crate) const SPEECH_RATE: u32 = 22_050;
/// Samples of fake speech for one byte of text.
pub(crate) const SAMPLES_A_BYTE: usize = 50;

/// How a fake worker behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Manner {
    /// Hears and speaks, and streams both.
    Good,
    /// Says why on stderr and ends before it is ready.
    Broken,
    /// Never says that it is ready.
    Silent,
    /// Ends on the first audio that it is given.
    Poisoned,
    /// Hears, but the first process never answers.
    FirstHangs,
    /// Speaks, but every process up to the fifth stops in the middle of a reply and waits to be killed.
    Halting,
    /// Does not end when its stdin is closed.
    Stubborn,
}

const MANNERS: [Manner; 7] = [
    Manner::Good,
    Manner::Broken,
    Manner::Silent,
    Manner::Poisoned,
    Manner::FirstHangs,
    Manner::Halting,
    Manner::Stubborn,
];

/// A worker process that behaves as told, with a file that counts its starts.
pub(crate) struct Fake {
    _folder: tempfile::TempDir,
    starts: PathBuf,
    pub(crate) spec: EngineSpec,
    pub(crate) cancel: CancellationToken,
}

impl Fake {
    pub(crate) fn new(kind: EngineKind, manner: Manner) -> Fake {
        let folder = tempfile::tempdir().unwrap();
        let starts = folder.path().join("starts");
        let command = WorkerCommand {
            program: std::env::current_exe().unwrap(),
            args: ["--exact", "fake::worker_process", "--ignored", "--nocapture"].map(Into::into).to_vec(),
            env: vec![(MANNER.into(), format!("{manner:?}").into()), (STARTS.into(), starts.clone().into_os_string())],
        };
        let mut spec = EngineSpec::new(kind, "fake", Source::Local(command));
        spec.backoff.jitter = 0.0;
        Fake { _folder: folder, starts, spec, cancel: CancellationToken::new() }
    }

    pub(crate) fn start(&self) -> Engine {
        Engine::start(self.spec.clone(), &self.cancel)
    }

    pub(crate) fn starts(&self) -> usize {
        starts_in(&self.starts)
    }
}

fn starts_in(file: &Path) -> usize {
    std::fs::read_to_string(file).unwrap_or_default().lines().count()
}

/// Waits until the state is as wanted and returns it.
pub(crate) async fn until(
    state: &mut watch::Receiver<EngineState>,
    wanted: impl FnMut(&EngineState) -> bool,
) -> EngineState {
    state.wait_for(wanted).await.expect("the supervisor lives").clone()
}

/// `kill -9` of the worker as it is now, and the wait for its successor.
pub(crate) async fn kill_and_wait(engine: &Engine) {
    let before = engine.ready().await.expect("the worker is ready").generation;
    kill(engine.pid().expect("a worker is running"));
    let mut state = engine.state();
    until(&mut state, |state| matches!(state, EngineState::Ready { info, .. } if info.generation > before)).await;
}

pub(crate) fn kill(pid: u32) {
    let killed = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    assert!(killed.success(), "kill -9 {pid}");
}

/// Whether a process with this id exists.
pub(crate) fn lives(pid: u32) -> bool {
    std::process::Command::new("kill").args(["-0", &pid.to_string()]).output().unwrap().status.success()
}

/// Not a test: the worker process itself, when the test program is started again with [`MANNER`] set.
#[test]
#[ignore = "the body of the fake worker process"]
fn worker_process() {
    let Ok(manner) = std::env::var(MANNER) else { return };
    let manner = MANNERS.into_iter().find(|known| format!("{known:?}") == manner).expect("a known manner");
    let starts = PathBuf::from(std::env::var_os(STARTS).expect("a file for the starts"));
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&starts).unwrap();
    writeln!(file, "{}", std::process::id()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(run_worker(manner, starts_in(&starts)));
}

async fn run_worker(manner: Manner, start: usize) {
    match manner {
        Manner::Broken => {
            for line in 1..=25 {
                eprintln!("line {line}");
            }
            eprintln!("cannot open the model");
            std::process::abort();
        }
        Manner::Silent => {
            println!("some library says hello");
            return std::future::pending().await;
        }
        _ => {}
    }
    let listener = Listener::bind(&"tcp://127.0.0.1:0".parse().unwrap()).await.unwrap();
    let uri = listener.uri().unwrap();
    println!("some library says hello");
    println!(r#"{{"ready":{{"uri":"{uri}","name":"fake","model":"none","languages":["en"]}}}}"#);
    let shutdown = CancellationToken::new();
    let orphaned = shutdown.clone();
    tokio::spawn(async move {
        let _ = tokio::io::stdin().read_to_end(&mut Vec::new()).await;
        if manner != Manner::Stubborn {
            orphaned.cancel();
        }
    });
    vesta_wyoming::serve(listener, ServeOptions::default(), move |peer| attend(peer, manner, start), shutdown).await;
}

/// Serves one peer in one of the manners that get this far.
async fn attend(mut peer: Connection, manner: Manner, start: usize) -> Result<(), Error> {
    let mut heard = Heard::default();
    let mut text = String::new();
    while let Some(message) = peer.recv().await? {
        match message {
            Message::Describe => peer.send(Message::Info(info(true))).await?,
            Message::AudioStart { .. } => peer.send(Message::TranscriptStart { language: None }).await?,
            Message::AudioChunk { .. } if manner == Manner::Poisoned => std::process::abort(),
            Message::AudioChunk { audio, .. } => {
                let before = heard.words();
                heard.push(&audio);
                let chunk = Message::TranscriptChunk {
                    text: heard.words().split_off(before.len()),
                    settled: Some(true),
                    heard_ms: Some(heard.samples / 16),
                };
                peer.send(chunk).await?;
            }
            Message::AudioStop { .. } if manner == Manner::FirstHangs && start == 1 => {}
            Message::AudioStop { .. } => {
                peer.send(Message::TranscriptStop).await?;
                peer.send(Message::transcript(heard.text(), Some("en".to_owned()))).await?;
            }
            Message::SynthesizeChunk { text: more } => {
                text.push_str(&more);
                if manner == Manner::Halting && start <= 5 {
                    let so_far = speech(&text);
                    for block in so_far.chunks(100).take(start) {
                        peer.send(Message::audio(SPEECH_RATE, block)).await?;
                    }
                    // Now it hangs until it is killed.
                    return std::future::pending().await;
                }
            }
            Message::SynthesizeStop => {
                for block in speech(&text).chunks(100) {
                    peer.send(Message::audio(SPEECH_RATE, block)).await?;
                }
                peer.send(Message::SynthesizeStopped).await?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// What a fake server says of itself.
pub(crate) fn info(streaming: bool) -> Info {
    let model = AsrModel { about: Artifact::installed("none"), languages: vec!["en".to_owned()] };
    let asr = AsrProgram { models: vec![model], supports_transcript_streaming: streaming, ..AsrProgram::default() };
    let tts =
        TtsProgram { about: Artifact::installed("fake"), voices: Vec::new(), supports_synthesize_streaming: streaming };
    Info { asr: vec![asr], tts: vec![tts], ..Info::default() }
}

/// Fake hearing: the transcript names how much was heard and a sum over every sample and its place.
#[derive(Default)]
pub(crate) struct Heard {
    samples: u64,
    sum: u64,
}

impl Heard {
    pub(crate) fn push(&mut self, audio: &[u8]) {
        for pair in audio.chunks_exact(2) {
            self.samples += 1;
            let sample = i16::from_le_bytes([pair[0], pair[1]]);
            self.sum = self.sum.wrapping_add(self.samples.wrapping_mul(u64::from(sample.cast_unsigned()) + 1));
        }
    }

    pub(crate) fn text(&self) -> String {
        format!("{} samples, sum {}", self.samples, self.sum)
    }

    /// A word for every tenth of a second.
    fn words(&self) -> String {
        "la ".repeat((self.samples / 1600) as usize)
    }
}

/// The transcript that a fake server gives of these samples.
pub(crate) fn transcript(samples: &[i16]) -> String {
    let mut heard = Heard::default();
    heard.push(&samples.iter().flat_map(|sample| sample.to_le_bytes()).collect::<Vec<_>>());
    heard.text()
}

/// Fake speech: every byte of text becomes [`SAMPLES_A_BYTE`] samples that tell the byte and its place.
pub(crate) fn speech(text: &str) -> Vec<i16> {
    let bytes = text.bytes().enumerate();
    bytes.flat_map(|(place, byte)| [(place as i16 % 100) * 256 + i16::from(byte % 100); SAMPLES_A_BYTE]).collect()
}

/// A server inside the test, as somebody else might run one.
pub(crate) struct Server {
    pub(crate) uri: Uri,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Serves each peer with its own run of the handler, at a free port or at the given address.
    pub(crate) async fn start<H, F>(at: Option<&Uri>, handler: H) -> Server
    where
        H: Fn(Connection) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let anywhere = "tcp://127.0.0.1:0".parse().unwrap();
        let listener = Listener::bind(at.unwrap_or(&anywhere)).await.unwrap();
        let uri = listener.uri().unwrap();
        let stop = CancellationToken::new();
        let options = ServeOptions { drain: Duration::ZERO, ..ServeOptions::default() };
        let task = tokio::spawn(vesta_wyoming::serve(listener, options, handler, stop.clone()));
        Server { uri, stop, task }
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

/// A remote engine at this address.
pub(crate) fn remote(kind: EngineKind, uri: &Uri, cancel: &CancellationToken) -> Engine {
    Engine::start(EngineSpec::new(kind, "remote", Source::Remote(uri.clone())), cancel)
}
