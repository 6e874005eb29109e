//! The shopping list and other lists, by touch.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use vesta_home::IntentCall;
use vesta_home::lists::{ListError, SHOPPING};
use vesta_people::Action;
use vesta_turn::TurnError;

use super::extract::{Body, Place};
use super::timers::not_done;
use crate::App;
use crate::api::refusals::{BadBody, Closed};
use crate::caller::Caller;
use crate::problem::Problem;

/// A list of the household.
#[derive(Serialize, ToSchema, Clone, Debug, PartialEq)]
pub(crate) struct List {
    id: String,
    /// What it was called when it was begun.
    name: String,
    /// In the order in which they were put there.
    items: Vec<Item>,
}

/// Something on a list.
#[derive(Serialize, ToSchema, Clone, Debug, PartialEq)]
pub(crate) struct Item {
    /// No two of a list are the same.
    text: String,
    /// Whether it was ticked off.
    done: bool,
}

impl From<&vesta_home::lists::List> for List {
    fn from(list: &vesta_home::lists::List) -> Self {
        let items = list.items.iter().map(|item| Item { text: item.text.clone(), done: item.done });
        Self { id: list.id.clone(), name: list.name.clone(), items: items.collect() }
    }
}

/// Every list, as clients see them. The one for shopping is there before anything is on it.
pub(crate) fn all(lists: &[vesta_home::lists::List]) -> Vec<List> {
    let shopping = List { id: SHOPPING.to_owned(), name: SHOPPING.to_owned(), items: Vec::new() };
    let missing = lists.iter().all(|list| list.id != SHOPPING).then_some(shopping);
    missing.into_iter().chain(lists.iter().map(List::from)).collect()
}

/// What can be done to something on a list.
#[derive(Deserialize, ToSchema, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ListAction {
    /// Puts it there, on a new list where there is none of this id or name; what was ticked off is wanted again.
    Add,
    /// Ticks it off.
    Complete,
    /// Takes it away.
    Remove,
}

/// What it is done to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OneItem {
    #[schema(min_length = 1, max_length = 200)]
    item: String,
}

/// The household's lists
#[utoipa::path(get, path = "/api/lists", tag = "lists", responses(
    (status = 200, body = Vec<List>),
    Closed,
))]
pub(crate) async fn read(State(app): State<App>, caller: Caller) -> Result<Json<Vec<List>>, Problem> {
    caller.require(Action::KeepLists)?;
    Ok(Json(all(&app.assistant.lists().borrow())))
}

/// Put something on a list, tick it off, or take it away
#[utoipa::path(post, path = "/api/lists/{id}/{action}", tag = "lists",
    params(("id" = String, Path, description = "A list's id, such as `shopping`"), ("action" = ListAction, Path)),
    request_body = OneItem,
    responses(
        (status = 200, description = "Every list, as they are now", body = Vec<List>),
        Closed, BadBody,
        (status = 404, description = "There is no such list, or this is not on it", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "There is no room", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn change(
    State(app): State<App>,
    caller: Caller,
    Place((id, action)): Place<(String, ListAction)>,
    Body(OneItem { item }): Body<OneItem>,
) -> Result<Json<Vec<List>>, Problem> {
    caller.require(Action::KeepLists)?;
    let intent = match action {
        ListAction::Add => "HassListAddItem",
        ListAction::Complete => "HassListCompleteItem",
        ListAction::Remove => "HassListRemoveItem",
    };
    let slots = [("list".to_owned(), Value::from(id)), ("item".to_owned(), json!([item]))].into_iter().collect();
    let call = IntentCall { intent: intent.to_owned(), slots, ..IntentCall::default() };
    app.assistant.act(&call, &crate::clients::hand(&caller)).await.map_err(refused)?;
    Ok(Json(all(&app.assistant.lists().borrow())))
}

fn refused(error: TurnError) -> Problem {
    let TurnError::List(error) = error else { return not_done(error) };
    let status = match &error {
        ListError::NoList { .. } | ListError::NoItem { .. } => StatusCode::NOT_FOUND,
        ListError::Nothing => StatusCode::UNPROCESSABLE_ENTITY,
        ListError::Full { .. } | ListError::TooMany => StatusCode::CONFLICT,
    };
    Problem::new(status, error.code(), "This could not be done", error.to_string())
}
