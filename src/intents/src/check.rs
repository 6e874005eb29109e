//! What is wrong with a dictionary, by file and line.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::context::Context;
use crate::dictionary::Dictionary;
use crate::graph::Block;
use crate::load::{Raw, RawRange, interpret, merge_parts, shorten};
use crate::names::{NameEntry, Names};
use crate::sample::{FROM_CALLER, Sample};
use crate::sources::Sources;
use crate::template::{self, Expr};

/// Sentences made up per template to see whether it can be reached.
const SAMPLES: usize = 4;
/// And more of a template that none of those reached: what says much in many ways is rarely chosen in its own.
const MORE_SAMPLES: usize = 60;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The dictionary cannot be used like this.
    Error,
    /// It works, but probably not as meant.
    Warning,
}

/// Something to look at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// The file, as it was named when it was handed over; empty where it is not known.
    pub file: String,
    /// Line from 1; 0 where it is not known.
    pub line: usize,
    /// How bad it is.
    pub severity: Severity,
    /// What it is, and what to do.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            write!(f, "{}:", self.file)?;
            if self.line > 0 {
                write!(f, "{}:", self.line)?;
            }
            write!(f, " ")?;
        }
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}: {}", self.message)
    }
}

/// Checks the files of one dictionary: templates that cannot be read, rules and lists that are unknown or unused,
/// sentences that can never be reached because others win, responses that are missing or broken. Sorted by file and line.
#[must_use]
pub fn check(parts: &[(&str, &str)]) -> Vec<Finding> {
    let sources = Sources { parts };
    let mut checker = Checker { sources: &sources, findings: BTreeSet::new() };
    let mut command_slots = Vec::new();
    match merge_parts(parts).and_then(interpret) {
        Err(error) => checker.add("", Severity::Error, error.to_string()),
        Ok(raw) => {
            checker.references(&raw);
            checker.responses(&raw);
            command_slots = raw.command_slots;
        }
    }
    let broken = checker.findings.iter().any(|f| f.severity == Severity::Error);
    match Dictionary::load(parts) {
        Err(error) if !broken => checker.add("", Severity::Error, error.to_string()),
        Err(_) => {}
        Ok(dictionary) => {
            for slot in command_slots.iter().filter(|slot| !dictionary.graph.slots.contains(slot)) {
                let message = format!("no sentence has a slot `{slot}`, which is named in command_slots");
                checker.add(slot, Severity::Warning, message);
            }
            checker.reachability(&dictionary);
        }
    }
    checker.findings.into_iter().collect()
}

struct Checker<'a> {
    sources: &'a Sources<'a>,
    findings: BTreeSet<Finding>,
}

