//! Commands: which entities, and what is to be done to each.

use std::sync::Arc;

use super::resolve::{Open, Wanted, ambiguous, resolve};
use super::slots::{Target, number, percent, required, spoken, text};
use super::step::{POSITION, SPEED, TEMPERATURE, stepped, steps};
use super::{Job, Step};
use crate::action::{Action, LightChange};
use crate::call::{Allowed, CallError, IntentCall};
use crate::component::parse_color;
use crate::model::{Entity, Snapshot};
use crate::text::fold;

/// What can be done to a loudspeaker.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum MediaAction {
    TurnOn,
    TurnOff,
    Play,
    Pause,
    Next,
    Previous,
    /// Percent.
    SetVolume(f64),
    /// Percent of the whole range, up or down.
    StepVolume(f64),
    Mute(bool),
    /// One of its sources.
    Source(String),
}

/// Percent by which "louder" and "quieter" go.
const VOLUME_STEP: f64 = 10.0;

/// Decides what a command comes to.
pub(super) fn plan(call: &IntentCall, house: &Snapshot) -> Result<Job, CallError> {
    let media = |action: MediaAction, feature: &str| media(call, house, &action, feature);
    let simple = |domains: &[&str], what: &str, action: Action| one_kind(call, house, domains, None, what, action);
    match call.intent.as_str() {
        "HassTurnOn" => turn(call, house, Turn::On),
        "HassTurnOff" => turn(call, house, Turn::Off),
        "HassToggle" => turn(call, house, Turn::Over),
        "HassOpenCover" => simple(&["cover", "valve"], "opening", Action::Open),
        "HassCloseCover" => simple(&["cover", "valve"], "closing", Action::Close),
        "HassStopMoving" | "HassStopCover" => simple(&["cover", "valve"], "stopping", Action::Stop),
        "HassSetPosition" if steps(call, "position") => stepped(call, house, &POSITION, Action::SetPosition),
        "HassSetPosition" => {
            let action = Action::SetPosition(percent(call, "position")?);
            simple(&["cover", "valve"], "position", action)
        }
        "HassLightSet" => light_set(call, house),
        "HassFanSetSpeed" if steps(call, "percentage") => stepped(call, house, &SPEED, Action::SetSpeed),
        "HassFanSetSpeed" => {
            let action = Action::SetSpeed(percent(call, "percentage")?);
            one_kind(call, house, &["fan"], Some("percentage"), "speed", action)
        }
        "HassClimateSetTemperature" if steps(call, "temperature") => {
            stepped(call, house, &TEMPERATURE, Action::SetTemperature)
        }
        "HassClimateSetTemperature" => {
            let action = Action::SetTemperature(number(call, "temperature")?);
            one_kind(call, house, &["climate"], Some("temperature"), "temperature", action)
        }
        "HassClimateSetFanMode" => {
            let action = Action::SetFanMode(required(call, "fan_mode")?);
            one_kind(call, house, &["climate"], Some("fan_mode"), "fan mode", action)
        }
        "HassClimateSetHvacMode" => hvac_mode(call, house),
        "HassHumidifierSetpoint" => {
            simple(&["humidifier"], "humidity", Action::SetHumidity(percent(call, "humidity")?))
        }
        "HassHumidifierMode" => simple(&["humidifier"], "mode", Action::SetMode(required(call, "mode")?)),
        "HassVacuumStart" => simple(&["vacuum"], "cleaning", Action::StartCleaning),
        "HassVacuumPause" => simple(&["vacuum"], "pausing", Action::PauseCleaning),
        "HassVacuumStop" => simple(&["vacuum"], "stopping", Action::Stop),
        "HassVacuumLocate" => simple(&["vacuum"], "making itself heard", Action::Locate),
        "HassVacuumReturnToBase" => simple(&["vacuum"], "returning to its base", Action::ReturnToBase),
        "HassVacuumCleanArea" => clean_area(call, house),
        "HassLawnMowerStartMowing" => simple(&["lawn_mower"], "mowing", Action::Mow),
        "HassLawnMowerDock" => simple(&["lawn_mower"], "returning to its base", Action::ReturnToBase),
        "HassMediaPause" => media(MediaAction::Pause, "pause"),
        "HassMediaUnpause" => media(MediaAction::Play, "play"),
        "HassMediaNext" => media(MediaAction::Next, "next"),
        "HassMediaPrevious" => media(MediaAction::Previous, "previous"),
        "HassMediaPlayerMute" => media(MediaAction::Mute(true), "mute"),
        "HassMediaPlayerUnmute" => media(MediaAction::Mute(false), "mute"),
        "HassMediaSearchAndPlay" => media(MediaAction::Source(required(call, "search_query")?), "source"),
        "HassSetVolume" => media(MediaAction::SetVolume(percent(call, "volume_level")?), "volume"),
        "HassSetVolumeRelative" => media(MediaAction::StepVolume(volume_step(call)?), "volume"),
        "HassSetValue" => simple(&["number"], "setting a value", Action::SetValue(number(call, "value")?)),
        "HassSelectOption" => simple(&["select"], "selecting", Action::Select(required(call, "option")?)),
        other => Err(CallError::UnknownIntent { intent: other.to_owned() }),
    }
}

