//! What was done by touch, taken back, as what was said can be.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use vesta_home::IntentCall;
use vesta_people::Action;

use super::entities::Done;
use super::extract::Place;
use super::timers::not_done;
use crate::App;
use crate::api::refusals::{Closed, Missing};
use crate::caller::Caller;
use crate::problem::Problem;

/// Actions that are remembered, of everybody together: a house is touched some hundred times a day.
const REMEMBERED: usize = 512;

/// What can be taken back: in memory only, for after a restart nobody remembers what they touched before.
#[derive(Default)]
pub(crate) struct Undos {
    done: Mutex<VecDeque<Undo>>,
}

struct Undo {
    id: String,
    person: String,
    /// The way back.
    calls: Vec<IntentCall>,
}

impl Undos {
    fn done(&self) -> std::sync::MutexGuard<'_, VecDeque<Undo>> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers the way back from an action; returns its id, `None` where there is no way back.
    pub(super) fn remember(&self, person: &str, calls: Vec<IntentCall>) -> Option<String> {
        if calls.is_empty() {
            return None;
        }
        let id = uuid::Uuid::now_v7().to_string();
        let mut done = self.done();
        done.push_back(Undo { id: id.clone(), person: person.to_owned(), calls });
        // What could not be taken back was put back beside what was remembered meanwhile.
        while done.len() > REMEMBERED {
            done.pop_front();
        }
        Some(id)
    }

    /// The way back from an action of this person. It is taken once.
    fn take(&self, person: &str, id: &str) -> Option<Vec<IntentCall>> {
        let mut done = self.done();
        let at = done.iter().position(|undo| undo.id == id && undo.person == person)?;
        done.remove(at).map(|undo| undo.calls)
    }

    fn put_back(&self, person: &str, id: String, calls: Vec<IntentCall>) {
        self.done().push_back(Undo { id, person: person.to_owned(), calls });
    }
}

/// Take back what was done by touch
///
/// Brings every device that the action changed back to how it was before. The newest few hundred actions can be taken back, each
/// once, by whoever did them.
#[utoipa::path(post, path = "/api/actions/{id}/undo", tag = "home",
    params(("id" = String, Path, description = "`undo` of the answer to the action")),
    responses(
        (status = 200, body = Done),
        Closed, Missing,
        (status = 409, description = "A device cannot be reached, or did not answer", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A device cannot do this any more", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "There is no link to the MQTT broker", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn take_back(
    State(app): State<App>,
    caller: Caller,
    Place(id): Place<String>,
) -> Result<Json<Done>, Problem> {
    caller.require(Action::ControlHome)?;
    let calls = app.undos.take(&caller.person, &id).ok_or_else(|| {
        let detail = format!("there is no action '{id}' of yours to take back, or it was taken back");
        Problem::new(StatusCode::NOT_FOUND, "nothing_to_undo", "Nothing to take back", detail)
    })?;
    let hand = crate::clients::hand(&caller);
    let mut done = Done { changed: Vec::new(), confirmed: true, undo: None };
    for (at, call) in calls.iter().enumerate() {
        match app.assistant.act(call, &hand).await {
            Ok(outcome) => {
                done.confirmed &= outcome.confirmed;
                done.changed.extend(outcome.changed.into_iter().map(Into::into));
            }
            Err(error) => {
                // What is left can be tried again.
                let left = calls.get(at..).unwrap_or_default().to_vec();
                app.undos.put_back(&caller.person, id, left);
                return Err(not_done(error));
            }
        }
    }
    tracing::info!(person = caller.person, session = caller.session, action = id, "taken back by touch");
    Ok(Json(done))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_taken_back_once_by_whoever_did_it() {
        let undos = Undos::default();
        assert_eq!(undos.remember("ida", Vec::new()), None, "there is no way back");
        let id = undos.remember("ida", vec![IntentCall::default()]).unwrap();
        assert!(undos.take("tom", &id).is_none() && undos.take("ida", "other").is_none());
        assert_eq!(undos.take("ida", &id).map(|calls| calls.len()), Some(1));
        assert!(undos.take("ida", &id).is_none());
        for _ in 0..REMEMBERED * 2 {
            undos.remember("ida", vec![IntentCall::default()]);
        }
        assert_eq!(undos.done().len(), REMEMBERED);
    }
}
