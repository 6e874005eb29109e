//! What the server costs while nobody speaks: memory, start, and listening to silence.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark fails loudly"
)]

use std::time::{Duration, Instant};

use vesta_tests::bench::{Goal, Options, Report, percentile, plot_goals};
use vesta_tests::client::Listen;
use vesta_tests::live::Live;
use vesta_tests::server::{Server, Start};
use vesta_tests::speech::{RATE, silence};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::from_arguments(&["start", "memory", "silence"]);
    let mut report = Report::default();
    if options.wants("start") {
        starts(&mut report, if options.quick { 3 } else { 10 }).await;
    }
    if options.wants("memory") {
        memory(&mut report).await;
    }
    if options.wants("silence") {
        silence_costs(&mut report, if options.quick { 10.0 } else { 60.0 }).await;
    }
    let plot = report.finish("server")?;
    plot_goals(&plot, "The server while nobody speaks", report.figures())
}

/// From the start of the process to its word that it is ready, each time in a new data folder. Engines load meanwhile.
async fn starts(report: &mut Report, times: usize) {
    let mut taken = Vec::new();
    for _ in 0..times {
        let began = Instant::now();
        let server = Start::new().start().await;
        taken.push(began.elapsed().as_secs_f64() * 1000.0);
        server.stop().await;
    }
    report.add("cold start to ready, p50", percentile(&taken, 0.5), "ms", Some(Goal::AtMost(300.0)));
    report.add("cold start to ready, slowest", percentile(&taken, 1.0), "ms", None);
}

/// Resident memory of the server's own process once everything has started and settled. The engines are other processes.
async fn memory(report: &mut Report) {
    let server = Server::with_demo_home().await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("Linux tells a process's memory");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("the field is there");
        line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1024.0
    };
    report.add("resident memory, idle", field("VmRSS:"), "MB", Some(Goal::AtMost(40.0)));
    report.add("of it heap and stacks", field("RssAnon:"), "MB", None);
    report.add("of it pages of the program and its libraries", field("RssFile:"), "MB", None);
    report.add("resident memory, most so far", field("VmHWM:"), "MB", None);
    server.stop().await;
}

/// Processor time of the server's process while a hands-free client sends silence in real time.
async fn silence_costs(report: &mut Report, seconds: f64) {
    let server = Server::with_demo_home().await;
    let mut live = Live::connect(&server, Listen::HandsFree, "benchmark").await;
    live.record(&silence(1.0)).await;
    let engines = || {
        ["vesta-stt-whisper", "vesta-tts-piper"]
            .iter()
            .flat_map(|name| server.workers(name))
            .map(cpu_seconds)
            .sum::<f64>()
    };
    let before = (cpu_seconds(server.pid()), engines());
    for _ in 0..(seconds as usize) {
        live.record(&vec![0; RATE]).await;
    }
    let per_minute = 60.0 / seconds;
    let (server_used, engines_used) = (cpu_seconds(server.pid()) - before.0, engines() - before.1);
    report.add("processor time per minute of silence, server", server_used * per_minute, "s", Some(Goal::AtMost(0.6)));
    report.add("processor time per minute of silence, engines", engines_used * per_minute, "s", None);
    drop(live);
    server.stop().await;
}

/// User and system time of a process (fields 14 and 15 of `/proc/PID/stat`, in ticks of 10 ms).
fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("Linux tells a process's time");
    let fields: Vec<&str> = stat.rsplit_once(')').expect("a name in brackets").1.split_whitespace().collect();
    // The fields behind the name begin with the third.
    fields[11..13].iter().map(|ticks| ticks.parse::<f64>().expect("ticks")).sum::<f64>() / 100.0
}
