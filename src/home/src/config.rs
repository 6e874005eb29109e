//! What the owner may set: the broker, the house's areas and floors, and what is different about single entities.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Everything that [`crate::start`] needs to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HomeConfig {
    /// The broker and how to log in.
    pub mqtt: MqttConfig,
    /// First part of every discovery topic.
    pub discovery_prefix: String,
    /// Topic of the birth (`online`) and last-will (`offline`) message, by default `<discovery_prefix>/status`, where
    /// devices listen to know when to announce themselves again. An empty text turns both off.
    pub status_topic: Option<String>,
    /// How long a command may wait for the device's state to confirm it, in milliseconds.
    pub deadline_ms: u64,
    /// The most entities that are kept; announcements beyond are refused with a warning.
    pub max_entities: usize,
    /// The rooms.
    pub areas: Vec<AreaConfig>,
    /// The storeys.
    pub floors: Vec<FloorConfig>,
    /// What is different about single entities, by entity id or unique id.
    pub overrides: BTreeMap<String, EntityOverride>,
}

impl Default for HomeConfig {
    fn default() -> Self {
        Self {
            mqtt: MqttConfig::default(),
            discovery_prefix: "homeassistant".to_owned(),
            status_topic: None,
            deadline_ms: 2_000,
            max_entities: 10_000,
            areas: Vec::new(),
            floors: Vec::new(),
            overrides: BTreeMap::new(),
        }
    }
}

impl HomeConfig {
    /// How long a command may wait for its confirmation.
    pub fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms)
    }

    /// Topic of the birth and last-will messages; `None` where the owner turned them off.
    pub(crate) fn birth_topic(&self) -> Option<String> {
        match &self.status_topic {
            None => Some(format!("{}/status", self.discovery_prefix)),
            Some(topic) if topic.is_empty() => None,
            Some(topic) => Some(topic.clone()),
        }
    }
}

/// The broker and how to log in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MqttConfig {
    /// `mqtt://host[:port]` (1883) or, encrypted, `mqtts://host[:port]` (8883). `tcp` and `ssl` mean the same.
    pub url: String,
    /// Must be unique on the broker: of two clients with one id each throws the other out.
    pub client_id: String,
    /// Login name, where the broker asks for one.
    pub username: Option<String>,
    /// Password, where the broker asks for one.
    pub password: Option<String>,
    /// Protocol version: 4 is MQTT 3.1.1, 5 is MQTT 5.
    pub version: u8,
    /// Seconds between pings on a quiet link; at least 5.
    pub keep_alive_s: u16,
    /// PEM file of the certificate authority for `mqtts`; by default the system's.
    pub ca_file: Option<PathBuf>,
    /// PEM file of the client's certificate, where the broker asks for one.
    pub client_certificate: Option<PathBuf>,
    /// PEM file of the key of `client_certificate`.
    pub client_key: Option<PathBuf>,
    /// The longest wait between two attempts to reach the broker, in milliseconds.
    pub max_backoff_ms: u64,
}

impl Default for MqttConfig {
    fn default() -> Self {
        Self {
            url: "mqtt://127.0.0.1:1883".to_owned(),
            client_id: "vesta".to_owned(),
            username: None,
            password: None,
            version: 4,
            keep_alive_s: 30,
            ca_file: None,
            client_certificate: None,
            client_key: None,
            max_backoff_ms: 10_000,
        }
    }
}

/// A room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AreaConfig {
    /// Stable id; by default made from the name (`Living Room` is `living_room`).
    pub id: Option<String>,
    /// What people call it.
    pub name: String,
    /// Other things people call it.
    pub aliases: Vec<String>,
    /// Id or name of the floor it is on.
    pub floor: Option<String>,
    /// What stands in it: entity ids, unique ids or device names. Goes before the area that a device suggests.
    pub members: Vec<String>,
}

/// A storey.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FloorConfig {
    /// Stable id; by default made from the name.
    pub id: Option<String>,
    /// What people call it.
    pub name: String,
    /// Other things people call it.
    pub aliases: Vec<String>,
}

/// What is different about one entity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EntityOverride {
    /// Replaces the announced name.
    pub name: Option<String>,
    /// Other things people call it.
    pub aliases: Vec<String>,
    /// Id or name of the area; an empty text means none.
    pub area: Option<String>,
    /// Replaces the announced device class.
    pub device_class: Option<String>,
    /// Whether people may speak about it. By default all but the entities a device marks as its settings or diagnostics.
    pub exposed: Option<bool>,
}
