//! How well and how fast sentences are understood, against the reference matcher on the same cases in the same run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark fails loudly"
)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};
use vesta_intents::cli::summary;
use vesta_intents::{Context, Dictionary, Names, Recognition, Understanding};
use vesta_tests::bench::{Goal, Options, Report, percentile, plot_distribution, plot_goals, plot_growth};
use vesta_tests::misheard::{Misheard, Mistake};
use vesta_tests::program::root;
use vesta_tests::sentences::{
    REFERENCE, Set, conformance, large_home, names_of, number_words, own, own_dictionary, own_home, same,
};

/// Each sentence is timed this many times, here and by the reference; the shortest counts, so that what else the machine
/// does is not measured.
const ROUNDS: usize = 3;
/// Names a speaker of this program as the one that only loads a dictionary and tells what it took.
const LOAD: &str = "VESTA_BENCH_LOAD";

fn main() -> anyhow::Result<()> {
    if let Some(file) = std::env::var_os(LOAD) {
        return load_once(Path::new(&file));
    }
    let options = Options::from_arguments(&["reference", "names", "load", "partial", "fuzzy"]);
    let mut report = Report::default();
    let found = conformance();
    let theirs = !found.is_empty();
    if !theirs {
        eprintln!(
            "There is no shared/conformance/intents beside the repository: sentences made up from Vesta's own templates \
             are measured instead. {REFERENCE} is not run: over these templates it takes minutes and gigabytes."
        );
    }
    let sets = if theirs { found } else { own() };
    let english = sets.iter().find(|set| set.language == "en").expect("English is there");
    let mut plots = Plots::default();
    if options.wants("reference") {
        if theirs {
            against_reference(&mut report, &sets, options.quick, &mut plots);
        } else {
            alone(&mut report, &sets);
        }
    }
    if options.wants("names") {
        names(&mut report, &english.dictionary, &mut plots);
    }
    if options.wants("load") {
        load(&mut report, english, if options.quick { 3 } else { 20 });
    }
    if options.wants("partial") {
        partial(&mut report, english);
    }
    if options.wants("fuzzy") {
        fuzzy(&mut report, if options.quick { 50 } else { 500 });
    }
    let plot = report.finish("intents")?;
    if !plots.ratios.is_empty() {
        let path = plot.with_file_name("intents-speed.svg");
        plot_distribution(&path, &format!("How many times faster than {REFERENCE}"), "times", &plots.ratios)?;
    }
    if !plots.growth.is_empty() {
        let path = plot.with_file_name("intents-names.svg");
        plot_growth(&path, "A sentence in a home with many names", ("names", "ms"), &plots.growth)?;
    }
    plot_goals(&plot, "Understanding sentences", report.figures())
}

