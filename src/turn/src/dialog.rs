//! What was said before: corrections ("no, the bedroom"), follow-ups ("and the kitchen too", "a bit brighter") and answers
//! to questions that the house asked ("the desk lamp").
//!
//! What such sentences are is the language's matter. They are ordinary templates that require a context, and speak to this
//! module by intents and slots:
//!
//! | | |
//! |---|---|
//! | context `recent` | kind of what the last turn was about: a domain, `timer`, `list`, `home` or `talk`; absent without a recent turn |
//! | context `asked` | `which` or `whether`, while a question of the house is open |
//! | slot `target: recent` | of any intent: what the last turn was about |
//! | `VestaFollowUp` | the last turn once more, with these slots in place of its own |
//! | `VestaCorrect` | the same, after the last turn was undone; `intent` changes what is done |
//! | `VestaUndo` | undoes the last turn |
//! | `VestaChoose` | answers the question: by `name`, `area`, `floor`, `number` (from 1, -1 is the last) or `all` |
//! | `VestaConfirm` | answers it with yes |
//!
//! Everything here is told the time. A memory is a conversation's, and ends after [`Settings::follow_up`](crate::Settings).

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use vesta_home::timers::{TimerError, TimerView};
use vesta_home::{CallError, Candidate, IntentCall, Outcome, Snapshot};
use vesta_intents::Dictionary;

use crate::error::TurnError;
use crate::understand::{Call, Meaning};

/// Conversations that are remembered; of more, the ones that were silent longest are forgotten.
const MOST: usize = 256;
/// An answer to "which one?" that is no sentence has at most this many words.
const SHORT: usize = 6;
/// Slots that say what a call is about.
const TARGET: [&str; 6] = ["name", "area", "floor", "domain", "device_class", "entities"];
/// Slots of which a new one replaces all: what a lamp shows, and how long something is.
const GROUPS: [&[&str]; 2] =
    [&["brightness", "brightness_step", "color", "temperature"], &["hours", "minutes", "seconds"]];
/// Slots that are for this module.
const OWN: [&str; 2] = ["intent", "target"];

/// What to do for a sentence, in order.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// What is to be undone first; where that fails, the rest is done all the same.
    pub(crate) undo: Vec<IntentCall>,
    /// What is to be done.
    pub(crate) call: Call,
}

/// What a conversation remembers.
#[derive(Debug, Default)]
pub(crate) struct Dialogs {
    dialogs: HashMap<String, Dialog>,
}

#[derive(Debug)]
struct Dialog {
    at: Instant,
    done: Vec<Done>,
    asked: Option<Asked>,
}

/// Something that was done or answered.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    call: Call,
    kind: String,
    entities: Vec<String>,
    undo: Vec<IntentCall>,
}

/// A question that is open.
#[derive(Debug, Clone)]
pub(crate) enum Asked {
    /// Which of these a call is about.
    Which {
        /// The call.
        call: Box<Call>,
        /// What it may be about.
        options: Vec<Candidate>,
        /// The slot that takes the id of one of them.
        slot: &'static str,
    },
    /// Which of these meanings is right: what each is about, and the meaning.
    Meaning(Vec<(String, Meaning)>),
}

impl Done {
    /// What is remembered of a call and its outcome.
    pub(crate) fn new(call: &Call, outcome: &Outcome) -> Self {
        let mut entities: Vec<String> = outcome.changed.iter().map(|change| change.id.clone()).collect();
        if entities.is_empty() {
            let answered = outcome.matched.iter().chain(&outcome.unmatched);
            entities = answered.map(|view| view.entity_id.clone()).collect();
        }
        let domain = entities.first().and_then(|id| id.split_once('.')).map(|(domain, _)| domain.to_owned());
        let kind = domain.unwrap_or_else(|| own_kind(&call.intent.intent, outcome).to_owned());
        // The last thing that was done is the first to be undone.
        let mut undo: Vec<IntentCall> = outcome.changed.iter().rev().flat_map(|change| change.undo.clone()).collect();
        undo.extend(undo_own(&call.intent, outcome));
        let mut call = call.clone();
        if let Some(timer) = timer_id(outcome) {
            call.spoken.insert("timer_id".to_owned(), timer.into());
        }
        Self { call, kind, entities, undo }
    }
}

