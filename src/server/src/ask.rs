//! Typed text in, answer out.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;
use utoipa::ToSchema;
use vesta_people::Action;
use vesta_turn::{Client, Mode, Pace, TurnEvent};

use crate::App;
use crate::api::extract::Body;
use crate::api::refusals::{BadBody, Closed};
use crate::caller::Caller;
use crate::problem::Problem;

/// Longest text that is taken, in bytes.
const MAX_TEXT: usize = 10_000;
const EVENT_QUEUE: usize = 32;

/// A typed sentence.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Question {
    #[schema(min_length = 1, max_length = 10000)]
    text: String,
    /// The area the user is in, by id.
    area: Option<String>,
    /// A name for who asks, over several requests, for follow-ups and timers; the person themselves where it is absent.
    #[schema(min_length = 1, max_length = 200)]
    client: Option<String>,
    /// Only say what would be done.
    #[serde(default)]
    rehearse: bool,
}

/// The answer to a typed sentence.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Answer {
    /// Id of the turn.
    turn: String,
    /// `done`, `answered`, `refused`, `nothing` or `failed`.
    outcome: String,
    /// The intents with their slots.
    intent: Vec<Value>,
    /// What was done.
    actions: Vec<Value>,
    /// What went wrong.
    error: Option<WentWrong>,
    /// The answer.
    said: Option<String>,
}

/// What went wrong in a turn.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WentWrong {
    /// Stable code.
    code: String,
    detail: String,
}

/// Ask in writing
#[utoipa::path(post, path = "/api/ask", tag = "conversation", request_body = Question, responses(
    (status = 200, body = Answer),
    Closed, BadBody,
))]
pub(crate) async fn ask(
    State(app): State<App>,
    caller: Caller,
    Body(question): Body<Question>,
) -> Result<Json<Answer>, Problem> {
    caller.require(Action::Talk)?;
    if question.text.trim().is_empty() {
        return Err(Problem::bad_request("empty_text", "'text' is empty; say what to do"));
    }
    if question.text.len() > MAX_TEXT {
        return Err(Problem::bad_request("text_too_long", format!("'text' is longer than {MAX_TEXT} bytes")));
    }
    let (events, mut told) = mpsc::channel(EVENT_QUEUE);
    let own = crate::clients::Own::of(&app, &caller).await;
    let client = Client {
        id: crate::clients::id(&caller, question.client.as_deref())?,
        speaker: own.speaker,
        language: own.language,
        source: "ask".to_owned(),
        mode: Mode::PushToTalk,
        pace: Pace::AsFast,
        area: question.area,
        wants_audio: false,
        voice: vesta_turn::Voice::default(),
        rehearse: question.rehearse,
        permissions: caller.permissions(),
        events,
    };
    let mut answer = Answer::default();
    let collect = async {
        while let Some(event) = told.recv().await {
            answer.take(event);
        }
    };
    tokio::join!(app.assistant.ask(&question.text, client, caller.revoked.child_token()), collect);
    if answer.outcome.is_empty() {
        let detail = "the turn ended abnormally; the server's log says why";
        return Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "No answer", detail));
    }
    Ok(Json(answer))
}

impl Answer {
    fn take(&mut self, event: TurnEvent) {
        match event {
            TurnEvent::Transcript { turn, .. } => self.turn = turn,
            TurnEvent::Understood { intent, slots, .. } => {
                self.intent.push(serde_json::json!({ "intent": intent, "slots": slots }));
            }
            TurnEvent::Acted { result, .. } => self.actions.push(result),
            TurnEvent::Failed { code, detail, .. } => {
                self.error = Some(WentWrong { code, detail });
            }
            TurnEvent::Say { text, .. } => self.said = Some(text),
            TurnEvent::Finished { outcome, .. } => self.outcome = outcome.to_owned(),
            _ => {}
        }
    }
}
