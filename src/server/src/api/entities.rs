//! What can be done to a device, and what a sensor measured.
#![allow(unused_qualifications, reason = "utoipa writes out where the types of a query are")]

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use vesta_home::{CallError, EntityChange, IntentCall};
use vesta_people::Action;

use super::extract::{Body, Params, Place};
use super::timers::not_done;
use crate::App;
use crate::api::refusals::{BadBody, BadRequest, Closed, Missing};
use crate::caller::Caller;
use crate::problem::Problem;

/// One thing to do to one entity. It takes the same way as a spoken command.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum EntityAction {
    /// Lights, plugs, fans, heating, media.
    TurnOn {},
    TurnOff {},
    Toggle {},
    /// A light that is then on. At least one of the three.
    SetLight {
        /// Percent.
        brightness: Option<f64>,
        /// Red, green, blue, 0 to 255.
        #[schema(min_items = 3, max_items = 3)]
        color: Option<[u8; 3]>,
        /// Colour temperature in kelvin.
        kelvin: Option<f64>,
    },
    Open {},
    Close {},
    /// Blinds, valves and robots.
    Stop {},
    /// Percent open.
    SetPosition {
        position: f64,
    },
    /// A fan, in percent of its full speed.
    SetSpeed {
        percentage: f64,
    },
    /// In the device's own unit.
    SetTemperature {
        temperature: f64,
    },
    /// `heat`, `cool`, `off`, …: one of the device's `hvac_modes`.
    SetHvacMode {
        mode: String,
    },
    SetFanMode {
        mode: String,
    },
    /// Percent.
    SetHumidity {
        humidity: f64,
    },
    /// A humidifier's mode.
    SetMode {
        mode: String,
    },
    Lock {},
    Unlock {},
    /// A button or a scene.
    Press {},
    StartCleaning {},
    PauseCleaning {},
    ReturnToBase {},
    /// The robot makes itself heard.
    Locate {},
    /// Cleans one room.
    CleanArea {
        /// The area's id.
        area: String,
    },
    StartMowing {},
    Play {},
    Pause {},
    Next {},
    Previous {},
    /// Percent.
    SetVolume {
        volume: f64,
    },
    Mute {
        muted: bool,
    },
    /// One of a loudspeaker's sources.
    PlaySource {
        source: String,
    },
    /// A number.
    SetValue {
        value: f64,
    },
    /// One of a selection's options.
    SelectOption {
        option: String,
    },
}

impl EntityAction {
    /// The intent that a sentence would have come to.
    fn intent(self, id: &str, domain: &str) -> IntentCall {
        let (intent, slots) = match self {
            Self::TurnOn {} | Self::Lock {} | Self::Press {} => ("HassTurnOn", Vec::new()),
            Self::TurnOff {} | Self::Unlock {} => ("HassTurnOff", Vec::new()),
            Self::Toggle {} => ("HassToggle", Vec::new()),
            Self::SetLight { brightness, color, kelvin } => {
                let slots = [
                    ("brightness", brightness.map(Value::from)),
                    ("color", color.map(|color| json!(color))),
                    ("temperature", kelvin.map(Value::from)),
                ];
                ("HassLightSet", slots.into_iter().filter_map(|(slot, value)| Some((slot, value?))).collect())
            }
            Self::Open {} => ("HassOpenCover", Vec::new()),
            Self::Close {} => ("HassCloseCover", Vec::new()),
            Self::Stop {} if domain == "vacuum" => ("HassVacuumStop", Vec::new()),
            Self::Stop {} => ("HassStopMoving", Vec::new()),
            Self::SetPosition { position } => ("HassSetPosition", vec![("position", position.into())]),
            Self::SetSpeed { percentage } => ("HassFanSetSpeed", vec![("percentage", percentage.into())]),
            Self::SetTemperature { temperature } => {
                ("HassClimateSetTemperature", vec![("temperature", temperature.into())])
            }
            Self::SetHvacMode { mode } => ("HassClimateSetHvacMode", vec![("hvac_mode", mode.into())]),
            Self::SetFanMode { mode } => ("HassClimateSetFanMode", vec![("fan_mode", mode.into())]),
            Self::SetHumidity { humidity } => ("HassHumidifierSetpoint", vec![("humidity", humidity.into())]),
            Self::SetMode { mode } => ("HassHumidifierMode", vec![("mode", mode.into())]),
            Self::StartCleaning {} => ("HassVacuumStart", Vec::new()),
            Self::PauseCleaning {} => ("HassVacuumPause", Vec::new()),
            Self::ReturnToBase {} if domain == "lawn_mower" => ("HassLawnMowerDock", Vec::new()),
            Self::ReturnToBase {} => ("HassVacuumReturnToBase", Vec::new()),
            Self::Locate {} => ("HassVacuumLocate", Vec::new()),
            Self::CleanArea { area } => ("HassVacuumCleanArea", vec![("area", area.into())]),
            Self::StartMowing {} => ("HassLawnMowerStartMowing", Vec::new()),
            Self::Play {} => ("HassMediaUnpause", Vec::new()),
            Self::Pause {} => ("HassMediaPause", Vec::new()),
            Self::Next {} => ("HassMediaNext", Vec::new()),
            Self::Previous {} => ("HassMediaPrevious", Vec::new()),
            Self::SetVolume { volume } => ("HassSetVolume", vec![("volume_level", volume.into())]),
            Self::Mute { muted: true } => ("HassMediaPlayerMute", Vec::new()),
            Self::Mute { muted: false } => ("HassMediaPlayerUnmute", Vec::new()),
            Self::PlaySource { source } => ("HassMediaSearchAndPlay", vec![("search_query", source.into())]),
            Self::SetValue { value } => ("HassSetValue", vec![("value", value.into())]),
            Self::SelectOption { option } => ("HassSelectOption", vec![("option", option.into())]),
        };
        let name = ("name".to_owned(), Value::from(id));
        let slots = slots.into_iter().map(|(slot, value): (&str, Value)| (slot.to_owned(), value));
        IntentCall {
            intent: intent.to_owned(),
            slots: std::iter::once(name).chain(slots).collect(),
            ..IntentCall::default()
        }
    }
}

