//! Speech in, the right action and a spoken reply out: how soon, how often, and never without being asked.
//!
//! A server of its own with the demo home hears held-out commands in real time through its WebSocket, as a phone would send them. Where speech
//! ends is known from the samples: it is the last loud one. Then it hears the commands in other voices and in noise, and at last half an hour
//! of sound that is meant for nobody.
#![allow(
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark fails loudly"
)]

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;
use vesta_store::{Store, TurnFilter, TurnRecord};
use vesta_tests::bench::{Goal, Options, Report, percentile, plot_distribution, plot_goals};
use vesta_tests::client::{FRAME, Listen};
use vesta_tests::commands::{self, Clip, Command, KNOWN, Style, UNSEEN};
use vesta_tests::live::{Answer, Live};
use vesta_tests::server::{Server, Start};
use vesta_tests::sounds;
use vesta_tests::speech::{RATE, silence};

/// How long a reply may take before it counts as missing.
const PATIENCE: Duration = Duration::from_secs(8);
/// A quiet room, in decibels of full scale; speech peaks at -6.
const ROOM: f64 = -70.0;
/// Seconds of quiet before each sentence.
const LEAD: f64 = 0.6;
/// Sources of turns, to find them in the store.
const HANDS_FREE: &str = "benchmark-hands-free";
const PUSH_TO_TALK: &str = "benchmark-push-to-talk";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::from_arguments(&["latency", "actions", "nobody"]);
    let mut commands = commands::load();
    if options.quick {
        commands = commands.into_iter().step_by(10).collect();
    }
    let folder = tempfile::tempdir()?;
    let server = Start::new().data(folder.path()).start().await;
    server.settled().await;
    let bench = Bench { server, room: sounds::at_level(&(sounds::NOISES[1].1)(10.0, 1), ROOM), commands };
    let known = bench.spoken(&KNOWN);

    let mut report = Report::default();
    let (mut hands_free, mut push_to_talk) = (Vec::new(), Vec::new());
    if options.wants("latency") {
        hands_free = bench.hands_free(&known).await;
        push_to_talk = bench.push_to_talk(&known).await;
        latency(&mut report, "hands-free", &hands_free, (350.0, 600.0));
        latency(&mut report, "push to talk", &push_to_talk, (120.0, 250.0));
    }
    let others = sounds::unrelated();
    if options.wants("actions") {
        right(&mut report, "clean", &bench.at_once(&known, None).await, 97.0);
        right(&mut report, "unseen voices", &bench.at_once(&bench.spoken(&UNSEEN), None).await, 95.0);
        right(&mut report, "10 dB noise", &bench.at_once(&known, Some((10.0, &others))).await, 90.0);
    }
    if options.wants("nobody") {
        bench.nobody_speaks_to_the_house(&mut report, if options.quick { 2.0 } else { 30.0 }, &others).await;
    }
    bench.server.stop().await;
    if options.wants("latency") {
        stages(&mut report, folder.path(), &hands_free, &push_to_talk).await?;
    }
    let plot = report.finish("turn")?;
    if options.wants("latency") {
        let series = [("hands-free", times(&hands_free)), ("push to talk", times(&push_to_talk))];
        return plot_distribution(&plot, "End of speech to first reply audio", "ms", &series);
    }
    plot_goals(&plot, "Actions", report.figures())
}

struct Bench {
    server: Server,
    room: Vec<i16>,
    commands: Vec<Command>,
}

/// What came of one spoken command.
struct Spoken {
    /// From the last loud sample to the first audio of the reply.
    latency_ms: Option<f64>,
    /// From the last loud sample to the word that the utterance is over; negative where that came too early.
    endpoint_ms: Option<f64>,
    /// Silence at the beginning of the reply.
    hush_ms: Option<f64>,
    /// Whether the right thing was done, or what was wrong.
    judged: Result<(), String>,
    /// By how much the microphone was late at most.
    late: Duration,
}

impl Bench {
    /// The commands, spoken in these voices in turn.
    fn spoken(&self, voices: &[Style]) -> Vec<Clip> {
        self.commands
            .iter()
            .zip(voices.iter().cycle())
            .map(|(command, voice)| commands::speak(&command.text, *voice))
            .collect()
    }

    /// The next so many samples of the quiet room.
    fn room(&self, samples: usize) -> Vec<i16> {
        self.room.iter().copied().cycle().take(samples).collect()
    }

    fn in_the_room(&self, clip: &Clip) -> Vec<i16> {
        clip.samples.iter().zip(self.room.iter().cycle()).map(|(speech, room)| speech.saturating_add(*room)).collect()
    }

