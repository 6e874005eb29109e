//! All entities that were announced, and the picture of the house made of them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::areas::Areas;
use crate::config::HomeConfig;
use crate::discovery::{Description, Device};
use crate::model::{Change, ChangeKind, Entity, EntityId, Snapshot};
use crate::record::{Record, Role};
use crate::router::{Asked, Key, Router};
use crate::speaker::Speaker;
use crate::template::Payload;

/// All entities that were announced.
#[derive(Debug)]
pub(crate) struct Registry {
    config: Arc<HomeConfig>,
    records: BTreeMap<Key, Record>,
    by_id: HashMap<EntityId, Key>,
    /// Entities of each discovery topic, by their key within it.
    by_topic: HashMap<String, BTreeMap<String, Key>>,
    by_unique_id: HashMap<(String, String), Key>,
    /// Topics whose entities are about to be announced by a device message.
    migrating: HashSet<String>,
    speakers: BTreeMap<EntityId, Speaker>,
    speaker_of: HashMap<EntityId, EntityId>,
    pub(crate) router: Router,
    next_key: Key,
    /// Whether the picture has to be made anew.
    stale: bool,
    /// Whose state may have changed since the last picture.
    touched: BTreeSet<Key>,
    snapshot: Arc<Snapshot>,
    refused: u64,
}

impl Registry {
    pub(crate) fn new(config: Arc<HomeConfig>) -> Self {
        let mut registry = Self {
            config,
            records: BTreeMap::new(),
            by_id: HashMap::new(),
            by_topic: HashMap::new(),
            by_unique_id: HashMap::new(),
            migrating: HashSet::new(),
            speakers: BTreeMap::new(),
            speaker_of: HashMap::new(),
            router: Router::default(),
            next_key: 0,
            stale: true,
            touched: BTreeSet::new(),
            snapshot: Arc::default(),
            refused: 0,
        };
        registry.refresh();
        registry
    }

    /// The house as it was at the last [`Registry::refresh`].
    pub(crate) fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    pub(crate) fn speaker(&self, id: &str) -> Option<&Speaker> {
        self.speakers.get(id)
    }

    pub(crate) fn record(&self, id: &str) -> Option<&Record> {
        self.by_id.get(id).and_then(|key| self.records.get(key))
    }

    pub(crate) fn record_mut(&mut self, id: &str) -> Option<&mut Record> {
        let key = self.by_id.get(id)?;
        self.touched.insert(*key);
        self.records.get_mut(key)
    }

    pub(crate) fn topics(&self) -> impl Iterator<Item = &String> {
        self.by_topic.keys()
    }

    /// Takes over the whole of what a discovery topic announces.
    pub(crate) fn announce(&mut self, topic: &str, entities: Vec<Description>, now_ms: u64) -> Asked {
        let mut asked = Asked::default();
        let mut listed = BTreeMap::new();
        let before = self.by_topic.remove(topic).unwrap_or_default();
        for description in entities {
            let name = description.key.clone();
            let Some(key) = self.place(topic, before.get(&name).copied(), &description) else { continue };
            let same = self.records.contains_key(&key);
            self.put(topic, key, description, same, now_ms, &mut asked);
            listed.insert(name, key);
        }
        for (_, key) in before.iter().filter(|(_, key)| !listed.values().any(|listed| listed == *key)) {
            self.drop_record(*key, &mut asked);
        }
        if !listed.is_empty() {
            self.by_topic.insert(topic.to_owned(), listed);
        }
        self.stale = true;
        asked
    }

    /// Takes away everything that a discovery topic announced.
    pub(crate) fn withdraw(&mut self, topic: &str) -> Asked {
        let mut asked = Asked::default();
        self.migrating.remove(topic);
        for key in self.by_topic.remove(topic).unwrap_or_default().into_values() {
            self.drop_record(key, &mut asked);
        }
        self.stale = true;
        asked
    }

