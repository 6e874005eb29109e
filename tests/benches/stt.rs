//! How soon the transcript is there after the end of speech, with a model of Whisper base.en's size.
//!
//! The weights are random, written on the spot; the worker writes a fixed number of tokens for each second of audio. So the work is that of
//! the real model, and what is heard means nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark fails loudly"
)]

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep_until, timeout};
use vesta_tests::bench::{Goal, Options, Report, percentile, plot_distribution};
use vesta_tests::commands::{KNOWN, speak};
use vesta_tests::program;
use vesta_tests::speech::{RATE, silence};
use vesta_tests::whisper_model::{WhisperShape, write_random_whisper};
use vesta_wyoming::{AudioFormat, Connection, Message, connect};

/// English speech takes about so many tokens of Whisper's vocabulary a second.
const TOKENS_PER_SECOND: &str = "4";
/// What is said, short to long. A slash is a pause for breath.
const UTTERANCES: [(&str, &str); 3] = [
    ("a command", "turn on the kitchen light and close the bedroom blinds"),
    (
        "a request",
        "could you please turn off all the lights in the living room / and set the heating to nineteen degrees for tonight",
    ),
    (
        "dictation",
        "please add the following to my notes / the plumber comes on thursday morning between eight and ten / he needs the key of the cellar \
         / and somebody has to clear the shelf below the window / before he can get to the pipes",
    ),
];
const PATIENCE: Duration = Duration::from_secs(60);
const FORMAT: AudioFormat = AudioFormat { rate: RATE as u32, width: 2, channels: 1 };
/// A client sends audio in pieces of 20 ms.
const PIECE: usize = RATE / 50;
/// The silence that the server waits for after a command that sounds complete.
const ENDPOINT: f64 = 0.2;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::from_arguments(&["base-en"]);
    let rounds = if options.quick { 1 } else { 4 };
    let folder = tempfile::tempdir()?;
    let model = folder.path().join("base-en-shape.bin");
    write_random_whisper(&model, WhisperShape::BASE_EN, 1)?;
    let worker = Worker::start(&model, &[]).await;
    let untrimmed = Worker::start(&model, &["--ctx-min", "1500"]).await;
    worker.at_once(&silence(1.0)).await;

    let mut report = Report::default();
    let mut whole_context = Vec::new();
    let (mut streamed, mut handed_over, mut whole, mut ratios) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (kind, text) in UTTERANCES {
        let (mut seconds, mut after_end, mut after_silence, mut one_call) = (0.0, Vec::new(), Vec::new(), Vec::new());
        for round in 0..rounds {
            let clip = spoken(text, round);
            seconds = clip.len() as f64 / RATE as f64;
            one_call.push(worker.at_once(&clip).await);
            whole_context.push(untrimmed.at_once(&clip).await);
            after_end.push(worker.in_real_time(&clip, 0.0).await);
            after_silence.push(worker.in_real_time(&clip, ENDPOINT).await);
        }
        let ratio = percentile(&after_end, 0.5) / percentile(&one_call, 0.5);
        report.add(
            format!("{kind} of {seconds:.1} s: decoded in one call, p50"),
            percentile(&one_call, 0.5),
            "ms",
            None,
        );
        report.add(
            format!("{kind}: streamed, transcript after the end of speech, p50"),
            percentile(&after_end, 0.5),
            "ms",
            None,
        );
        report.add(
            format!("{kind}: the same, {ENDPOINT} s of silence sent before the end, p50"),
            percentile(&after_silence, 0.5),
            "ms",
            None,
        );
        report.add(format!("{kind}: streamed against one call"), ratio, "", None);
        ratios.extend(after_end.iter().zip(&one_call).map(|(streamed, whole)| streamed / whole));
        streamed.extend(after_end);
        handed_over.extend(after_silence);
        whole.extend(one_call);
    }
    let sum = |values: &[f64]| values.iter().sum::<f64>();
    report.add(
        "final transcript after the end of speech against one call, all utterances",
        sum(&streamed) / sum(&whole),
        "",
        Some(Goal::AtMost(0.5)),
    );
    report.add("the same, worst single utterance", percentile(&ratios, 1.0), "", None);
    report.add(
        "the same, against one call with the model's whole context",
        sum(&streamed) / sum(&whole_context),
        "",
        None,
    );
    let plot = report.finish("stt")?;
    let series = [
        ("decoded in one call", whole),
        ("decoded in one call, whole context", whole_context),
        ("streamed, from the end of speech", streamed),
        ("with silence before the end", handed_over),
    ];
    plot_distribution(&plot, "Final transcript, base.en's size, random weights", "ms", &series)
}

