//! What was said and done.
//!
//! - [`change`]: taken back, said to have gone wrong, deleted
//! - [`replay`]: heard again
#![allow(unused_qualifications, reason = "utoipa writes out where the types of a query are")]

pub(crate) mod change;
pub(crate) mod replay;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use vesta_home::{EntityChange, IntentCall};
use vesta_people::Action;
use vesta_store::{AudioKind, TurnFilter, TurnRecord};

use super::entities::Changed;
use super::extract::{Params, Place};
use crate::App;
use crate::api::refusals::{BadRequest, Closed, Missing};
use crate::caller::Caller;
use crate::problem::Problem;

/// Name of the event that says that a turn's actions were taken back.
const UNDONE: &str = "undone";
/// Most turns in one answer.
const MAX_TURNS: u16 = 200;

/// A turn in a few fields.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct TurnSummary {
    /// Time-ordered id.
    pub(crate) id: String,
    /// When it began: Unix time in milliseconds.
    at_ms: i64,
    /// Id of the person, where known.
    pub(crate) person: Option<String>,
    /// Where it came from: `ask`, `realtime`, `webrtc`, …
    source: String,
    /// `text`, `hands_free` or `push_to_talk`.
    mode: String,
    /// Language code.
    language: String,
    /// What was said or typed.
    transcript: Option<String>,
    /// What was answered.
    spoken: Option<String>,
    /// The answer as HTML.
    html: Option<String>,
    /// `done`, `answered`, `refused`, `nothing` or `failed`.
    outcome: String,
    /// Stable code of what went wrong.
    error_code: Option<String>,
    /// What was done.
    changed: Vec<Changed>,
    /// Whether what was done can be taken back.
    undo: bool,
    /// Whether it was taken back.
    undone: bool,
    /// What somebody said went wrong.
    went_wrong: Option<String>,
}

/// A turn with everything but its audio.
#[derive(Serialize, ToSchema)]
pub(crate) struct TurnDetail {
    #[serde(flatten)]
    summary: TurnSummary,
    /// The intents with their slots.
    intents: Vec<Value>,
    /// What happened, in order.
    events: Vec<Happened>,
    /// How long each part of the work took.
    stages: Vec<Took>,
    /// Seconds of what was heard; `null` where it was not kept.
    heard_s: Option<f64>,
    /// Seconds of what was answered; `null` where it was not kept.
    reply_s: Option<f64>,
}

/// Something that happened in a turn.
#[derive(Serialize, ToSchema)]
pub(crate) struct Happened {
    /// Milliseconds since the turn began.
    at_ms: f64,
    /// What happened.
    name: String,
    /// More about it.
    detail: Value,
}

/// A part of the work.
#[derive(Serialize, ToSchema)]
pub(crate) struct Took {
    /// What was worked on.
    name: String,
    /// Milliseconds since the turn began.
    start_ms: f64,
    /// Milliseconds since the turn began.
    end_ms: f64,
}

/// A turn's field that holds one value or a list of several.
fn several(value: Option<&Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(list)) => list.clone(),
        Some(Value::Null) | None => Vec::new(),
        Some(one) => vec![one.clone()],
    }
}

fn changes(turn: &TurnRecord) -> Vec<EntityChange> {
    let reports = several(turn.action.as_ref());
    let lists = reports.iter().filter_map(|report| report.get("changed"));
    lists.filter_map(|list| serde_json::from_value::<Vec<EntityChange>>(list.clone()).ok()).flatten().collect()
}

/// The calls that take a turn's actions back, the last action first.
fn way_back(turn: &TurnRecord) -> Vec<IntentCall> {
    changes(turn).into_iter().rev().flat_map(|change| change.undo).collect()
}

fn is_undone(turn: &TurnRecord) -> bool {
    turn.events.iter().any(|event| event.name == UNDONE)
}