    /// Lets a device message take over the entities of this topic.
    pub(crate) fn migrate(&mut self, topic: &str) {
        if self.by_topic.contains_key(topic) {
            self.migrating.insert(topic.to_owned());
        }
    }

    /// Where a description belongs: in the place of an entity, or a new one. `None` where it is refused.
    fn place(&mut self, topic: &str, own: Option<Key>, description: &Description) -> Option<Key> {
        let unique = description.unique_id.clone().map(|id| (description.domain().to_owned(), id));
        let taken = unique.as_ref().and_then(|unique| self.by_unique_id.get(unique)).copied();
        if let Some(taken) = taken.filter(|taken| Some(*taken) != own) {
            let holder = self.records.get(&taken).map(|record| record.topic.clone()).unwrap_or_default();
            if holder == topic || self.migrating.contains(&holder) {
                if let Some(entities) = self.by_topic.get_mut(&holder) {
                    entities.retain(|_, key| *key != taken);
                }
                return Some(taken);
            }
            tracing::warn!(
                topic,
                holder,
                unique_id = unique.map(|(_, id)| id),
                "the unique id is taken: entity ignored"
            );
            return None;
        }
        if own.is_some() {
            return own;
        }
        if self.records.len() >= self.config.max_entities {
            // One line for each tenfold: a flood of announcements must not become a flood of log lines.
            self.refused += 1;
            if [1, 10, 100, 1_000, 10_000].contains(&self.refused) {
                let max = self.config.max_entities;
                tracing::warn!(
                    topic,
                    max,
                    refused = self.refused,
                    "too many entities: raise max_entities to take in more"
                );
            }
            return None;
        }
        self.next_key += 1;
        Some(self.next_key)
    }

    fn put(&mut self, topic: &str, key: Key, description: Description, same: bool, now_ms: u64, asked: &mut Asked) {
        let domain = description.domain().to_owned();
        let before = self.records.get(&key);
        let changed_kind = before.is_some_and(|record| record.description.domain() != domain);
        let old_id = before.and_then(unique_of);
        let before = before.map(Record::roles).unwrap_or_default();
        if let Some(old) = old_id {
            self.by_unique_id.remove(&old);
        }
        if let Some(unique) = description.unique_id.clone() {
            self.by_unique_id.insert((domain, unique), key);
        }
        match self.records.get_mut(&key).filter(|_| same && !changed_kind) {
            Some(record) => record.describe(topic, description),
            None => {
                self.records.insert(key, Record::new(topic, description));
            }
        }
        let after = self.records.get(&key).map(Record::roles).unwrap_or_default();
        if before == after {
            return;
        }
        let gone = self.router.remove(key, &before);
        let (fresh, missed) = self.router.add(key, &after);
        // A topic that only changed hands is subscribed again, so that the broker sends its retained message again.
        asked.unsubscribe.extend(gone.into_iter().filter(|filter| fresh.iter().all(|(fresh, _)| fresh != filter)));
        asked.subscribe.extend(fresh);
        for (payload, role) in missed {
            self.deliver(key, role, &Payload::new(&payload), now_ms);
        }
    }

    fn drop_record(&mut self, key: Key, asked: &mut Asked) {
        let Some(record) = self.records.remove(&key) else { return };
        asked.unsubscribe.extend(self.router.remove(key, &record.roles()));
        if let Some(unique) = unique_of(&record) {
            self.by_unique_id.remove(&unique);
        }
        if let Some(id) = &record.id {
            self.by_id.remove(id);
        }
        self.touched.remove(&key);
    }

    /// Takes in a message for one entity.
    pub(crate) fn deliver(&mut self, key: Key, role: Role, payload: &Payload<'_>, now_ms: u64) {
        if self.records.get_mut(&key).is_some_and(|record| record.message(role, payload, now_ms)) {
            self.touched.insert(key);
        }
    }

