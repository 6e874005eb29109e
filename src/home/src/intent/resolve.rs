//! Which entities a call means.

use std::sync::Arc;

use super::slots::{Target, is_called};
use crate::call::{CallError, Candidate};
use crate::model::{Entity, Snapshot};
use crate::text::fold;

/// Where to look when nothing says where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Open {
    /// In the whole home.
    Everywhere,
    /// Where the speaker is; elsewhere only if there is just one.
    Nearest,
}

/// What is looked for.
pub(super) struct Wanted<'a> {
    /// Domains that the intent is for; empty for any.
    pub(super) domains: &'a [&'a str],
    /// What an entity must be able to do besides.
    pub(super) able: &'a dyn Fn(&Entity) -> bool,
    pub(super) open: Open,
    /// What is asked of the entity, for the error.
    pub(super) what: &'a str,
}

/// The entities that a call means: at least one.
pub(super) fn resolve<'a>(
    house: &'a Snapshot,
    target: &Target<'_>,
    wanted: &Wanted<'_>,
) -> Result<Vec<&'a Arc<Entity>>, CallError> {
    if !target.names.is_empty() {
        return named(house, target, wanted);
    }
    let there = |kind: &dyn Fn(&Entity) -> bool| -> Vec<&Arc<Entity>> {
        let all = house.entities.values();
        all.filter(|entity| entity.exposed && kind(entity) && target.covers(entity, house)).collect()
    };
    let mut found = there(&|entity| of_kind(entity, target, wanted));
    if found.is_empty() && target.classes.iter().any(|class| SHADING.contains(&class.as_str())) {
        // Many covers do not tell what they are: most of them are before a window.
        let classless = Target { classes: Vec::new(), ..target.clone() };
        found = there(&|entity| {
            entity.domain == "cover" && entity.device_class.is_none() && of_kind(entity, &classless, wanted)
        });
    }
    if found.is_empty() {
        return Err(target.none(wanted.domains.first().copied()));
    }
    let able: Vec<_> = found.iter().copied().filter(|entity| (wanted.able)(entity)).collect();
    if able.is_empty() {
        let name = match found.as_slice() {
            [one] => one.name.clone(),
            _ => target
                .place()
                .unwrap_or_else(|| found.iter().map(|entity| entity.name.clone()).collect::<Vec<_>>().join(", ")),
        };
        return Err(CallError::NotSupported { name, what: wanted.what.to_owned() });
    }
    if target.is_open() && wanted.open == Open::Nearest {
        return nearest(house, target, able);
    }
    // A home with one that only cools: "the heating" is the others.
    let heats = |entity: &Arc<Entity>| entity.domain == "climate" && can_be(entity, "heat");
    if target.serves.is_none()
        && matches!(wanted.what, "turning on" | "turning off")
        && able.iter().any(|one| heats(one))
    {
        let heating: Vec<_> = able.iter().copied().filter(|one| one.domain != "climate" || heats(one)).collect();
        return Ok(heating);
    }
    // "The fan" is the one where the speaker is, where there is one.
    if target.is_open() && able.iter().all(|entity| OF_ONE_ROOM.contains(&entity.domain.as_str())) {
        let here: Vec<_> = able.iter().copied().filter(|entity| is_here(entity, target)).collect();
        return Ok(if here.is_empty() { able } else { here });
    }
    Ok(able)
}

/// Covers that keep light out.
const SHADING: &[&str] = &["blind", "shade", "shutter", "curtain"];
/// What is about the room it is in, unless more is said.
const OF_ONE_ROOM: &[&str] = &["fan", "vacuum"];