    /// One client that never stops sending; the server finds where sentences end.
    async fn hands_free(&self, clips: &[Clip]) -> Vec<Spoken> {
        let mut live = Live::connect(&self.server, Listen::HandsFree, HANDS_FREE).await;
        let mut results = Vec::new();
        for (command, clip) in self.commands.iter().zip(clips) {
            live.record(&self.room((LEAD * RATE as f64) as usize)).await;
            while live.heard().is_some() {}
            let end = live.record(&self.in_the_room(clip)).await;
            let mut answers = Vec::new();
            while !is_over(&answers, end) && end.elapsed() < PATIENCE {
                live.record(&self.room(FRAME)).await;
                answers.extend(std::iter::from_fn(|| live.heard()));
            }
            results.push(Spoken::new(command, &answers, end, live.late()));
        }
        results
    }

    /// One client that says where sentences end: with their last loud sample.
    async fn push_to_talk(&self, clips: &[Clip]) -> Vec<Spoken> {
        let mut live = Live::connect(&self.server, Listen::PushToTalk, PUSH_TO_TALK).await;
        let mut results = Vec::new();
        for (command, clip) in self.commands.iter().zip(clips) {
            live.begin();
            live.record(&self.room((LEAD * RATE as f64) as usize)).await;
            let end = live.record(&self.in_the_room(clip)).await;
            live.command("end").await;
            let answers = until_over(&mut live, end).await;
            results.push(Spoken::new(command, &answers, end, live.late()));
        }
        results
    }

    /// The commands by push to talk, sent at once: what is done, not how soon.
    async fn at_once(&self, clips: &[Clip], noise: Option<(f64, &[Vec<i16>])>) -> Vec<Spoken> {
        let mut live = Live::connect(&self.server, Listen::PushToTalk, "benchmark").await;
        let mut results = Vec::new();
        for (number, (command, clip)) in self.commands.iter().zip(clips).enumerate() {
            let samples = [silence(0.3), self.in_the_room(clip), silence(0.3)].concat();
            let samples = match noise {
                Some((decibels, crowd)) => {
                    sounds::with_sound(&samples, &sounds::some_noise(number, samples.len(), crowd), decibels)
                }
                None => samples,
            };
            live.send(&samples).await;
            live.command("end").await;
            let end = Instant::now();
            let answers = until_over(&mut live, end).await;
            results.push(Spoken::new(command, &answers, end, Duration::ZERO));
        }
        results
    }

    /// Noise, music-like sound and unrelated talk, hands-free and faster than real time: nothing may be done or said.
    async fn nobody_speaks_to_the_house(&self, report: &mut Report, minutes: f64, talk: &[Vec<i16>]) {
        let seconds = minutes * 60.0 / 3.0;
        let sounds = [
            ("noise", sounds::noises(seconds, 15.0, talk)),
            ("music-like sound", sounds::musics(seconds, 15.0)),
            ("unrelated speech", sounds::talk(seconds, talk)),
        ];
        for (kind, samples) in sounds {
            let events = self.overhear(&samples).await;
            let acted: Vec<&Value> = events.iter().filter(|event| event["type"] == "acted").collect();
            let said: Vec<&Value> = events.iter().filter(|event| event["type"] == "say").collect();
            for event in events.iter().filter(|event| event["type"] == "transcript" && event["text"] != "") {
                let done = acted.iter().chain(&said).any(|other| other["turn"] == event["turn"]);
                eprintln!(
                    "{kind}: heard '{}'{}",
                    event["text"].as_str().unwrap_or_default(),
                    if done { ", and ANSWERED it" } else { "" }
                );
            }
            let minutes = minutes / 3.0;
            report.add(
                format!("false actions in {minutes:.1} min of {kind}"),
                acted.len() as f64,
                "",
                Some(Goal::AtMost(0.0)),
            );
            report.add(
                format!("false replies in {minutes:.1} min of {kind}"),
                said.len() as f64,
                "",
                Some(Goal::AtMost(0.0)),
            );
        }
    }

    async fn overhear(&self, samples: &[i16]) -> Vec<Value> {
        let mut live = Live::connect(&self.server, Listen::File, "benchmark").await;
        let mut events = Vec::new();
        for piece in samples.chunks(RATE) {
            live.send(piece).await;
            events.extend(std::iter::from_fn(|| live.heard()).map(|answer| answer.event));
        }
        live.command("bye").await;
        while let Some(answer) = live.answer(Duration::from_secs(300)).await {
            events.push(answer.event);
        }
        events
    }
}

/// Whether a turn was finished after the end of speech.
fn is_over(answers: &[Answer], end: Instant) -> bool {
    answers.iter().any(|answer| answer.event["type"] == "finished" && answer.at > end)
}

async fn until_over(live: &mut Live, end: Instant) -> Vec<Answer> {
    let mut answers = Vec::new();
    while !is_over(&answers, end) {
        let Some(answer) = live.answer(PATIENCE).await else { break };
        answers.push(answer);
    }
    answers
}

