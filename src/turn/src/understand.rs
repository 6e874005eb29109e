//! Text and the home's names to what is meant by it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};
use vesta_audio::Said;
use vesta_home::lists::List;
use vesta_home::{Floor, IntentCall, Snapshot};
use vesta_intents::{Context, Dictionary, Explained, NameEntry, Names, NamesBuilder, Recognition, Understanding};

use crate::lists;

/// A household's language: its sentences, and the home's names in the form in which they are matched.
pub struct Language {
    tag: String,
    dictionary: Dictionary,
    names: Mutex<Option<(u64, Arc<Names>)>>,
    /// Whether the sentences take the household's lists for names.
    names_lists: bool,
    /// Those lists: id and name of each.
    lists: Mutex<Vec<(String, String)>>,
}

/// What a sentence is understood in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scene {
    /// The area that the speaker is in, by id.
    pub area: Option<String>,
    /// What was said before, as sentences that follow it up require it; see `dialog`.
    pub before: Map<String, Value>,
}

impl From<Option<&str>> for Scene {
    fn from(area: Option<&str>) -> Self {
        Self { area: area.map(str::to_owned), before: Map::new() }
    }
}

impl Scene {
    fn context(&self) -> Context {
        let mut context = self.before.clone();
        if let Some(area) = &self.area {
            context.insert("area".to_owned(), Value::from(area.as_str()));
        }
        context
    }
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

/// What is told to everybody.
const BROADCAST: &str = "HassBroadcast";
/// Has its time already.
const START_TIMER: &str = "HassStartTimer";

impl Language {
    /// A language by its tag (BCP 47, such as `en`) and its sentences.
    pub fn new(tag: impl Into<String>, dictionary: Dictionary) -> Self {
        let names_lists = dictionary.requires("domain", lists::DOMAIN);
        Self { tag: tag.into(), dictionary, names: Mutex::new(None), names_lists, lists: Mutex::default() }
    }

    /// The language's tag.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The sentences, responses and spoken errors.
    pub fn dictionary(&self) -> &Dictionary {
        &self.dictionary
    }