/// What an action came to.
#[derive(Serialize, ToSchema)]
pub(crate) struct Done {
    /// What was acted on.
    pub(crate) changed: Vec<Changed>,
    /// Whether every device's state confirmed it; `false` where a device reports no state.
    pub(crate) confirmed: bool,
    /// Id under which it can be taken back: `POST /api/actions/{id}/undo`; `null` where there is no way back.
    pub(crate) undo: Option<String>,
}

/// What an action did to one entity.
#[derive(Serialize, ToSchema, Clone, Debug, PartialEq)]
pub(crate) struct Changed {
    /// The entity's id.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// Its state before.
    pub(crate) before: Option<String>,
    /// Its state after.
    pub(crate) after: Option<String>,
    /// Whether the device's state confirmed it.
    pub(crate) confirmed: bool,
}

impl From<EntityChange> for Changed {
    fn from(change: EntityChange) -> Self {
        let EntityChange { id, name, before, after, confirmed, .. } = change;
        Self { id, name, before, after, confirmed }
    }
}

/// Act on an entity
///
/// Answers when the device's own state has confirmed the action.
#[utoipa::path(post, path = "/api/entities/{id}/actions", tag = "home",
    params(("id" = String, Path, description = "The entity's id, such as `light.kitchen`")),
    request_body = EntityAction,
    responses(
        (status = 200, body = Done),
        Closed, BadBody,
        (status = 403, description = "The caller's role may not do this", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such entity", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The device cannot be reached, or did not answer", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The device cannot do this, or not with this value", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "There is no link to the MQTT broker", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn act(
    State(app): State<App>,
    caller: Caller,
    Place(id): Place<String>,
    Body(action): Body<EntityAction>,
) -> Result<Json<Done>, Problem> {
    caller.require(Action::ControlHome)?;
    let may = caller.permissions();
    let house = app.assistant.parts().home.snapshot();
    let entity = house.entities.get(&id).filter(|entity| entity.exposed && may.may_see(entity));
    let entity = entity.ok_or_else(|| no_such_entity(&id))?;
    let call = action.intent(&id, &entity.domain);
    let outcome = app.assistant.act(&call, &crate::clients::hand(&caller)).await.map_err(not_done)?;
    tracing::info!(person = caller.person, session = caller.session, entity = id, "acted on by touch");
    let way_back = outcome.changed.iter().rev().flat_map(|change| change.undo.clone()).collect();
    let undo = app.undos.remember(&caller.person, way_back);
    let changed = outcome.changed.into_iter().map(Changed::from).collect();
    Ok(Json(Done { changed, confirmed: outcome.confirmed, undo }))
}

fn no_such_entity(id: &str) -> Problem {
    let detail = format!("there is no entity '{id}'; GET /api/home lists them");
    Problem::new(StatusCode::NOT_FOUND, "no_such_name", "Not found", detail)
}

/// A refusal of the home as a problem.
pub(crate) fn refused(error: CallError) -> Problem {
    let status = match &error {
        CallError::NoSuchName { .. }
        | CallError::NoSuchArea { .. }
        | CallError::NoneInArea { .. }
        | CallError::NotThere { .. } => StatusCode::NOT_FOUND,
        CallError::Ambiguous { .. }
        | CallError::Unavailable { .. }
        | CallError::NoAnswer { .. }
        | CallError::StateUnknown { .. }
        | CallError::LightsOff => StatusCode::CONFLICT,
        CallError::NotAllowed { .. } => StatusCode::FORBIDDEN,
        CallError::BrokerDown { .. } => StatusCode::SERVICE_UNAVAILABLE,
        CallError::NotSupported { .. } | CallError::InvalidValue { .. } | CallError::UnknownIntent { .. } => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
    };
    Problem::new(status, error.code(), "This could not be done", error.to_string())
}

/// Which part of a sensor's history.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Window {
    /// How far back, in hours; at most a week.
    #[serde(default = "a_day")]
    #[param(minimum = 1, maximum = 168)]
    hours: u32,
    /// At most this many values, averaged over equal spans.
    #[serde(default = "enough")]
    #[param(minimum = 2, maximum = 2000)]
    points: u32,
}

