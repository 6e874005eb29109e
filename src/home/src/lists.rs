//! Shopping lists and other lists, as a pure state machine: what it hands out is to be kept on disk before it is told.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::text::{fold, slug};

/// Id of the list for shopping, which is always there.
pub const SHOPPING: &str = "shopping";
/// Most lists.
pub const MAX_LISTS: usize = 50;
/// Most items of a list.
pub const MAX_ITEMS: usize = 500;
/// Longest name of a list or an item, in characters.
const MAX_TEXT: usize = 200;

/// A list as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct List {
    /// Stable id, such as `shopping` or `packing`.
    pub id: String,
    /// What it was called when it was begun.
    pub name: String,
    /// What is on it, in the order in which it was put there.
    pub items: Vec<Item>,
}

/// Something on a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// What it is.
    pub text: String,
    /// Whether it was checked off.
    #[serde(default)]
    pub done: bool,
}

/// Why something about a list was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// There is no list of this name.
    #[error("there is no list called {list:?}")]
    NoList {
        /// What was asked for.
        list: String,
    },
    /// This is not on the list.
    #[error("{item:?} is not on the list {list:?}")]
    NoItem {
        /// What was asked for.
        item: String,
        /// The list.
        list: String,
    },
    /// There is no room on it.
    #[error("the list {list:?} is full: {MAX_ITEMS} things at most, each of {MAX_TEXT} characters at most")]
    Full {
        /// The list.
        list: String,
    },
    /// There are too many lists.
    #[error("there are {MAX_LISTS} lists already; clear one that is no longer needed")]
    TooMany,
    /// Nothing was said that could be put on a list.
    #[error("nothing to put on the list was said")]
    Nothing,
}

impl ListError {
    /// Stable name of the error, for spoken sentences.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoList { .. } => "no_list",
            Self::NoItem { .. } => "not_on_list",
            Self::Full { .. } => "list_full",
            Self::TooMany => "too_many_lists",
            Self::Nothing => "nothing_for_list",
        }
    }

    /// Values for the spoken sentence.
    pub fn slots(&self) -> Map<String, Value> {
        let slots = match self {
            Self::NoList { list } | Self::Full { list } => json!({ "list": list }),
            Self::NoItem { item, list } => json!({ "item": item, "list": list }),
            Self::TooMany => json!({ "most": MAX_LISTS }),
            Self::Nothing => json!({}),
        };
        match slots {
            Value::Object(slots) => slots,
            _ => Map::new(),
        }
    }
}

/// All lists of the household.
#[derive(Clone, Debug, Default)]
pub struct Lists {
    lists: Vec<List>,
}

impl Lists {
    /// The lists of an earlier run.
    pub fn restore(lists: impl IntoIterator<Item = List>) -> Self {
        Self { lists: lists.into_iter().take(MAX_LISTS).collect() }
    }

    /// All of them.
    pub fn all(&self) -> &[List] {
        &self.lists
    }

    /// The list of this id or name.
    ///
    /// # Errors
    /// There is none.
    pub fn list(&self, name: &str) -> Result<&List, ListError> {
        let wanted = fold(name);
        let found =
            self.lists.iter().find(|list| list.id == name || fold(&list.name) == wanted || list.id == slug(name));
        found.ok_or_else(|| ListError::NoList { list: name.to_owned() })
    }

    /// Puts things on a list, which begins with them where it is not there yet. What is on it already is not put there
    /// twice; what was checked off is wanted again. Returns the list to keep.
    ///
    /// # Errors
    /// There is no room, or nothing to put there.
    pub fn add(&mut self, name: &str, items: &[String]) -> Result<List, ListError> {
        let items: Vec<&str> = items.iter().map(|item| item.trim()).filter(|item| !item.is_empty()).collect();
        if items.is_empty() || name.trim().is_empty() {
            return Err(ListError::Nothing);
        }
        let mut list = match self.list(name) {
            Ok(list) => list.clone(),
            Err(_) if self.lists.len() >= MAX_LISTS => return Err(ListError::TooMany),
            Err(_) => List { id: slug(name), name: name.trim().to_owned(), items: Vec::new() },
        };
        let too_long = |text: &str| text.chars().count() > MAX_TEXT;
        if too_long(&list.name) || items.iter().any(|item| too_long(item)) {
            return Err(ListError::Full { list: list.name });
        }
        for text in items {
            match list.items.iter_mut().find(|item| fold(&item.text) == fold(text)) {
                Some(item) => item.done = false,
                None => list.items.push(Item { text: text.to_owned(), done: false }),
            }
        }
        // What was checked off long ago makes room.
        while list.items.len() > MAX_ITEMS {
            match list.items.iter().position(|item| item.done) {
                Some(done) => drop(list.items.remove(done)),
                None => return Err(ListError::Full { list: list.name }),
            }
        }
        self.put(list.clone());
        Ok(list)
    }

    /// Checks something off. Returns the list to keep, and the item as it is written there.
    ///
    /// # Errors
    /// There is no such list, or no such item on it.
    pub fn complete(&mut self, name: &str, item: &str) -> Result<(List, String), ListError> {
        self.change(name, item, |list, at| {
            if let Some(item) = list.items.get_mut(at) {
                item.done = true;
            }
        })
    }