    /// Tells it the household's lists. Home Assistant's dictionaries name them as they name devices; in Vesta's own sentences a list is
    /// called whatever somebody calls it, and no device may be taken for one.
    pub(crate) fn know_lists(&self, lists: &[List]) {
        if !self.names_lists {
            return;
        }
        let mut known = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |(id, name): &(String, String), list: &List| *id == list.id && *name == list.name;
        if known.len() == lists.len() && known.iter().zip(lists).all(|(known, list)| same(known, list)) {
            return;
        }
        *known = lists.iter().map(|list| (list.id.clone(), list.name.clone())).collect();
        // Who prepares the names holds them while it asks for the lists: never the other way round.
        drop(known);
        *self.names.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// What `text` means in this home, word for word; `None` where no sentence matches. A scene is also made of an area alone.
    pub fn understand(&self, text: &str, home: &Snapshot, scene: impl Into<Scene>) -> Option<Meaning> {
        self.understand_at(text, home, scene, Reading { time: Time::Now, exact: true })
    }

    fn understand_at(&self, text: &str, home: &Snapshot, scene: impl Into<Scene>, reading: Reading) -> Option<Meaning> {
        let (names, scene) = (self.names(home), scene.into());
        let recognitions = self.dictionary.recognize_all(text, &names, &scene.context())?;
        self.sensible(text, recognitions, home, &scene, reading)
    }

    /// As [`Language::understand`], with words repaired that were perhaps misheard; where several repairs are close, what
    /// may have been meant.
    pub fn guess(&self, text: &str, home: &Snapshot, scene: impl Into<Scene>) -> Guess {
        self.guess_at(text, home, scene, Reading { time: Time::Now, exact: false })
    }

    fn guess_at(&self, text: &str, home: &Snapshot, scene: impl Into<Scene>, reading: Reading) -> Guess {
        let scene = scene.into();
        // "Set a pasta timer" says enough by the words that are not free: nobody needs to ask whether "pasta" was misheard.
        if let Some(recognitions) = self.dictionary.recognize_all(text, &self.names(home), &scene.context())
            && let [one] = recognitions.as_slice()
            && one.wildcards > 0
            && free_words(one) * 2 <= text.len()
            && let Some(meaning) = self.sensible(text, recognitions, home, &scene, reading)
        {
            return Guess::Meaning(meaning);
        }
        match self.dictionary.understand(text, &self.names(home), &scene.context()) {
            Understanding::Commands(recognitions) => {
                self.sensible(text, recognitions, home, &scene, reading).map_or(Guess::Nothing, Guess::Meaning)
            }
            Understanding::Ask(recognitions) => {
                let exact = recognitions.iter().find(|recognition| recognition.repairs.is_empty()).cloned();
                let about = |recognition: Recognition| {
                    let subject = asked_about(subject(&recognition, home)?, text, &recognition.repairs);
                    Some((subject, meaning(text, vec![recognition], &scene)))
                };
                let subjects: Vec<_> = recognitions.into_iter().filter_map(about).collect();
                // Where there is nothing to ask about, what was said is what is meant.
                match exact.filter(|_| subjects.is_empty()) {
                    Some(exact) => {
                        let exact = self.sensible(text, vec![exact], home, &scene, reading);
                        exact.map_or(Guess::Nothing, Guess::Meaning)
                    }
                    None => Guess::OneOf(subjects),
                }
            }
            Understanding::Nothing => Guess::Nothing,
        }
    }

    /// A command for later takes any words for a command: those that are none make no sense. Of "the lamp and the fan in ten
    /// minutes" neither half may be taken for the whole either.
    fn sensible(
        &self,
        text: &str,
        recognitions: Vec<Recognition>,
        home: &Snapshot,
        scene: &Scene,
        reading: Reading,
    ) -> Option<Meaning> {
        if let [one] = recognitions.as_slice()
            && reading.time == Time::Now
            && one.wildcards > 0
            // A reminder has its time already: "remind me to buy milk at five" asks for nothing at five but to be reminded.
            && one.intent != START_TIMER
            && let Some(later) = self.later_instead(text, home, scene, reading)
        {
            return Some(later);
        }
        let whole = meaning(text, recognitions, scene);
        if whole.calls.iter().all(|call| self.makes_sense_later(call, home, scene, reading)) {
            return Some(whole);
        }
        if whole.calls.len() < 2 {
            return None;
        }
        let one = self.dictionary.recognize(text, &self.names(home), &scene.context())?;
        let one = meaning(text, vec![one], scene);
        one.calls.iter().all(|call| self.makes_sense_later(call, home, scene, reading)).then_some(one)
    }

    /// "Spiel in zehn Minuten Musik" is no music called "in ten minutes music": a command for later, where the words around
    /// the time are a command, goes before a sentence that takes anything for what it is about. But of "announce that we leave at eight" the
    /// time is what is announced.
    fn later_instead(&self, text: &str, home: &Snapshot, scene: &Scene, reading: Reading) -> Option<Meaning> {
        let explained = self.dictionary.explain(text, &self.names(home), &scene.context()).ok()?;
        let calls: Vec<Call> =
            explained.candidates.into_iter().map(|candidate| candidate_call(candidate, scene)).collect();
        let command = |call: &Call| crate::timers::later_command(&call.intent);
        // Also in the middle: "sag allen, das Essen ist in zehn Minuten fertig".
        let time_at_the_end = |call: &&Call| {
            let begun = call.intent.slots.get("command_begin").and_then(Value::as_str).map(str::to_owned);
            begun.or_else(|| command(call)).is_some_and(|command| begins_with(text, &command))
        };
        let told = calls.iter().find(|call| call.intent.intent == BROADCAST);
        let told = told.filter(|_| calls.iter().any(|call| time_at_the_end(&call)));
        let sensible = |call: &&Call| command(call).is_some() && self.makes_sense_later(call, home, scene, reading);
        let later = calls.iter().filter(|call| told.is_none() || !time_at_the_end(call)).find(sensible);
        later.or(told).map(|call| Meaning { text: text.to_owned(), calls: vec![call.clone()] })
    }

    fn makes_sense_later(&self, call: &Call, home: &Snapshot, scene: &Scene, reading: Reading) -> bool {
        let Some(command) = crate::timers::later_command(&call.intent) else { return true };
        // What is for later is for once: "in five minutes in five minutes in five minutes …" would be taken apart in every way there is,
        // twice as many with each time.
        if reading.time == Time::Later {
            return false;
        }
        let (scene, reading) = (scene.area.as_deref(), Reading { time: Time::Later, ..reading });
        if reading.exact {
            return self.understand_at(&command, home, scene, reading).is_some();
        }
        matches!(self.guess_at(&command, home, scene, reading), Guess::Meaning(_))
    }

    /// What the transcript so far looks like to the endpointing.
    pub fn said(&self, text: &str, home: &Snapshot, scene: impl Into<Scene>) -> Said {
        if text.trim().is_empty() {
            return Said::Nothing;
        }
        let partial = self.dictionary.partial(text, &self.names(home), &scene.into().context());
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
                let lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let names = lists.into_iter().fold(names_builder(home, &self.dictionary), |names, (id, name)| {
                    names.name(NameEntry {
                        text: name,
                        value: format!("{}.{id}", lists::DOMAIN).into(),
                        context: Map::from_iter([("domain".to_owned(), lists::DOMAIN.into())]),
                        ..NameEntry::default()
                    })
                });
                let names = Arc::new(names.build());
                *cached = Some((home.version, names.clone()));
                names
            }
        }
    }
}

