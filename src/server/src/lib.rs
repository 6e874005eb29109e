//! The only crate that knows HTTP.
//!
//! - [`routes`](mod@routes): every route, and their description as OpenAPI.
//! - `guard`: which hosts and origins may speak to the server.
//! - `caller`: who calls, and what they may do.
//! - `auth`: people, and how they sign in.
//! - `api`: the JSON API of the app.
//! - `events`: what happens at home, live, with resume.
//! - `clients`: what turns are told about a caller.
//! - `assets`: the app's files.
//! - `markdown`: answers as HTML that a page can show.
//! - `ask`: typed text in, answer out.
//! - [`doors`]: the listeners, TLS, and who is at the other end.
//! - `reach`: how the house is reached, for its pages.
//! - `listen`: audio in, events and audio out, over a WebSocket.
//! - `say`: text in, WAV out.
//! - `home`: the home's state, at once and live.
//! - `realtime`: OpenAI's Realtime protocol over a WebSocket.
//! - `calls`: the same over WebRTC. `vesta_rtc` has the calls.
//! - `v1`: OpenAI's endpoints for transcriptions, speech and models.
//! - `status`: the status page, health, and what `vesta check` asks for.
//! - [`metrics`]: counters and histograms in Prometheus' text format.
//!
//! `docs/protocols.md` describes the endpoints.
#![forbid(unsafe_code)]

mod api;
mod ask;
mod assets;
mod auth;
mod call_metrics;
mod caller;
mod calls;
mod clients;
pub mod doors;
mod events;
mod guard;
mod home;
mod listen;
mod markdown;
pub mod metrics;
mod problem;
mod reach;
mod realtime;
mod routes;
mod say;
mod status;
mod v1;
mod vigil;

use std::sync::Arc;
use std::time::Instant;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use vesta_engines::Engine;
use vesta_people::People;
use vesta_reach::Reach;
use vesta_rtc::Calls;
use vesta_turn::Assistant;

pub use auth::welcome_path;
pub use doors::Doors;
pub use metrics::Metrics;
pub use reach::ReachReport;
pub use routes::routes;
pub use status::{EngineReport, Status};

/// What the handlers work with.
#[derive(Clone)]
pub struct App {
    inner: Arc<AppParts>,
    events: Arc<events::Events>,
    undos: Arc<api::undo::Undos>,
}

/// The parts of an [`App`].
pub struct AppParts {
    /// Answers people.
    pub assistant: Assistant,
    /// The speech engines, for the status.
    pub engines: Vec<Engine>,
    /// Counters.
    pub metrics: Metrics,
    /// When the server started.
    pub started: Instant,
    /// The MQTT broker's address as the owner would write it, and whether it runs inside the server.
    pub broker: BrokerReport,
    /// How the house is reached: certificates, names, proxies.
    pub reach: Reach,
    /// Calls over WebRTC.
    pub calls: Calls,
    /// Who may come in.
    pub people: People,
    /// Origins of other sites' pages that may come with a token.
    pub origins: Vec<String>,
    /// Ends every client's conversation.
    pub shutdown: CancellationToken,
}

/// Where the home's devices are.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct BrokerReport {
    /// `mqtt://host:port`, without credentials.
    pub url: String,
    /// Whether the broker runs inside the server.
    pub embedded: bool,
}

impl std::ops::Deref for App {
    type Target = AppParts;

    fn deref(&self) -> &AppParts {
        &self.inner
    }
}

impl App {
    /// An app of these parts.
    pub fn new(parts: AppParts) -> Self {
        Self { inner: Arc::new(parts), events: Arc::new(events::Events::new()), undos: Arc::default() }
    }
}

/// Serves behind `doors` until `app.shutdown` is called; open conversations then end, actions that began are finished.
pub async fn serve(doors: Doors, app: App) -> std::io::Result<()> {
    let mut watching = JoinSet::new();
    watching.spawn(events::feed(app.clone()));
    watching.spawn(api::measured::keep(app.clone()));
    let counting = metrics::watch(app.clone());
    let serving = doors.serve(routes(app.clone()), app.reach.clone(), app.shutdown.clone());
    let served = tokio::select! {
        served = serving => served,
        () = counting => Ok(()),
    };
    app.calls.finish().await;
    app.assistant.finish().await;
    // They end with the server; where it ended by itself, with this.
    if app.shutdown.is_cancelled() {
        while watching.join_next().await.is_some() {}
    }
    served
}
