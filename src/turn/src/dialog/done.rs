//! What is remembered of a turn.

use serde_json::Value;
use vesta_home::{IntentCall, Outcome, Snapshot};

use super::domain;
use crate::understand::Call;

/// Something that was done or answered.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    pub(super) call: Call,
    pub(super) kind: String,
    pub(super) entities: Vec<String>,
    pub(super) undo: Vec<IntentCall>,
}

impl Done {
    /// What is remembered of a call and its outcome.
    pub(crate) fn new(call: &Call, outcome: &Outcome) -> Self {
        let mut entities: Vec<String> = outcome.changed.iter().map(|change| change.id.clone()).collect();
        if entities.is_empty() {
            // "Which lights are on" – "turn them off": those.
            let picked =
                matches!(call.response.as_deref(), Some("which" | "any" | "how_many")) && !outcome.matched.is_empty();
            let others = outcome.unmatched.iter().filter(|_| !picked);
            entities = outcome.matched.iter().chain(others).map(|view| view.entity_id.clone()).collect();
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

    /// What a device's call that is yet to be carried out is about, as far as it says so itself.
    pub(super) fn planned(call: &Call, home: &Snapshot) -> Self {
        let called = |name: &str| {
            let is = |own: &String| own.eq_ignore_ascii_case(name);
            home.entities.values().find(|entity| is(&entity.name) || entity.aliases.iter().any(is))
        };
        let several = call.intent.slots.get("entities").and_then(Value::as_array);
        let several = several.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        let name = call.intent.slots.get("name").and_then(Value::as_str);
        let one = name.and_then(|name| home.entities.get(name).or_else(|| called(name)));
        let entities: Vec<String> = several.chain(one.map(|entity| entity.id.clone())).collect();
        let failed = Self::failed(call);
        let kind = entities.first().and_then(|id| domain(id)).map(str::to_owned);
        Self { kind: kind.unwrap_or(failed.kind.clone()), entities, ..failed }
    }

    /// What was done in one sentence, as one: "turn on the lamp and the fan" was about both, so far as both are of one kind.
    pub(super) fn of_all(done: &[Self]) -> Option<Self> {
        let last = done.last()?;
        let alike = done.iter().filter(|other| other.kind == last.kind && !other.entities.is_empty());
        let mut entities: Vec<String> = Vec::new();
        for id in alike.flat_map(|other| &other.entities) {
            if !entities.contains(id) {
                entities.push(id.clone());
            }
        }
        Some(Self { entities, ..last.clone() })
    }

    /// Whether this was nothing but talk.
    pub(crate) fn is_talk(&self) -> bool {
        self.kind == "talk"
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
        "HassStartTimer" if call.slots.contains_key("instead") => {
            let before = slots.get("before_ms")?.clone();
            Some(new("HassStartTimer", vec![("instead", Value::from(true)), ("at_ms", before)]))
        }
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
