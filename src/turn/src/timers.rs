//! What is done about timers, and what answers name of it.

use jiff::Zoned;
use serde_json::json;
use vesta_home::timers::{Kind, Now, Parts, Request, Timer, TimerError, TimerView, Timers, Which, given};
use vesta_home::{IntentCall, Outcome};

use crate::Assistant;
use crate::act::{done, known, text, timer_slots};
use crate::chores::{forget, keep};
use crate::clock;
use crate::conversation::Client;
use crate::error::TurnError;
use crate::understand::{Guess, Scene};

/// Home Assistant's dictionaries call the words of a command for later by either name.
const COMMAND: [&str; 2] = ["conversation_command", "conditional_command"];

const SIREN: &str = "siren";

/// The words of the command for later that a call asks for. Languages that put the time in the middle ("schalte in zehn
/// Minuten das Licht aus") give them in two parts.
pub(crate) fn later_command(call: &IntentCall) -> Option<String> {
    let whole = COMMAND.iter().find_map(|slot| text(call, slot));
    whole.or_else(|| Some(format!("{} {}", text(call, "command_begin")?, text(call, "command_end")?)))
}

/// Does what an intent about timers asks; `None` for every other intent.
pub(crate) async fn act(
    assistant: &Assistant,
    call: &IntentCall,
    client: &Client,
) -> Result<Option<Outcome>, TurnError> {
    let store = &assistant.parts.store;
    let chores = &assistant.chores;
    let which = || which(call, client);
    let outcome = match call.intent.as_str() {
        "HassStartTimer" => start(assistant, call, client).await?,
        "HassCancelTimer" => {
            let which = which()?;
            let canceled = chores
                .with_timers(store, |timers, now| {
                    let timer = timers.cancel(&which, now)?;
                    let gone = vec![forget(&timer)];
                    Ok((timer, gone))
                })
                .await;
            match canceled {
                Ok(timer) => about(&timer),
                Err(TurnError::Timer(TimerError::NoAlarm)) if any_alarm(call) && has_siren(assistant) => {
                    silence(assistant, call).await?
                }
                Err(error) => return Err(error),
            }
        }
        "HassCancelAllTimers" => {
            // Whoever clears the timers wants to be woken all the same.
            let kind = match kind(call) {
                kind @ (Kind::Alarm | Kind::Reminder) => kind,
                _ => Kind::Timer,
            };
            let which = Which { area: text(call, "area"), kind, ..Which::default() };
            let timers = chores
                .with_timers(store, |timers, now| {
                    let gone = timers.cancel_all(&which, now);
                    let changes = gone.iter().map(forget).collect();
                    Ok((gone, changes))
                })
                .await?;
            done(
                json!({ "canceled": timers.len(), "timers": timers, "area": area_name(assistant, call), "kind": called(kind) }),
            )
        }
        "HassIncreaseTimer" => {
            let (which, more) = (which()?, length(call)?);
            let timer = change(assistant, |timers, now| timers.add(&which, more, now)).await?;
            changed(timer, more)
        }
        "HassDecreaseTimer" => {
            let (which, less) = (which()?, length(call)?);
            let timer = change(assistant, |timers, now| timers.take_off(&which, less, now)).await?;
            changed(timer, less)
        }
        "HassPauseTimer" => {
            let which = which()?;
            about(&change(assistant, |timers, now| timers.pause(&which, now)).await?)
        }
        "HassUnpauseTimer" => {
            let which = which()?;
            about(&change(assistant, |timers, now| timers.resume(&which, now)).await?)
        }
        "HassTimerStatus" => status(assistant, call, client).await?,
        "HassNevermind" => {
            // "Stop" is for whatever makes noise.
            let silenced = chores
                .with_timers(store, |timers, now| {
                    let silenced = timers.silence(Some(client.id.as_str()), now);
                    let gone = silenced.iter().map(forget).collect();
                    Ok((silenced, gone))
                })
                .await?;
            if silenced.is_empty() { known(json!({})) } else { done(json!({ "timers": silenced })) }
        }
        _ => return Ok(None),
    };
    Ok(Some(outcome))
}

/// Whether nothing says which alarm: who cancels the one at seven, or does not want to be woken, means no siren.
fn any_alarm(call: &IntentCall) -> bool {
    call.slots.keys().all(|slot| slot == "kind") && text(call, "kind").as_deref() == Some("alarm")
}

fn has_siren(assistant: &Assistant) -> bool {
    assistant.parts.home.snapshot().entities.values().any(|entity| entity.exposed && entity.domain.as_str() == SIREN)
}

/// "Turn off the alarm" where none is set that would ring: the siren.
async fn silence(assistant: &Assistant, call: &IntentCall) -> Result<Outcome, TurnError> {
    let off = IntentCall {
        intent: "HassTurnOff".to_owned(),
        slots: [("domain".to_owned(), SIREN.into())].into(),
        ..call.clone()
    };
    let outcome = assistant.parts.home.call(off).await?;
    Ok(Outcome { response: Some(SIREN.to_owned()), ..outcome })
}

