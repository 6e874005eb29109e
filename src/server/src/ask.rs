//! Typed text in, answer out.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;
use vesta_people::Action;
use vesta_turn::{Client, Mode, Pace, TurnEvent};

use crate::App;
use crate::caller::Caller;
use crate::problem::Problem;

/// Longest text that is taken, in bytes.
const MAX_TEXT: usize = 10_000;
const EVENT_QUEUE: usize = 32;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Question {
    text: String,
    /// The area the user is in, by id.
    area: Option<String>,
    /// Who asks, over several requests, for follow-ups and timers; the caller's session where it is absent.
    client: Option<String>,
    /// Only say what would be done.
    #[serde(default)]
    rehearse: bool,
}

/// The answer to a typed sentence.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Answer {
    turn: String,
    outcome: String,
    intent: Vec<Value>,
    actions: Vec<Value>,
    error: Option<Value>,
    said: Option<String>,
}

pub(crate) async fn ask(
    State(app): State<App>,
    caller: Caller,
    question: Result<Json<Question>, JsonRejection>,
) -> Result<Json<Answer>, Problem> {
    caller.require(Action::Talk)?;
    let Json(question) = question.map_err(|error| Problem::rejected("bad_json", error.status(), error.body_text()))?;
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
                self.error = Some(serde_json::json!({ "code": code, "detail": detail }));
            }
            TurnEvent::Say { text, .. } => self.said = Some(text),
            TurnEvent::Finished { outcome, .. } => self.outcome = outcome.to_owned(),
            _ => {}
        }
    }
}
