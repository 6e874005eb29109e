//! Home Assistant's MQTT discovery: from a retained configuration message to descriptions of entities.
//!
//! Format: <https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery>. Pure: no I/O, no clock.

mod availability;
mod description;
mod fields;
mod payload;

use serde_json::{Map, Value};

pub use description::Description;
pub(crate) use description::Device;
pub(crate) use fields::{FieldError, Fields, Input, Outlet};

use crate::component;

/// The prefix that discovery topics have by default.
pub const DEFAULT_PREFIX: &str = "homeassistant";

/// What one message on a discovery topic means.
#[derive(Debug)]
pub enum Announcement {
    /// The whole of what this topic announces from now on: what it announced before and is not listed is withdrawn.
    Entities {
        /// The entities.
        entities: Vec<Description>,
        /// Parts of the message that could not be used, and why.
        rejected: Vec<String>,
    },
    /// Everything that this topic announced is withdrawn.
    Removed,
    /// The entities of this topic are about to be announced by a device message: keep them until then.
    Migrating,
    /// A part of discovery that Vesta has no use for, such as device triggers.
    NotUsed,
}

/// Why a message on a discovery topic was ignored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("discovery message on {topic:?} ignored: {problem}")]
pub struct Rejected {
    /// The topic.
    pub topic: String,
    /// What is wrong with the message.
    pub problem: String,
}

/// A discovery topic taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Topic<'a> {
    component: &'a str,
    object_id: &'a str,
}

/// Reads a message on a discovery topic with the default prefix.
///
/// # Errors
/// When the topic or the payload is not usable. Never panics, whatever the input.
pub fn parse(topic: &str, payload: &[u8]) -> Result<Announcement, Rejected> {
    parse_with_prefix(DEFAULT_PREFIX, topic, payload)
}

/// As [`parse`], with another prefix.
///
/// # Errors
/// When the topic or the payload is not usable.
pub fn parse_with_prefix(prefix: &str, topic: &str, payload: &[u8]) -> Result<Announcement, Rejected> {
    let rejected = |problem: String| Rejected { topic: topic.chars().take(200).collect(), problem };
    let parts = split(prefix, topic)
        .ok_or_else(|| rejected("the topic is not <prefix>/<component>/[<node id>/]<object id>/config".to_owned()))?;
    if payload.iter().all(u8::is_ascii_whitespace) {
        return Ok(Announcement::Removed);
    }
    let is_device = parts.component == "device";
    if !is_device && !component::is_known(parts.component) {
        return Ok(Announcement::NotUsed);
    }
    let map = payload::expand(payload::object(payload).map_err(rejected)?);
    if map.get("migrate_discovery") == Some(&Value::Bool(true)) {
        return Ok(Announcement::Migrating);
    }
    if is_device {
        return device(map).map_err(rejected);
    }
    let description = describe(topic, parts.component, parts.object_id, map).map_err(rejected)?;
    Ok(Announcement::Entities { entities: vec![description], rejected: Vec::new() })
}

/// The filters that a client subscribes to for these topics.
pub(crate) fn filters(prefix: &str) -> [String; 2] {
    [format!("{prefix}/+/+/config"), format!("{prefix}/+/+/+/config")]
}

fn split<'a>(prefix: &str, topic: &'a str) -> Option<Topic<'a>> {
    let rest = topic.strip_prefix(prefix)?.strip_prefix('/')?.strip_suffix("/config")?;
    let levels: Vec<&str> = rest.split('/').collect();
    let id = |id: &str| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    match levels.as_slice() {
        [component, object_id] if id(component) && id(object_id) => Some(Topic { component, object_id }),
        [component, node_id, object_id] if [component, node_id, object_id].iter().all(|part| id(part)) => {
            Some(Topic { component, object_id })
        }
        _ => None,
    }
}

/// A device message: shared keys, and a map of components that each add their own.
fn device(mut map: Map<String, Value>) -> Result<Announcement, String> {
    /// Most components of one device; real ones have some dozen.
    const MAX_COMPONENTS: usize = 500;
    let components = match map.remove("components") {
        Some(Value::Object(components)) => components,
        Some(_) => return Err("key \"components\": must be an object".to_owned()),
        None => return Err("key \"components\": is missing".to_owned()),
    };
    if components.len() > MAX_COMPONENTS {
        return Err(format!("{} components are too many (at most {MAX_COMPONENTS})", components.len()));
    }
    if !matches!(map.get("device"), Some(Value::Object(_))) {
        return Err("key \"device\": is missing".to_owned());
    }
    let (mut entities, mut rejected) = (Vec::new(), Vec::new());
    for (key, component) in components {
        let Value::Object(own) = component else {
            rejected.push(format!("component {key:?}: must be an object"));
            continue;
        };
        let own = payload::expand(own);
        let Some(platform) = own.get("platform").and_then(Value::as_str).map(str::to_owned) else {
            rejected.push(format!("component {key:?}: key \"platform\" is missing"));
            continue;
        };
        // A component that names its platform and nothing else is withdrawn.
        if own.len() == 1 || !component::is_known(&platform) {
            continue;
        }
        let mut merged = map.clone();
        merged.extend(own);
        match describe(&key, &platform, &key, merged) {
            Ok(description) => entities.push(description),
            Err(problem) => rejected.push(format!("component {key:?}: {problem}")),
        }
    }
    Ok(Announcement::Entities { entities, rejected })
}

fn describe(key: &str, platform: &str, object_id: &str, mut map: Map<String, Value>) -> Result<Description, String> {
    payload::resolve_base(&mut map);
    Description::new(key, platform, object_id, Fields(&map)).map_err(|error| error.to_string())
}
