//! Calls over WebRTC: how soon they connect and answer, how many a machine carries, and what a bad network does to them.
//!
//! A server of its own with the demo home is called by clients of this process, over real sockets, on the same machine: what the clients cost
//! is part of the load.
#![allow(
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark fails loudly"
)]

#[path = "calls/page.rs"]
mod page;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use opus::{Application, Bitrate, Channels, Encoder};
use serde_json::{Value, json};
use vesta_store::{Store, TurnFilter, TurnRecord};
use vesta_tests::bench::{Goal, Options, Report, percentile, plot_goals, plot_growth};
use vesta_tests::commands::{self, Command, KNOWN};
use vesta_tests::phone::{Caller, Do, Kind, Phone, address, post};
use vesta_tests::realtime::{Realtime, append};
use vesta_tests::relay::{Network, Relay};
use vesta_tests::server::{Server, Start};
use vesta_tests::speech::{Random, silence};
use vesta_tests::transcribe::transcribe;

const PARTS: [&str; 7] = ["page", "connect", "latency", "network", "switch", "crowd", "sockets"];

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::from_arguments(&PARTS);
    let mut report = Report::default();
    let mut curve = None;
    if options.wants("page") {
        page::measure(&mut report, if options.quick { 3 } else { 10 }).await;
    }
    if options.wants("connect") {
        connect(&mut report, if options.quick { 10 } else { 50 }).await;
    }
    if options.wants("latency") {
        latency(&mut report, if options.quick { 10 } else { 100 }).await;
    }
    if options.wants("network") {
        network(&mut report, if options.quick { 6 } else { 60 }).await?;
    }
    if options.wants("switch") {
        switch(&mut report, if options.quick { 3 } else { 10 }).await;
    }
    if options.wants("crowd") {
        let steps: &[usize] = if options.quick { &[20, 50] } else { &[25, 50, 100, 150, 200, 300] };
        curve = Some(crowd(&mut report, steps, if options.quick { 5 } else { 20 }).await);
    }
    if options.wants("sockets") {
        sockets(&mut report, if options.quick { 50 } else { 300 }, if options.quick { 5 } else { 20 }).await;
    }
    let plot = report.finish("calls")?;
    match curve {
        Some((cpu, memory)) => {
            plot_growth(&plot, "Calls at once", ("calls", "% of a core, MB"), &[("processor", cpu), ("memory", memory)])
        }
        None => plot_goals(&plot, "Calls", report.figures()),
    }
}

fn push_to_talk() -> Value {
    json!({ "type": "realtime", "audio": { "input": { "turn_detection": null } } })
}

fn hands_free() -> Value {
    json!({ "type": "realtime", "audio": { "input": { "turn_detection": { "type": "semantic_vad" } } } })
}

/// Audio passes the voice activity detection, and nothing is answered.
fn listening() -> Value {
    json!({ "type": "realtime", "audio": { "input": { "turn_detection": {
        "type": "server_vad", "create_response": false, "interrupt_response": false,
    } } } })
}

