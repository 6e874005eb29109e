//! What happens at home, live: server-sent events with ids, so that a client that was away for a moment misses nothing.
//!
//! The newest events are kept in a ring. A client that comes back names the last one it saw (`Last-Event-ID`, as browsers do by
//! themselves) and gets what followed; where that is no longer there, or the server was restarted, it gets `resync` and reads the
//! whole anew. A slow client holds nothing up: it falls behind in the ring, and out of it.
//!
//! The format is HTML's: <https://html.spec.whatwg.org/multipage/server-sent-events.html>.
#![allow(unused_qualifications, reason = "utoipa writes out where the types of a query are")]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use utoipa::IntoParams;
use vesta_home::{Area, Entity, Floor, Link, Snapshot};
use vesta_people::Action;

use crate::App;
use crate::api::TurnSummary;
use crate::api::refusals::Closed;
use crate::caller::Caller;
use crate::problem::Problem;

/// Events that are kept for clients that come back.
const RING: usize = 2_048;
/// Bytes of events that are kept at most.
const RING_BYTES: usize = 4 * 1024 * 1024;
/// Events that are looked at in one go.
const BATCH: usize = 128;

/// Who may know of an event.
#[derive(Debug, Clone)]
enum Audience {
    /// Whoever may see the home.
    Home,
    /// Whoever may see this entity, as it was and as it is.
    Entity(Vec<Arc<Entity>>),
    /// Whoever keeps lists.
    Lists,
    /// The person it is about, and owners.
    Person(Option<String>),
}

impl Audience {
    fn admits(&self, caller: &Caller) -> bool {
        match self {
            Self::Home => caller.may(Action::ReadHome),
            Self::Entity(states) => {
                let may = caller.permissions();
                caller.may(Action::ReadHome) && states.iter().all(|entity| may.may_see(entity))
            }
            Self::Lists => caller.may(Action::KeepLists),
            Self::Person(person) => {
                let own = person.as_deref() == Some(&caller.person) && caller.may(Action::ReadTurns);
                own || caller.may(Action::ReadAllTurns)
            }
        }
    }
}

#[derive(Debug)]
struct Happening {
    number: u64,
    name: &'static str,
    data: String,
    audience: Audience,
}

#[derive(Debug, Default)]
struct Ring {
    kept: VecDeque<Arc<Happening>>,
    bytes: usize,
    /// Number of the newest event; 0 before the first.
    newest: u64,
}

impl Ring {
    fn add(&mut self, name: &'static str, data: String, audience: Audience) -> u64 {
        self.newest += 1;
        self.bytes += data.len();
        self.kept.push_back(Arc::new(Happening { number: self.newest, name, data, audience }));
        while self.kept.len() > RING || (self.bytes > RING_BYTES && self.kept.len() > 1) {
            if let Some(oldest) = self.kept.pop_front() {
                self.bytes -= oldest.data.len();
            }
        }
        self.newest
    }

    /// The next events after `seen`; `None` where some of them are no longer there.
    fn after(&self, seen: u64) -> Option<Vec<Arc<Happening>>> {
        let oldest = self.newest + 1 - self.kept.len() as u64;
        if seen > self.newest || seen + 1 < oldest {
            return None;
        }
        let skip = usize::try_from(seen + 1 - oldest).unwrap_or(usize::MAX);
        Some(self.kept.iter().skip(skip).take(BATCH).cloned().collect())
    }
}

/// The ring, and who waits for what is next.
pub(crate) struct Events {
    /// Tells this run of the server from others: numbers begin anew with each.
    run: String,
    ring: Mutex<Ring>,
    newest: watch::Sender<u64>,
}

impl Events {
    pub(crate) fn new() -> Self {
        let run = format!("{:x}", crate::api::measured::now_ms());
        Self { run, ring: Mutex::default(), newest: watch::Sender::new(0) }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, name: &'static str, data: &Value, audience: Audience) {
        let newest = self.ring().add(name, data.to_string(), audience);
        self.newest.send_replace(newest);
    }

