//! The home without its socket and its clock: messages, calls and times in; messages, answers and changes out.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::Value;

use crate::action::{Expect, Publish};
use crate::call::{CallError, EntityChange, IntentCall, Outcome};
use crate::component::Refusal;
use crate::config::HomeConfig;
use crate::discovery::{self, Announcement};
use crate::intent::{self, Job, Plan, Step};
use crate::media;
use crate::model::{Change, Entity, EntityId, Link, Snapshot};
use crate::registry::Registry;
use crate::replay::Replay;
use crate::router::Asked;
use crate::template::Payload;
use crate::undo;

/// Number of a call, given by whoever drives the core.
pub(crate) type CallId = u64;

/// Longest message that is looked at, in bytes. Maps and pictures are longer, and are no states.
const MAX_MESSAGE: usize = 256 * 1024;
/// Quality of service of Vesta's own subscriptions: a state must not be lost.
const QOS: u8 = 1;

/// Something that the driver has to do.
#[derive(Debug)]
pub(crate) enum Output {
    Subscribe(Vec<(String, u8)>),
    Unsubscribe(Vec<String>),
    Publish(Publish),
    Reply(CallId, Box<Result<Outcome, CallError>>),
    Changed(Vec<Change>),
}

/// A command that waits for its devices.
#[derive(Debug)]
struct Pending {
    call: CallId,
    deadline_ms: u64,
    targets: Vec<Waiting>,
    outcome: Outcome,
}

/// One entity that was told something.
#[derive(Debug)]
struct Waiting {
    id: EntityId,
    name: String,
    area: Option<String>,
    /// How it was when the command was given.
    was: Arc<Entity>,
    /// What must come to hold, of the entity itself or of a speaker's parts.
    open: Vec<(EntityId, Expect)>,
    /// Whether a state will tell; otherwise it is assumed.
    confirmable: bool,
}

/// The home without its socket and its clock. Times are milliseconds since the start.
pub(crate) struct Core {
    config: Arc<HomeConfig>,
    registry: Registry,
    link: Link,
    replay: Replay,
    pending: Vec<Pending>,
    out: VecDeque<Output>,
}

impl Core {
    pub(crate) fn new(config: Arc<HomeConfig>) -> Self {
        Self {
            registry: Registry::new(Arc::clone(&config)),
            config,
            link: Link::Connecting,
            replay: Replay::default(),
            pending: Vec::new(),
            out: VecDeque::new(),
        }
    }

    pub(crate) fn snapshot(&self) -> &Arc<Snapshot> {
        self.registry.snapshot()
    }

    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// The broker answered: asks for everything anew, then tells the devices that somebody listens.
    pub(crate) fn connected(&mut self, now_ms: u64) {
        self.link = Link::Connected;
        self.replay.begin(now_ms);
        let discovery = discovery::filters(&self.config.discovery_prefix).map(|filter| (filter, QOS));
        self.out.push_back(Output::Subscribe(discovery.to_vec()));
        let known = self.registry.router.all();
        if !known.is_empty() {
            self.subscribe(known);
        }
        if let Some(topic) = self.config.birth_topic() {
            self.out.push_back(Output::Publish(Publish {
                topic,
                payload: "online".to_owned(),
                qos: QOS,
                retain: false,
            }));
        }
    }

    /// The link broke, or an attempt to make one failed.
    pub(crate) fn disconnected(&mut self, why: String) {
        self.link = Link::Down { why };
        self.replay.end();
        // What was not handed over yet must not go out late.
        self.out.retain(|output| matches!(output, Output::Reply(..) | Output::Changed(_)));
    }

    /// A message arrived.
    pub(crate) fn message(&mut self, topic: &str, payload: &[u8], retained: bool, now_ms: u64) {
        self.replay.message(now_ms);
        if topic.ends_with("/config") && topic.starts_with(&self.config.discovery_prefix) {
            self.announcement(topic, payload, retained, now_ms);
        }
        if payload.len() > MAX_MESSAGE {
            tracing::debug!(topic, bytes = payload.len(), "too long for a state: ignored");
            return;
        }
        let Ok(text) = std::str::from_utf8(payload) else {
            tracing::debug!(topic, "not UTF-8: ignored");
            return;
        };
        let payload = Payload::new(text);
        for (key, role) in self.registry.router.find(topic, text) {
            self.registry.deliver(key, role, &payload, now_ms);
        }
    }

    fn announcement(&mut self, topic: &str, payload: &[u8], retained: bool, now_ms: u64) {
        let asked = match discovery::parse_with_prefix(&self.config.discovery_prefix, topic, payload) {
            Ok(Announcement::Entities { entities, rejected }) => {
                for problem in rejected {
                    tracing::warn!(topic, problem, "a part of this discovery message is not usable and was ignored");
                }
                self.replay.announced(topic, retained);
                self.registry.announce(topic, entities, now_ms)
            }
            Ok(Announcement::Removed) => self.registry.withdraw(topic),
            Ok(Announcement::Migrating) => {
                self.registry.migrate(topic);
                return;
            }
            Ok(Announcement::NotUsed) => return,
            Err(rejected) => {
                tracing::warn!(topic = rejected.topic, problem = rejected.problem, "discovery message ignored");
                return;
            }
        };
        self.ask(asked);
    }

