//! Templates, and the rules and lists that they name.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};

use super::Checker;
use super::circles::{Uses, circles};
use crate::compile::NO_BODY;
use crate::list::RawRange;
use crate::load::{Faults, shorten};
use crate::raw::{Raw, RawBlock, UNREADABLE, block_path, within};
use crate::sources::Step::{self, Item, Key};
use crate::template::{self, Expr};

/// What is nested deeper, once rules are expanded, is refused in any case.
const MAX_DEPTH: usize = 200;

/// Looks at every template. Unless all files could be read (`complete`), nothing is called unknown or unused.
pub(super) fn check(checker: &mut Checker<'_>, raw: &Raw, complete: bool, faults: &mut Faults<'_>) {
    let mut references = References { checker, raw, complete, faults, used: BTreeSet::new() };
    let global = Scope { raw, block: None, bodies: references.bodies(&[], &raw.rules, None) };
    let shared = references.uses(&[], &global.bodies, &raw.lists, None);
    references.circles(&[], &shared, &Uses::new());
    let mut seen: HashMap<&str, &str> = HashMap::new();
    let mut empty = HashMap::new();
    for (intent, definition) in &raw.intents {
        for block in &definition.data {
            let path = block_path(intent, block.number);
            let bodies = references.bodies(&path, &block.expansion_rules, Some(block));
            let own = references.uses(&path, &bodies, &block.lists, Some(block));
            references.circles(&path, &own, &shared);
            let scope = Scope { raw, block: Some((block, &global.bodies)), bodies };
            let mut own_empty = HashMap::new();
            let empty = if own.is_empty() { &mut empty } else { &mut own_empty };
            for (number, text) in block.sentences.iter().enumerate().filter(|(_, text)| *text != UNREADABLE) {
                let path = within(&path, &[Key("sentences"), Item(number)]);
                let Some(expr) = references.parse(&format!("intent {intent}"), &path, text) else { continue };
                references.names(&path, &expr, Some(block));
                if let Some(list) = scope.empty_list(&expr, 0, empty) {
                    let message = format!(
                        "{intent}: can never be said, because the list {{{list}}} is empty; give it values, or remove the sentence"
                    );
                    references.checker.warn(&path, message);
                }
                let plain = block.requires_context.is_empty() && block.excludes_context.is_empty();
                if plain && let Some(before) = seen.insert(text, intent) {
                    let message = format!("{intent}: `{}` is already a sentence of {before}", shorten(text));
                    references.checker.warn(&path, message);
                }
            }
        }
    }
    references.unused();
}

/// What the names in a template stand for.
struct Scope<'r> {
    raw: &'r Raw,
    /// A block, whose own rules and lists win over those of all.
    block: Option<(&'r RawBlock, &'r HashMap<&'r str, Expr>)>,
    bodies: HashMap<&'r str, Expr>,
}

impl Scope<'_> {
    /// A list without values that the template cannot be said without.
    fn empty_list(&self, expr: &Expr, depth: usize, known: &mut HashMap<String, Option<String>>) -> Option<String> {
        if depth > MAX_DEPTH {
            return None;
        }
        match expr {
            Expr::Text(_) => None,
            Expr::List(list) => {
                let own = self.block.and_then(|(block, _)| block.lists.get(&list.list));
                let of_home = own.is_none() && is_of_home(&list.list);
                let definition = own.or_else(|| self.raw.lists.get(&list.list)).filter(|_| !of_home)?;
                definition.get("values")?.as_array()?.is_empty().then(|| list.list.clone())
            }
            Expr::Rule(name) => {
                if let Some(known) = known.get(name) {
                    return known.clone();
                }
                let of_all = || self.block.and_then(|(_, bodies)| bodies.get(name.as_str()));
                let body = self.bodies.get(name.as_str()).or_else(of_all)?;
                // For rules that contain themselves.
                known.insert(name.clone(), None);
                let empty = self.empty_list(body, depth + 1, known);
                known.insert(name.clone(), empty.clone());
                empty
            }
            Expr::Sequence(items) | Expr::Permutation(items) => {
                items.iter().find_map(|item| self.empty_list(item, depth + 1, known))
            }
            Expr::Alternative(items) => {
                let mut first = None;
                for item in items {
                    let empty = self.empty_list(item, depth + 1, known)?;
                    first.get_or_insert(empty);
                }
                first
            }
        }
    }
}

/// The home's own names win over a list that is called like them.
fn is_of_home(list: &str) -> bool {
    matches!(list, "name" | "area" | "floor")
}

struct References<'c, 'a, 'r, 's> {
    checker: &'c mut Checker<'a>,
    raw: &'r Raw,
    complete: bool,
    faults: &'c mut Faults<'s>,
    /// Names of rules (`<a>`) and lists (`{a}`).
    used: BTreeSet<String>,
}