/// From the request to the connection, and to the first packet that is decoded.
async fn connect(report: &mut Report, times: usize) {
    let server = Start::new().start().await;
    server.settled().await;
    let packets = Arc::new(hum());
    let mut connected = Vec::new();
    for _ in 0..times {
        let caller = Caller::new(Kind::default()).await;
        let began = Instant::now();
        let answer = post(&server, &caller.offer, &push_to_talk()).await.text().await.expect("an answer");
        let mut client = caller.connect(&answer);
        // A browser sends audio from the first moment on; what comes before the connection stands is lost.
        client.order(Do::Stream(packets.clone())).await;
        client.wait(|noticed| matches!(noticed, vesta_tests::phone::Noticed::Connected).then_some(())).await;
        connected.push(began.elapsed().as_secs_f64() * 1000.0);
        client.opened().await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let metrics = server.text("/metrics").await;
    report.add("POST to connected, p50", percentile(&connected, 0.5), "ms", Some(Goal::AtMost(150.0)));
    report.add("POST to connected, p95", percentile(&connected, 0.95), "ms", None);
    let first = Histogram::read(&metrics, "vesta_call_first_audio_seconds", "");
    report.add("POST to first decoded packet, p50", first.quantile(0.5) * 1000.0, "ms", Some(Goal::AtMost(250.0)));
    server.stop().await;
}

/// From the button that is released to the first sample of the reply.
async fn latency(report: &mut Report, count: usize) {
    let server = Server::with_demo_home().await;
    let mut phone = Phone::call(&server, Kind::default(), &push_to_talk()).await;
    let mut latencies = Vec::new();
    for (command, style) in some(count).iter().zip(KNOWN.iter().cycle()) {
        let clip = commands::speak(&command.text, *style);
        phone.speak(&clip.samples).await;
        let released = Instant::now();
        phone.send(json!({ "type": "input_audio_buffer.commit" })).await;
        phone.send(json!({ "type": "response.create" })).await;
        let first = phone.sounds().await;
        latencies.push(first.duration_since(released).as_secs_f64() * 1000.0);
        phone.until("output_audio_buffer.stopped").await;
    }
    report.add(
        "button released to first reply packet, p50",
        percentile(&latencies, 0.5),
        "ms",
        Some(Goal::AtMost(150.0)),
    );
    report.add(
        "button released to first reply packet, p95",
        percentile(&latencies, 0.95),
        "ms",
        Some(Goal::AtMost(300.0)),
    );
    report.add("commands", latencies.len() as f64, "", None);
    let late = Histogram::read(&server.text("/metrics").await, "vesta_call_frame_lateness_seconds", "said");
    report.add("frames of replies late, p99", late.quantile(0.99) * 1000.0, "ms", None);
    server.stop().await;
}

/// The same commands over a good and over a bad network.
async fn network(report: &mut Report, count: usize) -> anyhow::Result<()> {
    let bad = Network { loss: 0.05, delay: Duration::from_millis(200), jitter: Duration::from_millis(100) };
    let mut shares = Vec::new();
    let mut intelligible = Vec::new();
    for network in [None, Some(bad)] {
        let folder = tempfile::tempdir()?;
        let server = Start::new().data(folder.path()).start().await;
        server.settled().await;
        let relay = match network {
            Some(network) => Some(Relay::to(address(&server).await, network, 11).await),
            None => None,
        };
        let kind = Kind { through: relay.as_ref().map(|relay| relay.address), ..Kind::default() };
        let mut phone = Phone::call(&server, kind, &hands_free()).await;
        let commands = some(count);
        let mut words = (0, 0);
        for (command, style) in commands.iter().zip(KNOWN.iter().cycle()) {
            let clip = commands::speak(&command.text, *style);
            phone.heard.clear();
            phone.speak(&[clip.samples, silence(2.0)].concat()).await;
            let answered = tokio::time::timeout(Duration::from_secs(6), phone.answer()).await;
            let Ok((said, _)) = answered else { continue };
            let stopped = phone.until("output_audio_buffer.stopped");
            if tokio::time::timeout(Duration::from_secs(20), stopped).await.is_err() {
                continue;
            }
            phone.idle(Duration::from_millis(700)).await;
            let heard = transcribe(&server, &phone.heard, 16_000).await;
            let (found, all) = common(&said, &heard);
            words = (words.0 + found, words.1 + all);
        }
        server.stop().await;
        let filter = TurnFilter { limit: 10_000, source: Some("webrtc".to_owned()), ..TurnFilter::default() };
        let turns = Store::open(folder.path())?.turns(filter).await?;
        let right = commands.iter().filter(|command| turns.iter().any(|turn| is_right(command, turn))).count();
        shares.push(right as f64 / commands.len() as f64 * 100.0);
        intelligible.push(words.0 as f64 / f64::from(words.1.max(1) as u32) * 100.0);
    }
    report.add("commands understood, good network", shares[0], "%", None);
    report.add("commands understood, 5 % loss, 200 ms delay, 100 ms jitter", shares[1], "%", None);
    report.add("fewer understood", shares[0] - shares[1], "%", Some(Goal::AtMost(3.0)));
    report.add("words of the reply that its transcript has, good network", intelligible[0], "%", None);
    report.add("words of the reply that its transcript has, bad network", intelligible[1], "%", None);
    Ok(())
}

/// Another network in the middle of a reply.
async fn switch(report: &mut Report, times: usize) {
    let server = Server::with_demo_home().await;
    let (mut pauses, mut lost) = (Vec::new(), Vec::new());
    for _ in 0..times {
        let mut phone = Phone::call(&server, Kind::default(), &push_to_talk()).await;
        let content = json!([{ "type": "input_text", "text": "what is the date and what is the time" }]);
        let item = json!({ "type": "message", "role": "user", "content": content });
        phone.send(json!({ "type": "conversation.item.create", "item": item })).await;
        phone.send(json!({ "type": "response.create" })).await;
        phone.sounds().await;
        phone.idle(Duration::from_millis(300)).await;
        let before = *phone.arrived.last().expect("audio");
        phone.switch(&server).await;
        let after = phone.sounds().await;
        pauses.push(after.duration_since(before).as_secs_f64() * 1000.0);
        phone.until("output_audio_buffer.stopped").await;
        phone.idle(Duration::from_millis(200)).await;
        let frames = phone.stamps.windows(2).filter(|pair| pair[1] != pair[0].wrapping_add(960)).count();
        lost.push(frames as f64);
    }
    report.add(
        "network switched in mid-reply: pause, slowest",
        percentile(&pauses, 1.0),
        "ms",
        Some(Goal::AtMost(2000.0)),
    );
    report.add("network switched in mid-reply: steps in the timestamps, most", percentile(&lost, 1.0), "", None);
    server.stop().await;
}

/// Processor and memory by calls.
type Curve = (Vec<(f64, f64)>, Vec<(f64, f64)>);

/// More and more calls, all of them sending sound that the voice activity detection has to look at.
async fn crowd(report: &mut Report, steps: &[usize], seconds: u64) -> Curve {
    let server = Start::new().env("VESTA_RTC__MAX_CALLS", "1000").start().await;
    server.settled().await;
    let packets = Arc::new(hum());
    let (pid, idle) = (server.pid(), memory(server.pid()));
    let mut phones: Vec<Phone> = Vec::new();
    let (mut cpu, mut grown) = (Vec::new(), Vec::new());
    for &step in steps {
        while phones.len() < step {
            let phone = Phone::call(&server, Kind::default(), &listening()).await;
            phone.client.order(Do::Stream(packets.clone())).await;
            phones.push(phone);
        }
        for phone in &mut phones {
            phone.idle(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        let before = Histogram::read(&server.text("/metrics").await, "vesta_call_frame_lateness_seconds", "heard");
        let (used, began) = (cpu_seconds(pid), Instant::now());
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let elapsed = began.elapsed().as_secs_f64();
        let used = (cpu_seconds(pid) - used) / elapsed * 100.0;
        let after = Histogram::read(&server.text("/metrics").await, "vesta_call_frame_lateness_seconds", "heard");
        let (frames, late) = (after.since(&before), after.since(&before).quantile(0.99) * 1000.0);
        let each = (memory(pid) - idle) / step as f64;
        let goal = |limit| (step == 150).then_some(Goal::AtMost(limit));
        report.add(format!("{step} calls: frames late, p99"), late, "ms", goal(20.0));
        report.add(
            format!("{step} calls: frames heard of those sent"),
            frames.count() / (step as f64 * 50.0 * elapsed) * 100.0,
            "%",
            None,
        );
        report.add(format!("{step} calls: processor"), used, "% core", None);
        report.add(format!("{step} calls: memory a call"), each, "MB", goal(1.0));
        cpu.push((step as f64, used));
        grown.push((step as f64, memory(pid) - idle));
    }
    let spoke = phones.iter().filter(|phone| phone.kinds().iter().any(|kind| kind.ends_with("speech_started"))).count();
    report.add("calls in which the sound was taken for speech", spoke as f64, "", None);
    let most = memory(pid);
    drop(phones);
    let gone = Instant::now();
    while !server.text("/metrics").await.lines().any(|line| line.starts_with("vesta_clients 0")) {
        assert!(gone.elapsed() < Duration::from_secs(30), "calls of killed clients stay");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    report.add("all clients killed: calls gone after", gone.elapsed().as_secs_f64(), "s", Some(Goal::AtMost(10.0)));
    tokio::time::sleep(Duration::from_secs(2)).await;
    report.add("memory given back to the system", (most - memory(pid)) / (most - idle) * 100.0, "%", None);
    // What the allocator keeps is used again: as many calls once more need no more.
    let mut again = Vec::new();
    for _ in 0..steps.iter().copied().max().unwrap_or(0) {
        let phone = Phone::call(&server, Kind::default(), &listening()).await;
        phone.client.order(Do::Stream(packets.clone())).await;
        again.push(phone);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    report.add(
        "as many calls again: more memory than the first time",
        (memory(pid) - most) / most * 100.0,
        "%",
        Some(Goal::AtMost(10.0)),
    );
    drop(again);
    server.stop().await;
    (cpu, grown)
}

/// Sessions over WebSocket, each sending the same sound in pieces of 100 ms. Once a second each asks something that is answered in order.
async fn sockets(report: &mut Report, count: usize, seconds: u64) {
    let server = Start::new().env("VESTA_REACH__MAX_CONNECTIONS", "4000").start().await;
    server.settled().await;
    let (pid, idle) = (server.pid(), memory(server.pid()));
    let mut sessions = Vec::new();
    for _ in 0..count {
        let mut session = Realtime::connect(&server).await;
        session.update(listening()).await;
        sessions.push(session);
    }
    let sound = Arc::new(noise(24_000, 5));
    let used = cpu_seconds(pid);
    let began = Instant::now();
    let run = sessions.into_iter().enumerate().map(|(number, mut session)| {
        let sound = sound.clone();
        tokio::spawn(async move {
            let start = began + Duration::from_millis(number as u64 * 100 / count as u64);
            let mut ticks = tokio::time::interval_at(start.into(), Duration::from_millis(100));
            let mut answers = Vec::new();
            for (turn, piece) in sound.chunks_exact(2_400).cycle().take(seconds as usize * 10).enumerate() {
                ticks.tick().await;
                session.send(append(piece)).await;
                if turn % 10 == number % 10 {
                    let asked = Instant::now();
                    session.send(json!({ "type": "input_audio_buffer.clear" })).await;
                    session.until("input_audio_buffer.cleared").await;
                    answers.push(asked.elapsed().as_secs_f64() * 1000.0);
                }
            }
            answers
        })
    });
    let answers: Vec<f64> = join_all(run).await.into_iter().flat_map(|answers| answers.expect("a session")).collect();
    let used = (cpu_seconds(pid) - used) / began.elapsed().as_secs_f64() * 100.0;
    report.add(
        format!("{count} sessions over WebSocket: audio to its answer, p99"),
        percentile(&answers, 0.99),
        "ms",
        Some(Goal::AtMost(20.0)),
    );
    report.add(format!("{count} sessions over WebSocket: processor"), used, "% core", None);
    report.add(
        format!("{count} sessions over WebSocket: memory a session"),
        (memory(pid) - idle) / count as f64,
        "MB",
        Some(Goal::AtMost(1.0)),
    );
    server.stop().await;
}

/// So many commands, spread over all.
fn some(count: usize) -> Vec<Command> {
    let all = commands::load();
    let step = (all.len() / count).max(1);
    all.into_iter().step_by(step).take(count).collect()
}

/// Whether a turn is that command, understood.
fn is_right(command: &Command, turn: &TurnRecord) -> bool {
    let Some(intent) = turn.intent.as_ref().map(Value::to_string) else { return false };
    command.expect.iter().all(|expected| {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        intent.contains(&expected.intent) && expected.slots.values().all(|value| intent.contains(&text(value)))
    })
}

/// Words of `said` that `heard` has, and all of them.
fn common(said: &str, heard: &str) -> (usize, usize) {
    let words = |text: &str| -> Vec<String> {
        text.to_lowercase()
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let (said, heard) = (words(said), words(heard));
    (said.iter().filter(|word| heard.contains(word)).count(), said.len())
}

/// Ten seconds of sound with the rhythm and the loudness of speech that is none: the detector has to look at every frame.
fn noise(rate: usize, seed: u64) -> Vec<i16> {
    let mut random = Random::new(seed);
    let mut low = 0.0;
    (0..rate * 10)
        .map(|index| {
            let time = index as f64 / rate as f64;
            let syllables = 0.6 + 0.4 * (time * 4.0 * std::f64::consts::TAU).sin();
            low += 0.2 * (random.unit() * 2.0 - 1.0 - low);
            (low * syllables * 6_000.0) as i16
        })
        .collect()
}

/// The same as Opus packets.
fn hum() -> Vec<Bytes> {
    let mut encoder = Encoder::new(16_000, Channels::Mono, Application::Voip).expect("Opus");
    encoder.set_bitrate(Bitrate::Bits(32_000)).expect("a bit rate");
    noise(16_000, 3)
        .chunks_exact(320)
        .map(|frame| Bytes::from(encoder.encode_vec(frame, 1_000).expect("a packet")))
        .collect()
}

/// A histogram of the metrics: upper bounds in seconds, and how many are at most that.
#[derive(Debug, Clone, Default)]
struct Histogram(Vec<(f64, f64)>);

impl Histogram {
    /// The one of that name whose labels contain `label`.
    fn read(metrics: &str, name: &str, label: &str) -> Self {
        let prefix = format!("{name}_bucket{{");
        let buckets = metrics.lines().filter(|line| line.starts_with(&prefix) && line.contains(label));
        let bucket = |line: &str| {
            let bound = line.split("le=\"").nth(1)?.split('"').next()?;
            let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().ok()? };
            Some((bound, line.rsplit(' ').next()?.parse().ok()?))
        };
        Self(buckets.filter_map(bucket).collect())
    }

    fn since(&self, before: &Self) -> Self {
        if before.0.is_empty() {
            return self.clone();
        }
        Self(self.0.iter().zip(&before.0).map(|((bound, now), (_, then))| (*bound, now - then)).collect())
    }

    fn count(&self) -> f64 {
        self.0.last().map_or(0.0, |(_, count)| *count)
    }

    /// The value below which this share lies, evenly spread within a bucket.
    fn quantile(&self, share: f64) -> f64 {
        let wanted = share * self.count();
        let mut below = (0.0, 0.0);
        for &(bound, count) in &self.0 {
            if count >= wanted && count > below.1 {
                let bound = if bound.is_finite() { bound } else { below.0 };
                return below.0 + (bound - below.0) * (wanted - below.1) / (count - below.1);
            }
            below = (bound, count);
        }
        f64::NAN
    }
}

/// Resident memory in MB.
fn memory(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("Linux tells a process's memory");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("resident memory");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1024.0
}

/// User and system time of a process (fields 14 and 15 of `/proc/PID/stat`, in ticks of 10 ms).
fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("Linux tells a process's time");
    let fields: Vec<&str> = stat.rsplit_once(')').expect("a name in brackets").1.split_whitespace().collect();
    fields[11..13].iter().map(|ticks| ticks.parse::<f64>().expect("ticks")).sum::<f64>() / 100.0
}
