//! What can be done to a device, what is then published, and how its state must answer.

use serde_json::{Map, Value};

/// One thing to do to one entity.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    TurnOn,
    TurnOff,
    Light(LightChange),
    Open,
    Close,
    Stop,
    /// Percent open.
    SetPosition(f64),
    /// Percent of the full speed.
    SetSpeed(f64),
    SetFanMode(String),
    /// In the device's own unit.
    SetTemperature(f64),
    SetMode(String),
    /// Percent.
    SetHumidity(f64),
    Lock,
    Unlock,
    Press,
    StartCleaning,
    PauseCleaning,
    ReturnToBase,
    /// Makes itself heard.
    Locate,
    /// Names of the rooms.
    CleanRooms(Vec<String>),
    Mow,
    SetValue(f64),
    Select(String),
}

/// What to change about a light that is then on.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct LightChange {
    /// 1-255.
    pub(crate) brightness: Option<f64>,
    pub(crate) color: Option<Rgb>,
    pub(crate) kelvin: Option<f64>,
}

/// A colour as a screen shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rgb(pub(crate) u8, pub(crate) u8, pub(crate) u8);

/// A message to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Publish {
    pub(crate) topic: String,
    pub(crate) payload: String,
    /// Quality of service: 0, 1 or 2.
    pub(crate) qos: u8,
    /// Whether the broker keeps it for later subscribers.
    pub(crate) retain: bool,
}

/// What an entity is known to be.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct State {
    /// `None` while unknown.
    pub(crate) state: Option<String>,
    pub(crate) attributes: Map<String, Value>,
}

impl State {
    pub(crate) fn number(&self, attribute: &str) -> Option<f64> {
        self.attributes.get(attribute).and_then(Value::as_f64)
    }

    /// Sets an attribute; `None` takes it away.
    pub(crate) fn set(&mut self, attribute: &str, value: Option<Value>) {
        match value {
            Some(value) => self.attributes.insert(attribute.to_owned(), value),
            None => self.attributes.shift_remove(attribute),
        };
    }

    pub(crate) fn is(&self, state: &str) -> bool {
        self.state.as_deref() == Some(state)
    }
}

/// What one action on one entity comes to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Commands {
    pub(crate) publishes: Vec<Publish>,
    pub(crate) expect: Expect,
}

/// How a device's state answers a command.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expect {
    /// The device reports no state: this is assumed of it.
    Assume(State),
    /// The state must come to fulfil all of these.
    All(Vec<Check>),
}

/// One condition on an entity's state.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Check {
    /// The state is one of these.
    State(Vec<String>),
    /// The state is a number near this.
    StateNumber { value: f64, tolerance: f64 },
    /// The attribute is a number near this.
    Number { attribute: &'static str, value: f64, tolerance: f64 },
    /// The attribute is this text.
    Text { attribute: &'static str, value: String },
    /// The attribute moved upwards or downwards from where it was.
    Moved { attribute: &'static str, from: f64, up: bool },
    /// The light shows about this colour: hue in degrees, saturation in percent.
    Color { hue: f64, saturation: f64 },
    /// One of these holds.
    Any(Vec<Check>),
}

/// Hue that may be off after a device's own rounding, degrees.
const HUE_TOLERANCE: f64 = 8.0;
/// Saturation that may be off, percent.
const SATURATION_TOLERANCE: f64 = 12.0;
/// Below this saturation (percent) the hue says nothing.
const NEARLY_WHITE: f64 = 15.0;

impl Check {
    pub(crate) fn state(states: &[&str]) -> Self {
        Self::State(states.iter().map(|&state| state.to_owned()).collect())
    }

    pub(crate) fn holds(&self, state: &State) -> bool {
        match self {
            Self::State(states) => state.state.as_ref().is_some_and(|is| states.contains(is)),
            Self::StateNumber { value, tolerance } => state
                .state
                .as_ref()
                .and_then(|is| is.parse::<f64>().ok())
                .is_some_and(|is| (is - value).abs() <= *tolerance),
            Self::Number { attribute, value, tolerance } => {
                state.number(attribute).is_some_and(|is| (is - value).abs() <= *tolerance)
            }
            Self::Text { attribute, value } => {
                state.attributes.get(*attribute).and_then(Value::as_str).is_some_and(|is| is == value)
            }
            Self::Moved { attribute, from, up } => {
                state.number(attribute).is_some_and(|is| if *up { is > *from } else { is < *from })
            }
            Self::Color { hue, saturation } => shows(state, *hue, *saturation),
            Self::Any(checks) => checks.iter().any(|check| check.holds(state)),
        }
    }
}

fn shows(state: &State, hue: f64, saturation: f64) -> bool {
    let white_mode = matches!(
        state.attributes.get("color_mode").and_then(Value::as_str),
        Some("color_temp" | "white" | "brightness" | "onoff")
    );
    if white_mode {
        return saturation < NEARLY_WHITE;
    }
    let pair = state.attributes.get("hs_color").and_then(Value::as_array);
    let Some([is_hue, is_saturation]) = pair.map(|pair| [0, 1].map(|at| pair.get(at).and_then(Value::as_f64))) else {
        return false;
    };
    let (Some(is_hue), Some(is_saturation)) = (is_hue, is_saturation) else { return false };
    let apart = (is_hue - hue).rem_euclid(360.0);
    let near = apart.min(360.0 - apart) <= HUE_TOLERANCE;
    (is_saturation - saturation).abs() <= SATURATION_TOLERANCE && (near || saturation < NEARLY_WHITE)
}

impl Expect {
    pub(crate) fn holds(&self, state: &State) -> bool {
        match self {
            Self::Assume(_) => true,
            Self::All(checks) => checks.iter().all(|check| check.holds(state)),
        }
    }

    pub(crate) fn state(states: &[&str]) -> Self {
        Self::All(vec![Check::state(states)])
    }
}