/// Of several the ones that have the mode: "cooling" is for the air conditioner.
fn hvac_mode(call: &IntentCall, house: &Snapshot) -> Result<Job, CallError> {
    let mode = required(call, "hvac_mode")?;
    let target = Target::new(call, house)?;
    let has_mode = |entity: &Entity| {
        let modes = entity.attributes.get("hvac_modes").and_then(|modes| modes.as_array());
        modes.is_none_or(|modes| modes.iter().filter_map(|own| own.as_str()).any(|own| fold(own) == fold(&mode)))
    };
    let wanted = Wanted { domains: &["climate"], able: &has_mode, open: open(&target), what: "mode" };
    // Where none has it, the one that is meant says which it has.
    let found = resolve(house, &target, &wanted).or_else(|error| match error {
        CallError::NotSupported { .. } => resolve(house, &target, &Wanted { able: &|_| true, ..wanted }),
        other => Err(other),
    })?;
    job(call, house, found, |_| Step::Device(Action::SetMode(mode.clone())))
}

/// The same action on everything of a kind that is meant.
fn one_kind(
    call: &IntentCall,
    house: &Snapshot,
    domains: &[&str],
    feature: Option<&str>,
    what: &str,
    action: Action,
) -> Result<Job, CallError> {
    let target = Target::new(call, house)?;
    let able = |entity: &Entity| feature.is_none_or(|feature| entity.features.iter().any(|own| own == feature));
    let wanted = Wanted { domains, able: &able, open: open(&target), what };
    let found = resolve(house, &target, &wanted)?;
    job(call, house, found, |_| Step::Device(action.clone()))
}

/// "The blinds" means all of them, "the thermostat" the one nearby: only a domain or a class makes a call plural.
pub(super) fn open(target: &Target<'_>) -> Open {
    if target.domains.is_empty() && target.classes.is_empty() { Open::Nearest } else { Open::Everywhere }
}

/// Leaves out what cannot be reached, and puts the rest in order.
pub(super) fn job(
    call: &IntentCall,
    house: &Snapshot,
    found: Vec<&Arc<Entity>>,
    step: impl Fn(&Entity) -> Step,
) -> Result<Job, CallError> {
    let (reachable, lost): (Vec<_>, Vec<_>) = found.into_iter().partition(|entity| entity.available);
    let skipped: Vec<String> = lost.iter().map(|entity| entity.name.clone()).collect();
    if reachable.is_empty() {
        return Err(CallError::Unavailable { names: skipped });
    }
    let entities: Vec<&Entity> = reachable.iter().map(|entity| entity.as_ref()).collect();
    let slots = spoken(call, house, &entities);
    let steps = entities.into_iter().map(|entity| (entity.id.clone(), step(entity))).collect();
    Ok(Job { steps, slots, skipped })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    On,
    Off,
    Over,
}

