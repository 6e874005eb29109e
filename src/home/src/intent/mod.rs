//! From an intent to an answer or to actions. Pure: works on a picture of the house.

mod act;
mod ask;
mod resolve;
mod slots;
mod step;
mod weather;

use serde_json::{Map, Value};

use crate::action::Action;
use crate::call::{CallError, IntentCall, Outcome};
use crate::model::{EntityId, EntityView, Snapshot};

pub(crate) use act::MediaAction;

/// What a call comes to.
#[derive(Debug)]
pub(crate) enum Plan {
    /// It was a question.
    Answer(Box<Outcome>),
    /// Something is to be done.
    Do(Job),
}

/// What is to be done.
#[derive(Debug, Default)]
pub(crate) struct Job {
    pub(crate) steps: Vec<(EntityId, Step)>,
    /// The slots as they are spoken.
    pub(crate) slots: Map<String, Value>,
    /// Names of those that cannot be reached just now.
    pub(crate) skipped: Vec<String>,
}

/// What is to be done to one entity.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    Device(Action),
    Speaker(MediaAction),
}

/// Decides what a call comes to.
pub(crate) fn plan(call: &IntentCall, house: &Snapshot) -> Result<Plan, CallError> {
    match call.intent.as_str() {
        "HassGetState" => ask::get_state(call, house).map(|outcome| Plan::Answer(Box::new(outcome))),
        "HassGetWeather" => weather::get_weather(call, house).map(|outcome| Plan::Answer(Box::new(outcome))),
        "HassClimateGetTemperature" => ask::get_temperature(call, house).map(|outcome| Plan::Answer(Box::new(outcome))),
        _ => act::plan(call, house).map(Plan::Do),
    }
}

/// As [`plan`], and refused as a whole where a part of it is not for whoever calls.
pub(crate) fn permitted_plan(call: &IntentCall, house: &Snapshot) -> Result<Plan, CallError> {
    let plan = plan(call, house)?;
    let may = call.permissions;
    let refused: Vec<String> = match &plan {
        Plan::Answer(outcome) => {
            let views = outcome.matched.iter().chain(&outcome.unmatched);
            let hidden = views.filter(|view| !may.may_see_kind(&view.domain, view.device_class.as_deref()));
            hidden.map(|view| view.name.clone()).collect()
        }
        Plan::Do(job) => {
            let targets = job.steps.iter().filter_map(|(id, _)| house.entities.get(id));
            targets.filter(|entity| !may.may_control(entity)).map(|entity| entity.name.clone()).collect()
        }
    };
    if refused.is_empty() { Ok(plan) } else { Err(CallError::NotAllowed { names: refused }) }
}

/// An entity as response templates read it.
pub(crate) fn view(entity: &EntityView) -> Value {
    ask::view(entity)
}