impl From<&TurnRecord> for TurnSummary {
    fn from(turn: &TurnRecord) -> Self {
        let undone = is_undone(turn);
        Self {
            id: turn.id.clone(),
            at_ms: turn.started_at_ms,
            person: turn.person.clone(),
            source: turn.source.clone(),
            mode: turn.mode.clone(),
            language: turn.language.clone(),
            transcript: turn.transcript.clone(),
            spoken: turn.spoken.clone(),
            html: turn.spoken.as_deref().map(crate::markdown::to_html),
            outcome: turn.outcome.clone(),
            error_code: turn.error_code.clone(),
            changed: changes(turn).into_iter().map(Changed::from).collect(),
            undo: !undone && !way_back(turn).is_empty(),
            undone,
            went_wrong: turn.went_wrong.clone(),
        }
    }
}

/// Which turns.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// At most this many, the newest first.
    #[serde(default = "fifty")]
    #[param(minimum = 1, maximum = 200)]
    limit: u16,
    /// That began before this Unix time in milliseconds.
    before_ms: Option<i64>,
    /// In whose words this occurs.
    #[param(max_length = 200)]
    text: Option<String>,
    /// Only those that somebody said went wrong.
    #[serde(default)]
    went_wrong: bool,
}

fn fifty() -> u16 {
    50
}

/// Turns, the newest first
///
/// One's own; an owner sees everybody's.
#[utoipa::path(get, path = "/api/turns", tag = "turns", params(Wanted), responses(
    (status = 200, body = Vec<TurnSummary>),
    Closed, BadRequest,
))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(wanted): Params<Wanted>,
) -> Result<Json<Vec<TurnSummary>>, Problem> {
    caller.require(Action::ReadTurns)?;
    if wanted.limit == 0 || wanted.limit > MAX_TURNS {
        return Err(Problem::bad_request("bad_query", format!("'limit' must be 1 to {MAX_TURNS}")));
    }
    let filter = TurnFilter {
        limit: wanted.limit.into(),
        before_ms: wanted.before_ms,
        text: wanted.text.filter(|text| !text.trim().is_empty()),
        went_wrong: wanted.went_wrong,
        person: (!caller.may(Action::ReadAllTurns)).then(|| caller.person.clone()),
        ..TurnFilter::default()
    };
    let turns = app.assistant.parts().store.turns(filter).await.map_err(Problem::store)?;
    Ok(Json(turns.iter().map(TurnSummary::from).collect()))
}

/// The turn with this id, if the caller may see it.
async fn find(app: &App, caller: &Caller, id: &str) -> Result<TurnRecord, Problem> {
    caller.require(Action::ReadTurns)?;
    let turn = app.assistant.parts().store.turn(id).await.map_err(Problem::store)?;
    let theirs = |turn: &TurnRecord| turn.person.as_deref() == Some(&caller.person);
    turn.filter(|turn| caller.may(Action::ReadAllTurns) || theirs(turn)).ok_or_else(|| no_such_turn(id))
}

fn no_such_turn(id: &str) -> Problem {
    let detail = format!("there is no turn '{id}' of yours; GET /api/turns lists them");
    Problem::new(StatusCode::NOT_FOUND, "no_such_turn", "Not found", detail)
}

/// A turn with its timing
#[utoipa::path(get, path = "/api/turns/{id}", tag = "turns", params(("id" = String, Path)), responses(
    (status = 200, body = TurnDetail),
    Closed, Missing,
))]
pub(crate) async fn show(
    State(app): State<App>,
    caller: Caller,
    Place(id): Place<String>,
) -> Result<Json<TurnDetail>, Problem> {
    let turn = find(&app, &caller, &id).await?;
    let events = turn.events.iter().map(|event| Happened {
        at_ms: event.at_ms,
        name: event.name.clone(),
        detail: event.detail.clone(),
    });
    let stages = turn.stages.iter().map(|stage| Took {
        name: stage.name.clone(),
        start_ms: stage.start_ms,
        end_ms: stage.end_ms,
    });
    Ok(Json(TurnDetail {
        summary: TurnSummary::from(&turn),
        intents: several(turn.intent.as_ref()),
        events: events.collect(),
        stages: stages.collect(),
        heard_s: turn.heard.as_ref().map(vesta_store::Audio::seconds),
        reply_s: turn.reply.as_ref().map(vesta_store::Audio::seconds),
    }))
}

