//! Timers, by touch.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use vesta_home::IntentCall;
use vesta_home::timers::TimerView;
use vesta_people::Action;
use vesta_turn::TurnError;

use super::entities::refused;
use super::extract::{Body, Place};
use crate::App;
use crate::api::refusals::{BadBody, BadRequest, Closed, Conflict, Missing};
use crate::caller::Caller;
use crate::problem::Problem;

/// Longest name, in bytes.
const MAX_NAME: usize = 100;
/// Longest timer: a week.
const MAX_SECONDS: u32 = 7 * 24 * 3_600;

/// A timer that runs, stands still, or rings.
#[derive(Serialize, ToSchema, Clone, Debug, PartialEq)]
pub(crate) struct Timer {
    id: String,
    /// What it is for.
    name: Option<String>,
    /// Id of its area.
    area: Option<String>,
    /// What is done when it is over, in words; most timers only ring.
    command: Option<String>,
    /// How long it was started for, in milliseconds.
    length_ms: u64,
    /// Whether it is for a time of day instead of a length: an alarm, or a command for later at ten.
    by_clock: bool,
    /// Unix time in milliseconds at which it is over; `null` while it stands still.
    ends_at_ms: Option<i64>,
    /// What is left, in milliseconds, when this was written.
    left_ms: u64,
    /// Whether it is over and rings.
    ringing: bool,
}

impl From<&TimerView> for Timer {
    fn from(timer: &TimerView) -> Self {
        Self {
            id: timer.id.clone(),
            name: timer.name.clone(),
            area: timer.area.clone(),
            command: timer.command.clone(),
            length_ms: timer.length_ms,
            by_clock: timer.by_clock,
            ends_at_ms: timer.ends_ms,
            left_ms: timer.left_ms,
            ringing: timer.is_ringing,
        }
    }
}

/// Every timer, as clients see them.
pub(crate) fn all(timers: &[TimerView]) -> Vec<Timer> {
    timers.iter().map(Timer::from).collect()
}

/// A timer to start, by its length, or an alarm, by its time.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTimer {
    /// How long it runs; `at_ms` is left out then.
    #[schema(minimum = 1, maximum = 604800)]
    seconds: Option<u32>,
    /// Unix time in milliseconds at which it rings, within a week; `seconds` is left out then.
    #[schema(minimum = 0)]
    at_ms: Option<i64>,
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// Id of an area.
    area: Option<String>,
}

/// Start a timer
#[utoipa::path(post, path = "/api/timers", tag = "timers", request_body = NewTimer, responses(
    (status = 201, body = Vec<Timer>),
    Closed, BadBody, Missing,
    (status = 409, description = "There are too many timers, or the time is over or more than a week away", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn start(
    State(app): State<App>,
    caller: Caller,
    Body(timer): Body<NewTimer>,
) -> Result<(StatusCode, Json<Vec<Timer>>), Problem> {
    if timer.seconds.is_some() == timer.at_ms.is_some() {
        return Err(Problem::bad_request("bad_length", "give either 'seconds' or 'at_ms'"));
    }
    if timer.seconds.is_some_and(|seconds| seconds == 0 || seconds > MAX_SECONDS) {
        return Err(Problem::bad_request("bad_length", format!("'seconds' must be 1 to {MAX_SECONDS}")));
    }
    if timer.at_ms.is_some_and(|at_ms| at_ms < 0) {
        return Err(Problem::bad_request("bad_length", "'at_ms' must be a Unix time in milliseconds"));
    }
    if timer.name.as_ref().is_some_and(|name| name.trim().is_empty() || name.len() > MAX_NAME) {
        return Err(Problem::bad_request("bad_name", format!("'name' must have 1 to {MAX_NAME} bytes or be null")));
    }
    if let Some(area) = &timer.area
        && app.assistant.parts().home.snapshot().area(area).is_none()
    {
        let detail = format!("there is no area '{area}'; GET /api/home lists them");
        return Err(Problem::new(StatusCode::NOT_FOUND, "no_such_area", "Not found", detail));
    }
    let slots = [
        ("seconds", timer.seconds.map(Value::from)),
        ("at_ms", timer.at_ms.map(Value::from)),
        ("name", timer.name.map(Value::from)),
        ("area", timer.area.map(Value::from)),
    ];
    let slots = slots.into_iter().filter_map(|(slot, value)| Some((slot, value?)));
    Ok((StatusCode::CREATED, Json(tell(&app, &caller, "HassStartTimer", slots).await?)))
}

/// What can be done to a timer.
#[derive(Deserialize, ToSchema, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TimerAction {
    Pause,
    Resume,
    /// Ends it, or makes it quiet where it rings.
    Cancel,
}

/// Pause, resume or end a timer
#[utoipa::path(post, path = "/api/timers/{id}/{action}", tag = "timers",
    params(("id" = String, Path), ("action" = TimerAction, Path)),
    responses(
        (status = 200, description = "The timers that are left", body = Vec<Timer>),
        Closed, BadRequest, Conflict,
        (status = 404, description = "There is no such timer", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn change(
    State(app): State<App>,
    caller: Caller,
    Place((id, action)): Place<(String, TimerAction)>,
) -> Result<Json<Vec<Timer>>, Problem> {
    let intent = match action {
        TimerAction::Pause => "HassPauseTimer",
        TimerAction::Resume => "HassUnpauseTimer",
        TimerAction::Cancel => "HassCancelTimer",
    };
    if !app.assistant.timers().borrow().iter().any(|timer| timer.id == id) {
        let detail = format!("there is no timer '{id}'; GET /api/home lists them");
        return Err(Problem::new(StatusCode::NOT_FOUND, "no_such_timer", "Not found", detail));
    }
    tell(&app, &caller, intent, [("id", Value::from(id))]).await.map(Json)
}

/// Does what a sentence would have done, and answers with every timer.
async fn tell(
    app: &App,
    caller: &Caller,
    intent: &str,
    slots: impl IntoIterator<Item = (&'static str, Value)>,
) -> Result<Vec<Timer>, Problem> {
    caller.require(Action::Talk)?;
    let slots = slots.into_iter().map(|(slot, value)| (slot.to_owned(), value)).collect();
    let call = IntentCall { intent: intent.to_owned(), slots, ..IntentCall::default() };
    app.assistant.act(&call, &crate::clients::hand(caller)).await.map_err(not_done)?;
    Ok(all(&app.assistant.timers().borrow()))
}

/// A refusal of a turn's action as a problem.
pub(crate) fn not_done(error: TurnError) -> Problem {
    match error {
        TurnError::Home(error) => refused(error),
        TurnError::Store(error) => Problem::store(error),
        TurnError::Internal(detail) => Problem::internal(detail),
        other => Problem::new(StatusCode::CONFLICT, other.code(), "This could not be done", other.to_string()),
    }
}
