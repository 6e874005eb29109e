//! The kinds of entities: how each reads its topics and what it publishes for an action.
//!
//! One file and one line of [`PLATFORMS`] add a kind.

mod binary_sensor;
mod button;
mod climate;
mod color;
mod cover;
mod fan;
mod humidifier;
mod lawn_mower;
mod light;
mod lock;
mod number;
mod select;
mod sensor;
mod switch;
mod vacuum;
mod valve;

use std::time::Duration;

use crate::action::{Action, Commands, State};
use crate::call::Allowed;
use crate::discovery::{FieldError, Fields, Input};

pub(crate) use color::parse_color;

/// Why a component does not carry out an action.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Refusal {
    /// It cannot do this at all; in a few words.
    NotSupported(String),
    /// It can, but not with this value.
    InvalidValue(String, Allowed),
}

/// What a component answers to an action.
pub(crate) type Act = Result<Commands, Refusal>;

/// One kind of entity, set up from its announcement.
pub(crate) trait Component: std::fmt::Debug + Send + Sync {
    /// First part of the entity id.
    fn domain(&self) -> &'static str;

    /// The topics that tell its state.
    fn inputs(&self) -> Vec<&Input>;

    /// Takes in one message, already through its template.
    ///
    /// # Errors
    /// What is wrong with the message; the state is then as before.
    fn read(&self, field: &'static str, value: &str, state: &mut State) -> Result<(), String>;

    /// What to publish for an action and how the state must answer.
    fn act(&self, action: &Action, state: &State) -> Act;

    /// What is known before the first message: limits, options, an assumed state.
    fn initial(&self) -> State {
        State::default()
    }

    /// Names of what can be set.
    fn features(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// Unit of the state.
    fn unit(&self) -> Option<&str> {
        None
    }

    /// A state that changes by itself: after this time without a message it is as given (`None` is unknown).
    fn decay(&self, _state: &State) -> Option<(Duration, Option<String>)> {
        None
    }
}

type Build = fn(Fields<'_>) -> Result<Box<dyn Component>, FieldError>;

/// Discovery's names of the kinds.
const PLATFORMS: &[(&str, Build)] = &[
    ("binary_sensor", binary_sensor::build),
    ("button", button::build_button),
    ("climate", climate::build),
    ("cover", cover::build),
    ("device_tracker", sensor::build_tracker),
    ("fan", fan::build),
    ("humidifier", humidifier::build),
    ("lawn_mower", lawn_mower::build),
    ("light", light::build),
    ("lock", lock::build),
    ("number", number::build),
    ("scene", button::build_scene),
    ("select", select::build),
    ("sensor", sensor::build),
    ("siren", switch::build_siren),
    ("switch", switch::build),
    ("vacuum", vacuum::build),
    ("valve", valve::build),
];

/// Whether Vesta has a use for this part of discovery.
pub(crate) fn is_known(platform: &str) -> bool {
    PLATFORMS.iter().any(|(name, _)| *name == platform)
}

/// Sets up a component from its announcement.
pub(crate) fn build(platform: &str, fields: Fields<'_>) -> Result<Box<dyn Component>, FieldError> {
    match PLATFORMS.iter().find(|(name, _)| *name == platform) {
        Some((_, build)) => build(fields),
        None => Err(FieldError { key: "platform".to_owned(), problem: format!("{platform:?} is not known") }),
    }
}

/// The refusal of an action that this kind of entity does not have.
fn cannot(what: &str) -> Act {
    Err(Refusal::NotSupported(what.to_owned()))
}

/// A short name of an action, for the refusal.
fn word(action: &Action) -> &'static str {
    match action {
        Action::TurnOn => "turning on",
        Action::TurnOff => "turning off",
        Action::Light(change) if change.color.is_some() => "colour",
        Action::Light(change) if change.kelvin.is_some() => "colour temperature",
        Action::Light(_) => "brightness",
        Action::Open => "opening",
        Action::Close => "closing",
        Action::Stop => "stopping",
        Action::SetPosition(_) => "position",
        Action::SetSpeed(_) => "speed",
        Action::SetFanMode(_) => "fan mode",
        Action::SetTemperature(_) => "temperature",
        Action::SetMode(_) => "mode",
        Action::SetHumidity(_) => "humidity",
        Action::Lock => "locking",
        Action::Unlock => "unlocking",
        Action::Press => "pressing",
        Action::StartCleaning => "cleaning",
        Action::PauseCleaning => "pausing",
        Action::ReturnToBase => "returning to its base",
        Action::Locate => "making itself heard",
        Action::CleanRooms(_) => "cleaning single rooms",
        Action::Mow => "mowing",
        Action::SetValue(_) => "setting a value",
        Action::Select(_) => "selecting",
    }
}

/// Whether a message says "unknown", as templates spell it.
fn is_none(value: &str) -> bool {
    value == "None" || value == "null"
}

/// A number in a message.
fn parse_number(value: &str) -> Result<f64, String> {
    value
        .trim()
        .parse::<f64>()
        .ok()
        .filter(|number| number.is_finite())
        .ok_or_else(|| format!("{value:?} is not a number"))
}

/// A failing command template, as a refusal.
fn broken(problem: String) -> Refusal {
    Refusal::NotSupported(problem)
}