    /// States that change by themselves: when the next is due.
    pub(crate) fn next_decay(&self) -> Option<u64> {
        self.records.values().filter_map(|record| record.decay.as_ref().map(|(at, _)| *at)).min()
    }

    /// Lets the states that are due change.
    pub(crate) fn decay(&mut self, now_ms: u64) {
        for (key, record) in &mut self.records {
            if let Some((_, then)) = record.decay.take_if(|(at, _)| *at <= now_ms) {
                record.state.state = then;
                self.touched.insert(*key);
            }
        }
    }

    /// Brings the picture up to date and tells what changed.
    pub(crate) fn refresh(&mut self) -> Vec<Change> {
        if self.stale {
            self.stale = false;
            self.touched.clear();
            return self.rebuild();
        }
        if self.touched.is_empty() {
            return Vec::new();
        }
        let mut changes = Vec::new();
        let mut speakers = BTreeSet::new();
        let touched = std::mem::take(&mut self.touched);
        let snapshot = Arc::make_mut(&mut self.snapshot);
        for id in touched.iter().filter_map(|key| self.records.get(key)?.id.as_ref()) {
            let Some(record) = self.by_id.get(id).and_then(|key| self.records.get(key)) else { continue };
            let Some(before) = snapshot.entities.get(id).cloned() else { continue };
            if let Some(after) = record.refreshed(&before) {
                snapshot.entities.insert(id.clone(), Arc::clone(&after));
                speakers.extend(self.speaker_of.get(id).cloned());
                changes.push(change(id, ChangeKind::State, Some(before), Some(after)));
            }
        }
        for id in speakers {
            let entity = self.speakers.get(&id).and_then(|speaker| speaker.entity(&id, &snapshot.entities));
            let (Some(mut after), Some(before)) = (entity, snapshot.entities.get(&id).cloned()) else { continue };
            (after.name, after.aliases) = (before.name.clone(), before.aliases.clone());
            after.exposed = before.exposed;
            if after != *before {
                let after = Arc::new(after);
                snapshot.entities.insert(id.clone(), Arc::clone(&after));
                changes.push(change(&id, ChangeKind::State, Some(before), Some(after)));
            }
        }
        changes
    }

    fn rebuild(&mut self) -> Vec<Change> {
        let devices = self.devices();
        let device = |record: &Record| record.description.device.as_ref().and_then(|device| devices.get(&device.id));
        self.give_ids(&devices);
        let mut areas = Areas::new(&self.config);
        let mut entities = BTreeMap::new();
        for record in self.records.values() {
            if let Some(id) = &record.id {
                entities.insert(id.clone(), Arc::new(record.entity(id, device(record), &self.config, &mut areas)));
            }
        }
        self.group_speakers(&mut entities);
        let before = Arc::clone(&self.snapshot);
        let mut next = Snapshot { version: before.version, areas: areas.areas, floors: areas.floors, entities };
        let changes = differences(&before.entities, &next.entities);
        let described = changes.iter().any(|change| change.kind != ChangeKind::State);
        if described || next.areas != before.areas || next.floors != before.floors {
            next.version += 1;
        }
        self.snapshot = Arc::new(next);
        changes
    }

    /// What all entities of a device say about it together: some only name its identifier.
    fn devices(&self) -> HashMap<String, Device> {
        let mut devices: HashMap<String, Device> = HashMap::new();
        for device in self.records.values().filter_map(|record| record.description.device.as_ref()) {
            let known = devices.entry(device.id.clone()).or_insert_with(|| device.clone());
            known.name = known.name.take().or_else(|| device.name.clone());
            known.suggested_area = known.suggested_area.take().or_else(|| device.suggested_area.clone());
        }
        devices
    }

