//! `GET /v1/models`: what the engines have loaded.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use vesta_engines::{Engine, EngineState};
use vesta_people::Action;

use super::{Id, Refusal};
use crate::App;
use crate::api::refusals::{OpenAiClosed, OpenAiMissing};
use crate::caller::Caller;

/// Models.
#[derive(Serialize, ToSchema)]
pub(crate) struct Models {
    /// `list`.
    object: &'static str,
    data: Vec<Model>,
}

/// A model.
#[derive(Serialize, ToSchema)]
pub(crate) struct Model {
    id: String,
    /// `model`.
    object: &'static str,
    /// When the server started, in seconds since 1970.
    created: u64,
    owned_by: &'static str,
}

/// Every model
///
/// `vesta`, which is the house itself over Realtime, and what the speech engines have loaded.
#[utoipa::path(get, path = "/v1/models", tag = "OpenAI", responses((status = 200, body = Models), OpenAiClosed))]
pub(crate) async fn list(State(app): State<App>, caller: Caller) -> Result<Json<Models>, Refusal> {
    caller.require(Action::Talk)?;
    Ok(Json(Models { object: "list", data: models(&app) }))
}

/// One model by its id
#[utoipa::path(get, path = "/v1/models/{id}", tag = "OpenAI", params(("id" = String, Path)), responses(
    (status = 200, body = Model),
    OpenAiClosed, OpenAiMissing,
))]
pub(crate) async fn one(State(app): State<App>, caller: Caller, Id(id): Id) -> Result<Json<Model>, Refusal> {
    caller.require(Action::Talk)?;
    let model = models(&app).into_iter().find(|model| model.id == id);
    model.map(Json).ok_or_else(|| {
        let message = format!("The model '{id}' does not exist; GET /v1/models lists those that do.");
        Refusal::new(StatusCode::NOT_FOUND, "model_not_found", message)
    })
}

fn models(app: &App) -> Vec<Model> {
    let parts = app.assistant.parts();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let created = now.saturating_sub(app.started.elapsed().as_secs());
    let mut ids = vec!["vesta".to_owned()];
    ids.extend(loaded(parts.stt.engine()));
    ids.extend(loaded(parts.tts.engine()));
    ids.dedup();
    ids.into_iter().map(|id| Model { id, object: "model", created, owned_by: "vesta" }).collect()
}

/// The models of a speech-to-text engine, the programs of a text-to-speech engine.
fn loaded(engine: &Engine) -> Vec<String> {
    match &*engine.state().borrow() {
        EngineState::Ready { info, .. } => {
            let named = info.model.clone().into_iter();
            let models = info.info.asr.iter().flat_map(|asr| &asr.models).map(|model| model.about.name.clone());
            let programs = info.info.tts.iter().map(|tts| tts.about.name.clone());
            let mut ids: Vec<String> = Vec::new();
            for id in named.chain(models).chain(programs) {
                if !id.is_empty() && !ids.contains(&id) {
                    ids.push(id);
                }
            }
            ids
        }
        _ => Vec::new(),
    }
}
