//! One announced entity with all that is known of it.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::action::State;
use crate::areas::Areas;
use crate::config::HomeConfig;
use crate::discovery::{Description, Device, Input};
use crate::model::{Entity, EntityId};
use crate::template::Payload;
use crate::text::{fold, slug};

/// Which of an entity's topics a message came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    State(usize),
    Availability(usize),
    Attributes,
}

/// One announced entity.
#[derive(Debug)]
pub(crate) struct Record {
    /// Given when the home first lists it; stays over renaming.
    pub(crate) id: Option<EntityId>,
    /// Discovery topic.
    pub(crate) topic: String,
    pub(crate) description: Description,
    pub(crate) state: State,
    /// Of the attributes topic.
    extra: Map<String, Value>,
    said: Vec<Option<bool>>,
    latest: Option<usize>,
    /// When the state changes by itself, and to what.
    pub(crate) decay: Option<(u64, Option<String>)>,
    /// The last problem that was logged, so that a broken device does not fill the log.
    complaint: Option<String>,
}

impl Record {
    pub(crate) fn new(topic: &str, description: Description) -> Self {
        Self {
            id: None,
            topic: topic.to_owned(),
            state: description.component.initial(),
            extra: Map::new(),
            said: description.availability.initial(),
            latest: None,
            decay: None,
            complaint: None,
            description,
        }
    }

    /// Takes over a new description; the state stays, as far as the topics are the same.
    pub(crate) fn describe(&mut self, topic: &str, description: Description) {
        self.topic = topic.to_owned();
        if self.roles() != roles(&description) {
            let fresh = Self { id: self.id.take(), ..Self::new(topic, description) };
            *self = fresh;
            return;
        }
        self.state.attributes.extend(description.component.initial().attributes);
        self.description = description;
    }

    /// The topics to listen to and what each is.
    pub(crate) fn roles(&self) -> Vec<(String, u8, Role)> {
        roles(&self.description)
    }

    /// Takes in a message. `true` where something may have changed.
    pub(crate) fn message(&mut self, role: Role, payload: &Payload<'_>, now_ms: u64) -> bool {
        let done = match role {
            Role::State(at) => self.read_state(at, payload, now_ms),
            Role::Availability(at) => self.read_availability(at, payload),
            Role::Attributes => self.read_attributes(payload),
        };
        match done {
            Ok(()) => {
                self.complaint = None;
                true
            }
            Err(problem) => {
                self.complain(role, problem);
                false
            }
        }
    }

    fn read_state(&mut self, at: usize, payload: &Payload<'_>, now_ms: u64) -> Result<(), String> {
        let inputs = self.description.component.inputs();
        let Some(input) = inputs.get(at) else { return Ok(()) };
        let (field, value) = (input.field, input.read(payload)?);
        drop(inputs);
        self.description.component.read(field, &value, &mut self.state)?;
        self.decay =
            self.description.component.decay(&self.state).map(|(after, then)| {
                (now_ms.saturating_add(u64::try_from(after.as_millis()).unwrap_or(u64::MAX)), then)
            });
        Ok(())
    }

    fn read_availability(&mut self, at: usize, payload: &Payload<'_>) -> Result<(), String> {
        let Some(source) = self.description.availability.sources.get(at) else { return Ok(()) };
        let text = source.input.read(payload)?;
        if let (Some(meaning), Some(said)) = (source.meaning(&text), self.said.get_mut(at)) {
            *said = Some(meaning);
            self.latest = Some(at);
        }
        Ok(())
    }

    fn read_attributes(&mut self, payload: &Payload<'_>) -> Result<(), String> {
        let Some(input) = &self.description.attributes else { return Ok(()) };
        let text = input.read(payload)?;
        self.extra =
            serde_json::from_str(&text).map_err(|error| format!("attributes are not a JSON object: {error}"))?;
        Ok(())
    }

    fn complain(&mut self, role: Role, problem: String) {
        if self.complaint.as_ref() != Some(&problem) {
            let entity = self.id.as_deref().unwrap_or(&self.topic);
            tracing::warn!(entity, ?role, problem, "a message of this device is not understood and was ignored");
            self.complaint = Some(problem);
        }
    }

    pub(crate) fn available(&self) -> bool {
        self.description.availability.overall(&self.said, self.latest)
    }

