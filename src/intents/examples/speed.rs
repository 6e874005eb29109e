//! Measures the matcher: `cargo run --release -p vesta-intents --example speed -- [FOLDER]`, where the folder holds
//! `<lang>/intents.json`, `homes.json` and `cases.jsonl` as the conformance cases do.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a measuring tool for developers"
)]

use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use vesta_intents::cli::homes;
use vesta_intents::{Context, Dictionary, NameEntry, Names};

fn main() {
    let root = std::env::args().nth(1).map_or_else(|| PathBuf::from("../shared/conformance/intents"), PathBuf::from);
    let mut folders: Vec<PathBuf> = std::fs::read_dir(&root).unwrap().map(|e| e.unwrap().path()).collect();
    folders.sort();
    for folder in folders.iter().filter(|f| f.join("cases.jsonl").is_file()) {
        language(folder);
    }
    growth(&root.join("en"));
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|l| l.strip_prefix("VmRSS:"))
        .and_then(|l| l.trim().trim_end_matches(" kB").trim().parse().ok())
        .unwrap_or(0)
}

fn percentile(sorted: &[Duration], share: f64) -> f64 {
    let at = ((sorted.len() as f64 - 1.0) * share).round() as usize;
    sorted.get(at).map_or(0.0, |d| d.as_secs_f64() * 1e6)
}

fn report(label: &str, mut times: Vec<Duration>) {
    times.sort();
    println!(
        "{label}: p50 {:.1} us, p90 {:.1} us, p99 {:.1} us, max {:.1} us",
        percentile(&times, 0.5),
        percentile(&times, 0.9),
        percentile(&times, 0.99),
        percentile(&times, 1.0)
    );
}

/// The best of three, so that an interruption of the machine is not counted.
fn timed<T>(mut work: impl FnMut() -> T) -> Duration {
    (0..3)
        .map(|_| {
            let start = Instant::now();
            black_box(work());
            start.elapsed()
        })
        .min()
        .unwrap_or_default()
}

fn language(folder: &std::path::Path) {
    let name = folder.file_name().unwrap().to_string_lossy().into_owned();
    let intents = std::fs::read_to_string(folder.join("intents.json")).unwrap();
    let before = resident_kib();
    let start = Instant::now();
    let dictionary = Dictionary::load(&[("intents.json", &intents)]).unwrap();
    let load = start.elapsed();
    let after = resident_kib();
    println!(
        "{name}: {:?}, loaded in {:.1} ms, {:.1} MiB",
        dictionary.size(),
        load.as_secs_f64() * 1e3,
        after.saturating_sub(before) as f64 / 1024.0
    );
    let homes = homes(&std::fs::read_to_string(folder.join("homes.json")).unwrap()).unwrap();
    let cases = std::fs::read_to_string(folder.join("cases.jsonl")).unwrap();
    let cases: Vec<(usize, String)> = cases
        .lines()
        .map(|line| {
            let case: Value = serde_json::from_str(line).unwrap();
            (case["home"].as_u64().unwrap() as usize, case["text"].as_str().unwrap().to_owned())
        })
        .collect();
    let whole = cases.iter().map(|(home, text)| {
        let home = &homes[*home];
        timed(|| dictionary.recognize(text, &home.names, &home.context))
    });
    report("  recognize", whole.collect());
    let partial = cases.iter().map(|(home, text)| {
        let home = &homes[*home];
        let words: Vec<&str> = text.split(' ').collect();
        let part = words[..words.len().div_ceil(2)].join(" ");
        timed(|| dictionary.partial(&part, &home.names, &home.context))
    });
    report("  partial  ", partial.collect());
}

fn growth(folder: &std::path::Path) {
    let Ok(intents) = std::fs::read_to_string(folder.join("intents.json")) else { return };
    let dictionary = Dictionary::load(&[("intents.json", &intents)]).unwrap();
    let rooms = ["kitchen", "office", "hall", "attic", "garage", "cellar", "study", "nursery", "porch", "den"];
    let things = ["light", "lamp", "fan", "plug", "blind", "sensor", "heater", "speaker", "spot", "strip"];
    for count in [100_usize, 1_000, 10_000] {
        let mut names = Names::builder();
        let mut said = Vec::new();
        for i in 0..count {
            let text = format!("{} {} {}", rooms[i % 10], things[i / 10 % 10], i / 100 + 1);
            let domain = if things[i / 10 % 10] == "fan" { "fan" } else { "light" };
            let context: Context = Map::from_iter([("domain".to_owned(), json!(domain))]);
            said.push(text.clone());
            names = names.name(NameEntry { text, value: json!(i), context, ..NameEntry::default() });
        }
        for room in rooms {
            names = names.area(room, room);
        }
        let start = Instant::now();
        let names = names.build();
        let build = start.elapsed();
        let context = Context::new();
        let templates = [
            "turn on the {}",
            "set the {} to fifty percent",
            "is the {} on",
            "turn off all lights in the {}",
            "toggle {}",
        ];
        let sentences: Vec<String> =
            (0..1000).map(|i| templates[i % 5].replace("{}", &said[(i * 7919) % said.len()])).collect();
        let times = sentences.iter().map(|s| timed(|| dictionary.recognize(s, &names, &context))).collect();
        report(&format!("{count} names (built in {:.1} ms), recognize", build.as_secs_f64() * 1e3), times);
        let times = sentences
            .iter()
            .map(|s| timed(|| dictionary.partial(s.rsplit_once(' ').map_or("", |p| p.0), &names, &context)))
            .collect();
        report(&format!("{count} names, partial"), times);
    }
}
