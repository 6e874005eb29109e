//! The status page, health, and what `vesta check` asks for.

use std::fmt::Write as _;

use axum::Json;
use axum::extract::State;
use axum::response::Html;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vesta_engines::EngineState;
use vesta_home::Link;
use vesta_people::Action;

use crate::api::refusals::Closed;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::{App, BrokerReport};

/// How the server is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// The program's version.
    pub version: String,
    /// Seconds since the server started.
    pub uptime_s: u64,
    /// The household's language.
    pub language: String,
    /// The speech engines.
    pub engines: Vec<EngineReport>,
    /// Where the devices are.
    pub broker: BrokerReport,
    /// `connected`, `connecting`, or why not.
    pub link: String,
    /// Areas, and entities that can be spoken about.
    pub areas: usize,
    /// Entities that are known.
    pub entities: usize,
    /// Entities that answer.
    pub available: usize,
}

/// One engine's state.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EngineReport {
    /// `stt` or `tts`, as configured.
    pub name: String,
    /// `starting`, `ready`, `failed` or `stopped`.
    pub state: String,
    /// Where it listens, what it loaded, or why it failed.
    pub detail: String,
    /// Restarts since the server started.
    pub restarts: u64,
}

impl Status {
    fn of(app: &App) -> Self {
        let parts = app.assistant.parts();
        let home = parts.home.snapshot();
        let link = match &*parts.home.link().borrow() {
            Link::Connected => "connected".to_owned(),
            Link::Connecting => "connecting".to_owned(),
            Link::Down { why } => why.clone(),
        };
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_s: app.started.elapsed().as_secs(),
            language: parts.language.tag().to_owned(),
            engines: app.engines.iter().map(report).collect(),
            broker: app.broker.clone(),
            link,
            areas: home.areas.len(),
            entities: home.entities.len(),
            available: home.entities.values().filter(|entity| entity.available).count(),
        }
    }

    fn well(&self) -> bool {
        self.link == "connected" && self.engines.iter().all(|engine| engine.state == "ready")
    }
}

fn report(engine: &vesta_engines::Engine) -> EngineReport {
    let (state, detail) = match &*engine.state().borrow() {
        EngineState::Starting => ("starting", String::new()),
        EngineState::Ready { uri, .. } => ("ready", uri.to_string()),
        EngineState::Failed { why, .. } => ("failed", why.clone()),
        EngineState::Stopped => ("stopped", String::new()),
    };
    EngineReport { name: engine.name().to_owned(), state: state.to_owned(), detail, restarts: engine.restarts() }
}

/// How the server is
#[utoipa::path(get, path = "/api/status", tag = "status", responses((status = 200, body = Status), Closed))]
pub(crate) async fn status(State(app): State<App>, caller: Caller) -> Result<Json<Status>, Problem> {
    caller.require(Action::ReadStatus)?;
    Ok(Json(Status::of(&app)))
}

/// Whether all is well, in a word.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok` or `degraded`.
    status: &'static str,
}

/// Whether the server answers
///
/// 200 while it can answer at all; what is degraded does not make it unhealthy, because restarting the server would not mend it.
/// Strangers may ask, so what it is stands in `/api/status`.
#[utoipa::path(get, path = "/healthz", tag = "status", security(()), responses((status = 200, body = Health)))]
pub(crate) async fn health(State(app): State<App>) -> Json<Health> {
    Json(Health { status: if Status::of(&app).well() { "ok" } else { "degraded" } })
}

/// `GET /status`.
pub(crate) async fn page(State(app): State<App>, caller: Caller) -> Result<Html<String>, Problem> {
    caller.require(Action::ReadStatus)?;
    let status = Status::of(&app);
    let mut rows = String::new();
    for engine in &status.engines {
        row(&mut rows, &engine.name, &engine.state, &engine.detail);
    }
    let place = if status.broker.embedded { "inside Vesta" } else { "yours" };
    row(&mut rows, "MQTT broker", &status.link, &format!("{} ({place})", status.broker.url));
    let devices =
        format!("{} entities in {} areas, {} of them answer", status.entities, status.areas, status.available);
    row(&mut rows, "home", if status.entities > 0 { "ready" } else { "empty" }, &devices);
    Ok(Html(PAGE.replace("{{rows}}", &rows).replace("{{version}}", &status.version)))
}

fn row(rows: &mut String, name: &str, state: &str, detail: &str) {
    let class = if matches!(state, "ready" | "connected") { "good" } else { "poor" };
    let _ = write!(
        rows,
        "<tr><th>{}</th><td class=\"{class}\">{}</td><td>{}</td></tr>",
        escape(name),
        escape(state),
        escape(detail)
    );
}

/// Text as HTML text.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const PAGE: &str = include_str!("status.html");