    /// Ids for those that have none, in the order of their topics, so that they do not depend on the broker's order.
    fn give_ids(&mut self, devices: &HashMap<String, Device>) {
        let mut fresh: Vec<(String, String, Key)> = self
            .records
            .iter()
            .filter(|(_, record)| record.id.is_none())
            .map(|(key, record)| (record.topic.clone(), record.description.key.clone(), *key))
            .collect();
        fresh.sort();
        for (_, _, key) in fresh {
            let Some(record) = self.records.get_mut(&key) else { continue };
            let device = record.description.device.as_ref().and_then(|device| devices.get(&device.id));
            let wanted = format!("{}.{}", record.description.domain(), record.wanted_id(device));
            let mut id = wanted.clone();
            let mut number = 2;
            while self.by_id.contains_key(&id) {
                id = format!("{wanted}_{number}");
                number += 1;
            }
            self.by_id.insert(id.clone(), key);
            record.id = Some(id);
        }
    }

    fn group_speakers(&mut self, entities: &mut BTreeMap<EntityId, Arc<Entity>>) {
        let mut devices: BTreeMap<&str, Vec<(&EntityId, &Description)>> = BTreeMap::new();
        for record in self.records.values() {
            if let (Some(id), Some(device)) = (&record.id, &record.description.device) {
                devices.entry(&device.id).or_default().push((id, &record.description));
            }
        }
        self.speakers.clear();
        self.speaker_of.clear();
        for parts in devices.into_values() {
            let Some(speaker) = Speaker::of(parts.into_iter()) else { continue };
            let Some(device) =
                speaker.parts.values().find_map(|id| entities.get(id).and_then(|entity| entity.device.clone()))
            else {
                continue;
            };
            let wanted = format!("media_player.{}", crate::text::slug(&device));
            let mut id = wanted.clone();
            let mut number = 2;
            while entities.contains_key(&id) {
                id = format!("{wanted}_{number}");
                number += 1;
            }
            for hidden in speaker.hidden() {
                let wished = self.config.overrides.get(hidden).and_then(|own| own.exposed);
                if let Some(part) = entities.get_mut(hidden) {
                    Arc::make_mut(part).exposed = wished.unwrap_or(false);
                }
            }
            let Some(mut entity) = speaker.entity(&id, entities) else { continue };
            if let Some(own) = self.config.overrides.get(&id) {
                entity.name = own.name.clone().unwrap_or(entity.name);
                entity.aliases = own.aliases.clone();
                entity.exposed = own.exposed.unwrap_or(true);
            }
            entities.insert(id.clone(), Arc::new(entity));
            self.speaker_of.extend(speaker.parts.values().map(|part| (part.clone(), id.clone())));
            self.speakers.insert(id, speaker);
        }
    }
}

/// Domain and unique id of an entity: two entities never share both.
fn unique_of(record: &Record) -> Option<(String, String)> {
    let unique = record.description.unique_id.clone()?;
    Some((record.description.domain().to_owned(), unique))
}

fn change(id: &str, kind: ChangeKind, before: Option<Arc<Entity>>, after: Option<Arc<Entity>>) -> Change {
    Change { id: id.to_owned(), kind, before, after }
}

/// What turned one set of entities into another.
fn differences(before: &BTreeMap<EntityId, Arc<Entity>>, after: &BTreeMap<EntityId, Arc<Entity>>) -> Vec<Change> {
    let mut changes = Vec::new();
    for (id, old) in before {
        match after.get(id) {
            None => changes.push(change(id, ChangeKind::Removed, Some(Arc::clone(old)), None)),
            Some(new) if new == old => {}
            Some(new) => {
                let mut state_only = Entity::clone(new);
                state_only.state.clone_from(&old.state);
                state_only.attributes.clone_from(&old.attributes);
                state_only.available = old.available;
                let kind = if state_only == **old { ChangeKind::State } else { ChangeKind::Described };
                changes.push(change(id, kind, Some(Arc::clone(old)), Some(Arc::clone(new))));
            }
        }
    }
    for (id, new) in after.iter().filter(|(id, _)| !before.contains_key(*id)) {
        changes.push(change(id, ChangeKind::Added, None, Some(Arc::clone(new))));
    }
    changes
}
