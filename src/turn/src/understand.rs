//! Text and the home's names to what is meant by it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};
use vesta_audio::Said;
use vesta_home::{IntentCall, Snapshot};
use vesta_intents::{Context, Dictionary, NameEntry, Names, Recognition, Understanding};

/// A household's language: its sentences, and the home's names in the form in which they are matched.
pub struct Language {
    tag: String,
    dictionary: Dictionary,
    names: Mutex<Option<(u64, Arc<Names>)>>,
}

/// What is meant by a sentence: one call, or several for "turn off the lights and lower the blinds".
#[derive(Debug, Clone)]
pub struct Meaning {
    /// The text this was understood from.
    pub text: String,
    /// What to do, in order.
    pub calls: Vec<Call>,
}

/// One thing to do, and the wording of its answer.
#[derive(Debug, Clone)]
pub struct Call {
    /// For the home.
    pub intent: IntentCall,
    /// Which of the intent's responses answers it.
    pub response: Option<String>,
    /// What was said for each slot, for the answer.
    pub spoken: Map<String, Value>,
}

impl Language {
    /// A language by its tag (BCP 47, such as `en`) and its sentences.
    pub fn new(tag: impl Into<String>, dictionary: Dictionary) -> Self {
        Self { tag: tag.into(), dictionary, names: Mutex::new(None) }
    }

    /// The language's tag.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The sentences, responses and spoken errors.
    pub fn dictionary(&self) -> &Dictionary {
        &self.dictionary
    }

    /// What `text` means in this home, spoken in the area `speaker_area`, word for word; `None` where no sentence matches.
    pub fn understand(&self, text: &str, home: &Snapshot, speaker_area: Option<&str>) -> Option<Meaning> {
        let names = self.names(home);
        let recognitions = self.dictionary.recognize_all(text, &names, &context(speaker_area))?;
        Some(meaning(text, recognitions, speaker_area))
    }

    /// As [`Language::understand`], with words repaired that were perhaps misheard; where several repairs are close, what
    /// may have been meant.
    pub fn guess(&self, text: &str, home: &Snapshot, speaker_area: Option<&str>) -> Guess {
        match self.dictionary.understand(text, &self.names(home), &context(speaker_area)) {
            Understanding::Commands(recognitions) => Guess::Meaning(meaning(text, recognitions, speaker_area)),
            Understanding::Ask(recognitions) => {
                Guess::OneOf(recognitions.iter().filter_map(|recognition| subject(recognition, home)).collect())
            }
            Understanding::Nothing => Guess::Nothing,
        }
    }

    /// What the transcript so far looks like to the endpointing.
    pub fn said(&self, text: &str, home: &Snapshot, speaker_area: Option<&str>) -> Said {
        if text.trim().is_empty() {
            return Said::Nothing;
        }
        let partial = self.dictionary.partial(text, &self.names(home), &context(speaker_area));
        match (partial.complete, partial.can_continue) {
            (true, _) => Said::Complete,
            (false, true) => Said::OpenEnded,
            (false, false) => Said::Unknown,
        }
    }

    /// The home's names, prepared for matching once for each version of the home.
    fn names(&self, home: &Snapshot) -> Arc<Names> {
        let mut cached = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        match &*cached {
            Some((version, names)) if *version == home.version => names.clone(),
            _ => {
                let names = Arc::new(names_of(home));
                *cached = Some((home.version, names.clone()));
                names
            }
        }
    }
}

/// What a text may mean that matches no sentence word for word.
#[derive(Debug, Clone)]
pub enum Guess {
    /// Surely this.
    Meaning(Meaning),
    /// One of these: what each is about, by its name.
    OneOf(Vec<String>),
    /// Nothing.
    Nothing,
}

fn meaning(text: &str, recognitions: Vec<Recognition>, speaker_area: Option<&str>) -> Meaning {
    let calls = recognitions.into_iter().map(|recognition| call(recognition, speaker_area)).collect();
    Meaning { text: text.to_owned(), calls }
}

/// The name of what a sentence is about.
fn subject(recognition: &Recognition, home: &Snapshot) -> Option<String> {
    let id = |slot: &str| recognition.slots.get(slot)?.value.as_str();
    let entity = id("name").and_then(|id| home.entities.get(id)).map(|entity| entity.name.clone());
    let area = || id("area").and_then(|id| home.area(id)).map(|area| area.name.clone());
    entity.or_else(area)
}

fn context(speaker_area: Option<&str>) -> Context {
    speaker_area.map(|area| ("area".to_owned(), Value::from(area))).into_iter().collect()
}

fn call(recognition: Recognition, speaker_area: Option<&str>) -> Call {
    let mut slots = BTreeMap::new();
    let mut spoken = Map::new();
    for (name, slot) in recognition.slots {
        spoken.insert(name.clone(), Value::from(slot.text.trim()));
        slots.insert(name, slot.value);
    }
    let intent =
        IntentCall { intent: recognition.intent, slots, speaker_area: speaker_area.map(str::to_owned), deadline: None };
    Call { intent, response: recognition.response, spoken }
}

/// Every name and alias of what can be spoken about.
pub fn names_of(home: &Snapshot) -> Names {
    let mut names = Names::builder();
    let exposed = || home.entities.values().filter(|entity| entity.exposed);
    let mut holders: HashMap<String, usize> = HashMap::new();
    for text in exposed().flat_map(|entity| std::iter::once(&entity.name).chain(&entity.aliases)) {
        *holders.entry(text.to_lowercase()).or_default() += 1;
    }
    for entity in exposed() {
        let mut context = Map::new();
        context.insert("domain".to_owned(), Value::from(entity.domain.as_str()));
        if let Some(class) = &entity.device_class {
            context.insert("device_class".to_owned(), Value::from(class.as_str()));
        }
        if let Some(area) = &entity.area {
            context.insert("area".to_owned(), Value::from(area.as_str()));
        }
        for text in std::iter::once(&entity.name).chain(&entity.aliases) {
            // Of several things of one name the home decides which is meant, or asks: it gets the name instead of an id.
            let shared = holders.get(&text.to_lowercase()).is_some_and(|holders| *holders > 1);
            names = names.name(NameEntry {
                text: text.clone(),
                value: Value::from(if shared { text.as_str() } else { entity.id.as_str() }),
                context: context.clone(),
                ..NameEntry::default()
            });
        }
    }
    for area in &home.areas {
        for text in std::iter::once(&area.name).chain(&area.aliases) {
            names = names.area(text.as_str(), area.id.as_str());
        }
    }
    for floor in &home.floors {
        for text in std::iter::once(&floor.name).chain(&floor.aliases) {
            names = names.floor(text.as_str(), floor.id.as_str());
        }
    }
    names.build()
}
