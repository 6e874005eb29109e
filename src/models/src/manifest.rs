//! The models that can be had: what `models/manifest.toml` says.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ModelsError;

/// The manifest that Vesta brings along.
const BUILT_IN: &str = include_str!("../../../models/manifest.toml");

/// What a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Speech to text.
    Stt,
    /// Text to speech: a voice.
    Tts,
    /// A wake word.
    Wake,
    /// A chat model.
    Chat,
}

impl Kind {
    /// Every kind, in the order of lists.
    pub const ALL: [Kind; 4] = [Kind::Stt, Kind::Tts, Kind::Wake, Kind::Chat];

    /// The name in files and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Stt => "stt",
            Kind::Tts => "tts",
            Kind::Wake => "wake",
            Kind::Chat => "chat",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Kind, String> {
        let found = Kind::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| format!("{text:?} is no kind of model: stt, tts, wake or chat"))
    }
}

/// How much of Whisper's 30 s window is computed for shorter audio.
///
/// In encoder frames of 20 ms: `max(min, per_second * seconds + extra)`, rounded up to a multiple of `multiple`, at most the model's
/// own. The cost of the encoder follows it; below what the weights were trained for, the decoder repeats itself.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AudioCtx {
    /// Frames for each second of audio; 50 covers it exactly.
    pub per_second: f64,
    /// Frames on top.
    pub extra: u32,
    /// What the sum is rounded up to a multiple of; 1 leaves it as it is.
    #[serde(default = "one")]
    pub multiple: u32,
    /// The least number of frames.
    #[serde(default)]
    pub min: u32,
}

fn one() -> u32 {
    1
}

/// How a chat model calls tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ToolCalls {
    /// It was trained to, in a format that its chat template knows.
    Native,
    /// It follows a prompt that tells it how.
    Prompted,
}

/// What a file has to begin with to be what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// whisper.cpp's own format.
    Ggml,
    /// llama.cpp's format.
    Gguf,
    /// ONNX.
    Onnx,
    /// JSON.
    Json,
    /// Anything else, which is taken as it is.
    Other,
}

/// One file of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModelFile {
    /// Its name on disk.
    pub name: String,
    /// Where it is: the first place, then others with the same bytes.
    pub urls: Vec<String>,
    /// Its size in bytes.
    pub size: u64,
    /// Whether the size was estimated.
    pub approximate: bool,
    /// Its SHA-256 in lower-case hexadecimal; `None` where that is only known after the first pull.
    pub sha256: Option<String>,
    /// What it has to look like.
    pub format: Format,
}

/// One model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Model {
    /// Its name, as users type it.
    pub name: String,
    /// What it is for.
    pub kind: Kind,
    /// Languages it understands or speaks.
    pub languages: Vec<String>,
    /// The licence, as an SPDX expression where there is one.
    pub licence: String,
    /// Where the licence's text or terms are.
    pub licence_url: Option<String>,
    /// What a user should know before pulling it.
    pub notes: String,
    /// The number of its parameters, as people write it.
    pub parameters: Option<String>,
    /// Whether Vesta brings it along, so that nothing has to be pulled.
    pub builtin: bool,
    /// The rule of its audio context, for Whisper models.
    pub audio_ctx: Option<AudioCtx>,
    /// How it calls tools, for chat models.
    pub tools: Option<ToolCalls>,
    /// Its context in tokens, for chat models.
    pub context: Option<u32>,
    /// Its files, the one to be loaded first.
    pub files: Vec<ModelFile>,
}