    /// Takes something off a list. Returns the list to keep, and the item as it was written there.
    ///
    /// # Errors
    /// There is no such list, or no such item on it.
    pub fn remove(&mut self, name: &str, item: &str) -> Result<(List, String), ListError> {
        self.change(name, item, |list, at| {
            list.items.remove(at);
        })
    }

    /// Takes everything off a list, which stays. Returns it as it was.
    ///
    /// # Errors
    /// There is no such list.
    pub fn clear(&mut self, name: &str) -> Result<List, ListError> {
        let before = self.list(name)?.clone();
        self.put(List { items: Vec::new(), ..before.clone() });
        Ok(before)
    }

    fn change(
        &mut self,
        name: &str,
        item: &str,
        change: impl FnOnce(&mut List, usize),
    ) -> Result<(List, String), ListError> {
        let mut list = self.list(name)?.clone();
        let at = position(&list.items, item);
        let none = || ListError::NoItem { item: item.to_owned(), list: list.name.clone() };
        let at = at.ok_or_else(none)?;
        let text = list.items.get(at).map(|item| item.text.clone()).unwrap_or_default();
        change(&mut list, at);
        self.put(list.clone());
        Ok((list, text))
    }

    fn put(&mut self, list: List) {
        match self.lists.iter_mut().find(|other| other.id == list.id) {
            Some(place) => *place = list,
            None => self.lists.push(list),
        }
    }
}

/// The item that is meant: of this name, or the only one with these words in it; what is open goes before what is done.
fn position(items: &[Item], wanted: &str) -> Option<usize> {
    let wanted = fold(wanted);
    let open = |at: &usize| items.get(*at).is_some_and(|item| !item.done);
    let those = |fits: &dyn Fn(&str) -> bool| -> Vec<usize> {
        (0..items.len()).filter(|at| items.get(*at).is_some_and(|item| fits(&fold(&item.text)))).collect()
    };
    let exactly = those(&|text| text == wanted);
    if let Some(at) = exactly.iter().copied().find(open).or(exactly.first().copied()) {
        return Some(at);
    }
    // "Bread" is the brown bread, and "the eggs" are the eggs.
    let part = |whole: &str, part: &str| {
        let part: Vec<&str> = part.split(' ').filter(|word| !word.is_empty()).collect();
        let whole: Vec<&str> = whole.split(' ').collect();
        !part.is_empty() && whole.windows(part.len()).any(|window| window == part)
    };
    [those(&|text| part(text, &wanted)), those(&|text| part(&wanted, text))].iter().find_map(|within| {
        match within.iter().copied().filter(open).collect::<Vec<_>>().as_slice() {
            [one] => Some(*one),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(items: &[&str]) -> Vec<String> {
        items.iter().map(|&item| item.to_owned()).collect()
    }

    fn open(list: &List) -> Vec<&str> {
        list.items.iter().filter(|item| !item.done).map(|item| item.text.as_str()).collect()
    }

    #[test]
    fn things_are_put_there_once_and_checked_off() {
        let mut lists = Lists::default();
        lists.add(SHOPPING, &words(&["milk", "brown bread"])).unwrap();
        let list = lists.add("Shopping", &words(&["Milk", "eggs"])).unwrap();
        assert_eq!(open(&list), ["milk", "brown bread", "eggs"]);
        let (list, item) = lists.complete(SHOPPING, "bread").unwrap();
        assert_eq!((open(&list), item.as_str()), (vec!["milk", "eggs"], "brown bread"));
        assert_eq!(open(&lists.add(SHOPPING, &words(&["brown bread"])).unwrap()).len(), 3, "wanted again");
        let (list, _) = lists.remove(SHOPPING, "MILK").unwrap();
        assert_eq!(open(&list), ["brown bread", "eggs"]);
        assert_eq!(lists.clear(SHOPPING).unwrap().items.len(), 2);
        assert!(lists.list(SHOPPING).unwrap().items.is_empty());
    }

    #[test]
    fn errors_say_what_is_missing() {
        let mut lists = Lists::default();
        assert_eq!(lists.list("packing"), Err(ListError::NoList { list: "packing".into() }));
        assert_eq!(lists.add("packing", &words(&["", "  "])), Err(ListError::Nothing));
        lists.add("packing", &words(&["red socks", "blue socks"])).unwrap();
        assert!(matches!(lists.complete("packing", "socks"), Err(ListError::NoItem { .. })), "two fit");
        assert!(matches!(lists.remove("packing", "so"), Err(ListError::NoItem { .. })));
        assert_eq!(lists.remove("packing", "my red socks").unwrap().1, "red socks");
        assert!(matches!(lists.add("packing", &["x".repeat(201)]), Err(ListError::Full { .. })));
    }

    #[test]
    fn lists_are_bounded_and_what_is_done_makes_room() {
        let mut lists = Lists::default();
        let many: Vec<String> = (0..MAX_ITEMS).map(|number| number.to_string()).collect();
        lists.add("a", &many).unwrap();
        assert!(matches!(lists.add("a", &words(&["one more"])), Err(ListError::Full { .. })));
        lists.complete("a", "7").unwrap();
        assert_eq!(lists.add("a", &words(&["one more"])).unwrap().items.len(), MAX_ITEMS);
        for number in 1..MAX_LISTS {
            lists.add(&format!("list {number}"), &words(&["x"])).unwrap();
        }
        assert_eq!(lists.add("another", &words(&["x"])), Err(ListError::TooMany));
    }
}
