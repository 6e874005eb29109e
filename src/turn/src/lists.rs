//! What is done about the shopping list and other lists, and what answers name of it.

use serde_json::{Value, json};
use vesta_home::lists::{List, ListError, Lists, SHOPPING};
use vesta_home::{IntentCall, Outcome};

use crate::Assistant;
use crate::act::{done, known, text};
use crate::conversation::Client;
use crate::error::TurnError;

/// Under this domain, lists are names in the sentences.
pub(crate) const DOMAIN: &str = "todo";

/// Does what an intent about lists asks; `None` for every other intent.
pub(crate) async fn act(
    assistant: &Assistant,
    call: &IntentCall,
    client: &Client,
) -> Result<Option<Outcome>, TurnError> {
    let name = list_name(call);
    let language = assistant.language(client.language.as_deref());
    let dictionary = language.dictionary();
    let items = || -> Vec<String> {
        // What was said may name several things; what was touched or typed is one.
        if let Some(Value::Array(items)) = call.slots.get("item") {
            return items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect();
        }
        let item = text(call, "item").unwrap_or_default();
        dictionary.parts(&item).into_iter().map(str::to_owned).collect()
    };
    let outcome = match call.intent.as_str() {
        "HassListAddItem" | "HassShoppingListAddItem" => {
            let items = items();
            let list = change(assistant, |lists| lists.add(&name, &items)).await?;
            done(json!({ "item": text(call, "item"), "items": items, "list": list.name, "id": list.id }))
        }
        "HassListCompleteItem" | "HassShoppingListCompleteItem" => {
            let items = items();
            let (list, items) = each(assistant, &items, |lists, item| lists.complete(&name, item)).await?;
            done(json!({ "item": text(call, "item"), "items": items, "list": list.name, "id": list.id }))
        }
        "HassListRemoveItem" => {
            let items = items();
            let (list, items) = each(assistant, &items, |lists, item| lists.remove(&name, item)).await?;
            done(json!({ "item": text(call, "item"), "items": items, "list": list.name, "id": list.id }))
        }
        "VestaListItems" => {
            let list = assistant.chores.with_lists(&assistant.parts.store, |lists| Ok((look(lists, &name)?, vec![])));
            let list = list.await?;
            let open: Vec<&str> = list.items.iter().filter(|item| !item.done).map(|item| item.text.as_str()).collect();
            known(json!({ "items": open, "count": open.len(), "list": list.name, "id": list.id }))
        }
        "VestaListClear" => {
            let before = assistant
                .chores
                .with_lists(&assistant.parts.store, |lists| {
                    let before = look(lists, &name)?;
                    if before.items.is_empty() {
                        return Ok((before, Vec::new()));
                    }
                    lists.clear(&name)?;
                    let now = lists.list(&name)?;
                    Ok((before, vec![keep(now)]))
                })
                .await?;
            done(json!({ "count": before.items.len(), "list": before.name, "id": before.id }))
        }
        _ => return Ok(None),
    };
    Ok(Some(outcome))
}

/// The list that is asked about. The one for shopping is there before anything is on it.
fn look(lists: &Lists, name: &str) -> Result<List, ListError> {
    match lists.list(name) {
        Err(_) if name == SHOPPING => {
            Ok(List { id: SHOPPING.to_owned(), name: SHOPPING.to_owned(), items: Vec::new() })
        }
        found => found.cloned(),
    }
}

async fn change(
    assistant: &Assistant,
    work: impl FnOnce(&mut Lists) -> Result<List, ListError>,
) -> Result<List, TurnError> {
    assistant
        .chores
        .with_lists(&assistant.parts.store, |lists| {
            let list = work(lists)?;
            let kept = keep(&list);
            Ok((list, vec![kept]))
        })
        .await
}

/// Does the same with each item, or nothing where one of them is not there.
async fn each(
    assistant: &Assistant,
    items: &[String],
    work: impl Fn(&mut Lists, &str) -> Result<(List, String), ListError>,
) -> Result<(List, Vec<String>), TurnError> {
    assistant
        .chores
        .with_lists(&assistant.parts.store, |lists| {
            let mut last = None;
            let mut written = Vec::new();
            for item in items {
                let (list, item) = work(lists, item)?;
                written.push(item);
                last = Some(list);
            }
            let list = last.ok_or(ListError::Nothing)?;
            let kept = keep(&list);
            Ok(((list, written), vec![kept]))
        })
        .await
}

fn keep(list: &List) -> (String, Option<Value>) {
    (list.id.clone(), serde_json::to_value(list).ok())
}

/// Which list a call is about: `list`, an id that the sentences give, or `name`, as it was said.
fn list_name(call: &IntentCall) -> String {
    let name = text(call, "list").or_else(|| text(call, "name")).unwrap_or_else(|| SHOPPING.to_owned());
    name.strip_prefix(DOMAIN).and_then(|rest| rest.strip_prefix('.')).map(str::to_owned).unwrap_or(name)
}
