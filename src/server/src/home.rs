//! The home's state, at once and live.

use std::convert::Infallible;

use axum::Json;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, StreamExt};
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;

use crate::App;

/// Areas, floors and entities with their state.
pub(crate) async fn snapshot(State(app): State<App>) -> Json<serde_json::Value> {
    let snapshot = app.assistant.parts().home.snapshot();
    Json(serde_json::to_value(&*snapshot).unwrap_or_default())
}

/// Changes as server-sent events: `change` with an entity, or `resync` after which the client reads the whole again.
pub(crate) async fn changes(State(app): State<App>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let changes = BroadcastStream::new(app.assistant.parts().home.changes());
    let shutdown = app.shutdown.clone();
    let events = changes
        .map(|change| match change {
            Ok(change) => Event::default().event("change").json_data(&change).unwrap_or_default(),
            Err(BroadcastStreamRecvError::Lagged(_)) => Event::default().event("resync").data("{}"),
        })
        .map(Ok)
        .take_until(async move { shutdown.cancelled().await });
    Sse::new(events).keep_alive(KeepAlive::default())
}