    /// A turn is over, or something about it changed.
    pub(crate) fn turn(&self, turn: &TurnSummary) {
        let data = serde_json::to_value(turn).unwrap_or_default();
        self.tell("turn", &data, Audience::Person(turn.person.clone()));
    }

    /// A turn was deleted.
    pub(crate) fn turn_deleted(&self, id: &str, person: Option<&str>) {
        self.tell("turn_deleted", &json!({ "id": id }), Audience::Person(person.map(str::to_owned)));
    }

    fn id(&self, number: u64) -> String {
        format!("{}-{number}", self.run)
    }

    /// The event that a client saw last, if it was one of this run.
    fn seen(&self, id: &str) -> Option<u64> {
        let (run, number) = id.rsplit_once('-')?;
        (run == self.run).then(|| number.parse().ok())?
    }
}

/// What is left of the home's picture once entities are taken out.
#[derive(PartialEq)]
struct Plan {
    areas: Vec<Area>,
    floors: Vec<Floor>,
}

impl Plan {
    fn of(house: &Snapshot) -> Self {
        Self { areas: house.areas.clone(), floors: house.floors.clone() }
    }
}

/// Puts everything that happens into the ring, until the server stops.
pub(crate) async fn feed(app: App) {
    let parts = app.assistant.parts();
    let mut changes = parts.home.changes();
    let mut finished = app.assistant.finished();
    let mut link = parts.home.link();
    let mut timers = app.assistant.timers();
    let mut lists = app.assistant.lists();
    let mut plan = Plan::of(&parts.home.snapshot());
    loop {
        tokio::select! {
            change = changes.recv() => match change {
                Ok(change) => {
                    let states = [change.before, change.after.clone()].into_iter().flatten().collect();
                    let data = json!({ "id": change.id, "kind": change.kind, "entity": change.after });
                    app.events.tell("entity", &data, Audience::Entity(states));
                    let now = Plan::of(&parts.home.snapshot());
                    if now != plan {
                        app.events.tell("areas", &json!({ "areas": now.areas, "floors": now.floors }), Audience::Home);
                        plan = now;
                    }
                }
                // What was missed cannot be told one by one: everybody looks at the whole.
                Err(RecvError::Lagged(_)) => app.events.tell("resync", &json!({}), Audience::Home),
                Err(RecvError::Closed) => return,
            },
            turn = finished.recv() => match turn {
                Ok(turn) => app.events.turn(&TurnSummary::from(&*turn)),
                Err(RecvError::Lagged(_)) => app.events.tell("resync", &json!({}), Audience::Home),
                Err(RecvError::Closed) => return,
            },
            Ok(()) = link.changed() => {
                let now: Link = link.borrow_and_update().clone();
                app.events.tell("link", &json!(now), Audience::Home);
            }
            Ok(()) = timers.changed() => {
                let now = crate::api::timers::all(&timers.borrow_and_update());
                app.events.tell("timers", &json!({ "timers": now }), Audience::Home);
            }
            Ok(()) = lists.changed() => {
                let now = crate::api::lists::all(&lists.borrow_and_update());
                app.events.tell("lists", &json!({ "lists": now }), Audience::Lists);
            }
            () = app.shutdown.cancelled() => return,
        }
    }
}

/// Where to go on.
#[derive(Deserialize, IntoParams)]
pub(crate) struct Resume {
    /// As the header `Last-Event-ID`, for clients that cannot set it.
    last_event_id: Option<String>,
}

/// What happens at home, live
///
/// Server-sent events. The first is `hello`, or `resync` where what the client missed is no longer known: it then reads the whole
/// anew. `entity` (`{id, kind, entity}`), `areas` (`{areas, floors}`), `timers`, `lists`, `turn` (a turn's summary), `turn_deleted`
/// (`{id}`) and `link` (how things stand with the broker) follow as they happen. Each has an id; `Last-Event-ID` resumes after it.
#[utoipa::path(get, path = "/api/events", tag = "home",
    params(Resume, ("Last-Event-ID" = Option<String>, Header, description = "Id of the last event that was seen")),
    responses(
        (status = 200, body = String, content_type = "text/event-stream"),
        Closed,
    ))]
