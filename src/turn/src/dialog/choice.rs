//! Answers to questions of the house.

use jiff::Zoned;
use serde_json::Value;
use vesta_home::timers::{TimerError, TimerView};
use vesta_home::{CallError, Candidate};

use crate::clock;
use crate::error::TurnError;
use crate::understand::{Call, Meaning};

/// An answer to "which one?" that is no sentence has at most this many words …
const SHORT: usize = 6;
/// … or this many where it may have been said to somebody else.
const OVERHEARD: usize = 3;

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
                    let at = timer.ends_ms.filter(|_| timer.by_clock).and_then(|at| clock::parts(at, &Zoned::now()));
                    let at = at.and_then(|at| Some((at.get("hour")?.as_i64()?, at.get("minute")?.as_i64()?)));
                    // "The seven o'clock one": by either clock.
                    let length = at.map_or(length, |(hour, minute)| {
                        let hours = [hour, (hour + 11) % 12 + 1].map(|hour| hour.to_string());
                        hours.into_iter().chain((minute > 0).then(|| minute.to_string())).collect()
                    });
                    let own = timer.name.as_deref().or(timer.command.as_deref()).unwrap_or_default();
                    Candidate { id: timer.id.clone(), name: format!("{own} {}", length.join(" ")), area: None }
                };
                (timers.iter().map(named).collect(), "id")
            }
            _ => return None,
        };
        Some(Self::Which { call: Box::new(call.clone()), options, slot })
    }

    /// What a text means as an answer, by the words that only one of the things has.
    pub(super) fn answered(&self, text: &str, addressed: bool) -> Option<Meaning> {
        let words = words(text);
        if words.is_empty() || words.len() > if addressed { SHORT } else { OVERHEARD } {
            return None;
        }
        let own = |of: &str| self::words(of).iter().filter(|word| words.contains(word)).count();
        match self {
            Self::Which { call, options, slot } => {
                let of = |option: &Candidate| {
                    own(&format!("{} {}", option.name, option.area.as_deref().unwrap_or_default()))
                };
                let one = best(options, of)?;
                Some(Meaning { text: text.to_owned(), calls: vec![about(call, one, slot)] })
            }
            Self::Meaning(meanings) => {
                let (_, meaning) = best(meanings, |(subject, _)| own(subject))?;
                Some(Meaning { text: text.to_owned(), calls: meaning.calls.clone() })
            }
        }
    }
}

/// What was chosen of what the house asked about.
pub(super) fn chosen(call: &Call, asked: &Asked) -> Result<Vec<Call>, TurnError> {
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
            // By its number, or by what it is about.
            let about = |(subject, meaning): &(String, Meaning)| {
                ["name", "area", "floor"].into_iter().any(|named| {
                    let wanted = slot(named);
                    let own = || meaning.calls.first().and_then(|call| call.intent.slots.get(named));
                    wanted.is_some_and(|wanted| {
                        own() == Some(wanted) || wanted.as_str().is_some_and(|wanted| words(wanted) == words(subject))
                    })
                })
            };
            let named = || meanings.iter().position(about);
            let index = match meanings.len() {
                1 => 0,
                length => at(length).or_else(named).ok_or(TurnError::NothingRecent)?,
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
                    Err(CallError::Ambiguous { name: None, candidates }.into())
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

/// The one that has the most, where it has any and no other has as much.
fn best<T>(options: &[T], of: impl Fn(&T) -> usize) -> Option<&T> {
    let most = options.iter().map(&of).max().filter(|most| *most > 0)?;
    let mut best = options.iter().filter(|option| of(option) == most);
    match (best.next(), best.next()) {
        (one, None) => one,
        _ => None,
    }
}

fn words(text: &str) -> Vec<String> {
    let split = |c: char| !c.is_alphanumeric();
    text.to_lowercase().split(split).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}