/// How a text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reading {
    time: Time,
    /// Word for word, also the command of a command for later: talk that nobody meant for the house is not repaired.
    exact: bool,
}

/// When what is understood is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Time {
    Now,
    /// It is the command of a command for later.
    Later,
}

/// What a text may mean that matches no sentence word for word.
#[derive(Debug, Clone)]
pub enum Guess {
    /// Surely this.
    Meaning(Meaning),
    /// One of these: what each is about, by its name, and what it would mean.
    OneOf(Vec<(String, Meaning)>),
    /// Nothing.
    Nothing,
}

/// How much of a sentence, in bytes, is words that a sentence takes whatever they are.
fn free_words(recognition: &Recognition) -> usize {
    let free = recognition.slots.values().filter(|slot| slot.value.as_str() == Some(slot.text.as_str()));
    free.map(|slot| slot.text.len()).sum()
}

fn meaning(text: &str, recognitions: Vec<Recognition>, scene: &Scene) -> Meaning {
    let calls = recognitions.into_iter().map(|recognition| call(text, recognition, scene.area.as_deref())).collect();
    Meaning { text: text.to_owned(), calls }
}

fn candidate_call(candidate: Explained, scene: &Scene) -> Call {
    let slots: BTreeMap<String, Value> = candidate.slots.into_iter().collect();
    let spoken = slots.iter().filter(|(_, value)| value.is_string());
    let spoken = spoken.map(|(slot, value)| (slot.clone(), value.clone())).collect();
    let speaker_area = scene.area.clone();
    let intent = IntentCall { intent: candidate.intent, slots, speaker_area, ..IntentCall::default() };
    Call { intent, response: candidate.response, spoken }
}

fn begins_with(text: &str, words: &str) -> bool {
    let lower = |text: &str| text.trim().to_lowercase();
    lower(text).starts_with(&lower(words))
}

/// The name of what a sentence is about.
fn subject(recognition: &Recognition, home: &Snapshot) -> Option<String> {
    let id = |slot: &str| recognition.slots.get(slot)?.value.as_str();
    let entity = id("name").and_then(|id| home.entities.get(id)).map(|entity| entity.name.clone());
    let area = || id("area").and_then(|id| home.area(id)).map(|area| area.name.clone());
    entity.or_else(area)
}

/// How to ask about a repaired sentence: by its subject where only that was repaired, and else by all of it, so that nobody says yes to
/// something else than they meant.
fn asked_about(subject: String, text: &str, repairs: &[(String, String)]) -> String {
    let own: Vec<String> = words(&subject);
    let elsewhere =
        |(_, meant): &(String, String)| meant.is_empty() || words(meant).iter().any(|word| !own.contains(word));
    if !repairs.iter().any(elsewhere) {
        return subject;
    }
    let mut said = format!(" {} ", words(text).join(" "));
    for (heard, meant) in repairs {
        said = said.replacen(&format!(" {heard} "), &format!(" {meant} "), 1);
    }
    format!("“{}”", words(&said).join(" "))
}

