//! A turn heard again: what was heard goes through the house as it is now.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use utoipa::ToSchema;
use vesta_turn::TurnEvent;

use super::{find, several};
use crate::App;
use crate::api::extract::Place;
use crate::api::refusals::{Closed, Missing};
use crate::caller::Caller;
use crate::problem::Problem;

/// What a turn would come to now.
#[derive(Serialize, ToSchema, Default)]
pub(crate) struct Replayed {
    /// What was understood this time.
    transcript: Option<String>,
    /// The intents with their slots.
    intents: Vec<Value>,
    /// Stable code of what would go wrong.
    error_code: Option<String>,
    /// Whether all of it is as it was.
    same: bool,
}

/// Hear a turn again
///
/// Plays what was heard through the house as it is now. Nothing is done, said or kept.
#[utoipa::path(post, path = "/api/turns/{id}/replay", tag = "turns", params(("id" = String, Path)), responses(
    (status = 200, body = Replayed),
    Closed, Missing,
    (status = 409, description = "Its audio was not kept", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn replay(
    State(app): State<App>,
    caller: Caller,
    Place(id): Place<String>,
) -> Result<Json<Replayed>, Problem> {
    let turn = find(&app, &caller, &id).await?;
    let (events, mut told) = mpsc::channel(32);
    let client = crate::clients::rehearsal(&caller, &turn.mode, events);
    let stop = caller.revoked.child_token();
    let run = async {
        match (&turn.heard, &turn.transcript) {
            (Some(heard), _) => {
                let (input, heard_again) = mpsc::channel(64);
                let speaking = async {
                    for piece in heard.samples.chunks(vesta_audio::FRAME_SAMPLES) {
                        if input.send(vesta_turn::Input::Audio(piece.to_vec())).await.is_err() {
                            return;
                        }
                    }
                    let _ = input.send(vesta_turn::Input::End).await;
                    drop(input);
                };
                tokio::join!(speaking, app.assistant.converse(client, heard_again, stop));
                Ok(())
            }
            (None, Some(text)) if turn.mode == "text" => {
                app.assistant.ask(text, client, stop).await;
                Ok(())
            }
            _ => {
                drop(client);
                let detail = format!("the audio of turn '{id}' was not kept");
                Err(Problem::new(StatusCode::CONFLICT, "no_audio", "This turn cannot be heard again", detail))
            }
        }
    };
    let collect = async {
        let mut now = Replayed::default();
        while let Some(event) = told.recv().await {
            match event {
                TurnEvent::Transcript { text, .. } => now.transcript = Some(text),
                TurnEvent::Understood { intent, slots, .. } => {
                    now.intents.push(json!({ "intent": intent, "slots": slots }));
                }
                TurnEvent::Failed { code, .. } => now.error_code = Some(code),
                _ => {}
            }
        }
        now
    };
    let (ran, mut now) = tokio::join!(run, collect);
    ran?;
    now.same = now.transcript == turn.transcript && now.intents == several(turn.intent.as_ref());
    Ok(Json(now))
}