    fn ask(&mut self, asked: Asked) {
        if self.link != Link::Connected {
            return;
        }
        if !asked.unsubscribe.is_empty() {
            self.out.push_back(Output::Unsubscribe(asked.unsubscribe));
        }
        if !asked.subscribe.is_empty() {
            self.subscribe(asked.subscribe);
        }
    }

    fn subscribe(&mut self, filters: Vec<(String, u8)>) {
        let filters = filters.into_iter().map(|(filter, qos)| (filter, qos.max(QOS))).collect();
        self.out.push_back(Output::Subscribe(filters));
    }

    /// Somebody wants something.
    pub(crate) fn call(&mut self, id: CallId, call: &IntentCall, now_ms: u64) {
        match self.plan(call) {
            Ok(Plan::Answer(outcome)) => self.out.push_back(Output::Reply(id, Box::new(Ok(*outcome)))),
            Ok(Plan::Do(job)) => {
                let deadline = call.deadline.unwrap_or(self.config.deadline());
                let deadline_ms = now_ms.saturating_add(u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX));
                match self.start(job) {
                    Ok((targets, outcome)) => self.pending.push(Pending { call: id, deadline_ms, targets, outcome }),
                    Err(error) => self.out.push_back(Output::Reply(id, Box::new(Err(error)))),
                }
                self.settle(now_ms);
            }
            Err(error) => self.out.push_back(Output::Reply(id, Box::new(Err(error)))),
        }
    }

    fn plan(&self, call: &IntentCall) -> Result<Plan, CallError> {
        match &self.link {
            Link::Connected => intent::permitted_plan(call, self.registry.snapshot()),
            other => Err(down(other)),
        }
    }

    /// Publishes a job's commands. Nothing is published where one of them is refused for its value.
    fn start(&mut self, job: Job) -> Result<(Vec<Waiting>, Outcome), CallError> {
        let mut ready = Vec::new();
        let mut refused = None;
        for (id, step) in job.steps {
            let Some(entity) = self.registry.snapshot().entities.get(&id).cloned() else { continue };
            match self.commands(&id, &step) {
                Ok(commands) => ready.push((entity, commands)),
                Err(Refusal::InvalidValue(why, allowed)) => {
                    return Err(CallError::InvalidValue { slot: "value".to_owned(), why, allowed });
                }
                Err(Refusal::NotSupported(what)) => {
                    refused.get_or_insert(CallError::NotSupported { name: entity.name.clone(), what });
                }
            }
        }
        if let (true, Some(refusal)) = (ready.is_empty(), refused) {
            return Err(refusal);
        }
        let mut targets = Vec::new();
        for (entity, commands) in ready {
            let mut waiting = Waiting {
                id: entity.id.clone(),
                name: entity.name.clone(),
                area: entity.area.clone(),
                was: Arc::clone(&entity),
                open: Vec::new(),
                confirmable: commands.iter().all(|(_, _, expect)| matches!(expect, Expect::All(_))),
            };
            for (id, publishes, expect) in commands {
                self.out.extend(publishes.into_iter().map(Output::Publish));
                match expect {
                    Expect::Assume(state) => {
                        if let Some(record) = self.registry.record_mut(&id) {
                            record.assume(state);
                        }
                    }
                    all => waiting.open.push((id, all)),
                }
            }
            targets.push(waiting);
        }
        let outcome = Outcome { response_slots: job.slots, skipped: job.skipped, ..Outcome::default() };
        Ok((targets, outcome))
    }

    /// What one step publishes, by the part that it concerns.
    fn commands(&self, id: &str, step: &Step) -> Result<Vec<(EntityId, Vec<Publish>, Expect)>, Refusal> {
        let gone = || Refusal::NotSupported("any command: it was just removed".to_owned());
        let act = |id: &str, action: &crate::action::Action| {
            let record = self.registry.record(id).ok_or_else(gone)?;
            record.description.component.act(action, &record.whole_state())
        };
        match step {
            Step::Device(action) => {
                let commands = act(id, action)?;
                Ok(vec![(id.to_owned(), commands.publishes, commands.expect)])
            }
            Step::Speaker(action) => {
                let speaker = self.registry.speaker(id).ok_or_else(gone)?;
                let entities = &self.registry.snapshot().entities;
                let mut all = Vec::new();
                for step in media::moves(action, speaker, |id| entities.get(id).map(AsRef::as_ref))? {
                    let commands = act(&step.part, &step.action)?;
                    match step.also {
                        // What tells is the sensor; the button itself tells nothing.
                        Some((id, expect)) => all.push((id, commands.publishes, expect)),
                        None => all.push((step.part, commands.publishes, commands.expect)),
                    }
                }
                Ok(all)
            }
        }
    }

    /// Brings the picture up to date, tells the changes, and answers the calls that are done.
    pub(crate) fn settle(&mut self, now_ms: u64) {
        let changes = self.registry.refresh();
        if !changes.is_empty() {
            self.out.push_back(Output::Changed(changes));
        }
        let registry = &self.registry;
        for pending in &mut self.pending {
            for target in &mut pending.targets {
                target.open.retain(|(id, expect)| {
                    registry.record(id).is_none_or(|record| !expect.holds(&record.whole_state()))
                });
            }
        }
        let is_over = |pending: &mut Pending| {
            pending.deadline_ms <= now_ms || pending.targets.iter().all(|target| target.open.is_empty())
        };
        let over: Vec<Pending> = self.pending.extract_if(.., is_over).collect();
        for pending in over {
            let (call, answer) = (pending.call, self.conclude(pending));
            self.out.push_back(Output::Reply(call, Box::new(answer)));
        }
    }

    /// Time passed: states expire, deadlines pass, and what a reconnection did not bring back is gone.
    pub(crate) fn tick(&mut self, now_ms: u64) {
        self.registry.decay(now_ms);
        for topic in self.replay.vanished(now_ms, self.registry.topics()) {
            tracing::info!(topic, "no longer announced after the reconnection: removed");
            let asked = self.registry.withdraw(&topic);
            self.ask(asked);
        }
        self.settle(now_ms);
    }

    /// When [`Core::tick`] is next needed.
    pub(crate) fn next_tick(&self) -> Option<u64> {
        let deadline = self.pending.iter().map(|pending| pending.deadline_ms).min();
        [deadline, self.registry.next_decay(), self.replay.next_tick()].into_iter().flatten().min()
    }

    /// Whether what the broker kept has arrived since the last connection.
    pub(crate) fn is_settled(&self, now_ms: u64) -> bool {
        self.replay.is_settled(now_ms)
    }

    /// When the broker will have sent what it kept, if nothing more comes.
    pub(crate) fn settling(&self) -> Option<u64> {
        self.replay.settling()
    }

    /// Topic of the birth and last-will messages.
    pub(crate) fn birth_topic(&self) -> Option<String> {
        self.config.birth_topic()
    }

    fn conclude(&self, pending: Pending) -> Result<Outcome, CallError> {
        let mut outcome = pending.outcome;
        let house = self.registry.snapshot();
        outcome.confirmed = pending.targets.iter().all(|target| target.confirmable);
        let (done, silent): (Vec<Waiting>, Vec<Waiting>) =
            pending.targets.into_iter().partition(|target| target.open.is_empty());
        for target in done {
            let entity = house.entities.get(&target.id);
            let after = entity.and_then(|entity| entity.state.clone());
            outcome.matched.extend(entity.map(|entity| entity.view()));
            outcome.changed.push(EntityChange {
                id: target.id,
                name: target.name,
                area: target.area,
                before: target.was.state.clone(),
                after,
                confirmed: target.confirmable,
                undo: entity.map(|entity| undo::calls(&target.was, entity)).unwrap_or_default(),
            });
        }
        outcome.state = outcome.matched.first().map(intent::view);
        tell_what_was_set(&mut outcome);
        if silent.is_empty() {
            return Ok(outcome);
        }
        match &self.link {
            Link::Connected => {
                let names = silent.into_iter().map(|target| target.name).collect();
                Err(CallError::NoAnswer { names, done: Box::new(outcome) })
            }
            other => Err(down(other)),
        }
    }
}