fn words(text: &str) -> Vec<String> {
    let split = |c: char| !c.is_alphanumeric() && c != '\'';
    text.to_lowercase().split(split).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn call(text: &str, recognition: Recognition, speaker_area: Option<&str>) -> Call {
    let mut slots = BTreeMap::new();
    let mut spoken = Map::new();
    for (name, slot) in recognition.slots {
        let free = slot.value.as_str() == Some(slot.text.as_str());
        let value = match text.get(slot.span.clone()).filter(|said| free && same_letters(said, &slot.text)) {
            // Sentences are matched without their commas, but what is put on a list has them: "milk, eggs and bread".
            Some(said) => Value::from(said.trim().trim_end_matches(|c: char| !c.is_alphanumeric())),
            None => slot.value,
        };
        spoken.insert(name.clone(), Value::from(slot.text.trim()));
        slots.insert(name, value);
    }
    let intent = IntentCall {
        intent: recognition.intent,
        slots,
        speaker_area: speaker_area.map(str::to_owned),
        ..IntentCall::default()
    };
    Call { intent, response: recognition.response, spoken }
}

/// Whether two texts differ in nothing but marks and white space.
fn same_letters(a: &str, b: &str) -> bool {
    let letters =
        |text: &str| text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    letters(a) == letters(b)
}

/// Every name and alias of what can be spoken about, and what the language calls floors of such names.
pub fn names_of(home: &Snapshot, dictionary: &Dictionary) -> Names {
    names_builder(home, dictionary).build()
}

fn names_builder(home: &Snapshot, dictionary: &Dictionary) -> NamesBuilder {
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
    for group in dictionary.floor_words() {
        let called = |floor: &&Floor| {
            let mut own = std::iter::once(&floor.name).chain(&floor.aliases);
            own.any(|own| group.iter().any(|word| word.to_lowercase() == own.to_lowercase()))
        };
        let mut meant = home.floors.iter().filter(called);
        // Of two attics neither is "the attic".
        let (Some(floor), None) = (meant.next(), meant.next()) else { continue };
        for word in group {
            names = names.floor(word.as_str(), floor.id.as_str());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floor_is_called_by_the_words_of_the_language_unless_two_could_be_meant() {
        let sentences = "language: de\nfloor_words: [[oben, Obergeschoss], [Keller]]\n\
                         intents: {Off: {data: [{sentences: ['licht {floor} aus']}]}}";
        let dictionary = Dictionary::load(&[("de.yaml", sentences)]).unwrap();
        let floor = |id: &str, name: &str| Floor { id: id.into(), name: name.into(), aliases: vec!["Dach".into()] };
        let mut home = Snapshot { floors: vec![floor("first", "obergeschoss")], ..Snapshot::default() };
        let meant = |home: &Snapshot, text: &str| {
            let found = dictionary.recognize(text, &names_of(home, &dictionary), &Context::new())?;
            found.slots.get("floor").and_then(|slot| slot.value.as_str().map(str::to_owned))
        };
        assert_eq!(meant(&home, "Licht oben aus").as_deref(), Some("first"));
        assert_eq!(meant(&home, "Licht Keller aus"), None);
        home.floors.push(floor("second", "Oben"));
        assert_eq!(meant(&home, "Licht oben aus").as_deref(), Some("second"), "its own name");
        home.floors.push(floor("third", "Obergeschoss"));
        assert_eq!(meant(&home, "Licht oben aus").as_deref(), Some("second"));
    }

    /// Lists change while sentences are understood: neither waits for the other for ever.
    #[test]
    fn lists_are_learned_while_sentences_are_understood() {
        let sentences = "language: en\nintents: {HassListAddItem: {data: [{sentences: ['look at {name}'], requires_context: {domain: todo}}]}}";
        let language = Language::new("en", Dictionary::load(&[("en.yaml", sentences)]).unwrap());
        let list = |name: String| List { id: name.clone(), name, items: Vec::new() };
        std::thread::scope(|scope| {
            scope.spawn(|| (0..2_000).for_each(|n| language.know_lists(&[list(format!("list {n}"))])));
            scope.spawn(|| {
                for version in 0..2_000 {
                    language.understand("look at list 1", &Snapshot { version, ..Snapshot::default() }, None);
                }
            });
        });
        let home = Snapshot { version: 1_999, ..Snapshot::default() };
        assert!(language.understand("look at list 1999", &home, None).is_some(), "the last that was told");
    }
}