/// The utterance in a voice of its own for each round.
fn spoken(text: &str, round: usize) -> Vec<i16> {
    let breaths: Vec<Vec<i16>> = text.split('/').map(|part| speak(part, KNOWN[round % KNOWN.len()]).samples).collect();
    breaths.join(&silence(0.55)[..])
}

/// The speech-to-text worker on its own.
struct Worker {
    uri: String,
    _process: Child,
    _stdin: tokio::process::ChildStdin,
}

impl Worker {
    async fn start(model: &std::path::Path, options: &[&str]) -> Self {
        let mut process = Command::new(program::path("vesta-stt-whisper"))
            .args(["--language", "en", "--fixed-tokens-per-second", TOKENS_PER_SECOND, "--model"])
            .arg(model)
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("the worker starts");
        let stdin = process.stdin.take().expect("its standard input");
        let mut lines = BufReader::new(process.stdout.take().expect("its standard output")).lines();
        let line = timeout(PATIENCE, lines.next_line())
            .await
            .expect("it is ready in time")
            .expect("it is read")
            .expect("a line");
        let ready: Value = serde_json::from_str(&line).expect("JSON");
        Self { uri: ready["ready"]["uri"].as_str().expect("a uri").to_owned(), _process: process, _stdin: stdin }
    }

    async fn open(&self) -> Connection {
        let mut connection = connect(&self.uri.parse().expect("a uri"), PATIENCE).await.expect("a connection");
        connection.send(Message::Transcribe { name: None, language: None }).await.expect("taken");
        connection.send(Message::AudioStart { format: FORMAT, timestamp: None }).await.expect("taken");
        connection
    }

    /// Milliseconds for a recording that is sent in one piece.
    async fn at_once(&self, samples: &[i16]) -> f64 {
        let mut connection = self.open().await;
        let began = Instant::now();
        connection.send(chunk(samples)).await.expect("taken");
        finish(connection, began).await
    }

    /// Milliseconds from the end of speech to the transcript, when each piece is sent at the moment at which it was spoken. `silence` seconds
    /// follow before the audio is said to be over; they count.
    async fn in_real_time(&self, samples: &[i16], silence: f64) -> f64 {
        let connection = self.open().await;
        let (mut sender, receiver) = connection.split();
        let began = Instant::now();
        let mut all = samples.to_vec();
        all.resize(samples.len() + (silence * RATE as f64) as usize, 0);
        // What the worker tells meanwhile is taken, or it would wait for a reader.
        let transcript = tokio::spawn(final_transcript(receiver));
        for (number, piece) in all.chunks(PIECE).enumerate() {
            let spoken = (number * PIECE + piece.len()) as f64 / RATE as f64;
            sleep_until(began + Duration::from_secs_f64(spoken)).await;
            sender.send(chunk(piece)).await.expect("taken");
        }
        sender.send(Message::AudioStop { timestamp: None }).await.expect("taken");
        let at = timeout(PATIENCE, transcript).await.expect("in time").expect("a transcript");
        let end_of_speech = began + Duration::from_secs_f64(samples.len() as f64 / RATE as f64);
        at.duration_since(end_of_speech).as_secs_f64() * 1000.0
    }
}

fn chunk(samples: &[i16]) -> Message {
    let audio: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    Message::AudioChunk { format: FORMAT, timestamp: None, audio: audio.into() }
}

async fn finish(mut connection: Connection, began: Instant) -> f64 {
    connection.send(Message::AudioStop { timestamp: None }).await.expect("taken");
    let (_sender, receiver) = connection.split();
    let at = timeout(PATIENCE, final_transcript(receiver)).await.expect("in time");
    at.duration_since(began).as_secs_f64() * 1000.0
}

async fn final_transcript(mut receiver: vesta_wyoming::Receiver) -> Instant {
    loop {
        match receiver.recv().await.expect("it is read").expect("a transcript before the end") {
            Message::Transcript { text, .. } => {
                assert!(text.len() < 100_000, "a transcript");
                return Instant::now();
            }
            Message::Error { text, .. } => panic!("{text}"),
            _ => {}
        }
    }
}