/// What may be switched by naming only a room: nothing that locks, opens, drives or heats.
const SWITCHED_BY_AREA: &[&str] = &["light", "switch", "fan", "media_player"];
/// What only goes off when it is named itself.
const ONLY_BY_NAME: &[&str] = &["button", "scene", "siren"];
/// Covers that let people in.
const ENTRANCES: &[&str] = &["door", "garage", "gate"];

fn turn(call: &IntentCall, house: &Snapshot, turn: Turn) -> Result<Job, CallError> {
    let target = Target::new(call, house)?;
    let open_question = target.is_open() && target.domains.is_empty() && target.classes.is_empty();
    let wanted = |domains| Wanted { domains, able: &|_| true, open: Open::Nearest, what: what(turn) };
    let found = if !target.names.is_empty() {
        resolve(house, &target, &wanted(&[]))?
    } else if open_question {
        // "Turn it on" with nothing said: the lights where the speaker is, never the whole home.
        resolve(house, &target, &wanted(&["light"]))?
    } else if target.domains.is_empty() && target.classes.is_empty() {
        by_area(house, &target, turn)?
    } else {
        let everywhere = Wanted { open: Open::Everywhere, ..wanted(&[]) };
        let found = resolve(house, &target, &everywhere)?;
        guard(house, &target, turn, found)?
    };
    if let [one] = found.as_slice()
        && step_of(one, turn).is_none()
    {
        return Err(CallError::NotSupported { name: one.name.clone(), what: what(turn).to_owned() });
    }
    let found: Vec<_> = found.into_iter().filter(|entity| step_of(entity, turn).is_some()).collect();
    if found.is_empty() {
        return Err(target.none(None));
    }
    job(call, house, found, |entity| step_of(entity, turn).unwrap_or(Step::Device(Action::TurnOn)))
}

fn what(turn: Turn) -> &'static str {
    match turn {
        Turn::On => "turning on",
        Turn::Off => "turning off",
        Turn::Over => "toggling",
    }
}

/// A room or a floor as a whole. On means its lights, where it has some.
fn by_area<'a>(house: &'a Snapshot, target: &Target<'_>, turn: Turn) -> Result<Vec<&'a Arc<Entity>>, CallError> {
    let wanted = |domains| Wanted { domains, able: &|_| true, open: Open::Everywhere, what: what(turn) };
    if turn == Turn::On
        && let Ok(lights) = resolve(house, target, &wanted(&["light"]))
    {
        return Ok(lights);
    }
    resolve(house, target, &wanted(SWITCHED_BY_AREA)).map_err(|_| target.none(None))
}

/// Of the things that matter, many are not moved by one sentence about the whole home.
fn guard<'a>(
    house: &Snapshot,
    target: &Target<'_>,
    turn: Turn,
    found: Vec<&'a Arc<Entity>>,
) -> Result<Vec<&'a Arc<Entity>>, CallError> {
    let delicate = |entity: &Entity| {
        let class = entity.device_class.as_deref().unwrap_or_default();
        let opens = match entity.domain.as_str() {
            "lock" => turn != Turn::On,
            "cover" => turn != Turn::Off && ENTRANCES.contains(&class),
            "valve" => turn != Turn::Off,
            _ => false,
        };
        opens || ONLY_BY_NAME.contains(&entity.domain.as_str())
    };
    let many = found.len() > 1 && target.area.is_none();
    if many && found.iter().any(|entity| delicate(entity)) {
        return Err(ambiguous(house, None, &found));
    }
    Ok(found)
}