#[derive(Default)]
struct Plots {
    ratios: Vec<(&'static str, Vec<f64>)>,
    growth: Vec<(&'static str, Vec<(f64, f64)>)>,
}

/// The shortest of a few times, in microseconds.
fn timed<T>(mut work: impl FnMut() -> T) -> f64 {
    let times = (0..ROUNDS).map(|_| {
        let began = Instant::now();
        black_box(work());
        began.elapsed().as_secs_f64() * 1e6
    });
    times.fold(f64::INFINITY, f64::min)
}

/// The same cases through both: what they mean, and how long it takes.
fn against_reference(report: &mut Report, sets: &[Set], quick: bool, plots: &mut Plots) {
    let (mut cases, mut agreeing, mut ratios, mut slower) = (0, 0, Vec::new(), 0);
    for set in sets {
        let answers = set.reference(if quick { 1 } else { ROUNDS });
        let (mut own_times, mut same_here, mut own_ratios) = (Vec::new(), 0, Vec::new());
        for ((home, text), answer) in set.cases.iter().zip(&answers) {
            let home = &set.homes[*home];
            let result = set.dictionary.recognize(text, &home.names, &home.context);
            let result = result.map_or(Value::Null, |result| summary(&result));
            if same(&result, &answer.result) {
                same_here += 1;
            } else {
                eprintln!("{}: {text:?}\n  reference {}\n  Vesta     {result}", set.language, answer.result);
            }
            let us = timed(|| set.dictionary.recognize(text, &home.names, &home.context));
            own_times.push(us);
            own_ratios.push(answer.us / us);
            slower += usize::from(us >= answer.us);
        }
        let share = |count: usize, of: usize| count as f64 / of as f64 * 100.0;
        let language = &set.language;
        let goal = Some(Goal::AtLeast(99.5));
        report.add(format!("same as the reference, {language}"), share(same_here, answers.len()), "%", goal);
        let reference: Vec<f64> = answers.iter().map(|answer| answer.us).collect();
        report.add(format!("a sentence, {language}, p50"), percentile(&own_times, 0.5), "us", None);
        report.add(format!("a sentence, {language}, p99"), percentile(&own_times, 0.99), "us", None);
        report.add(format!("{REFERENCE}, {language}, p50"), percentile(&reference, 0.5), "us", None);
        report.add(format!("times faster, {language}, p50"), percentile(&own_ratios, 0.5), "x", None);
        plots.ratios.push((language.clone().leak(), own_ratios.clone()));
        ratios.extend(own_ratios);
        cases += answers.len();
        agreeing += same_here;
    }
    let all = agreeing as f64 / cases as f64 * 100.0;
    report.add(format!("same as the reference, {cases} cases"), all, "%", Some(Goal::AtLeast(99.9)));
    report.add("times faster than the reference, p50", percentile(&ratios, 0.5), "x", Some(Goal::AtLeast(200.0)));
    report.add("times faster than the reference, least", percentile(&ratios, 0.0), "x", None);
    report.add("cases slower than the reference", slower as f64, "cases", Some(Goal::AtMost(0.0)));
}

/// The times of sentences that nothing is compared with.
fn alone(report: &mut Report, sets: &[Set]) {
    for set in sets {
        let time = |(home, text): &(usize, String)| {
            let home = &set.homes[*home];
            timed(|| set.dictionary.recognize(text, &home.names, &home.context))
        };
        let times: Vec<f64> = set.cases.iter().map(time).collect();
        report.add(format!("a made-up sentence, {}, p50", set.language), percentile(&times, 0.5), "us", None);
        report.add(format!("a made-up sentence, {}, p99", set.language), percentile(&times, 0.99), "us", None);
    }
}

/// Homes with more and more names, a thousand sentences in each.
fn names(report: &mut Report, dictionary: &Dictionary, plots: &mut Plots) {
    let goals = BTreeMap::from([(100, 0.2), (1_000, 0.3), (10_000, 0.6)]);
    let (mut p50, mut p99) = (Vec::new(), Vec::new());
    for count in [10, 30, 100, 300, 1_000, 3_000, 10_000] {
        let (names, sentences) = large_home(count);
        let context = Context::new();
        let times: Vec<f64> =
            sentences.iter().map(|text| timed(|| dictionary.recognize(text, &names, &context)) / 1e3).collect();
        p50.push((count as f64, percentile(&times, 0.5)));
        p99.push((count as f64, percentile(&times, 0.99)));
        if let Some(goal) = goals.get(&count) {
            let goal = Some(Goal::AtMost(*goal));
            report.add(format!("a sentence with {count} names, p99"), percentile(&times, 0.99), "ms", goal);
        }
        if count == 10_000 {
            let entries = timed(|| large_home(count)) / 1e3;
            report.add("10000 names made ready", entries, "ms", None);
        }
    }
    plots.growth = vec![("p50", p50), ("p99", p99)];
}

/// Loads a dictionary and prints what that took: the time, and what it left in memory.
fn load_once(file: &Path) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(file)?;
    let numbers = number_words("en");
    let before = anonymous_memory();
    let began = Instant::now();
    let dictionary = Dictionary::load(&[("intents.json", &text), ("numbers.yaml", &numbers)])?;
    let ms = began.elapsed().as_secs_f64() * 1e3;
    let mb = anonymous_memory() - before;
    println!("{}", json!({"ms": ms, "mb": mb, "sentences": dictionary.size().sentences}));
    Ok(())
}

/// Memory of this process that is no file's, in MB: heap and stacks, with what was freed and not given back.
fn anonymous_memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells a process's memory");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("the field is there");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1024.0
}

/// In a fresh process each time, as at the start of the program.
fn load(report: &mut Report, english: &Set, times: usize) {
    let me = std::env::current_exe().expect("a program knows itself");
    let runs: Vec<Value> = (0..times)
        .map(|_| {
            let output = Command::new(&me).env(LOAD, english.file()).output().expect("starts");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            serde_json::from_slice(&output.stdout).expect("JSON")
        })
        .collect();
    let all = |key: &str| runs.iter().map(|run| run[key].as_f64().expect("a number")).collect::<Vec<_>>();
    report.add("load and compile English, p50", percentile(&all("ms"), 0.5), "ms", Some(Goal::AtMost(30.0)));
    report.add("load and compile English, slowest", percentile(&all("ms"), 1.0), "ms", None);
    report.add("memory of English, most", percentile(&all("mb"), 1.0), "MB", Some(Goal::AtMost(10.0)));
}

/// Every beginning of the English cases, cut after each word and inside each.
fn partial(report: &mut Report, english: &Set) {
    let (large, sentences) = large_home(10_000);
    let context = Context::new();
    let mut times = Vec::new();
    for (home, text) in &english.cases {
        let home = &english.homes[*home];
        for beginning in beginnings(text) {
            times.push(timed(|| english.dictionary.partial(beginning, &home.names, &home.context)) / 1e3);
        }
    }
    report.add("is a beginning complete, p50", percentile(&times, 0.5), "ms", None);
    report.add("is a beginning complete, p99", percentile(&times, 0.99), "ms", Some(Goal::AtMost(0.2)));
    report.add("is a beginning complete, slowest", percentile(&times, 1.0), "ms", None);
    let beginnings = sentences.iter().flat_map(|text| beginnings(text));
    let times: Vec<f64> =
        beginnings.map(|text| timed(|| english.dictionary.partial(text, &large, &context)) / 1e3).collect();
    report.add("the same with 10000 names, p99", percentile(&times, 0.99), "ms", Some(Goal::AtMost(0.2)));
}

