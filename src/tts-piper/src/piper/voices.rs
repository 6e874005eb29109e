//! The Piper voices in a folder: `<name>.onnx` with `<name>.onnx.json` beside it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

/// How deep folders are searched: Piper's own layout is `de/de_DE/thorsten/medium/`.
const DEPTH: usize = 6;

/// A voice as its JSON describes it. Nothing is loaded yet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PiperVoice {
    /// The file's name without its ending: `de_DE-thorsten-medium`.
    pub(crate) name: String,
    pub(crate) model: PathBuf,
    pub(crate) config: PathBuf,
    /// `de_DE`.
    pub(crate) language: String,
    pub(crate) kind: Phonemes,
    /// Samples a second.
    pub(crate) rate: u32,
    /// Speaker names to their numbers; empty where the voice has one speaker.
    pub(crate) speakers: BTreeMap<String, i64>,
    pub(crate) speaker_count: u32,
    pub(crate) description: String,
    /// How long sounds are at speed 1.0, as the voice's makers set it.
    pub(crate) length_scale: f32,
}

/// What the voice was trained on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Phonemes {
    /// IPA of this voice of eSpeak NG.
    Espeak(String),
    /// The letters themselves.
    Text,
}

/// A file that looked like a voice and cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadVoice {
    pub(crate) name: String,
    pub(crate) why: String,
    /// It looked right and failed when it was used.
    pub(crate) failed: bool,
}

/// What a search found, in order of their names.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Found {
    pub(crate) voices: Vec<PiperVoice>,
    pub(crate) bad: Vec<BadVoice>,
}

/// The parts of Piper's JSON that are read here (VOICES.md and config.py of Piper).
#[derive(Deserialize)]
struct Description {
    audio: Audio,
    #[serde(default)]
    espeak: Option<EspeakName>,
    #[serde(default)]
    language: Option<LanguageName>,
    #[serde(default)]
    phoneme_type: Option<String>,
    #[serde(default)]
    num_speakers: Option<u32>,
    #[serde(default)]
    speaker_id_map: BTreeMap<String, i64>,
    #[serde(default)]
    dataset: Option<String>,
    #[serde(default)]
    inference: Option<Inference>,
}

#[derive(Deserialize)]
struct Inference {
    length_scale: Option<f32>,
}

#[derive(Deserialize)]
struct Audio {
    sample_rate: u32,
    #[serde(default)]
    quality: Option<String>,
}

#[derive(Deserialize)]
struct EspeakName {
    voice: String,
}

#[derive(Deserialize)]
struct LanguageName {
    code: String,
}

/// Searches the folders. One that does not exist holds no voices.
pub(crate) fn search(folders: &[PathBuf]) -> Found {
    let mut found = Found::default();
    for folder in folders {
        walk(folder, DEPTH, &mut found);
    }
    found.voices.sort_by(|a, b| a.name.cmp(&b.name));
    found.voices.dedup_by(|a, b| a.name == b.name);
    found.bad.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn walk(folder: &Path, depth: usize, found: &mut Found) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            if depth > 0 {
                walk(&path, depth - 1, found);
            }
        } else if path.extension().is_some_and(|ending| ending == "onnx") {
            let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            match read(&name, &path) {
                Ok(voice) => found.voices.push(voice),
                Err(why) => found.bad.push(BadVoice { name, why, failed: false }),
            }
        }
    }
}

fn read(name: &str, model: &Path) -> Result<PiperVoice, String> {
    let beside = model.with_extension("onnx.json");
    let config = if beside.is_file() { beside.clone() } else { model.with_extension("json") };
    if !config.is_file() {
        return Err(format!("{} is missing: download it too", beside.display()));
    }
    let text = std::fs::read_to_string(&config).map_err(|error| format!("{}: {error}", config.display()))?;
    let description: Description = serde_json::from_str(&text)
        .map_err(|error| format!("{} does not describe a Piper voice: {error}", config.display()))?;
    if !(8_000..=192_000).contains(&description.audio.sample_rate) {
        return Err(format!(
            "{}: a sample rate of {} Hz is not speech",
            config.display(),
            description.audio.sample_rate
        ));
    }
    let espeak = description.espeak.map(|espeak| espeak.voice);
    let kind = match (description.phoneme_type.as_deref(), &espeak) {
        (None | Some("espeak"), Some(voice)) => Phonemes::Espeak(voice.clone()),
        (None | Some("espeak"), None) => return Err(format!("{}: espeak.voice is missing", config.display())),
        (Some("text"), _) => Phonemes::Text,
        (Some(other), _) => {
            return Err(format!("{}: phonemes of type {other:?} cannot be made here", config.display()));
        }
    };
    let from_name = name.split('-').next().filter(|part| (2..=6).contains(&part.len())).map(str::to_owned);
    let language = description.language.map(|language| language.code).or(espeak).or(from_name).unwrap_or_default();
    let quality = description.audio.quality.map(|quality| format!(" ({quality})")).unwrap_or_default();
    Ok(PiperVoice {
        name: name.to_owned(),
        model: model.to_path_buf(),
        description: format!("{}{quality}", description.dataset.as_deref().unwrap_or(name)),
        config,
        language,
        kind,
        rate: description.audio.sample_rate,
        speaker_count: description.num_speakers.unwrap_or(1).max(1),
        speakers: description.speaker_id_map,
        length_scale: description
            .inference
            .and_then(|inference| inference.length_scale)
            .filter(|scale| *scale > 0.0)
            .unwrap_or(1.0),
    })
}

/// The voice's JSON as piper-rs takes it: what it insists on is filled in, and what it cannot take (phonemes of several characters)
/// is left out.
///
/// # Errors
/// When the file cannot be read or misses what cannot be filled in.
pub(crate) fn model_config(voice: &PiperVoice) -> Result<piper_rs::ModelConfig, String> {
    let fail = |error: &dyn std::fmt::Display| format!("{}: {error}", voice.config.display());
    let text = std::fs::read_to_string(&voice.config).map_err(|error| fail(&error))?;
    let mut json: Value = serde_json::from_str(&text).map_err(|error| fail(&error))?;
    let Some(fields) = json.as_object_mut() else { return Err(fail(&"not a JSON object")) };
    let defaults = [
        ("num_speakers", Value::from(1)),
        ("speaker_id_map", Value::Object(serde_json::Map::new())),
        ("espeak", serde_json::json!({ "voice": "" })),
        // Piper's own defaults (piper/config.py).
        ("inference", serde_json::json!({ "noise_scale": 0.667, "length_scale": 1.0, "noise_w": 0.8 })),
    ];
    for (key, value) in defaults {
        fields.entry(key).or_insert(value);
    }
    if let Some(map) = fields.get_mut("phoneme_id_map").and_then(Value::as_object_mut) {
        map.retain(|phoneme, _| phoneme.chars().count() == 1);
        if map.is_empty() {
            return Err(fail(&"phoneme_id_map has no phonemes"));
        }
    }
    serde_json::from_value(json).map_err(|error| fail(&error))
}
