//! Which entities a message concerns, and what the broker must be asked for.

use std::collections::{BTreeMap, HashMap};

use crate::record::Role;
use crate::topic;

/// Number of an entity inside the core.
pub(crate) type Key = u64;

/// Longest message that is kept for entities that come to share its topic later, in bytes.
const MAX_KEPT: usize = 16 * 1024;

/// Who listens to one topic filter.
#[derive(Debug, Default)]
struct Route {
    qos: u8,
    listeners: Vec<(Key, Role)>,
    /// The last message of a filter without wildcards.
    last: Option<String>,
}

/// The table of topic filters.
#[derive(Debug, Default)]
pub(crate) struct Router {
    exact: HashMap<String, Route>,
    wild: BTreeMap<String, Route>,
}

/// Topic filters with their quality of service.
pub(crate) type Filters = Vec<(String, u8)>;

/// What a change of the table asks of the broker.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Asked {
    pub(crate) subscribe: Filters,
    pub(crate) unsubscribe: Vec<String>,
}

impl Router {
    fn side(&mut self, filter: &str) -> Option<&mut Route> {
        if topic::has_wildcard(filter) { self.wild.get_mut(filter) } else { self.exact.get_mut(filter) }
    }

    /// Adds an entity's topics. Returns the filters that are new, and messages that the entity missed on those that are not.
    pub(crate) fn add(&mut self, key: Key, roles: &[(String, u8, Role)]) -> (Filters, Vec<(String, Role)>) {
        let (mut fresh, mut missed) = (Vec::new(), Vec::new());
        for (filter, qos, role) in roles {
            if let Some(route) = self.side(filter) {
                route.listeners.push((key, *role));
                missed.extend(route.last.clone().map(|last| (last, *role)));
                continue;
            }
            let route = Route { qos: *qos, listeners: vec![(key, *role)], last: None };
            if topic::has_wildcard(filter) {
                self.wild.insert(filter.clone(), route);
            } else {
                self.exact.insert(filter.clone(), route);
            }
            fresh.push((filter.clone(), *qos));
        }
        (fresh, missed)
    }

    /// Takes an entity's topics away. Returns the filters that nobody listens to any more.
    pub(crate) fn remove(&mut self, key: Key, roles: &[(String, u8, Role)]) -> Vec<String> {
        let mut gone = Vec::new();
        for (filter, ..) in roles {
            let Some(route) = self.side(filter) else { continue };
            route.listeners.retain(|(listener, _)| *listener != key);
            if route.listeners.is_empty() {
                self.exact.remove(filter);
                self.wild.remove(filter);
                gone.push(filter.clone());
            }
        }
        gone
    }

    /// Who a message concerns.
    pub(crate) fn find(&mut self, topic: &str, payload: &str) -> Vec<(Key, Role)> {
        let mut found = Vec::new();
        if let Some(route) = self.exact.get_mut(topic) {
            route.last = (payload.len() <= MAX_KEPT).then(|| payload.to_owned());
            found.extend_from_slice(&route.listeners);
        }
        for (_, route) in self.wild.iter().filter(|(filter, _)| topic::matches(filter, topic)) {
            found.extend_from_slice(&route.listeners);
        }
        found
    }

    /// Everything that the broker must be asked for after a new connection.
    pub(crate) fn all(&self) -> Filters {
        self.exact.iter().chain(&self.wild).map(|(filter, route)| (filter.clone(), route.qos)).collect()
    }
}