impl Checker<'_> {
    fn add(&mut self, at: &str, severity: Severity, message: String) {
        self.add_at(self.sources.find(at), severity, message);
    }

    fn add_at(&mut self, at: Option<(String, usize)>, severity: Severity, message: String) {
        let (file, line) = at.unwrap_or_default();
        self.findings.insert(Finding { file, line, severity, message });
    }

    fn references(&mut self, raw: &Raw) {
        let mut rules_used = BTreeSet::new();
        let mut lists_used = BTreeSet::new();
        let mut seen: HashMap<(&str, &str), &str> = HashMap::new();
        for (name, body) in &raw.rules {
            let text = body.as_str().unwrap_or_default();
            if let Some(expr) = self.parse(&format!("rule <{name}>"), text) {
                self.names(&expr, text, raw, &Map::new(), &Map::new(), &mut rules_used, &mut lists_used);
            }
        }
        for (name, list) in &raw.lists {
            for value in list.get("values").and_then(Value::as_array).into_iter().flatten().take(10_000) {
                let text = value.as_str().or_else(|| value.get("in").and_then(Value::as_str)).unwrap_or_default();
                if template::is_template(text)
                    && let Some(expr) = self.parse(&format!("list {{{name}}}"), text)
                {
                    self.names(&expr, text, raw, &Map::new(), &Map::new(), &mut rules_used, &mut lists_used);
                }
            }
        }
        for (intent, definition) in &raw.intents {
            for block in &definition.data {
                for body in block.expansion_rules.values() {
                    let text = body.as_str().unwrap_or_default();
                    if let Some(expr) = self.parse(&format!("a rule of {intent}"), text) {
                        self.names(
                            &expr,
                            text,
                            raw,
                            &block.expansion_rules,
                            &block.lists,
                            &mut rules_used,
                            &mut lists_used,
                        );
                    }
                }
                for text in &block.sentences {
                    let Some(expr) = self.parse(intent, text) else { continue };
                    self.names(
                        &expr,
                        text,
                        raw,
                        &block.expansion_rules,
                        &block.lists,
                        &mut rules_used,
                        &mut lists_used,
                    );
                    let plain = block.requires_context.is_empty() && block.excludes_context.is_empty();
                    if plain && let Some(before) = seen.insert((text.as_str(), ""), intent) {
                        let message = format!("{intent}: `{}` is already a sentence of {before}", shorten(text));
                        self.add_at(self.sources.find_last(text), Severity::Warning, message);
                    }
                }
            }
        }
        for name in raw.rules.keys().filter(|name| !rules_used.contains(name.as_str())) {
            let at = self.sources.find_key("expansion_rules", name);
            self.add_at(at, Severity::Warning, format!("the rule <{name}> is never used"));
        }
        for name in raw.lists.keys().filter(|name| !lists_used.contains(name.as_str())) {
            let at = self.sources.find_key("lists", name);
            self.add_at(at, Severity::Warning, format!("the list {{{name}}} is never used"));
        }
    }

    fn parse(&mut self, what: &str, text: &str) -> Option<Expr> {
        match template::parse(text) {
            Ok(expr) => Some(expr),
            Err(error) => {
                self.add(text, Severity::Error, format!("{what}: `{}`: {error}", shorten(text)));
                None
            }
        }
    }

    #[allow(clippy::too_many_arguments, reason = "one walk, two kinds of names, each global and local")]
    fn names(
        &mut self,
        expr: &Expr,
        text: &str,
        raw: &Raw,
        local_rules: &Map<String, Value>,
        local_lists: &Map<String, Value>,
        rules_used: &mut BTreeSet<String>,
        lists_used: &mut BTreeSet<String>,
    ) {
        match expr {
            Expr::Rule(name) => {
                if !raw.rules.contains_key(name) && !local_rules.contains_key(name) {
                    self.add(text, Severity::Error, format!("there is no expansion rule <{name}>"));
                }
                rules_used.insert(name.clone());
            }
            Expr::List(list) => {
                let name = &list.list;
                let known = raw.lists.contains_key(name)
                    || local_lists.contains_key(name)
                    || matches!(name.as_str(), "name" | "area" | "floor")
                    || RawRange::inline(name).is_some();
                if !known {
                    self.add(text, Severity::Error, format!("there is no list {{{name}}}"));
                }
                lists_used.insert(name.clone());
            }
            Expr::Sequence(items) | Expr::Alternative(items) | Expr::Permutation(items) => {
                for item in items {
                    self.names(item, text, raw, local_rules, local_lists, rules_used, lists_used);
                }
            }
            Expr::Text(_) => {}
        }
    }

    fn responses(&mut self, raw: &Raw) {
        if raw.responses.is_empty() {
            return;
        }
        for (intent, definition) in &raw.intents {
            for block in &definition.data {
                let key = block.response.as_deref().unwrap_or("default");
                let known = raw.responses.get(intent).and_then(|keys| keys.get(key)).is_some();
                if !known {
                    let at = block.sentences.first().map_or("", String::as_str);
                    self.add(
                        at,
                        Severity::Warning,
                        format!("{intent} has no response `{key}`; add it to the responses"),
                    );
                }
            }
        }
    }

    /// Says sentences made up from every template and looks at what is understood.
    fn reachability(&mut self, dictionary: &Dictionary) {
        for (name, message) in dictionary.responses.broken() {
            self.add(
                name.rsplit('/').next().unwrap_or(name),
                Severity::Warning,
                format!("the template {name} is broken: {message}"),
            );
        }
        let names = invented_home(dictionary);
        let mut reached: BTreeMap<String, Reached> = BTreeMap::new();
        for sample in dictionary.sample(&names, SAMPLES, 1) {
            reached.entry(sample.sentence.clone()).or_default().see(dictionary, &names, sample);
        }
        for (sentence, reached) in &mut reached {
            if !reached.itself {
                for sample in dictionary.sample_sentence(sentence, &names, MORE_SAMPLES, 2) {
                    reached.see(dictionary, &names, sample);
                }
            }
        }
        for (sentence, Reached { intent, itself, instead, covered }) in reached {
            let message = match instead {
                Some((sample, other)) if intent => {
                    format!("{}: \"{}\" is understood as {other}", sample.intent, sample.text)
                }
                Some((sample, other)) => {
                    format!("{}: never reached; \"{}\" is understood as {other}", sample.intent, sample.text)
                }
                None if itself => continue,
                None => format!("{covered}; whatever else it says is said as well by other sentences of its intent"),
            };
            self.add(&sentence, Severity::Warning, message);
        }
    }
}