/// What turning on and off mean for each kind, as in Home Assistant's intents: a cover opens, a lock locks.
fn step_of(entity: &Entity, turn: Turn) -> Option<Step> {
    let state = entity.state.as_deref();
    let on = match turn {
        Turn::On => true,
        Turn::Off => false,
        Turn::Over => match entity.domain.as_str() {
            "cover" | "valve" => matches!(state, Some("closed" | "closing")),
            "lock" => matches!(state, Some("unlocked" | "unlocking")),
            "vacuum" | "lawn_mower" => !matches!(state, Some("cleaning" | "mowing")),
            "climate" => state == Some("off"),
            "media_player" => state != Some("playing"),
            _ => state != Some("on"),
        },
    };
    let action = match (entity.domain.as_str(), on) {
        ("light" | "switch" | "fan" | "siren" | "climate" | "humidifier", true) => Action::TurnOn,
        ("light" | "switch" | "fan" | "siren" | "climate" | "humidifier", false) => Action::TurnOff,
        ("cover" | "valve", true) => Action::Open,
        ("cover" | "valve", false) => Action::Close,
        ("lock", true) => Action::Lock,
        ("lock", false) => Action::Unlock,
        ("vacuum", true) => Action::StartCleaning,
        ("lawn_mower", true) => Action::Mow,
        ("vacuum" | "lawn_mower", false) => Action::ReturnToBase,
        ("button" | "scene", true) => Action::Press,
        ("media_player", on) => {
            return Some(Step::Speaker(if on { MediaAction::TurnOn } else { MediaAction::TurnOff }));
        }
        _ => return None,
    };
    Some(Step::Device(action))
}

fn light_set(call: &IntentCall, house: &Snapshot) -> Result<Job, CallError> {
    let mut change = LightChange::default();
    if call.slots.contains_key("brightness") {
        change.brightness = Some((percent(call, "brightness")? / 100.0 * 255.0).round());
    }
    if let Some(color) = call.slots.get("color") {
        let why = || format!("{color} is not a colour that a lamp can show");
        let rgb = parse_color(color).ok_or_else(|| CallError::InvalidValue {
            slot: "color".to_owned(),
            why: why(),
            allowed: Allowed::default(),
        })?;
        change.color = Some(rgb);
    }
    if call.slots.contains_key("temperature") {
        let kelvin = number(call, "temperature")?;
        if !(1_000.0..=40_000.0).contains(&kelvin) {
            let why = format!("{kelvin} K is not between 1000 and 40000");
            return Err(CallError::InvalidValue { slot: "temperature".to_owned(), why, allowed: Allowed::default() });
        }
        change.kelvin = Some(kelvin);
    }
    let step = if change == LightChange::default() && steps(call, "brightness") {
        Some(number(call, "brightness_step")? / 100.0 * 255.0)
    } else {
        None
    };
    if change == LightChange::default() && step.is_none() {
        let why = "neither brightness nor colour nor temperature is given".to_owned();
        return Err(CallError::InvalidValue { slot: "brightness".to_owned(), why, allowed: Allowed::default() });
    }
    let (feature, what) = if change.color.is_some() {
        ("color", "colour")
    } else if change.kelvin.is_some() {
        ("color_temp", "colour temperature")
    } else {
        ("brightness", "brightness")
    };
    let target = Target::new(call, house)?;
    // A light without white of its own shows a white with its colours.
    let serves = |own: &String| own == feature || feature == "color_temp" && own == "color";
    let able = |entity: &Entity| entity.features.iter().any(serves);
    // "Set the brightness to 50 %" is about the room the speaker is in, also where the dictionary says "lights" by itself.
    let mut found = resolve(house, &target, &Wanted { domains: &["light"], able: &able, open: Open::Nearest, what })?;
    // Nobody who wants it darker wants lamps switched on.
    if step.is_some_and(|step| step < 0.0) {
        found.retain(|entity| entity.state.as_deref() == Some("on"));
        if found.is_empty() {
            return Err(CallError::LightsOff);
        }
    }
    job(call, house, found, |entity| {
        let mut change = change.clone();
        if let Some(step) = step {
            // A lamp that is off gets brighter from nothing; darker is not off.
            let now =
                if entity.state.as_deref() == Some("on") { entity.number("brightness").unwrap_or(255.0) } else { 0.0 };
            change.brightness = Some((now + step).round().clamp(1.0, 255.0));
        }
        Step::Device(Action::Light(change))
    })
}