impl Model {
    /// The size of all its files in bytes; as exact as the manifest is.
    pub fn size(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// Whether the size was estimated.
    pub fn is_approximate(&self) -> bool {
        self.files.iter().any(|file| file.approximate)
    }
}

/// All models, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Manifest {
    models: Vec<Model>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawManifest {
    #[serde(default)]
    languages: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    model: Vec<RawModel>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawModel {
    name: String,
    kind: Kind,
    #[serde(default)]
    languages: Vec<String>,
    licence: String,
    licence_url: Option<String>,
    #[serde(default)]
    notes: String,
    parameters: Option<String>,
    #[serde(default)]
    builtin: bool,
    audio_ctx: Option<AudioCtx>,
    tools: Option<ToolCalls>,
    context: Option<u32>,
    #[serde(default)]
    file: Vec<RawFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    url: String,
    #[serde(default)]
    mirrors: Vec<String>,
    name: Option<String>,
    size: u64,
    #[serde(default)]
    approximate: bool,
    sha256: String,
    format: Option<Format>,
}

impl Manifest {
    /// The manifest that Vesta brings along.
    ///
    /// # Errors
    /// None in a released build: a test reads it.
    pub fn built_in() -> Result<Manifest, ModelsError> {
        Manifest::parse(BUILT_IN, "models/manifest.toml")
    }

    /// Reads a manifest; `origin` names it in messages.
    ///
    /// # Errors
    /// [`ModelsError::Manifest`] with the place and what is wrong there.
    pub fn parse(text: &str, origin: &str) -> Result<Manifest, ModelsError> {
        let wrong = |why: String| ModelsError::Manifest { origin: origin.to_owned(), why };
        let raw: RawManifest = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let RawManifest { languages, model } = raw;
        let models: Vec<Model> =
            model.into_iter().map(|model| model.check(&languages)).collect::<Result<_, _>>().map_err(wrong)?;
        let mut names = HashSet::new();
        match models.iter().find(|model| !names.insert(model.name.clone())) {
            Some(twice) => Err(wrong(format!("there are two models named {}", twice.name))),
            None => Ok(Manifest { models }),
        }
    }

    /// This manifest with another one's models added; a model of the same name is replaced.
    #[must_use]
    pub fn with(mut self, other: Manifest) -> Manifest {
        self.models.retain(|model| !other.models.iter().any(|newer| newer.name == model.name));
        self.models.extend(other.models);
        self
    }

    /// All models, in the manifest's order.
    pub fn models(&self) -> &[Model] {
        &self.models
    }

    /// The model of this name.
    ///
    /// # Errors
    /// [`ModelsError::Unknown`] with the names that come close.
    pub fn find(&self, name: &str) -> Result<&Model, ModelsError> {
        let found = self.models.iter().find(|model| model.name == name);
        found.ok_or_else(|| ModelsError::Unknown { name: name.to_owned(), close: self.close_to(name) })
    }

    /// Up to three names that somebody may have meant.
    fn close_to(&self, name: &str) -> Vec<String> {
        let name = name.to_lowercase();
        let likeness = |model: &Model| {
            let contains = if !name.is_empty() && model.name.to_lowercase().contains(&name) { 1.0 } else { 0.0 };
            contains + strsim::jaro_winkler(&name, &model.name.to_lowercase())
        };
        let mut close: Vec<(f64, &Model)> = self.models.iter().map(|model| (likeness(model), model)).collect();
        close.retain(|(likeness, _)| *likeness > 0.75);
        close.sort_by(|left, right| right.0.total_cmp(&left.0));
        close.into_iter().take(3).map(|(_, model)| model.name.clone()).collect()
    }
}

impl RawModel {
    fn check(self, lists: &BTreeMap<String, Vec<String>>) -> Result<Model, String> {
        let name = self.name;
        if !is_plain_name(&name) {
            return Err(format!("{name:?} cannot be a model's name: letters, digits, '.', '-' and '_' only"));
        }
        if self.builtin != self.file.is_empty() {
            return Err(format!("model {name}: a model has files, or it is built in"));
        }
        let mut languages = Vec::new();
        for language in self.languages {
            match language.strip_prefix('@') {
                None => languages.push(language),
                Some(list) => match lists.get(list) {
                    Some(list) => languages.extend(list.iter().cloned()),
                    None => return Err(format!("model {name}: there is no list of languages named {list:?}")),
                },
            }
        }
        let files: Result<Vec<ModelFile>, String> = self.file.into_iter().map(RawFile::check).collect();
        let files = files.map_err(|why| format!("model {name}: {why}"))?;
        let mut names = HashSet::new();
        if let Some(twice) = files.iter().find(|file| !names.insert(&file.name)) {
            return Err(format!("model {name}: two files are named {}", twice.name));
        }
        Ok(Model {
            name,
            kind: self.kind,
            languages,
            licence: self.licence,
            licence_url: self.licence_url,
            notes: self.notes,
            parameters: self.parameters,
            builtin: self.builtin,
            audio_ctx: self.audio_ctx,
            tools: self.tools,
            context: self.context,
            files,
        })
    }
}

impl RawFile {
    fn check(self) -> Result<ModelFile, String> {
        let last = self.url.split(['?', '#']).next().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
        let name = self.name.unwrap_or_else(|| last.to_owned());
        if !is_plain_name(&name) || [".part", ".resume"].iter().any(|ending| name.ends_with(ending)) {
            return Err(format!("{name:?} cannot be a file's name; set `name`"));
        }
        let sha256 = match self.sha256.as_str() {
            "unknown" => None,
            digest if is_sha256(digest) => Some(digest.to_ascii_lowercase()),
            other => return Err(format!("{other:?} is no SHA-256: 64 hexadecimal digits, or \"unknown\"")),
        };
        let format = self.format.unwrap_or_else(|| match name.rsplit('.').next() {
            Some("bin") => Format::Ggml,
            Some("gguf") => Format::Gguf,
            Some("onnx") => Format::Onnx,
            Some("json") => Format::Json,
            _ => Format::Other,
        });
        let urls = std::iter::once(self.url).chain(self.mirrors).collect();
        Ok(ModelFile { name, urls, size: self.size, approximate: self.approximate, sha256, format })
    }
}

/// Whether it can be a file's name everywhere and never leaves its folder.
pub(crate) fn is_plain_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    !name.is_empty() && name.len() <= 120 && !name.starts_with('.') && name.chars().all(plain)
}

pub(crate) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests;