impl Done {
    /// What is remembered of a call that could not be done: it can be corrected, and there is nothing to undo.
    pub(crate) fn failed(call: &Call) -> Self {
        let slot = |slot: &str| call.intent.slots.get(slot).and_then(Value::as_str);
        let kind = slot("domain").or_else(|| slot("name").and_then(domain)).unwrap_or("home").to_owned();
        Self { call: call.clone(), kind, entities: Vec::new(), undo: Vec::new() }
    }

    /// Whether this undid what was before.
    pub(crate) fn is_undo(&self) -> bool {
        self.call.intent.intent == "VestaUndo"
    }
}

/// What an intent that is not for the home's devices is about.
fn own_kind(intent: &str, outcome: &Outcome) -> &'static str {
    let slots = &outcome.response_slots;
    if slots.contains_key("timer") || slots.contains_key("timers") {
        "timer"
    } else if slots.contains_key("list") {
        "list"
    } else if matches!(intent, "HassNevermind" | "HassRespond") {
        "talk"
    } else {
        "home"
    }
}

fn timer_id(outcome: &Outcome) -> Option<String> {
    let one = |timer: &Value| timer.get("id")?.as_str().map(str::to_owned);
    let slots = &outcome.response_slots;
    slots.get("timer").and_then(one).or_else(|| match slots.get("timers")?.as_array()?.as_slice() {
        [timer] => one(timer),
        _ => None,
    })
}

/// How to undo what no device did.
fn undo_own(call: &IntentCall, outcome: &Outcome) -> Option<IntentCall> {
    let slots = &outcome.response_slots;
    let new = |intent: &str, slots: Vec<(&str, Value)>| IntentCall {
        intent: intent.to_owned(),
        slots: slots.into_iter().map(|(slot, value)| (slot.to_owned(), value)).collect(),
        ..IntentCall::default()
    };
    let timer = || Some(("id", Value::from(timer_id(outcome)?)));
    let times = || {
        ["hours", "minutes", "seconds"]
            .map(|slot| (slot, slots.get("given").and_then(|given| given.get(slot)).cloned().unwrap_or_default()))
    };
    let list = || Some(("list", slots.get("id")?.clone()));
    let item = || Some(("item", call.slots.get("item")?.clone()));
    match call.intent.as_str() {
        "HassStartTimer" => Some(new("HassCancelTimer", vec![timer()?])),
        "HassPauseTimer" => Some(new("HassUnpauseTimer", vec![timer()?])),
        "HassUnpauseTimer" => Some(new("HassPauseTimer", vec![timer()?])),
        "HassIncreaseTimer" | "HassDecreaseTimer" => {
            let other = if call.intent == "HassIncreaseTimer" { "HassDecreaseTimer" } else { "HassIncreaseTimer" };
            Some(new(other, std::iter::once(timer()?).chain(times()).collect()))
        }
        "HassListAddItem" | "HassShoppingListAddItem" => Some(new("HassListRemoveItem", vec![list()?, item()?])),
        "HassListCompleteItem" | "HassShoppingListCompleteItem" | "HassListRemoveItem" => {
            Some(new("HassListAddItem", vec![list()?, item()?]))
        }
        _ => None,
    }
}

impl Asked {
    /// What the house asks because of an error.
    pub(crate) fn because_of(call: &Call, error: &TurnError) -> Option<Self> {
        let (options, slot) = match error {
            TurnError::Home(CallError::Ambiguous { candidates, .. }) => (candidates.clone(), "name"),
            TurnError::Timer(TimerError::Several { timers }) => {
                let named = |timer: &TimerView| {
                    let length = [timer.start_hours, timer.start_minutes, timer.start_seconds];
                    let length: Vec<String> =
                        length.iter().filter(|part| **part > 0).map(ToString::to_string).collect();
                    let own = timer.name.as_deref().or(timer.command.as_deref()).unwrap_or_default();
                    Candidate { id: timer.id.clone(), name: format!("{own} {}", length.join(" ")), area: None }
                };
                (timers.iter().map(named).collect(), "id")
            }
            _ => return None,
        };
        Some(Self::Which { call: Box::new(call.clone()), options, slot })
    }
}

impl Dialogs {
    /// Remembers what a turn of a client did.
    pub(crate) fn remember(&mut self, client: &str, done: Vec<Done>, now: Instant) {
        if !done.is_empty() {
            self.put(client, Dialog { at: now, done, asked: None });
        }
    }

    /// Remembers that the house asked something. What was done before it can still be followed up.
    pub(crate) fn ask(&mut self, client: &str, asked: Asked, now: Instant) {
        let done = self.dialogs.remove(client).map(|dialog| dialog.done).unwrap_or_default();
        self.put(client, Dialog { at: now, done, asked: Some(asked) });
    }