/// What became of the sentences that a template makes.
#[derive(Default)]
struct Reached {
    /// Its intent was understood.
    intent: bool,
    /// The template itself was what matched.
    itself: bool,
    /// A sentence that another template of its intent took.
    covered: String,
    /// A sentence that means something else, and what.
    instead: Option<(Sample, String)>,
}

impl Reached {
    fn see(&mut self, dictionary: &Dictionary, names: &Names, sample: Sample) {
        match dictionary.recognize(&sample.text, names, &sample.context) {
            Some(found) if found.intent == sample.intent => {
                self.intent = true;
                if found.sentence == sample.sentence {
                    self.itself = true;
                } else {
                    let other = shorten(&found.sentence);
                    self.covered =
                        format!("{}: never reached; \"{}\" is understood through `{other}`", found.intent, sample.text);
                }
            }
            Some(found) => {
                self.instead = Some((sample, format!("{} through `{}`", found.intent, shorten(&found.sentence))));
            }
            None => self.instead = Some((sample, "nothing".into())),
        }
    }
}

/// A home with one name of every kind that some sentence asks for.
fn invented_home(dictionary: &Dictionary) -> Names {
    let mut kinds: BTreeMap<String, Context> = BTreeMap::new();
    for block in &dictionary.graph.blocks {
        for context in contexts_of(block) {
            kinds.insert(Value::Object(context.clone()).to_string(), context);
        }
    }
    let mut names = Names::builder();
    for (number, (_, context)) in kinds.into_iter().enumerate() {
        let text = format!("xylo{number}");
        names = names.name(NameEntry { value: Value::from(text.as_str()), text, context, metadata: Map::new() });
    }
    names.area("quadro", "quadro").floor("tertia", "tertia").build()
}

/// Contexts that satisfy what a block demands of a name.
fn contexts_of(block: &Block) -> Vec<Context> {
    let mut contexts = vec![Context::new()];
    for (key, wanted) in block.requires.iter().filter(|(key, _)| !FROM_CALLER.contains(&key.as_str())) {
        let wanted = match wanted {
            Value::Object(map) => map.get("value").cloned().unwrap_or_default(),
            other => other.clone(),
        };
        let values = match wanted {
            Value::Null => continue,
            Value::Array(values) => values,
            one => vec![one],
        };
        contexts = contexts
            .iter()
            .flat_map(|context| {
                values.iter().take(4).map(move |value| {
                    let mut more = context.clone();
                    more.insert(key.clone(), value.clone());
                    more
                })
            })
            .take(16)
            .collect();
    }
    contexts
}