impl Spoken {
    fn new(command: &Command, answers: &[Answer], end: Instant, late: Duration) -> Self {
        let events: Vec<Value> = answers.iter().map(|answer| answer.event.clone()).collect();
        let after_end = |at: Instant| at.saturating_duration_since(end).as_secs_f64() * 1000.0;
        let of = |kind: &'static str| answers.iter().filter(move |answer| answer.event["type"] == kind);
        let reply: Vec<&Answer> = of("audio").filter(|answer| answer.at > end).collect();
        let hush = reply.first().map(|first| {
            let quiet = reply
                .iter()
                .flat_map(|answer| &answer.samples)
                .take_while(|sample| sample.unsigned_abs() < 300)
                .count();
            quiet as f64 * 1000.0 / first.event["rate"].as_f64().expect("a rate")
        });
        Self {
            latency_ms: reply.first().map(|first| after_end(first.at)),
            endpoint_ms: of("speech_ended").next_back().map(|event| match event.at.checked_duration_since(end) {
                Some(_) => after_end(event.at),
                None => end.duration_since(event.at).as_secs_f64() * -1000.0,
            }),
            hush_ms: hush,
            judged: command.judge(&events),
            late,
        }
    }
}

fn times(spoken: &[Spoken]) -> Vec<f64> {
    spoken.iter().filter_map(|spoken| spoken.latency_ms).collect()
}

fn latency(report: &mut Report, mode: &str, spoken: &[Spoken], (p50, p95): (f64, f64)) {
    let latencies = times(spoken);
    let all = spoken.len() as f64;
    report.add(
        format!("{mode}: end of speech to first reply audio, p50"),
        percentile(&latencies, 0.5),
        "ms",
        Some(Goal::AtMost(p50)),
    );
    report.add(
        format!("{mode}: end of speech to first reply audio, p95"),
        percentile(&latencies, 0.95),
        "ms",
        Some(Goal::AtMost(p95)),
    );
    report.add(format!("{mode}: commands with a reply"), latencies.len() as f64 / all * 100.0, "%", None);
    report.add(format!("{mode}: right action"), share_right(mode, spoken), "%", None);
    let cut = spoken.iter().filter(|spoken| spoken.endpoint_ms.is_some_and(|endpoint| endpoint < 0.0)).count();
    report.add(format!("{mode}: cut off before the end of speech"), cut as f64, "", None);
    let hush: Vec<f64> = spoken.iter().filter_map(|spoken| spoken.hush_ms).collect();
    report.add(format!("{mode}: silence at the start of the reply, p50"), percentile(&hush, 0.5), "ms", None);
    let late = spoken.iter().map(|spoken| spoken.late).max().unwrap_or_default();
    report.add(format!("{mode}: the benchmark's own frames late by at most"), late.as_secs_f64() * 1000.0, "ms", None);
}

fn right(report: &mut Report, set: &str, spoken: &[Spoken], goal: f64) {
    report.add(format!("right action, {set}"), share_right(set, spoken), "%", Some(Goal::AtLeast(goal)));
}

/// Says what went wrong, one line a command.
fn share_right(set: &str, spoken: &[Spoken]) -> f64 {
    for wrong in spoken.iter().filter_map(|spoken| spoken.judged.as_ref().err()) {
        eprintln!("{set}: {wrong}");
    }
    spoken.iter().filter(|spoken| spoken.judged.is_ok()).count() as f64 / spoken.len().max(1) as f64 * 100.0
}

/// Where the time goes, from the records that the server kept. `store` and `synthesise` run side by side.
async fn stages(
    report: &mut Report,
    data: &std::path::Path,
    hands_free: &[Spoken],
    push_to_talk: &[Spoken],
) -> anyhow::Result<()> {
    let store = Store::open(data)?;
    for (mode, source, spoken) in [("hands-free", HANDS_FREE, hands_free), ("push to talk", PUSH_TO_TALK, push_to_talk)]
    {
        let filter = TurnFilter { limit: 10_000, source: Some(source.to_owned()), ..TurnFilter::default() };
        let turns = store.turns(filter).await?;
        let endpoints: Vec<f64> = spoken.iter().filter_map(|spoken| spoken.endpoint_ms).collect();
        let mut stage = |name: &str, durations: &[f64]| {
            for (word, share) in [("p50", 0.5), ("p95", 0.95)] {
                report.add(format!("{mode}, stage {name}, {word}"), percentile(durations, share), "ms", None);
            }
        };
        stage("endpoint", &endpoints);
        for name in ["transcribe", "understand", "act", "store", "synthesise"] {
            stage(name, &durations(&turns, name));
        }
        let answered: Vec<f64> = turns.iter().filter_map(first_audio).collect();
        stage("all after the endpoint", &answered);
    }
    Ok(())
}

/// How long the stage took in each turn; one that ran twice counts in full.
fn durations(turns: &[TurnRecord], name: &str) -> Vec<f64> {
    let of = |turn: &TurnRecord| {
        let stages: Vec<f64> =
            turn.stages.iter().filter(|stage| stage.name == name).map(|stage| stage.end_ms - stage.start_ms).collect();
        (!stages.is_empty()).then(|| stages.iter().sum::<f64>())
    };
    turns.iter().filter_map(of).collect()
}

fn first_audio(turn: &TurnRecord) -> Option<f64> {
    turn.events.iter().find(|event| event.name == "first_audio")?.detail["after_end_ms"].as_f64()
}