    /// Forgets what a client said, so that nothing follows it up.
    pub(crate) fn forget(&mut self, client: &str) {
        self.dialogs.remove(client);
    }

    fn put(&mut self, client: &str, dialog: Dialog) {
        // Whoever gives no id is a stranger each time.
        if client.is_empty() {
            return;
        }
        if self.dialogs.len() >= MOST && !self.dialogs.contains_key(client) {
            let oldest = self.dialogs.iter().min_by_key(|(_, dialog)| dialog.at).map(|(client, _)| client.clone());
            oldest.map(|oldest| self.dialogs.remove(&oldest));
        }
        self.dialogs.insert(client.to_owned(), dialog);
    }

    fn recent(&self, client: &str, now: Instant, limit: Duration) -> Option<&Dialog> {
        self.dialogs.get(client).filter(|dialog| now.saturating_duration_since(dialog.at) <= limit)
    }

    /// What the sentences are told of it.
    pub(crate) fn context(&self, client: &str, now: Instant, limit: Duration) -> Map<String, Value> {
        let mut context = Map::new();
        let Some(dialog) = self.recent(client, now, limit) else { return context };
        if let Some(last) = dialog.done.last() {
            context.insert("recent".to_owned(), last.kind.as_str().into());
        }
        match &dialog.asked {
            Some(Asked::Meaning(meanings)) if meanings.len() == 1 => {
                context.insert("asked".to_owned(), "whether".into());
            }
            Some(_) => drop(context.insert("asked".to_owned(), "which".into())),
            None => {}
        }
        context
    }

    /// What is to be done for a sentence.
    ///
    /// # Errors
    /// It follows up something that is not there, or cannot be undone or chosen.
    pub(crate) fn steps(
        &self,
        client: &str,
        meaning: &Meaning,
        world: &World<'_>,
        now: Instant,
        limit: Duration,
    ) -> Result<Vec<Step>, TurnError> {
        let dialog = self.recent(client, now, limit);
        let mut steps = Vec::with_capacity(meaning.calls.len());
        for call in &meaning.calls {
            let targets_recent = call.intent.slots.get("target").is_some_and(|target| target == "recent");
            let plain = |call: Call| Step { undo: Vec::new(), call };
            match call.intent.intent.as_str() {
                "VestaFollowUp" | "VestaCorrect" | "VestaUndo" => {
                    let done = dialog.map(|dialog| dialog.done.as_slice()).unwrap_or_default();
                    steps.extend(again(call, done, world)?);
                }
                "VestaChoose" | "VestaConfirm" => {
                    let asked = dialog.and_then(|dialog| dialog.asked.as_ref()).ok_or(TurnError::NothingRecent)?;
                    steps.extend(chosen(call, asked)?.into_iter().map(plain));
                }
                _ if targets_recent => {
                    let last = dialog.and_then(|dialog| dialog.done.last()).ok_or(TurnError::NothingRecent)?;
                    // What could not be done was about nothing that could be meant now.
                    if last.entities.is_empty() && !matches!(last.kind.as_str(), "timer" | "list") {
                        return Err(TurnError::NothingRecent);
                    }
                    steps.push(plain(at_recent(call, last, world)));
                }
                _ => steps.push(plain(call.clone())),
            }
        }
        Ok(steps)
    }

    /// The answer to "which one?" that is no sentence of the language: "desk", "the one by the window".
    pub(crate) fn answer(&self, client: &str, text: &str, now: Instant, limit: Duration) -> Option<Meaning> {
        let Some(Asked::Which { call, options, slot }) = &self.recent(client, now, limit)?.asked else { return None };
        let words: Vec<String> = words(text);
        if words.is_empty() || words.len() > SHORT {
            return None;
        }
        let own = |option: &Candidate| {
            let place = option.area.as_deref().unwrap_or_default();
            self::words(&format!("{} {place}", option.name)).iter().filter(|word| words.contains(word)).count()
        };
        let most = options.iter().map(own).max().filter(|most| *most > 0)?;
        let mut best = options.iter().filter(|option| own(option) == most);
        let (one, None) = (best.next()?, best.next()) else { return None };
        Some(Meaning { text: text.to_owned(), calls: vec![about(call, one, slot)] })
    }
}

