//! From the definitions of lists to what the matcher looks values up in.

use std::collections::HashMap;

use serde_json::Value;

use super::{At, Compiler};
use crate::graph::{List, ListId, OfHome};
use crate::list::{RawList, RawRange, list};
use crate::load::{Faults, LoadError};
use crate::names::ValueList;
use crate::raw::{block_path, within};
use crate::sources::Step::Key;

impl Compiler<'_> {
    pub(super) fn list(&mut self, name: &str, at: &At<'_>) -> Result<ListId, LoadError> {
        let is_local = self.local.lists.contains_key(name);
        let known = if is_local { &self.local.list_ids } else { &self.list_ids };
        if let Some(id) = known.get(name) {
            return Ok(*id);
        }
        let mut list = match self.definition(name, is_local)? {
            None => self.undefined(name, at)?,
            Some(RawList::Wildcard) => List::Wildcard,
            Some(RawList::Range(range)) => self.range(range),
            Some(RawList::Values(values)) => self.values(name, values, at)?,
        };
        if let Some(of_home) = of_home(name).filter(|_| !is_local && !matches!(list, List::OfHome(_))) {
            // The home's own names win over a list of the same name, where it has any.
            self.graph.own.insert(of_home, self.graph.lists.len() as ListId);
            self.graph.lists.push(std::mem::replace(&mut list, List::OfHome(of_home)));
        }
        let id = self.graph.lists.len() as ListId;
        self.graph.lists.push(list);
        let known = if is_local { &mut self.local.list_ids } else { &mut self.list_ids };
        known.insert(name.to_owned(), id);
        Ok(id)
    }

    /// Reads the definition of a list, if it has one. Not a part of [`Self::list`], which is called by itself for lists in
    /// lists and has little room.
    fn definition(&mut self, name: &str, is_local: bool) -> Result<Option<RawList>, LoadError> {
        let definition = match is_local {
            true => self.local.lists.get(name).cloned(),
            // It is read once, so it can be taken.
            false => self.lists.get_mut(name).map(Value::take),
        };
        let Some(definition) = definition.filter(|definition| !definition.is_null()) else { return Ok(None) };
        let is_wild = definition.get("wildcard").and_then(Value::as_bool) == Some(true);
        let of_list = [Key("lists"), Key(name)];
        let block = block_path(&self.local.intent, self.local.block);
        let path = if is_local { within(&block, &of_list) } else { of_list.to_vec() };
        let mut faults = Faults::first(self.sources);
        let list = list(name, &path, definition, &mut faults);
        faults.result()?;
        if !is_local && is_wild {
            // Still asked for when the order of later sentences is decided.
            self.lists.insert(name.to_owned(), serde_json::json!({"wildcard": true}));
        }
        Ok(list)
    }

    /// A list of the home, or a range that is written where it is used.
    fn undefined(&mut self, name: &str, at: &At<'_>) -> Result<List, LoadError> {
        match (of_home(name), RawRange::inline(name)) {
            (Some(of_home), _) => Ok(List::OfHome(of_home)),
            (_, Some(range)) => Ok(self.range(range)),
            // Its definition was taken.
            _ if self.open.contains(&format!("{{{name}}}")) => {
                self.enter(format!("{{{name}}}"), at)?;
                Ok(List::Wildcard)
            }
            _ => Err(LoadError::UnknownList { place: self.place(at), name: name.to_owned() }),
        }
    }

    fn values(&mut self, name: &str, mut values: ValueList, at: &At<'_>) -> Result<List, LoadError> {
        self.enter(format!("{{{name}}}"), at)?;
        let mut nodes = HashMap::new();
        for number in values.templates.clone() {
            let template = values.values.get_mut(number as usize).and_then(|v| v.template.take());
            if let Some(template) = template {
                let id = self.expr(&template, at, 0)?;
                nodes.insert(number, id);
            }
        }
        self.open.pop();
        Ok(List::Values { values, nodes })
    }
}

/// What of the home a list of this name is, if it is one.
fn of_home(name: &str) -> Option<OfHome> {
    match name {
        "name" => Some(OfHome::Names),
        "area" => Some(OfHome::Areas),
        "floor" => Some(OfHome::Floors),
        _ => None,
    }
}
