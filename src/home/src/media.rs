//! What is done to a loudspeaker's parts.

use crate::action::{Action, Check, Expect};
use crate::component::Refusal;
use crate::intent::MediaAction;
use crate::model::{Entity, EntityId};
use crate::speaker::{Part, Speaker, of_percent, percent};

/// One part's action, and what else must come to hold: a button has no state, but the playback sensor beside it has.
#[derive(Debug, PartialEq)]
pub(crate) struct Move {
    pub(crate) part: EntityId,
    pub(crate) action: Action,
    pub(crate) also: Option<(EntityId, Expect)>,
}

const PLAYING: [&str; 5] = ["playing", "Playing", "PLAYING", "play", "on"];
const PAUSED: [&str; 12] =
    ["paused", "Paused", "PAUSED", "pause", "stopped", "Stopped", "STOPPED", "idle", "Idle", "standby", "off", "stop"];

/// What to do to which part. `entity` looks a part up.
pub(crate) fn moves<'a>(
    action: &MediaAction,
    speaker: &Speaker,
    entity: impl Fn(&str) -> Option<&'a Entity>,
) -> Result<Vec<Move>, Refusal> {
    let lacks = |what: &str| Refusal::NotSupported(what.to_owned());
    let plain = |part: &EntityId, action: Action| vec![Move { part: part.clone(), action, also: None }];
    let part = |part: Part| speaker.part(part);
    let state = |wanted: Part| part(wanted).and_then(|id| entity(id)).and_then(|entity| entity.state.as_deref());
    let press = |parts: &[Part], then: &[&str]| {
        let pressed = parts.iter().find_map(|wanted| part(*wanted))?;
        let also = part(Part::Playback).map(|id| (id.clone(), Expect::All(vec![Check::state(then)])));
        Some(vec![Move { part: pressed.clone(), action: Action::Press, also }])
    };
    match action {
        MediaAction::SetVolume(wanted) => set_volume(speaker, *wanted, entity),
        MediaAction::StepVolume(step) => {
            let now = part(Part::Volume).and_then(|id| entity(id)).and_then(percent);
            let now = now.ok_or_else(|| lacks("a change of volume while its volume is unknown"))?;
            set_volume(speaker, (now + step).clamp(0.0, 100.0), entity)
        }
        MediaAction::Mute(mute) => {
            let id = part(Part::Mute).ok_or_else(|| lacks("mute"))?;
            Ok(plain(id, if *mute { Action::TurnOn } else { Action::TurnOff }))
        }
        // One button for both is only pressed where it changes something.
        MediaAction::Play => match state(Part::Playback) {
            Some(now) if PLAYING.contains(&now) && part(Part::Play).is_none() => Ok(Vec::new()),
            _ => press(&[Part::Play, Part::PlayPause], &PLAYING).ok_or_else(|| lacks("playing")),
        },
        MediaAction::Pause => match state(Part::Playback) {
            Some(now) if PAUSED.contains(&now) && part(Part::Pause).is_none() => Ok(Vec::new()),
            _ => press(&[Part::Pause, Part::PlayPause, Part::Stop], &PAUSED).ok_or_else(|| lacks("pausing")),
        },
        MediaAction::Next => part(Part::Next).map(|id| plain(id, Action::Press)).ok_or_else(|| lacks("skipping")),
        MediaAction::Previous => {
            part(Part::Previous).map(|id| plain(id, Action::Press)).ok_or_else(|| lacks("going back"))
        }
        MediaAction::TurnOn => match part(Part::Power) {
            Some(id) => Ok(plain(id, Action::TurnOn)),
            None => moves(&MediaAction::Play, speaker, entity),
        },
        MediaAction::TurnOff => match part(Part::Power) {
            Some(id) => Ok(plain(id, Action::TurnOff)),
            None => press(&[Part::Stop, Part::Pause], &PAUSED).ok_or_else(|| lacks("turning off")),
        },
        MediaAction::Source(wanted) => {
            let id = part(Part::Source).ok_or_else(|| lacks("choosing what to play"))?;
            Ok(plain(id, Action::Select(wanted.clone())))
        }
    }
}

fn set_volume<'a>(
    speaker: &Speaker,
    wanted: f64,
    entity: impl Fn(&str) -> Option<&'a Entity>,
) -> Result<Vec<Move>, Refusal> {
    let id = speaker.part(Part::Volume).ok_or_else(|| Refusal::NotSupported("volume".to_owned()))?;
    let number = entity(id).ok_or_else(|| Refusal::NotSupported("volume".to_owned()))?;
    Ok(vec![Move { part: id.clone(), action: Action::SetValue(of_percent(number, wanted)), also: None }])
}
