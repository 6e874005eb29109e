//! Counters and histograms in Prometheus' text format (OpenMetrics 1.0).

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use tokio::sync::broadcast::error::RecvError;
use vesta_people::Action;
use vesta_store::TurnRecord;

use crate::App;
use crate::api::refusals::Closed;
use crate::call_metrics::CallMetrics;
use crate::caller::Caller;

type Labels = Vec<(&'static str, String)>;

/// What the server counts.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    turns: Family<Labels, Counter>,
    stages: Family<Labels, Histogram>,
    first_audio: Family<Labels, Histogram>,
    restarts: Family<Labels, Gauge>,
    queues: Family<Labels, Gauge>,
    clients: Gauge<i64, AtomicI64>,
    calls: CallMetrics,
}

impl Default for Metrics {
    fn default() -> Self {
        // 1 ms to 16 s, doubling.
        let seconds = || Histogram::new(exponential_buckets(0.001, 2.0, 15));
        let metrics = Self {
            registry: Arc::default(),
            turns: Family::default(),
            stages: Family::new_with_constructor(seconds),
            first_audio: Family::new_with_constructor(seconds),
            restarts: Family::default(),
            queues: Family::default(),
            clients: Gauge::default(),
            calls: CallMetrics::default(),
        };
        let mut registry = Registry::with_prefix("vesta");
        registry.register("turns", "Turns by mode and outcome", metrics.turns.clone());
        registry.register("stage_seconds", "Time of each stage of a turn", metrics.stages.clone());
        registry.register(
            "first_audio_seconds",
            "From the end of the utterance, as decided, to the first audio of the reply",
            metrics.first_audio.clone(),
        );
        registry.register(
            "engine_restarts",
            "Restarts of each engine since the server started",
            metrics.restarts.clone(),
        );
        registry.register("queue_depth", "Items that wait in each queue", metrics.queues.clone());
        registry.register("clients", "Live clients", metrics.clients.clone());
        metrics.calls.register(&mut registry);
        Self { registry: Arc::new(registry), ..metrics }
    }
}

/// Counts a live client for as long as it is held.
pub(crate) struct ClientCount(Gauge<i64, AtomicI64>);

impl Drop for ClientCount {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// Takes what calls tell.
    pub fn observe_calls(&self) -> vesta_rtc::Observe {
        self.calls.observe()
    }

    pub(crate) fn client(&self) -> ClientCount {
        self.clients.inc();
        ClientCount(self.clients.clone())
    }

    fn count(&self, turn: &TurnRecord) {
        self.turns.get_or_create(&vec![("mode", turn.mode.clone()), ("outcome", turn.outcome.clone())]).inc();
        for stage in &turn.stages {
            let seconds = (stage.end_ms - stage.start_ms) / 1000.0;
            self.stages.get_or_create(&vec![("stage", stage.name.clone())]).observe(seconds);
        }
        let first = turn.events.iter().find(|event| event.name == "first_audio");
        if let Some(milliseconds) = first.and_then(|event| event.detail.get("after_end_ms")?.as_f64()) {
            self.first_audio.get_or_create(&vec![("mode", turn.mode.clone())]).observe(milliseconds / 1000.0);
        }
    }
}

/// Counts turns until the server stops.
pub(crate) async fn watch(app: App) {
    let mut finished = app.assistant.finished();
    loop {
        match finished.recv().await {
            Ok(turn) => app.metrics.count(&turn),
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "turns were finished faster than they were counted");
            }
            Err(RecvError::Closed) => return,
        }
    }
}

/// Counters and histograms
#[utoipa::path(get, path = "/metrics", tag = "status", responses(
    (status = 200, description = "OpenMetrics 1.0", body = String, content_type = "application/openmetrics-text"),
    Closed,
))]
pub(crate) async fn show(State(app): State<App>, caller: Caller) -> Response {
    if let Err(problem) = caller.require(Action::ReadMetrics) {
        return problem.into_response();
    }
    for engine in &app.engines {
        let labels = vec![("engine", engine.name().to_owned())];
        app.metrics.restarts.get_or_create(&labels).set(engine.restarts() as i64);
        app.metrics
            .queues
            .get_or_create(&vec![("queue", format!("engine_{}", engine.name()))])
            .set(engine.sessions() as i64);
    }
    app.metrics
        .queues
        .get_or_create(&vec![("queue", "store".to_owned())])
        .set(app.assistant.parts().store.queued() as i64);
    let mut text = String::new();
    match encode(&mut text, &app.metrics.registry) {
        Ok(()) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => crate::problem::Problem::new(
            axum::http::StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "The metrics could not be written",
            error.to_string(),
        )
        .into_response(),
    }
}