/// What a follow-up needs to know beside the conversation.
pub(crate) struct World<'a> {
    /// The home.
    pub(crate) home: &'a Snapshot,
    /// Which responses there are.
    pub(crate) dictionary: &'a Dictionary,
}

/// The last turn once more, or undone.
fn again(call: &Call, done: &[Done], world: &World<'_>) -> Result<Vec<Step>, TurnError> {
    let last = done.last().ok_or(TurnError::NothingRecent)?;
    let undo: Vec<IntentCall> = done.iter().rev().flat_map(|done| done.undo.clone()).collect();
    match call.intent.intent.as_str() {
        "VestaUndo" if undo.is_empty() => Err(TurnError::CannotUndo),
        "VestaUndo" => Ok(vec![Step { undo, call: call.clone() }]),
        intent => {
            let undo = if intent == "VestaCorrect" { undo } else { Vec::new() };
            Ok(vec![Step { undo, call: changed(last, call, world) }])
        }
    }
}

/// The call of the last turn with new slots in place of its own.
fn changed(last: &Done, new: &Call, world: &World<'_>) -> Call {
    let mut slots = last.call.intent.slots.clone();
    let mut spoken = last.call.spoken.clone();
    let mut drop_slots = |names: &[&str]| {
        for name in names {
            slots.remove(*name);
            spoken.remove(*name);
        }
    };
    let has = |slot: &str| new.intent.slots.contains_key(slot);
    if has("intent") {
        let kept: Vec<String> = last.call.intent.slots.keys().filter(|slot| !is_target(slot)).cloned().collect();
        drop_slots(&kept.iter().map(String::as_str).collect::<Vec<_>>());
    }
    for group in GROUPS {
        if group.iter().any(|slot| has(slot)) {
            drop_slots(group);
        }
    }
    if has("name") {
        drop_slots(&TARGET);
    } else if has("area") || has("floor") {
        drop_slots(&["name", "area", "floor", "entities"]);
        // "Turn on the kitchen light" – "no, the bedroom": a light there.
        if !slots.contains_key("domain") && last.entities.iter().all(|id| domain(id) == Some(last.kind.as_str())) {
            let named = last.entities.first().and_then(|id| world.home.entities.get(id));
            if let Some(entity) = named {
                slots.insert("domain".to_owned(), entity.domain.as_str().into());
            }
        }
    }
    let own = |slot: &str| OWN.contains(&slot);
    slots.extend(
        new.intent.slots.iter().filter(|(slot, _)| !own(slot)).map(|(slot, value)| (slot.clone(), value.clone())),
    );
    spoken.extend(new.spoken.iter().filter(|(slot, _)| !own(slot)).map(|(slot, value)| (slot.clone(), value.clone())));
    let intent = new.intent.slots.get("intent").and_then(Value::as_str).unwrap_or(&last.call.intent.intent).to_owned();
    let base = if has("intent") { new.response.clone() } else { last.call.response.clone() };
    let speaker_area = new.intent.speaker_area.clone();
    let response = fitting_response(world.dictionary, &intent, base.as_deref(), &slots);
    Call { intent: IntentCall { intent, slots, speaker_area, ..IntentCall::default() }, response, spoken }
}

/// A call about what the last turn was about.
fn at_recent(new: &Call, last: &Done, world: &World<'_>) -> Call {
    let mut call = new.clone();
    call.intent.slots.remove("target");
    call.spoken.remove("target");
    if let Some(timer) = last.call.spoken.get("timer_id") {
        call.intent.slots.insert("id".to_owned(), timer.clone());
    }
    if let Some(list) = last.call.intent.slots.get("list").or_else(|| last.call.intent.slots.get("name"))
        && last.kind == "list"
    {
        call.intent.slots.entry("list".to_owned()).or_insert_with(|| list.clone());
    }
    let slots = &mut call.intent.slots;
    match last.entities.as_slice() {
        [] => {}
        [one] => drop(slots.insert("name".to_owned(), one.as_str().into())),
        several => {
            for slot in ["area", "floor", "domain", "device_class"] {
                if let Some(value) = last.call.intent.slots.get(slot) {
                    slots.entry(slot.to_owned()).or_insert_with(|| value.clone());
                }
            }
            slots.insert("entities".to_owned(), several.iter().map(String::as_str).collect());
        }
    }
    call.response =
        fitting_response(world.dictionary, &call.intent.intent, call.response.as_deref(), &call.intent.slots);
    call
}