/// A device rounds to its own steps: what it was set to is told, not what was asked for.
fn tell_what_was_set(outcome: &mut Outcome) {
    let [one] = outcome.matched.as_slice() else { return };
    let (slot, set) = match one.domain.as_str() {
        "climate" => ("temperature", one.attributes.get("temperature").and_then(Value::as_f64)),
        "number" => ("value", one.state.parse().ok()),
        _ => return,
    };
    let asked = outcome.response_slots.get(slot).and_then(Value::as_f64);
    if let (Some(set), Some(asked)) = (set, asked)
        && set != asked
    {
        let whole = set.fract() == 0.0;
        outcome.response_slots.insert(slot.to_owned(), if whole { (set as i64).into() } else { set.into() });
    }
}

/// The error of a call while there is no link.
pub(crate) fn down(link: &Link) -> CallError {
    let why = match link {
        Link::Down { why } => why.clone(),
        _ => "the connection is still being made".to_owned(),
    };
    CallError::BrokerDown { why }
}

/// Answers a question from a picture of the house; `None` where the call is a command.
pub(crate) fn answer(call: &IntentCall, house: &Snapshot) -> Option<Result<Outcome, CallError>> {
    match intent::plan(call, house) {
        Ok(Plan::Answer(outcome)) => Some(Ok(*outcome)),
        Ok(Plan::Do(_)) => None,
        Err(error) => Some(Err(error)),
    }
}
