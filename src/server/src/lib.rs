//! The only crate that knows HTTP.
//!
//! - [`routes`]: every route in one table.
//! - `guard`: which hosts and origins may speak to the server.
//! - `caller`: who calls, and what they may do.
//! - `ask`: typed text in, answer out.
//! - `listen`: audio in, events and audio out, over a WebSocket.
//! - `say`: text in, WAV out.
//! - `home`: the home's state, at once and live.
//! - `status`: the status page, health, and what `vesta check` asks for.
//! - [`metrics`]: counters and histograms in Prometheus' text format.
//!
//! `docs/protocols.md` describes the endpoints.
#![forbid(unsafe_code)]

mod ask;
mod caller;
mod guard;
mod home;
mod listen;
pub mod metrics;
mod problem;
mod say;
mod status;

use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::middleware;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use vesta_engines::Engine;
use vesta_turn::Assistant;

pub use metrics::Metrics;
pub use status::{EngineReport, Status};

/// What the handlers work with.
#[derive(Clone)]
pub struct App {
    inner: Arc<AppParts>,
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
    /// Host names, beside loopback and addresses, under which the server is called.
    pub hosts: Vec<String>,
    /// Ends every client's conversation.
    pub shutdown: CancellationToken,
}

/// Where the home's devices are.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
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
        Self { inner: Arc::new(parts) }
    }
}

/// Every route. A request passes the guard first.
pub fn routes(app: App) -> Router {
    Router::new()
        .route("/", get(status::page))
        .route("/healthz", get(status::health))
        .route("/metrics", get(metrics::show))
        .route("/api/status", get(status::status))
        .route("/api/ask", post(ask::ask))
        .route("/api/listen", get(listen::listen))
        .route("/api/say", post(say::say))
        .route("/api/home", get(home::snapshot))
        .route("/api/home/changes", get(home::changes))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(middleware::from_fn_with_state(app.clone(), guard::check))
        .with_state(app)
}

/// Serves on `listener` until `app.shutdown` is called; open conversations then end, actions that began are finished.
pub async fn serve(listener: TcpListener, app: App) -> std::io::Result<()> {
    let shutdown = app.shutdown.clone();
    let counting = metrics::watch(app.clone());
    let serving = axum::serve(listener, routes(app.clone())).with_graceful_shutdown(stopped(shutdown)).into_future();
    let served = tokio::select! {
        served = serving => served,
        () = counting => Ok(()),
    };
    app.assistant.finish().await;
    served
}

async fn stopped(shutdown: CancellationToken) {
    shutdown.cancelled().await;
}
