//! What can be done about a turn: taken back, said to have gone wrong, deleted.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use vesta_people::Action;

use super::{TurnSummary, UNDONE, find, is_undone, way_back};
use crate::App;
use crate::api::extract::{Body, Place};
use crate::api::measured::now_ms;
use crate::api::refusals::{BadBody, Closed, Missing};
use crate::api::timers::not_done;
use crate::caller::Caller;
use crate::problem::Problem;

/// Longest note on what went wrong, in bytes.
const MAX_NOTE: usize = 2_000;

/// Take back what a turn did
///
/// Brings every device that the turn changed back to how it was before.
#[utoipa::path(post, path = "/api/turns/{id}/undo", tag = "turns", params(("id" = String, Path)), responses(
    (status = 200, body = TurnSummary),
    Closed, Missing,
    (status = 422, body = Problem, content_type = "application/problem+json"),
    (status = 503, body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "There is nothing to take back, or a device cannot be reached", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn undo(
    State(app): State<App>,
    caller: Caller,
    Place(id): Place<String>,
) -> Result<Json<TurnSummary>, Problem> {
    let mut turn = find(&app, &caller, &id).await?;
    let calls = way_back(&turn);
    if calls.is_empty() || is_undone(&turn) {
        let detail = "there is nothing to take back";
        return Err(Problem::new(StatusCode::CONFLICT, "nothing_to_undo", "Nothing to take back", detail));
    }
    caller.require(Action::ControlHome)?;
    let hand = crate::clients::hand(&caller);
    for call in &calls {
        app.assistant.act(call, &hand).await.map_err(not_done)?;
    }
    // It may have been deleted while the devices answered.
    turn = find(&app, &caller, &id).await?;
    let parts = app.assistant.parts();
    let at_ms = (now_ms() - turn.started_at_ms).max(0) as f64;
    turn.events.push(vesta_store::TurnEvent {
        at_ms,
        name: UNDONE.to_owned(),
        detail: json!({ "person": caller.person }),
    });
    parts.store.save_turn(turn.clone()).await.map_err(Problem::store)?;
    tracing::info!(person = caller.person, session = caller.session, turn = id, "taken back");
    let summary = TurnSummary::from(&turn);
    app.events.turn(&summary);
    Ok(Json(summary))
}

/// A word about what went wrong.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Note {
    /// May be empty.
    #[serde(default)]
    #[schema(max_length = 2000)]
    note: String,
}

/// Say that a turn went wrong
///
/// It is then kept when others grow too old, for whoever improves the house.
#[utoipa::path(put, path = "/api/turns/{id}/went-wrong", tag = "turns", params(("id" = String, Path)),
    request_body = Note,
    responses(
        (status = 204),
        Closed, BadBody, Missing,
    ))]
pub(crate) async fn went_wrong(
    State(app): State<App>,
    caller: Caller,
    Place(id): Place<String>,
    Body(note): Body<Note>,
) -> Result<StatusCode, Problem> {
    if note.note.len() > MAX_NOTE {
        return Err(Problem::bad_request("note_too_long", format!("'note' is longer than {MAX_NOTE} bytes")));
    }
    flag(&app, &caller, &id, Some(note.note)).await
}

/// Say that a turn went well after all
#[utoipa::path(delete, path = "/api/turns/{id}/went-wrong", tag = "turns", params(("id" = String, Path)), responses(
    (status = 204),
    Closed, Missing,
))]
pub(crate) async fn went_right(
    State(app): State<App>,
    caller: Caller,
    Place(id): Place<String>,
) -> Result<StatusCode, Problem> {
    flag(&app, &caller, &id, None).await
}

async fn flag(app: &App, caller: &Caller, id: &str, note: Option<String>) -> Result<StatusCode, Problem> {
    let mut turn = find(app, caller, id).await?;
    app.assistant.parts().store.set_went_wrong(id, note.clone()).await.map_err(Problem::store)?;
    turn.went_wrong = note;
    app.events.turn(&TurnSummary::from(&turn));
    Ok(StatusCode::NO_CONTENT)
}

/// Delete a turn with its audio
#[utoipa::path(delete, path = "/api/turns/{id}", tag = "turns", params(("id" = String, Path)), responses(
    (status = 204),
    Closed, Missing,
))]
pub(crate) async fn delete(
    State(app): State<App>,
    caller: Caller,
    Place(id): Place<String>,
) -> Result<StatusCode, Problem> {
    let turn = find(&app, &caller, &id).await?;
    app.assistant.parts().store.delete_turn(&id).await.map_err(Problem::store)?;
    tracing::info!(person = caller.person, session = caller.session, turn = id, "a turn was deleted");
    app.events.turn_deleted(&turn.id, turn.person.as_deref());
    Ok(StatusCode::NO_CONTENT)
}
