//! The JSON API that the app works with, and its description as OpenAPI 3.1, made from the handlers themselves.
//!
//! - [`entities`]: what can be done to a device, what a sensor measured
//! - [`timers`]: timers, by touch
//! - [`lists`]: the shopping list and other lists, by touch
//! - [`turns`]: what was said and done: list, show, replay, undo, delete, "this went wrong"
//! - [`messages`]: the written conversation
//! - [`settings`]: what a person sets for themselves, and what the house offers
//! - [`connection`]: how the server sees the client, for the connection test
//! - [`qr`]: QR codes for links of this house
//! - [`measured`]: keeps what sensors measure
//! - [`extract`]: request bodies and queries whose errors are problem details

mod connection;
mod entities;
mod extract;
pub(crate) mod lists;
pub(crate) mod measured;
mod messages;
mod qr;
mod settings;
pub(crate) mod timers;
mod turns;

use std::sync::LazyLock;

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use utoipa::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;

pub(crate) use settings::Preferences;
pub(crate) use turns::TurnSummary;

/// The document's head; paths and schemas are added by the routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Vesta",
        description = "The home, the conversation and its history. Every request needs a caller: a signed-in device's cookie, or an API token."
    ),
    components(schemas(crate::problem::Problem, timers::TimerAction, lists::ListAction, turns::Voice)),
    security(("session" = []), ("token" = [])),
    modifiers(&Schemes)
)]
struct Head;

struct Schemes;

impl utoipa::Modify for Schemes {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("__Host-vesta")));
        let token = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        components.add_security_scheme("session", cookie);
        components.add_security_scheme("token", token);
    }
}

fn documented() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Head::openapi())
        .routes(routes!(crate::home::snapshot))
        .routes(routes!(crate::calls::reachable))
        .routes(routes!(crate::reach::show))
        .routes(routes!(crate::events::events))
        .routes(routes!(entities::act))
        .routes(routes!(entities::history))
        .routes(routes!(messages::send))
        .routes(routes!(timers::start))
        .routes(routes!(timers::change))
        .routes(routes!(lists::read))
        .routes(routes!(lists::change))
        .routes(routes!(turns::list))
        .routes(routes!(turns::show, turns::change::delete))
        .routes(routes!(turns::audio))
        .routes(routes!(turns::waterfall))
        .routes(routes!(turns::replay::replay))
        .routes(routes!(turns::change::undo))
        .routes(routes!(turns::change::went_wrong, turns::change::went_right))
        .routes(routes!(settings::read, settings::write))
        .routes(routes!(settings::house))
        .routes(routes!(connection::seen))
        .routes(routes!(qr::draw))
}

/// The routes of the API.
pub(crate) fn routes() -> Router<App> {
    let (router, _) = documented().split_for_parts();
    router.route("/api/openapi.json", axum::routing::get(openapi))
}

static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let (_, document) = documented().split_for_parts();
    document.to_json().unwrap_or_default()
});

/// `GET /api/openapi.json`. It tells nothing about the household.
async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_described() {
        let document: serde_json::Value = serde_json::from_str(&DOCUMENT).unwrap();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        let paths = document["paths"].as_object().unwrap();
        for path in ["/api/home", "/api/events", "/api/entities/{id}/actions", "/api/turns/{id}/undo", "/api/messages"]
        {
            assert!(paths.contains_key(path), "{path}");
        }
        for (path, item) in paths {
            for (method, operation) in item.as_object().unwrap() {
                assert!(operation["summary"].is_string(), "{method} {path} has no summary");
                let responses = operation["responses"].as_object().unwrap();
                assert!(responses.keys().any(|status| status.starts_with('2')), "{method} {path}");
                // How the house is reached is told to everybody.
                let open = path == "/api/reach";
                assert!(open || responses.contains_key("401"), "{method} {path} does not say that it needs a caller");
            }
        }
    }
}
