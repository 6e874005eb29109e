//! A bit more and a bit less, from where each thing is.

use super::act::{job, open};
use super::resolve::{Wanted, resolve};
use super::slots::{Target, number};
use super::{Job, Step};
use crate::action::Action;
use crate::call::{CallError, IntentCall};
use crate::model::{Entity, Snapshot};

/// A value that can be asked for "a bit more" of.
pub(super) struct Stepped {
    slot: &'static str,
    domains: &'static [&'static str],
    attribute: &'static str,
    feature: &'static str,
    /// Attributes that hold the bounds, and the bounds where they do not.
    bounds: [(&'static str, f64); 2],
    what: &'static str,
}

pub(super) const POSITION: Stepped = Stepped {
    slot: "position_step",
    domains: &["cover", "valve"],
    attribute: "current_position",
    feature: "position",
    bounds: [("", 0.0), ("", 100.0)],
    what: "position",
};
pub(super) const SPEED: Stepped = Stepped {
    slot: "percentage_step",
    domains: &["fan"],
    attribute: "percentage",
    feature: "percentage",
    // Slower is not off.
    bounds: [("", 1.0), ("", 100.0)],
    what: "speed",
};
pub(super) const TEMPERATURE: Stepped = Stepped {
    slot: "temperature_step",
    domains: &["climate"],
    attribute: "temperature",
    feature: "temperature",
    bounds: [("min_temp", 0.0), ("max_temp", 100.0)],
    what: "temperature",
};

/// Whether a value is to change by a step instead of to a number.
pub(super) fn steps(call: &IntentCall, slot: &str) -> bool {
    !call.slots.contains_key(slot) && call.slots.contains_key(&format!("{slot}_step"))
}

/// Changes a value by a step from where each entity has it.
pub(super) fn stepped(
    call: &IntentCall,
    house: &Snapshot,
    value: &Stepped,
    action: impl Fn(f64) -> Action,
) -> Result<Job, CallError> {
    let step = number(call, value.slot)?;
    let target = Target::new(call, house)?;
    // From where it is unknown there is no step.
    let now = |entity: &Entity| entity.number(value.attribute);
    let able = |entity: &Entity| entity.features.iter().any(|own| own == value.feature) && now(entity).is_some();
    let wanted = Wanted { domains: value.domains, able: &able, open: open(&target), what: value.what };
    let found = resolve(house, &target, &wanted)?;
    let [low, high] = value.bounds;
    job(call, house, found, |entity| {
        let bound = |(attribute, otherwise): (&str, f64)| entity.number(attribute).unwrap_or(otherwise);
        let (low, high) = (bound(low), bound(high).max(bound(low)));
        Step::Device(action((now(entity).unwrap_or(low) + step).clamp(low, high)))
    })
}
