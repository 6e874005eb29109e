//! The home's state, at once and live.

use std::convert::Infallible;

use axum::Json;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, StreamExt};
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use vesta_people::Action;

use crate::App;
use crate::api::refusals::Closed;
use crate::caller::Caller;
use crate::problem::Problem;

/// The home as it is
///
/// Areas, floors, and entities with their state, by id; timers that run; for those who keep lists, the lists.
#[utoipa::path(get, path = "/api/home", tag = "home", responses(
    (status = 200, body = Object),
    Closed,
))]
pub(crate) async fn snapshot(State(app): State<App>, caller: Caller) -> Result<Json<serde_json::Value>, Problem> {
    caller.require(Action::ReadHome)?;
    let may = caller.permissions();
    let mut snapshot = (*app.assistant.parts().home.snapshot()).clone();
    snapshot.entities.retain(|_, entity| may.may_see(entity));
    let mut whole = serde_json::to_value(&snapshot).unwrap_or_default();
    if let Some(fields) = whole.as_object_mut() {
        let timers = crate::api::timers::all(&app.assistant.timers().borrow());
        fields.insert("timers".to_owned(), serde_json::to_value(timers).unwrap_or_default());
        if caller.may(Action::KeepLists) {
            let lists = crate::api::lists::all(&app.assistant.lists().borrow());
            fields.insert("lists".to_owned(), serde_json::to_value(lists).unwrap_or_default());
        }
    }
    Ok(Json(whole))
}

/// Changes of the home, live
///
/// Server-sent events: `change` with an entity before and after, or `resync` after which the client reads the whole again.
#[utoipa::path(get, path = "/api/home/changes", tag = "home", responses(
    (status = 200, body = String, content_type = "text/event-stream"),
    Closed,
))]
pub(crate) async fn changes(
    State(app): State<App>,
    caller: Caller,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    caller.require(Action::ReadHome)?;
    let may = caller.permissions();
    let changes = BroadcastStream::new(app.assistant.parts().home.changes());
    let revoked = caller.revoked;
    let events = changes
        .filter(move |change| {
            let entity = change.as_ref().ok().and_then(|change| change.after.as_ref().or(change.before.as_ref()));
            std::future::ready(entity.is_none_or(|entity| may.may_see(entity)))
        })
        .map(|change| match change {
            Ok(change) => Event::default().event("change").json_data(&change).unwrap_or_default(),
            Err(BroadcastStreamRecvError::Lagged(_)) => Event::default().event("resync").data("{}"),
        })
        .map(Ok)
        .take_until(async move { revoked.cancelled().await });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}