fn a_day() -> u32 {
    24
}

fn enough() -> u32 {
    96
}

/// What a sensor measured.
#[derive(Serialize, ToSchema)]
pub(crate) struct History {
    /// The unit of the values.
    unit: Option<String>,
    /// The values, the oldest first.
    samples: Vec<Measured>,
}

/// A value at a time.
#[derive(Serialize, ToSchema)]
pub(crate) struct Measured {
    /// Unix time in milliseconds.
    at_ms: i64,
    /// In the sensor's unit.
    value: f64,
}

/// What a sensor measured
///
/// Numbers are kept for a week, one a minute.
#[utoipa::path(get, path = "/api/entities/{id}/history", tag = "home",
    params(("id" = String, Path, description = "The entity's id, such as `sensor.kitchen_temperature`"), Window),
    responses(
        (status = 200, body = History),
        Closed, BadRequest, Missing,
    ))]
pub(crate) async fn history(
    State(app): State<App>,
    caller: Caller,
    Place(id): Place<String>,
    Params(window): Params<Window>,
) -> Result<Json<History>, Problem> {
    caller.require(Action::ReadHome)?;
    if !(1..=168).contains(&window.hours) || !(2..=2000).contains(&window.points) {
        return Err(Problem::bad_request("bad_query", "'hours' must be 1 to 168 and 'points' 2 to 2000"));
    }
    let house = app.assistant.parts().home.snapshot();
    let entity = house
        .entities
        .get(&id)
        .filter(|entity| caller.permissions().may_see(entity))
        .ok_or_else(|| no_such_entity(&id))?;
    let since_ms = super::measured::now_ms() - i64::from(window.hours) * 3_600_000;
    let samples = app.assistant.parts().store.samples(&id, since_ms, window.points).await.map_err(Problem::store)?;
    let samples = samples.into_iter().map(|sample| Measured { at_ms: sample.at_ms, value: sample.value }).collect();
    let unit = super::measured::unit(entity);
    Ok(Json(History { unit, samples }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intent(body: Value, domain: &str) -> Value {
        let action: EntityAction = serde_json::from_value(body).unwrap();
        let call = action.intent(&format!("{domain}.x"), domain);
        json!([call.intent, call.slots])
    }

    #[test]
    fn an_action_is_what_a_sentence_would_have_come_to() {
        let name = |domain: &str| format!("{domain}.x");
        assert_eq!(
            intent(json!({ "action": "set_light", "brightness": 40 }), "light"),
            json!(["HassLightSet", { "brightness": 40.0, "name": name("light") }])
        );
        assert_eq!(
            intent(json!({ "action": "set_light", "color": [255, 0, 10], "kelvin": null }), "light"),
            json!(["HassLightSet", { "color": [255, 0, 10], "name": name("light") }])
        );
        assert_eq!(intent(json!({ "action": "stop" }), "vacuum")[0], "HassVacuumStop");
        assert_eq!(intent(json!({ "action": "stop" }), "cover")[0], "HassStopMoving");
        assert_eq!(intent(json!({ "action": "return_to_base" }), "lawn_mower")[0], "HassLawnMowerDock");
        assert_eq!(intent(json!({ "action": "mute", "muted": false }), "media_player")[0], "HassMediaPlayerUnmute");
    }

    #[test]
    fn what_is_no_action_is_refused() {
        for body in [
            json!({ "action": "explode" }),
            json!({ "action": "turn_on", "brightness": 3 }),
            json!({ "action": "set_position" }),
            json!({ "action": "set_light", "color": [1, 2] }),
            json!({ "action": "set_light", "color": [1, 2, 300] }),
            json!([]),
        ] {
            assert!(serde_json::from_value::<EntityAction>(body.clone()).is_err(), "{body}");
        }
    }
}