/// The response for what a call is about now: of `color`, `color_area` for a room. A language that words fewer of them says
/// the next best.
fn fitting_response(
    dictionary: &Dictionary,
    intent: &str,
    key: Option<&str>,
    slots: &BTreeMap<String, Value>,
) -> Option<String> {
    let key = key.unwrap_or("default");
    let base = ["_area", "_floor", "_all", "_open"].iter().find_map(|end| key.strip_suffix(end)).unwrap_or(key);
    let domain = slots.get("domain").and_then(Value::as_str);
    let place = ["name", "area", "floor"].into_iter().find(|slot| slots.contains_key(*slot));
    let mut keys: Vec<String> = Vec::new();
    match place {
        Some("name") => {
            keys.push(if matches!(base, "area" | "floor") { "default".to_owned() } else { base.to_owned() });
        }
        Some(place) => {
            keys.push(format!("{base}_{place}"));
            keys.extend(domain.map(|domain| format!("{domain}_{place}")));
            keys.push(place.to_owned());
        }
        None => keys.extend(domain.map(|domain| format!("{domain}_all"))),
    }
    keys.extend([base.to_owned(), "default".to_owned(), key.to_owned()]);
    keys.into_iter().find(|key| dictionary.has_response(intent, key)).or_else(|| Some("default".to_owned()))
}

/// What was chosen of what the house asked about.
fn chosen(call: &Call, asked: &Asked) -> Result<Vec<Call>, TurnError> {
    let slot = |slot: &str| call.intent.slots.get(slot);
    let at = |length: usize| -> Option<usize> {
        let number = slot("number")?.as_i64()?;
        let index = if number < 0 {
            length.checked_add_signed(isize::try_from(number).ok()?)?
        } else {
            usize::try_from(number).ok()?.checked_sub(1)?
        };
        (index < length).then_some(index)
    };
    match asked {
        Asked::Meaning(meanings) => {
            let index = match meanings.len() {
                1 => 0,
                length => at(length).ok_or(TurnError::NothingRecent)?,
            };
            Ok(meanings.get(index).map(|(_, meaning)| meaning.calls.clone()).unwrap_or_default())
        }
        Asked::Which { call: of, options, slot: place } => {
            if slot("all").is_some() {
                return Ok(options.iter().map(|option| about(of, option, place)).collect());
            }
            let by_number = at(options.len()).and_then(|index| options.get(index)).map(|one| vec![one]);
            let is = |option: &&Candidate| {
                let said = |wanted: &str, own: &str| wanted.eq_ignore_ascii_case(own);
                let named = slot("name")
                    .and_then(Value::as_str)
                    .is_none_or(|name| name == option.id || said(name, &option.name));
                let placed = slot("area")
                    .and_then(Value::as_str)
                    .is_none_or(|area| option.area.as_deref().is_some_and(|own| words(own) == words(area)));
                named && placed
            };
            let fitting = by_number.unwrap_or_else(|| options.iter().filter(is).collect());
            match fitting.as_slice() {
                [one] => Ok(vec![about(of, one, place)]),
                [] => Err(TurnError::NothingRecent),
                several => {
                    let candidates = several.iter().map(|&option| option.clone()).collect();
                    Err(vesta_home::CallError::Ambiguous { name: None, candidates }.into())
                }
            }
        }
    }
}

/// The call with this one thing as what it is about.
fn about(call: &Call, option: &Candidate, slot: &str) -> Call {
    let mut call = call.clone();
    if slot != "name" {
        call.intent.slots.insert(slot.to_owned(), option.id.as_str().into());
        return call;
    }
    for slot in ["area", "floor", "domain", "device_class"] {
        call.intent.slots.remove(slot);
        call.spoken.remove(slot);
    }
    call.intent.slots.insert("name".to_owned(), option.id.as_str().into());
    call.spoken.insert("name".to_owned(), option.name.as_str().into());
    if let Some(base) = call
        .response
        .as_deref()
        .and_then(|key| ["_area", "_floor", "_all", "_open"].iter().find_map(|end| key.strip_suffix(end)))
    {
        call.response = Some(if matches!(base, "light" | "fan" | "switch") { "default" } else { base }.to_owned());
    }
    call
}

fn is_target(slot: &str) -> bool {
    TARGET.contains(&slot)
}

fn domain(id: &str) -> Option<&str> {
    id.split_once('.').map(|(domain, _)| domain)
}

fn words(text: &str) -> Vec<String> {
    let split = |c: char| !c.is_alphanumeric();
    text.to_lowercase().split(split).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}