async fn start(assistant: &Assistant, call: &IntentCall, client: &Client) -> Result<Outcome, TurnError> {
    if call.slots.contains_key("every") {
        return Err(TimerError::Repeats.into());
    }
    let now = Zoned::now();
    let at = clock::moment(&call.slots, &now)?;
    let length_ms = match &at {
        Some(_) if given(&call.slots, "")?.is_some() => return Err(TimerError::TwoLengths.into()),
        Some(at) => u64::try_from(at.timestamp().as_millisecond() - now.timestamp().as_millisecond()).unwrap_or(0),
        None => length(call)?,
    };
    if given(&call.slots, "start_")?.is_some_and(|other| other != length_ms) {
        return Err(TimerError::TwoLengths.into());
    }
    let command = later_command(call);
    // What makes no sense now will not make sense later.
    if let Some(text) = &command {
        let scene = Scene::from(client.area.as_deref());
        if !matches!(assistant.guess(text, client.language.as_deref(), &scene), Guess::Meaning(_)) {
            return Err(TurnError::NotUnderstood { text: text.clone() });
        }
    }
    let request = Request {
        id: uuid::Uuid::now_v7().to_string(),
        name: text(call, "name"),
        area: text(call, "area").or_else(|| client.area.clone()),
        client: (!client.id.is_empty()).then(|| client.id.clone()),
        command,
        permissions: client.permissions,
        language: client.language.clone(),
        length_ms,
        at_ms: at.map(|at| at.timestamp().as_millisecond()),
    };
    // "Change my alarm to eight": the old one goes only where the new one can come.
    let old = call.slots.contains_key("instead").then(|| Which {
        kind: Kind::SetAlarm,
        client: request.client.clone(),
        speaker_area: client.area.clone(),
        ..Which::default()
    });
    let (timer, before) = assistant
        .chores
        .with_timers(&assistant.parts.store, |timers, now| {
            let gone = old.map(|old| timers.cancel(&old, now)).transpose()?;
            let timer = timers.start(request, now)?;
            let changes = gone.iter().map(forget).chain([keep(&timer)]).collect();
            let before = gone.and_then(|gone| gone.ends_ms);
            Ok(((view(timers, &timer, now)?, before), changes))
        })
        .await?;
    let mut outcome = about(&timer);
    if let Some(before) = before {
        outcome.response_slots.insert("before_ms".to_owned(), before.into());
    }
    let response = match (&timer.command, timer.by_clock) {
        (Some(_), true) => Some("command_at"),
        (Some(_), false) => Some("command"),
        (None, true) => Some("alarm"),
        (None, false) => None,
    };
    outcome.response = response.map(str::to_owned);
    Ok(outcome)
}

async fn status(assistant: &Assistant, call: &IntentCall, client: &Client) -> Result<Outcome, TurnError> {
    let which = which(call, client)?;
    let said = which.name.is_some()
        || which.area.is_some()
        || which.length_ms.is_some()
        || which.ends_ms.is_some()
        || which.day_ms.is_some()
        || which.id.is_some();
    let timers = assistant
        .chores
        .with_timers(&assistant.parts.store, |timers, now| {
            let found = timers.find(&which, now);
            if found.is_empty() && said {
                return Err(which.none(timers.len()));
            }
            Ok((found, Vec::new()))
        })
        .await?;
    let mut outcome = known(
        json!({ "timers": timers, "count": timers.len(), "area": area_name(assistant, call), "kind": called(which.kind) }),
    );
    clock::tell_times(&mut outcome.response_slots, &Zoned::now());
    Ok(outcome)
}

/// Changes one timer, keeps it, and tells how it is now.
async fn change(
    assistant: &Assistant,
    work: impl FnOnce(&mut Timers, Now) -> Result<Timer, TimerError>,
) -> Result<TimerView, TurnError> {
    assistant
        .chores
        .with_timers(&assistant.parts.store, |timers, now| {
            let timer = work(timers, now)?;
            Ok((view(timers, &timer, now)?, vec![keep(&timer)]))
        })
        .await
}

/// A timer as it is now.
fn view(timers: &Timers, timer: &Timer, now: Now) -> Result<TimerView, TimerError> {
    let by_id = Which { id: Some(timer.id.clone()), ..Which::default() };
    timers.find(&by_id, now).pop().ok_or(TimerError::None { timers: timers.len() })
}

fn about(timer: &TimerView) -> Outcome {
    Outcome { response_slots: timer_slots(timer), ..done(json!({})) }
}

/// `given` is what was added or taken off, `timer` how it is now.
fn changed(timer: TimerView, by_ms: u64) -> Outcome {
    let mut outcome = about(&timer);
    outcome.response_slots.insert("given".to_owned(), json!(Parts::exact(by_ms)));
    outcome
}

fn length(call: &IntentCall) -> Result<u64, TimerError> {
    given(&call.slots, "")?.ok_or(TimerError::NoLength)
}

fn which(call: &IntentCall, client: &Client) -> Result<Which, TimerError> {
    Ok(Which {
        id: text(call, "id"),
        name: text(call, "name"),
        area: text(call, "area"),
        length_ms: given(&call.slots, "start_")?,
        kind: kind(call),
        ends_ms: clock::moments_ms(&call.slots, &Zoned::now())?,
        day_ms: clock::day_ms(&call.slots, &Zoned::now())?,
        client: (!client.id.is_empty()).then(|| client.id.clone()),
        speaker_area: client.area.clone(),
    })
}

/// What responses call a kind.
fn called(kind: Kind) -> &'static str {
    match kind {
        Kind::Alarm | Kind::SetAlarm | Kind::AlarmFirst => "alarm",
        Kind::Reminder => "reminder",
        Kind::Timer | Kind::TimerFirst => "timer",
    }
}

fn kind(call: &IntentCall) -> Kind {
    match text(call, "kind").as_deref() {
        Some("alarm" | "wake") => Kind::Alarm,
        Some("reminder") => Kind::Reminder,
        Some("alarm_first") => Kind::AlarmFirst,
        _ => Kind::TimerFirst,
    }
}

fn area_name(assistant: &Assistant, call: &IntentCall) -> Option<String> {
    let id = text(call, "area")?;
    Some(assistant.parts.home.snapshot().area(&id).map_or(id, |area| area.name.clone()))
}
