//! Spoken commands for the demo home, and whether a turn did the right thing.

use std::collections::BTreeSet;
use std::process::Command as Process;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::program;
use crate::speech::read_wav;

/// A sentence and what it must do.
#[derive(Debug, Clone, Deserialize)]
pub struct Command {
    /// What is said.
    pub text: String,
    /// One expectation for each command in the sentence.
    pub expect: Vec<Expectation>,
}

/// What one command must do.
#[derive(Debug, Clone, Deserialize)]
pub struct Expectation {
    /// Home Assistant's name of the intent.
    pub intent: String,
    /// Slots that must have been understood so.
    #[serde(default)]
    pub slots: Map<String, Value>,
    /// Entities that must have been commanded or asked about, no others.
    #[serde(default)]
    pub targets: BTreeSet<String>,
}

/// The commands of `tests/data/commands.jsonl`.
pub fn load() -> Vec<Command> {
    let text =
        std::fs::read_to_string(program::root().join("tests/data/commands.jsonl")).expect("commands.jsonl is read");
    text.lines().map(|line| serde_json::from_str(line).expect("a command a line")).collect()
}

impl Command {
    /// Whether a turn's events show the right action; otherwise what was wrong.
    pub fn judge(&self, events: &[Value]) -> Result<(), String> {
        let of = |kind: &'static str| events.iter().filter(move |event| event["type"] == kind);
        let heard = of("transcript").next().and_then(|event| event["text"].as_str()).unwrap_or_default().to_owned();
        let wrong = |what: String| Err(format!("'{}' heard as '{heard}': {what}", self.text));
        if let Some(failed) = of("failed").next() {
            return wrong(format!("{}", failed["code"]));
        }
        let (understood, acted): (Vec<&Value>, Vec<&Value>) = (of("understood").collect(), of("acted").collect());
        if understood.len() != self.expect.len() || acted.len() != self.expect.len() {
            return wrong(format!("{} commands understood, {} done", understood.len(), acted.len()));
        }
        for (expected, (understood, acted)) in self.expect.iter().zip(understood.into_iter().zip(acted)) {
            if let Err(what) = expected.judge(understood, &acted["result"]) {
                return wrong(what);
            }
        }
        Ok(())
    }
}

impl Expectation {
    fn judge(&self, understood: &Value, result: &Value) -> Result<(), String> {
        if understood["intent"] != self.intent.as_str() {
            return Err(format!("understood as {}", understood["intent"]));
        }
        for (name, value) in &self.slots {
            let slot = &understood["slots"][name];
            if slot != value && (slot.as_f64().is_none() || slot.as_f64() != value.as_f64()) {
                return Err(format!("{name} is {slot}, not {value}"));
            }
        }
        let changed = result["changed"].as_array().into_iter().flatten().filter_map(|change| change["id"].as_str());
        let mut targets: BTreeSet<String> = changed.map(str::to_owned).collect();
        if targets.is_empty() {
            targets.extend(result["state"]["entity_id"].as_str().map(str::to_owned));
        }
        if !self.targets.is_empty() && targets != self.targets {
            return Err(format!("it was about {targets:?}, not {:?}", self.targets));
        }
        Ok(())
    }
}

/// A way to speak: an eSpeak NG voice, words a minute, pitch from 0 to 99.
pub type Style = (&'static str, u32, u32);

/// Voices that the speech model was trained with.
pub const KNOWN: [Style; 10] = [
    ("en-us", 175, 50),
    ("en-gb", 170, 50),
    ("en-us+f2", 165, 60),
    ("en-gb+m3", 170, 40),
    ("en-us+m1", 160, 50),
    ("en-gb-scotland", 165, 50),
    ("en-us+f4", 175, 55),
    ("en-gb-x-rp", 170, 45),
    ("en-us+m7", 155, 50),
    ("en-gb+f1", 165, 65),
];

/// Voices that its training never used: `HELD_OUT_VARIANTS` and `HELD_OUT_ACCENTS` of `models/nano-en/train/speech.py`.
pub const UNSEEN: [Style; 12] = [
    ("en-us+m8", 165, 45),
    ("en-gb+f5", 160, 55),
    ("en-us+Andrea", 170, 50),
    ("en-gb+Denis", 155, 40),
    ("en-us+shelby", 175, 60),
    ("en-gb-x-gbclan", 165, 50),
    ("en-gb+gustave", 150, 45),
    ("en-us+steph2", 165, 55),
    ("en-us-nyc", 170, 50),
    ("en-us+ed", 160, 50),
    ("en-gb+miguel", 165, 40),
    ("en-us-nyc+Alicia", 165, 60),
];

/// Loudness above which a sample counts as speech: this share of the loudest one (-40 dB).
const SOUNDING: f64 = 0.01;

/// A spoken sentence: it begins and ends with its first and last loud sample.
#[derive(Debug, Clone)]
pub struct Clip {
    /// 16 kHz, peak at half of full scale.
    pub samples: Vec<i16>,
}

/// Speaks a sentence.
///
/// # Panics
/// `espeak-ng` is not installed or lacks the voice.
pub fn speak(text: &str, (voice, words, pitch): Style) -> Clip {
    let output = Process::new("espeak-ng")
        .args(["--stdout", "-v", voice, "-s", &words.to_string(), "-p", &pitch.to_string(), text])
        .output()
        .expect("espeak-ng is installed by script/setup --tests");
    assert!(output.status.success(), "espeak-ng -v {voice}: {}", String::from_utf8_lossy(&output.stderr));
    let samples = read_wav(&output.stdout);
    let peak = f64::from(samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0)).max(1.0);
    let sounds = |sample: &i16| f64::from(sample.unsigned_abs()) > SOUNDING * peak;
    let first = samples.iter().position(sounds).expect("it is not silent");
    let last = samples.iter().rposition(sounds).expect("it is not silent");
    let gain = 16_384.0 / peak;
    Clip { samples: samples[first..=last].iter().map(|sample| (f64::from(*sample) * gain) as i16).collect() }
}