/// Whether an entity is of the kind that the slots and the intent ask for.
fn of_kind(entity: &Entity, target: &Target<'_>, wanted: &Wanted<'_>) -> bool {
    let listed = |list: &[String], value: &str| list.is_empty() || list.iter().any(|item| item == value);
    listed(&target.domains, &entity.domain)
        && (target.classes.is_empty()
            || entity.device_class.as_deref().is_some_and(|class| listed(&target.classes, class)))
        && target.serves.as_deref().is_none_or(|mode| can_be(entity, mode))
        && (wanted.domains.is_empty() || wanted.domains.contains(&entity.domain.as_str()))
}

/// Whether a thermostat or an air conditioner can heat or cool: one that does not tell its modes heats.
fn can_be(entity: &Entity, mode: &str) -> bool {
    let modes = entity.attributes.get("hvac_modes").and_then(|modes| modes.as_array());
    let Some(modes) = modes.filter(|modes| !modes.is_empty()) else { return mode == "heat" };
    modes.iter().filter_map(|own| own.as_str()).any(|own| own == mode || own == "heat_cool")
}

/// The one where the speaker is, or the only one there is.
fn nearest<'a>(
    house: &Snapshot,
    target: &Target<'_>,
    found: Vec<&'a Arc<Entity>>,
) -> Result<Vec<&'a Arc<Entity>>, CallError> {
    let here: Vec<_> = found.iter().copied().filter(|entity| is_here(entity, target)).collect();
    match (here.len(), found.len()) {
        (0, 1) => Ok(found),
        (0, _) => Err(ambiguous(house, None, &found)),
        _ => Ok(here),
    }
}

fn is_here(entity: &Entity, target: &Target<'_>) -> bool {
    target.speaker.is_some_and(|area| entity.area.as_ref() == Some(&area.id))
}

fn named<'a>(house: &'a Snapshot, target: &Target<'_>, wanted: &Wanted<'_>) -> Result<Vec<&'a Arc<Entity>>, CallError> {
    let spoken = target.names.join(", ");
    let mut found: Vec<&Arc<Entity>> = Vec::new();
    for name in &target.names {
        match house.entities.get(name).filter(|entity| entity.exposed) {
            Some(entity) => found.push(entity),
            None => {
                let folded = fold(name);
                found.extend(house.entities.values().filter(|entity| entity.exposed && is_called(entity, &folded)));
            }
        }
    }
    if found.is_empty() {
        return Err(CallError::NoSuchName { name: spoken, area: target.place() });
    }
    let there: Vec<_> = found.iter().copied().filter(|entity| target.covers(entity, house)).collect();
    if let Some(elsewhere) = found.first().filter(|_| there.is_empty()) {
        let area = elsewhere.area.as_deref().and_then(|area| house.area(area)).map(|area| area.name.clone());
        return Err(CallError::NotThere { name: elsewhere.name.clone(), area });
    }
    let mut found = there;
    // Each step decides only as long as it leaves something.
    let steps: [&dyn Fn(&Entity) -> bool; 3] =
        [&|entity| of_kind(entity, target, wanted), &|entity| (wanted.able)(entity), &|entity| is_here(entity, target)];
    for step in steps {
        if found.len() > 1 && found.iter().any(|entity| step(entity)) {
            found.retain(|entity| step(entity));
        }
    }
    match found.as_slice() {
        [one]
            if !wanted.domains.is_empty() && !wanted.domains.contains(&one.domain.as_str()) || !(wanted.able)(one) =>
        {
            Err(CallError::NotSupported { name: one.name.clone(), what: wanted.what.to_owned() })
        }
        [_] => Ok(found),
        _ => Err(ambiguous(house, Some(spoken), &found)),
    }
}

/// Several things fit and nothing decides.
pub(super) fn ambiguous(house: &Snapshot, name: Option<String>, found: &[&Arc<Entity>]) -> CallError {
    let candidate = |entity: &&Arc<Entity>| Candidate {
        id: entity.id.clone(),
        name: entity.name.clone(),
        area: entity.area.as_deref().and_then(|area| house.area(area)).map(|area| area.name.clone()),
    };
    CallError::Ambiguous { name, candidates: found.iter().map(candidate).collect() }
}
