//! What a person sets for themselves, and what the house offers.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vesta_engines::EngineState;
use vesta_people::Action;

use super::extract::Body;
use crate::App;
use crate::api::refusals::{BadBody, Closed};
use crate::caller::Caller;
use crate::problem::Problem;

/// Longest name of a voice, in bytes.
const MAX_NAME: usize = 200;

/// What a person sets for themselves. What is `null` is as the household has it.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Preferences {
    /// Name of the voice that answers.
    #[schema(max_length = 200)]
    pub(crate) voice: Option<String>,
    /// Whether audio of this person's turns is kept.
    pub(crate) keep_audio: Option<bool>,
    /// The area this person's device stands in, by id: a wall tablet has one, a phone does not.
    #[schema(max_length = 200)]
    pub(crate) area: Option<String>,
}

impl Preferences {
    /// What a person set; the household's where nothing is, or where it cannot be read just now.
    pub(crate) async fn of(app: &App, person: &str) -> Self {
        match app.assistant.parts().store.preferences(person).await {
            Ok(body) => serde_json::from_value(body).unwrap_or_default(),
            Err(error) => {
                tracing::warn!(%error, "a person's settings could not be read");
                Self::default()
            }
        }
    }
}

/// One's own settings
#[utoipa::path(get, path = "/api/settings", tag = "settings", responses(
    (status = 200, body = Preferences),
    Closed,
))]
pub(crate) async fn read(State(app): State<App>, caller: Caller) -> Result<Json<Preferences>, Problem> {
    caller.require(Action::Talk)?;
    Ok(Json(Preferences::of(&app, &caller.person).await))
}

/// Change one's own settings
#[utoipa::path(put, path = "/api/settings", tag = "settings", request_body = Preferences, responses(
    (status = 200, body = Preferences),
    Closed, BadBody,
))]
pub(crate) async fn write(
    State(app): State<App>,
    caller: Caller,
    Body(preferences): Body<Preferences>,
) -> Result<Json<Preferences>, Problem> {
    caller.require(Action::ManageDevices)?;
    let names = [&preferences.voice, &preferences.area];
    if names.into_iter().flatten().any(|name| name.is_empty() || name.len() > MAX_NAME) {
        return Err(Problem::bad_request(
            "bad_name",
            format!("'voice' and 'area' must have 1 to {MAX_NAME} bytes or be null"),
        ));
    }
    let body = serde_json::to_value(&preferences).map_err(|error| Problem::internal(error.to_string()))?;
    app.assistant.parts().store.set_preferences(&caller.person, &body).await.map_err(Problem::store)?;
    Ok(Json(preferences))
}

/// What the house offers.
#[derive(Serialize, ToSchema)]
pub(crate) struct House {
    /// The program's version.
    version: String,
    /// The household's language.
    language: String,
    /// The voices that can answer.
    voices: Vec<VoiceOffer>,
    /// Whether audio of turns is kept where a person does not decide.
    keep_audio: bool,
    /// The speech engines, `stt` and `tts`: `starting`, `ready`, `failed` or `stopped`.
    engines: std::collections::BTreeMap<String, String>,
}

/// A voice that can answer.
#[derive(Serialize, ToSchema)]
pub(crate) struct VoiceOffer {
    /// Name by which it is chosen.
    name: String,
    /// For people.
    description: Option<String>,
    /// The languages it speaks.
    languages: Vec<String>,
}

/// What the house offers
#[utoipa::path(get, path = "/api/house", tag = "settings", responses(
    (status = 200, body = House),
    Closed,
))]
pub(crate) async fn house(State(app): State<App>, _caller: Caller) -> Json<House> {
    let parts = app.assistant.parts();
    let engines =
        app.engines.iter().map(|engine| (engine.name().to_owned(), engine.state().borrow().name().to_owned()));
    Json(House {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        language: parts.language.tag().to_owned(),
        voices: voices(&app),
        keep_audio: parts.settings.keep.audio,
        engines: engines.collect(),
    })
}

fn voices(app: &App) -> Vec<VoiceOffer> {
    let state = app.assistant.parts().tts.engine().state();
    let EngineState::Ready { info, .. } = &*state.borrow() else { return Vec::new() };
    let voices = info.info.tts.iter().flat_map(|program| &program.voices).filter(|voice| voice.about.installed);
    voices
        .map(|voice| VoiceOffer {
            name: voice.about.name.clone(),
            description: voice.about.description.clone(),
            languages: voice.languages.clone(),
        })
        .collect()
}
