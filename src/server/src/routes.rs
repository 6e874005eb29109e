//! Every route, in two tables: those that people's programs may use, from which the description as OpenAPI 3.1 is made, and pages.
//!
//! A route is added to [`documented`] with what it takes and answers, or it is a page and stands in [`pages`]; a test compares them with
//! the description.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header;
use axum::middleware;
use axum::response::IntoResponse;
use axum::routing::get;
use utoipa::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use crate::api::{connection, entities, lists, messages, qr, settings, timers, turns, undo};
use crate::auth::{client_secrets, devices, people, sign_in};
use crate::v1::{Error, ErrorBody, models, speech, transcriptions};
use crate::{
    App, ask, assets, caller, calls, doors, events, guard, home, listen, metrics, problem, reach, realtime, say, status,
};

/// Every route. A request passes the guard first.
pub fn routes(app: App) -> Router {
    let (documented, _) = documented().split_for_parts();
    documented
        .merge(pages().with_state(app.clone()))
        .merge(doors::trust::routes().with_state(app.reach.clone()))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(middleware::from_fn_with_state(app.clone(), caller::identify))
        .layer(middleware::from_fn_with_state(app.clone(), guard::check))
        .with_state(app)
}

/// What people look at in a browser: no program needs a description of it.
fn pages() -> Router<App> {
    Router::new().route("/status", get(status::page)).route("/api/openapi.json", get(openapi)).merge(assets::routes())
}

fn documented() -> OpenApiRouter<App> {
    let limited = |bytes: usize| DefaultBodyLimit::max(bytes);
    OpenApiRouter::with_openapi(Head::openapi())
        // The home.
        .routes(routes!(home::snapshot))
        .routes(routes!(home::changes))
        .routes(routes!(events::events))
        .routes(routes!(entities::act))
        .routes(routes!(entities::history))
        .routes(routes!(undo::take_back))
        .routes(routes!(timers::start))
        .routes(routes!(timers::change))
        .routes(routes!(lists::read))
        .routes(routes!(lists::change))
        // Conversation and its history.
        .routes(routes!(ask::ask))
        .routes(routes!(say::say))
        .routes(routes!(listen::listen))
        .routes(routes!(messages::send))
        .routes(routes!(turns::list))
        .routes(routes!(turns::show, turns::change::delete))
        .routes(routes!(turns::audio))
        .routes(routes!(turns::waterfall))
        .routes(routes!(turns::replay::replay))
        .routes(routes!(turns::change::undo))
        .routes(routes!(turns::change::went_wrong, turns::change::went_right))
        // OpenAI's API.
        .routes(routes!(realtime::connect))
        .routes(routes!(client_secrets::create))
        .routes(routes!(calls::begin).layer(limited(calls::MAX_REQUEST)))
        .routes(routes!(calls::change).layer(limited(calls::MAX_REQUEST)))
        .routes(routes!(calls::hang_up))
        .routes(routes!(transcriptions::create).layer(limited(transcriptions::MAX_REQUEST)))
        .routes(routes!(speech::create))
        .routes(routes!(models::list))
        .routes(routes!(models::one))
        // People and how they sign in.
        .routes(routes!(sign_in::state))
        .routes(routes!(sign_in::link))
        .routes(routes!(sign_in::accept))
        .routes(routes!(sign_in::code))
        .routes(routes!(sign_in::passkey_options))
        .routes(routes!(sign_in::passkey))
        .routes(routes!(sign_in::sign_out))
        .routes(routes!(sign_in::pair))
        .routes(routes!(people::list))
        .routes(routes!(people::change, people::remove))
        .routes(routes!(people::invites, people::invite))
        .routes(routes!(people::revoke_invite))
        .routes(routes!(people::audit))
        .routes(routes!(people::welcome))
        .routes(routes!(devices::list))
        .routes(routes!(devices::rename, devices::revoke))
        .routes(routes!(devices::passkeys, devices::add_passkey))
        .routes(routes!(devices::passkey_options))
        .routes(routes!(devices::remove_passkey))
        .routes(routes!(devices::tokens, devices::create_token))
        .routes(routes!(devices::revoke_token))
        // The house and the way to it.
        .routes(routes!(settings::read, settings::write))
        .routes(routes!(settings::house))
        .routes(routes!(connection::seen))
        .routes(routes!(calls::reachable))
        .routes(routes!(reach::show))
        .routes(routes!(qr::draw))
        .routes(routes!(status::status))
        .routes(routes!(status::health))
        .routes(routes!(metrics::show))
}

/// The document's head; paths and schemas are added by the routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Vesta",
        description = "The home, the conversation and its history, people, and OpenAI's API. Every request needs a caller, unless it says otherwise: a signed-in device's cookie, or an API token."
    ),
    components(schemas(problem::Problem, Error, ErrorBody, timers::TimerAction, lists::ListAction, turns::Voice, listen::ListenMode)),
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
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    fn document() -> Value {
        serde_json::from_str(&DOCUMENT).unwrap()
    }

    /// The routes of a router, as it shows itself: there is no other way to ask.
    fn paths(router: &Router<App>) -> BTreeSet<String> {
        let shown = format!("{router:?}");
        // The second such list is that of the fallback.
        let paths = shown.split("Node { paths: {").nth(1).expect("a router shows its paths");
        let quoted = paths.split('"').skip(1).step_by(2);
        quoted.take_while(|path| path.starts_with('/')).map(str::to_owned).collect()
    }

    #[test]
    fn every_route_is_a_page_or_in_the_description() {
        let (documented, _) = documented().split_for_parts();
        let described: BTreeSet<String> = document()["paths"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(paths(&documented), described);
        assert!(described.len() > 50, "{described:?}");
        for page in paths(&pages()) {
            let program = page.starts_with("/api/") && page != "/api/openapi.json" || page.starts_with("/v1/");
            assert!(!program && !described.contains(&page), "{page} is for programs: it belongs to the description");
        }
    }

    #[test]
    fn every_operation_says_what_it_does_and_who_may() {
        let document = document();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        let schemas = document["components"]["schemas"].as_object().unwrap();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                assert!(operation["summary"].is_string(), "{method} {path} has no summary");
                let responses = operation["responses"].as_object().unwrap();
                assert!(
                    responses.keys().any(|status| status.starts_with('2') || status == "101"),
                    "{method} {path} does not say what it answers"
                );
                let open = operation["security"]
                    .as_array()
                    .is_some_and(|all| all.iter().any(|one| one == &serde_json::json!({})));
                assert_eq!(open, caller::is_open(path), "{method} {path}: who may is told otherwise than it is");
                assert!(open || responses.contains_key("401"), "{method} {path} does not say that it needs a caller");
                let refused = responses.iter().filter(|(status, _)| status.starts_with(['4', '5']));
                for (status, response) in refused {
                    assert!(response["content"].is_object(), "{method} {path}: {status} has no body");
                }
            }
        }
        let text = document.to_string();
        for reference in text.split("\"#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(schemas.contains_key(name), "{name} is named and not described");
        }
    }
}