impl<'r> References<'_, '_, 'r, '_> {
    fn parse(&mut self, what: &str, path: &[Step<'_>], text: &str) -> Option<Expr> {
        template::parse(text).map_err(|error| self.faults.template(what, path, text, error)).ok()
    }

    /// The parsed rules of a block, or of all.
    fn bodies(
        &mut self,
        path: &[Step<'r>],
        rules: &'r Map<String, Value>,
        block: Option<&'r RawBlock>,
    ) -> HashMap<&'r str, Expr> {
        let mut bodies = HashMap::new();
        for (name, body) in rules {
            let path = within(path, &[Key("expansion_rules"), Key(name)]);
            let what = format!("expansion rule <{name}>");
            let Some(text) = body.as_str() else {
                self.faults.shape(&what, &path, NO_BODY);
                continue;
            };
            if let Some(expr) = self.parse(&what, &path, text) {
                self.names(&path, &expr, block);
                bodies.insert(name.as_str(), expr);
            }
        }
        bodies
    }

    /// What the rules and the lists of a block, or of all, name.
    fn uses(
        &mut self,
        path: &[Step<'r>],
        bodies: &HashMap<&str, Expr>,
        lists: &'r Map<String, Value>,
        block: Option<&'r RawBlock>,
    ) -> Uses {
        let mut uses: Uses = bodies.iter().map(|(name, body)| (format!("<{name}>"), names_in(body))).collect();
        for (name, list) in lists {
            let mut used = Vec::new();
            for (number, value) in list.get("values").and_then(Value::as_array).into_iter().flatten().enumerate() {
                let text = value.as_str().or_else(|| value.get("in").and_then(Value::as_str)).unwrap_or_default();
                // What cannot be read is reported with the list's other values.
                if template::is_template(text)
                    && let Ok(expr) = template::parse(text)
                {
                    let path = || within(path, &[Key("lists"), Key(name), Key("values"), Item(number)]);
                    let names = names_in(&expr);
                    if !names.is_empty() {
                        self.names(&path(), &expr, block);
                        used.extend(names);
                    }
                }
            }
            if block.is_some() || !is_of_home(name) {
                uses.insert(format!("{{{name}}}"), used);
            }
        }
        uses
    }

    /// Notes the names in a template, and reports those that are unknown.
    fn names(&mut self, path: &[Step<'_>], expr: &Expr, block: Option<&RawBlock>) {
        for name in names_in(expr) {
            let inside = name.get(1..name.len() - 1).unwrap_or_default();
            let (message, known) = if name.starts_with('<') {
                let known = self.raw.rules.contains_key(inside)
                    || block.is_some_and(|block| block.expansion_rules.contains_key(inside));
                (format!("there is no expansion rule {name}; define it under `expansion_rules`"), known)
            } else {
                let known = self.raw.lists.contains_key(inside)
                    || block.is_some_and(|block| block.lists.contains_key(inside))
                    || is_of_home(inside)
                    || RawRange::inline(inside).is_some();
                (format!("there is no list {name}; define it under `lists`"), known)
            };
            if !known && self.complete {
                self.checker.error(path, message);
            }
            self.used.insert(name);
        }
    }

    fn circles(&mut self, path: &[Step<'_>], own: &Uses, shared: &Uses) {
        for mut circle in circles(own, shared) {
            let Some(name) = circle.first().cloned() else { continue };
            let inside = name.get(1..name.len() - 1).unwrap_or_default();
            let section = if name.starts_with('<') { "expansion_rules" } else { "lists" };
            circle.push(name.clone());
            let message = format!("{name} contains itself ({}); take the circle apart", shorten(&circle.join(" → ")));
            self.checker.error(&within(path, &[Key(section), Key(inside)]), message);
        }
    }

    fn unused(&mut self) {
        if !self.complete {
            return;
        }
        for name in self.raw.rules.keys().filter(|name| !self.used.contains(&format!("<{name}>"))) {
            self.checker.warn(&[Key("expansion_rules"), Key(name)], format!("the rule <{name}> is never used"));
        }
        for name in self.raw.lists.keys().filter(|name| !self.used.contains(&format!("{{{name}}}"))) {
            self.checker.warn(&[Key("lists"), Key(name)], format!("the list {{{name}}} is never used"));
        }
    }
}

/// The rules (`<a>`) and lists (`{a}`) that a template names.
fn names_in(expr: &Expr) -> Vec<String> {
    fn walk(expr: &Expr, names: &mut Vec<String>) {
        match expr {
            Expr::Rule(name) => names.push(format!("<{name}>")),
            Expr::List(list) => names.push(format!("{{{}}}", list.list)),
            Expr::Sequence(items) | Expr::Alternative(items) | Expr::Permutation(items) => {
                items.iter().for_each(|item| walk(item, names));
            }
            Expr::Text(_) => {}
        }
    }
    let mut names = Vec::new();
    walk(expr, &mut names);
    names
}