    /// The state with the attributes of the attributes topic, as the component acts on it.
    pub(crate) fn whole_state(&self) -> State {
        if self.extra.is_empty() {
            return self.state.clone();
        }
        let mut attributes = self.extra.clone();
        attributes.extend(self.state.attributes.clone());
        State { state: self.state.state.clone(), attributes }
    }

    /// The device's name, then the entity's own, unless that begins with the device's already.
    pub(crate) fn full_name(&self, device: Option<&Device>) -> String {
        let own = self.description.name.as_deref();
        match (device.and_then(|device| device.name.as_deref()), own) {
            (Some(device), Some(own)) if fold(own).starts_with(&fold(device)) => own.to_owned(),
            (Some(device), Some(own)) => format!("{device} {own}"),
            (Some(device), None) => device.to_owned(),
            (None, Some(own)) => own.to_owned(),
            (None, None) => self.description.object_id.replace('_', " "),
        }
    }

    /// The id without the domain that this entity wishes for.
    pub(crate) fn wanted_id(&self, device: Option<&Device>) -> String {
        slug(self.description.wanted_id.as_deref().unwrap_or(&self.full_name(device)))
    }

    /// Takes over what is assumed of it, as far as it differs from what is known: the rest stays with its own topics.
    pub(crate) fn assume(&mut self, assumed: State) {
        let known = self.whole_state();
        self.state.state = assumed.state;
        for key in known.attributes.keys().filter(|key| !assumed.attributes.contains_key(*key)) {
            self.state.attributes.shift_remove(key);
        }
        for (key, value) in assumed.attributes {
            if known.attributes.get(&key) != Some(&value) {
                self.state.attributes.insert(key, value);
            }
        }
    }

    /// The entity as others see it.
    pub(crate) fn entity(&self, id: &str, device: Option<&Device>, config: &HomeConfig, areas: &mut Areas) -> Entity {
        let unique = self.description.unique_id.as_deref();
        let own = config.overrides.get(id).or_else(|| config.overrides.get(unique?));
        let device_name = device.and_then(|device| device.name.as_deref());
        let area = match own.and_then(|own| own.area.as_deref()) {
            Some("") => None,
            Some(area) => areas.area_or_new(area),
            None => areas.member(&[Some(id), unique, device_name]).or_else(|| {
                device.and_then(|device| device.suggested_area.as_deref()).and_then(|area| areas.area_or_new(area))
            }),
        };
        let mut entity = Entity {
            id: id.to_owned(),
            domain: self.description.domain().to_owned(),
            name: own.and_then(|own| own.name.clone()).unwrap_or_else(|| self.full_name(device)),
            aliases: own.map(|own| own.aliases.clone()).unwrap_or_default(),
            area,
            device: device_name.map(str::to_owned),
            device_class: own
                .and_then(|own| own.device_class.clone())
                .or_else(|| self.description.device_class.clone()),
            unit: self.description.component.unit().map(str::to_owned),
            available: false,
            exposed: own.and_then(|own| own.exposed).unwrap_or(!self.description.background),
            state: None,
            attributes: Map::new(),
            features: self.description.component.features().into_iter().map(str::to_owned).collect(),
        };
        self.refresh(&mut entity);
        entity
    }

    /// Brings state, details and availability up to date.
    pub(crate) fn refresh(&self, entity: &mut Entity) {
        let State { state, mut attributes } = self.whole_state();
        if self.description.domain() == "light" && state.as_deref() != Some("on") {
            for shown in ["brightness", "color_mode", "hs_color", "rgb_color", "xy_color", "color_temp_kelvin"] {
                attributes.shift_remove(shown);
            }
        }
        entity.available = self.available();
        entity.state = state;
        entity.attributes = attributes;
    }

    /// The entity brought up to date; `None` where nothing changed.
    pub(crate) fn refreshed(&self, entity: &Arc<Entity>) -> Option<Arc<Entity>> {
        let mut fresh = Entity::clone(entity);
        self.refresh(&mut fresh);
        (fresh != **entity).then(|| Arc::new(fresh))
    }
}

fn roles(description: &Description) -> Vec<(String, u8, Role)> {
    let role = |input: &Input, role: Role| (input.topic.clone(), input.qos, role);
    let state = description.component.inputs();
    let state = state.iter().enumerate().map(|(at, input)| role(input, Role::State(at)));
    let sources = description.availability.sources.iter().enumerate();
    let available = sources.map(|(at, source)| role(&source.input, Role::Availability(at)));
    let attributes = description.attributes.iter().map(|input| role(input, Role::Attributes));
    state.chain(available).chain(attributes).collect()
}