/// The text up to the end of each word, and up to before its last letter.
fn beginnings(text: &str) -> Vec<&str> {
    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let word_ends =
        places.windows(2).filter(|pair| pair[0] > 0 && text[pair[1]..].chars().next().is_none_or(char::is_whitespace));
    word_ends.flatten().filter_map(|at| text.get(..*at)).collect()
}

/// English sentences with one mistake in each, `each` of either kind; and five times as many that no threshold was chosen on.
fn fuzzy(report: &mut Report, each: usize) {
    let english = root().join("intents/en");
    let (dictionary, _) = own_dictionary(&english);
    let names = names_of(&own_home(&english));
    for (prefix, each, seeds) in [("", each, 1..100), ("held out, ", each * 5, 1_000..2_000)] {
        let mut misheard = Misheard::english();
        let mut total = Outcomes::default();
        for mistake in [Mistake::Letter, Mistake::Word] {
            let outcomes = hear(&dictionary, &names, &mut misheard, mistake, each, seeds.clone());
            let kind = if mistake == Mistake::Letter { "a wrong letter" } else { "a word that sounds alike" };
            report.add(format!("{prefix}{kind}: repaired rightly"), outcomes.share(outcomes.right), "%", None);
            report.add(format!("{prefix}{kind}: asked about"), outcomes.share(outcomes.asked), "%", None);
            report.add(format!("{prefix}{kind}: acted on wrongly"), outcomes.share(outcomes.wrong), "%", None);
            total.add(&outcomes);
        }
        let sentences = total.count;
        let goal = Some(Goal::AtLeast(85.0));
        report.add(format!("{prefix}{sentences} misheard: repaired rightly"), total.share(total.right), "%", goal);
        let goal = Some(Goal::AtMost(0.5));
        report.add(format!("{prefix}{sentences} misheard: acted on wrongly"), total.share(total.wrong), "%", goal);
    }
}

/// Sentences made up from these seeds until there are enough: not every one has a word for the mistake.
fn hear(
    dictionary: &Dictionary,
    names: &Names,
    misheard: &mut Misheard,
    mistake: Mistake,
    each: usize,
    seeds: std::ops::Range<u64>,
) -> Outcomes {
    let mut outcomes = Outcomes::default();
    for sample in seeds.flat_map(|seed| dictionary.sample(names, 1, seed)) {
        let meant = dictionary.recognize(&sample.text, names, &sample.context);
        // What stands in a wildcard is free: there is nothing to repair it by.
        let Some(meant) = meant.filter(|meant| meant.wildcards == 0) else { continue };
        let Some(heard) = misheard.hear(&sample.text, mistake) else { continue };
        let exact = dictionary.recognize(&heard, names, &sample.context);
        if exact.is_some_and(|exact| same_meaning(&exact, &meant)) {
            continue;
        }
        outcomes.count(&sample.text, &heard, &meant, &dictionary.understand(&heard, names, &sample.context));
        if outcomes.count == each {
            return outcomes;
        }
    }
    panic!("there are not enough sentences: {} of {each}", outcomes.count);
}

#[derive(Default)]
struct Outcomes {
    count: usize,
    right: usize,
    asked: usize,
    wrong: usize,
}

impl Outcomes {
    fn count(&mut self, said: &str, heard: &str, meant: &Recognition, understood: &Understanding) {
        self.count += 1;
        match understood {
            Understanding::Commands(commands) => match commands.as_slice() {
                [one] if same_meaning(one, meant) => self.right += 1,
                other => {
                    self.wrong += 1;
                    let done: Vec<Value> = other.iter().map(summary).collect();
                    eprintln!("wrong: {said:?} heard as {heard:?}: {}", json!(done));
                }
            },
            Understanding::Ask(meanings) => {
                self.asked += 1;
                let first = meanings.first().is_some_and(|first| same_meaning(first, meant));
                eprintln!("asked: {said:?} heard as {heard:?}{}", if first { ", likeliest first" } else { "" });
            }
            Understanding::Nothing => eprintln!("not understood: {said:?} heard as {heard:?}"),
        }
    }

    fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.right += other.right;
        self.asked += other.asked;
        self.wrong += other.wrong;
    }

    fn share(&self, part: usize) -> f64 {
        part as f64 / self.count as f64 * 100.0
    }
}

fn same_meaning(a: &Recognition, b: &Recognition) -> bool {
    same(&summary(a)["slots"], &summary(b)["slots"]) && a.intent == b.intent
}