/// The slot `area` names the room to clean, not where the robot is.
fn clean_area(call: &IntentCall, house: &Snapshot) -> Result<Job, CallError> {
    let place = Target::new(call, house)?;
    let rooms: Vec<String> = match (place.area, place.floor) {
        (Some(area), _) => vec![area.name.clone()],
        (None, Some(floor)) => {
            let on_floor = house.areas.iter().filter(|area| area.floor.as_deref() == Some(&floor.id));
            on_floor.map(|area| area.name.clone()).collect()
        }
        (None, None) => place.speaker.map(|area| area.name.clone()).into_iter().collect(),
    };
    if rooms.is_empty() {
        let why = "no room is named and the speaker's is not known".to_owned();
        return Err(CallError::InvalidValue { slot: "area".to_owned(), why, allowed: Allowed::default() });
    }
    let robot = Target { floor: None, ..Target::without_area(call, house)? };
    let able = |entity: &Entity| entity.features.iter().any(|own| own == "clean_area");
    let wanted = Wanted { domains: &["vacuum"], able: &able, open: Open::Everywhere, what: "cleaning single rooms" };
    let found = resolve(house, &robot, &wanted)?;
    // Of several robots the one that has the rooms on its map.
    let knowing: Vec<_> = found.iter().copied().filter(|entity| own_words(house, entity, &rooms).is_some()).collect();
    let found = if knowing.is_empty() { found } else { knowing };
    if found.len() > 1 {
        return Err(ambiguous(house, None, &found));
    }
    job(call, house, found, |entity| {
        let words = own_words(house, entity, &rooms).unwrap_or_else(|| rooms.clone());
        Step::Device(Action::CleanRooms(words))
    })
}

/// The robot's own word for each room: its map may call an area by one of its other names. `None` where one is not on the map.
fn own_words(house: &Snapshot, robot: &Entity, rooms: &[String]) -> Option<Vec<String>> {
    let map = robot.attributes.get("segments").or_else(|| robot.attributes.get("rooms"))?;
    let map = fold(&map.to_string());
    let on_map = |name: &String| map.contains(&format!("\"{}\"", fold(name)));
    let own_word = |room: &String| {
        let aliases = house.areas.iter().filter(|area| area.name == *room).flat_map(|area| &area.aliases);
        std::iter::once(room).chain(aliases).find(|name| on_map(name)).cloned()
    };
    rooms.iter().map(own_word).collect()
}

fn media(call: &IntentCall, house: &Snapshot, action: &MediaAction, feature: &str) -> Result<Job, CallError> {
    let target = Target::new(call, house)?;
    let able = |entity: &Entity| entity.features.iter().any(|own| own == feature);
    let wanted = Wanted { domains: &["media_player"], able: &able, open: Open::Everywhere, what: feature };
    let mut found = resolve(house, &target, &wanted)?;
    // What plays is what is meant by "pause"; otherwise what is nearby.
    let playing = |entity: &&Arc<Entity>| entity.state.as_deref() == Some("playing");
    if target.names.is_empty() && found.len() > 1 {
        let here: Vec<_> = found.iter().copied().filter(|entity| in_speakers_area(entity, &target)).collect();
        let mut closest = if here.is_empty() { found.clone() } else { here };
        if *action != MediaAction::Play && closest.len() > 1 && closest.iter().any(playing) {
            closest.retain(playing);
        }
        found = closest;
        if found.len() > 1 && target.is_open() {
            return Err(ambiguous(house, None, &found));
        }
    }
    job(call, house, found, |_| Step::Speaker(action.clone()))
}

fn in_speakers_area(entity: &Entity, target: &Target<'_>) -> bool {
    target.speaker.is_some_and(|area| entity.area.as_ref() == Some(&area.id))
}

/// "up", "down", or percent.
fn volume_step(call: &IntentCall) -> Result<f64, CallError> {
    match text(call, "volume_step").as_deref() {
        Some("up") => Ok(VOLUME_STEP),
        Some("down") => Ok(-VOLUME_STEP),
        _ => Ok(number(call, "volume_step")?.clamp(-100.0, 100.0)),
    }
}