/// Whose voice.
#[derive(Deserialize, ToSchema, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Voice {
    /// The person's.
    Heard,
    /// The house's.
    Reply,
}

/// A turn's audio as WAV
#[utoipa::path(get, path = "/api/turns/{id}/audio/{voice}", tag = "turns",
    params(("id" = String, Path), ("voice" = Voice, Path)),
    responses(
        (status = 200, body = [u8], content_type = "audio/wav"),
        Closed, BadRequest,
        (status = 404, description = "There is no such turn, or its audio was not kept", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn audio(
    State(app): State<App>,
    caller: Caller,
    Place((id, voice)): Place<(String, Voice)>,
) -> Result<Response, Problem> {
    find(&app, &caller, &id).await?;
    let kind = match voice {
        Voice::Heard => AudioKind::Heard,
        Voice::Reply => AudioKind::Reply,
    };
    let audio = app.assistant.parts().store.audio(&id, kind).await.map_err(Problem::store)?;
    let audio = audio.ok_or_else(|| {
        let detail = format!("the audio of turn '{id}' was not kept");
        Problem::new(StatusCode::NOT_FOUND, "no_audio", "Not found", detail)
    })?;
    let mut wav = std::io::Cursor::new(Vec::new());
    vesta_audio::wav::write(&mut wav, audio.rate, &audio.samples)
        .map_err(|error| Problem::internal(error.to_string()))?;
    let headers = [(header::CONTENT_TYPE, "audio/wav"), (header::CACHE_CONTROL, "private, no-store")];
    Ok((headers, wav.into_inner()).into_response())
}

/// A turn's stages over time as SVG
#[utoipa::path(get, path = "/api/turns/{id}/waterfall", tag = "turns", params(("id" = String, Path)), responses(
    (status = 200, body = String, content_type = "image/svg+xml"),
    Closed, Missing,
))]
pub(crate) async fn waterfall(
    State(app): State<App>,
    caller: Caller,
    Place(id): Place<String>,
) -> Result<Response, Problem> {
    let turn = find(&app, &caller, &id).await?;
    let headers = [(header::CONTENT_TYPE, "image/svg+xml"), (header::CACHE_CONTROL, "private, no-store")];
    Ok((headers, vesta_store::waterfall::svg(&turn)).into_response())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_last_action_is_taken_back_first() {
        let change = |id: &str| {
            json!({ "id": id, "name": id, "area": null, "before": "off", "after": "on", "confirmed": true,
                    "undo": [{ "intent": "HassTurnOff", "slots": { "name": id } }] })
        };
        let mut turn = TurnRecord {
            action: Some(json!([{ "changed": [change("light.a")] }, { "changed": [change("light.b")] }])),
            ..TurnRecord::default()
        };
        let back: Vec<_> = way_back(&turn).iter().map(|call| call.slots["name"].clone()).collect();
        assert_eq!(back, ["light.b", "light.a"]);
        let summary = TurnSummary::from(&turn);
        assert!(summary.undo && !summary.undone && summary.changed.len() == 2);
        turn.events.push(vesta_store::TurnEvent { name: UNDONE.into(), ..Default::default() });
        let summary = TurnSummary::from(&turn);
        assert!(!summary.undo && summary.undone);
    }

    #[test]
    fn an_older_record_has_no_way_back() {
        let action = json!({ "changed": [{ "id": "light.a", "name": "A", "area": null, "before": "off", "after": "on", "confirmed": true }], "state": null, "matched": 1 });
        let turn = TurnRecord { action: Some(action), ..TurnRecord::default() };
        assert!(!TurnSummary::from(&turn).undo);
        assert!(!TurnSummary::from(&TurnRecord::default()).undo);
    }
}