pub(crate) async fn events(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Query(resume): Query<Resume>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    caller.require(Action::ReadHome)?;
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned).or(resume.last_event_id);
    let seen = last.as_deref().map(|id| app.events.seen(id));
    Ok(Sse::new(follow(app, caller, seen)).keep_alive(KeepAlive::default()))
}

/// Events from `seen` on: `None` for a new client, `Some(None)` for one that saw another run of the server.
fn follow(app: App, caller: Caller, seen: Option<Option<u64>>) -> impl Stream<Item = Result<Event, Infallible>> {
    let news = app.events.newest.subscribe();
    let newest = app.events.ring().newest;
    let (greeting, at) = match seen {
        None => (Some("hello"), newest),
        Some(None) => (Some("resync"), newest),
        Some(Some(seen)) if app.events.ring().after(seen).is_none() => (Some("resync"), newest),
        Some(Some(seen)) => (Some("hello"), seen),
    };
    let state = Follow { app, caller, news, at, greeting, waiting: VecDeque::new() };
    futures_util::stream::unfold(state, async |mut state| state.next().await.map(|event| (Ok(event), state)))
}

struct Follow {
    app: App,
    caller: Caller,
    news: watch::Receiver<u64>,
    /// Number of the last event that was looked at.
    at: u64,
    greeting: Option<&'static str>,
    waiting: VecDeque<Arc<Happening>>,
}

impl Follow {
    async fn next(&mut self) -> Option<Event> {
        if let Some(name) = self.greeting.take() {
            return Some(Event::default().event(name).id(self.app.events.id(self.at)).data("{}"));
        }
        loop {
            while let Some(event) = self.waiting.pop_front() {
                self.at = event.number;
                if event.audience.admits(&self.caller) {
                    let id = self.app.events.id(event.number);
                    return Some(Event::default().event(event.name).id(id).data(&event.data));
                }
            }
            let after = self.app.events.ring().after(self.at);
            match after {
                None => {
                    self.at = self.app.events.ring().newest;
                    return Some(Event::default().event("resync").id(self.app.events.id(self.at)).data("{}"));
                }
                Some(events) if !events.is_empty() => self.waiting.extend(events),
                Some(_) => tokio::select! {
                    changed = self.news.wait_for(|newest| *newest > self.at) => if changed.is_err() {
                        return None;
                    },
                    () = self.caller.revoked.cancelled() => return None,
                    () = self.app.shutdown.cancelled() => return None,
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_gives_what_followed_and_says_when_it_cannot() {
        let mut ring = Ring::default();
        assert_eq!(ring.after(0).unwrap().len(), 0);
        assert!(ring.after(1).is_none(), "an event that never was");
        for number in 0..10 {
            ring.add("entity", format!("{number}"), Audience::Home);
        }
        let after: Vec<_> = ring.after(7).unwrap().iter().map(|event| event.data.clone()).collect();
        assert_eq!(after, ["7", "8", "9"]);
        assert!(ring.after(10).unwrap().is_empty());
        for _ in 0..RING {
            ring.add("entity", String::new(), Audience::Home);
        }
        assert_eq!(ring.kept.len(), RING);
        assert!(ring.after(9).is_none() && ring.after(10).is_some());
    }

    #[test]
    fn large_events_push_old_ones_out() {
        let mut ring = Ring::default();
        for _ in 0..10 {
            ring.add("entity", "x".repeat(RING_BYTES / 4), Audience::Home);
        }
        assert!(ring.bytes <= RING_BYTES && ring.kept.len() == 4);
        ring.add("entity", "x".repeat(RING_BYTES * 2), Audience::Home);
        assert_eq!(ring.kept.len(), 1, "the newest is always there");
    }

    #[test]
    fn an_id_of_another_run_is_not_known() {
        let events = Events::new();
        events.tell("areas", &json!({}), Audience::Home);
        assert_eq!(events.seen(&events.id(1)), Some(1));
        for id in ["", "1", "other-1", &format!("{}-x", events.run), &format!("{}-", events.run)] {
            assert_eq!(events.seen(id), None, "{id}");
        }
    }
}
