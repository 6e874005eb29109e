//! The written conversation: a message in, an answer out, each message done once however often it is sent.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;
use utoipa::ToSchema;
use vesta_people::Action;
use vesta_store::Begun;
use vesta_turn::TurnEvent;

use super::extract::Body;
use crate::App;
use crate::api::refusals::{BadBody, Closed};
use crate::caller::Caller;
use crate::problem::Problem;

/// Longest text that is taken, in bytes.
const MAX_TEXT: usize = 10_000;
/// Longest id that a client may choose, in bytes.
const MAX_ID: usize = 64;
const EVENT_QUEUE: usize = 32;

/// A message to the house.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Message {
    /// Chosen by the client, new for each message (a UUID). Sent again under the same id, it is answered again, not done again.
    #[schema(min_length = 1, max_length = 64)]
    id: String,
    #[schema(min_length = 1, max_length = 10000)]
    text: String,
    /// The area the person is in, by id.
    area: Option<String>,
}

/// The answer to a message.
#[derive(Debug, Default, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Reply {
    /// Id of the turn.
    turn: String,
    /// `done`, `answered`, `refused`, `nothing` or `failed`.
    outcome: String,
    /// Stable code of what went wrong.
    error_code: Option<String>,
    /// The answer as text.
    text: String,
    /// The answer as HTML that a page can show.
    html: String,
}

/// Write to the house
#[utoipa::path(post, path = "/api/messages", tag = "conversation", request_body = Message, responses(
    (status = 200, body = Reply),
    Closed, BadBody,
    (status = 409, description = "It is being answered, or the server ended while it was", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn send(
    State(app): State<App>,
    caller: Caller,
    Body(message): Body<Message>,
) -> Result<Json<Reply>, Problem> {
    caller.require(Action::Talk)?;
    if message.id.is_empty() || message.id.len() > MAX_ID {
        return Err(Problem::bad_request("bad_id", format!("'id' must have 1 to {MAX_ID} bytes; a UUID will do")));
    }
    if message.text.trim().is_empty() || message.text.len() > MAX_TEXT {
        return Err(Problem::bad_request(
            "bad_text",
            format!("'text' must have 1 to {MAX_TEXT} bytes and say something"),
        ));
    }
    let store = &app.assistant.parts().store;
    match store.begin_request(&caller.person, &message.id).await.map_err(Problem::store)? {
        Begun::First => {}
        Begun::Answered(reply) => return Ok(Json(serde_json::from_value(reply).unwrap_or_default())),
        Begun::Before => {
            let detail = "this message was begun before and has no answer yet; see GET /api/turns for what came of it";
            return Err(Problem::new(StatusCode::CONFLICT, "begun_before", "Already begun", detail));
        }
    }
    // A task of its own: a message that was begun is answered, whether its client waits or not.
    let task = tokio::spawn(async move {
        let reply = answer(&app, &caller, &message).await;
        let kept = serde_json::to_value(&reply).unwrap_or(Value::Null);
        if let Err(error) = app.assistant.parts().store.finish_request(&caller.person, &message.id, &kept).await {
            tracing::warn!(%error, "the answer to a message could not be kept; asked again, it says so");
        }
        reply
    });
    task.await.map(Json).map_err(|_| Problem::internal("the turn ended abnormally; the server's log says why"))
}

async fn answer(app: &App, caller: &Caller, message: &Message) -> Reply {
    let (events, mut told) = mpsc::channel(EVENT_QUEUE);
    let client = crate::clients::writer(app, caller, message.area.clone(), events).await;
    let collect = async {
        let mut reply = Reply::default();
        while let Some(event) = told.recv().await {
            match event {
                TurnEvent::Transcript { turn, .. } => reply.turn = turn,
                TurnEvent::Failed { code, .. } => reply.error_code = Some(code),
                TurnEvent::Say { text, .. } => reply.text = text,
                TurnEvent::Finished { outcome, .. } => reply.outcome = outcome.to_owned(),
                _ => {}
            }
        }
        reply
    };
    let ((), mut reply) = tokio::join!(app.assistant.ask(&message.text, client, caller.revoked.child_token()), collect);
    reply.html = crate::markdown::to_html(&reply.text);
    reply
}
