//! The configuration: `vesta.toml`, the environment, and defaults that need neither.

mod load;
mod rtc;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use vesta_home::{AreaConfig, EntityOverride, FloorConfig};
use vesta_reach::{AcmeConfig, CertificateConfig, ReachConfig, TailscaleConfig};

pub(crate) use load::load;
pub(crate) use rtc::RtcSettings;

/// The commented example, which documents every key with its default.
pub(crate) const EXAMPLE: &str = include_str!("example.toml");

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Language tag of the household.
    pub language: String,
    /// The web server.
    pub server: ServerConfig,
    /// How phones and other machines reach it.
    pub reach: ReachConfig,
    /// The name and certificate in the tailnet.
    pub tailscale: TailscaleConfig,
    /// A certificate for names of the owner's.
    pub acme: AcmeConfig,
    /// Certificate files that something else keeps.
    pub certificate: CertificateConfig,
    /// Calls over WebRTC.
    pub rtc: RtcSettings,
    /// Speech to text.
    pub stt: SttConfig,
    /// Text to speech.
    pub tts: TtsConfig,
    /// The MQTT broker that is used.
    pub mqtt: MqttConfig,
    /// The MQTT broker inside Vesta.
    pub broker: BrokerConfig,
    /// Areas, floors and names.
    pub home: HomeConfig,
    /// The data path.
    pub turn: TurnConfig,
    /// What is kept of turns.
    pub turns: TurnsConfig,
    /// Where models come from.
    pub models: ModelsConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            language: "en".to_owned(),
            server: ServerConfig::default(),
            reach: ReachConfig::default(),
            tailscale: TailscaleConfig::default(),
            acme: AcmeConfig::default(),
            certificate: CertificateConfig::default(),
            rtc: RtcSettings::default(),
            stt: SttConfig::default(),
            tts: TtsConfig::default(),
            mqtt: MqttConfig::default(),
            broker: BrokerConfig::default(),
            home: HomeConfig::default(),
            turn: TurnConfig::default(),
            turns: TurnsConfig::default(),
            models: ModelsConfig::default(),
        }
    }
}

/// `[server]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ServerConfig {
    /// Address of the web server without TLS: for this machine and trusted proxies.
    pub listen: SocketAddr,
    /// Further names of the server.
    pub hosts: Vec<String>,
    /// Origins of other sites' pages that may come with a token.
    pub origins: Vec<String>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8420)), hosts: Vec::new(), origins: Vec::new() }
    }
}

/// `[stt]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SttConfig {
    /// A Wyoming server instead of the worker.
    pub uri: Option<String>,
    /// Model of the worker.
    pub model: Option<String>,
    /// Language of the speech, or `auto`.
    pub language: Option<String>,
    /// Threads; 0 takes all cores.
    pub threads: usize,
    /// Address of the worker.
    pub listen: SocketAddr,
}

impl Default for SttConfig {
    fn default() -> Self {
        Self { uri: None, model: None, language: None, threads: 0, listen: loopback() }
    }
}

/// `[tts]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TtsConfig {
    /// A Wyoming server instead of the worker.
    pub uri: Option<String>,
    /// Voice by name.
    pub voice: Option<String>,
    /// Speed, 1.0 is the voice's own.
    pub speed: f32,
    /// Address of the worker.
    pub listen: SocketAddr,
}

impl Default for TtsConfig {
    fn default() -> Self {
        Self { uri: None, voice: None, speed: 1.0, listen: loopback() }
    }
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// `[mqtt]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MqttConfig {
    /// The owner's broker; without it the one inside Vesta is used.
    pub url: Option<String>,
    /// User name.
    pub username: Option<String>,
    /// Password.
    pub password: Option<String>,
    /// A file that holds the password.
    pub password_file: Option<PathBuf>,
    /// 5, or 4 for MQTT 3.1.1.
    pub version: u8,
    /// PEM file of the certificate authority for `mqtts`.
    pub ca_file: Option<PathBuf>,
    /// PEM file of the client's certificate.
    pub client_certificate: Option<PathBuf>,
    /// PEM file of the certificate's key.
    pub client_key: Option<PathBuf>,
    /// First part of the discovery topics.
    pub discovery_prefix: String,
}

impl Default for MqttConfig {
    fn default() -> Self {
        Self {
            url: None,
            username: None,
            password: None,
            password_file: None,
            version: 5,
            ca_file: None,
            client_certificate: None,
            client_key: None,
            discovery_prefix: "homeassistant".to_owned(),
        }
    }
}

/// `[broker]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BrokerConfig {
    /// Address of the broker inside Vesta.
    pub listen: SocketAddr,
    /// Who may connect.
    pub users: Vec<BrokerUser>,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 1883)), users: Vec::new() }
    }
}

/// One user of the broker inside Vesta.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BrokerUser {
    /// User name.
    pub name: String,
    /// Password.
    pub password: String,
}

/// `[home]`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HomeConfig {
    /// Whether the demo home is shown.
    pub demo: Demo,
    /// Areas beside those that devices suggest.
    pub areas: Vec<AreaConfig>,
    /// Floors.
    pub floors: Vec<FloorConfig>,
    /// What is different about single entities, by entity id or unique id.
    pub entities: BTreeMap<String, EntityOverride>,
}

/// `true`, `false` or `"auto"`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "DemoValue", into = "DemoValue")]
pub(crate) enum Demo {
    /// While there is no configuration file and the broker is Vesta's own.
    #[default]
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum DemoValue {
    Switch(bool),
    Word(String),
}

impl TryFrom<DemoValue> for Demo {
    type Error = String;

    fn try_from(value: DemoValue) -> Result<Self, String> {
        match value {
            DemoValue::Switch(true) => Ok(Self::On),
            DemoValue::Switch(false) => Ok(Self::Off),
            DemoValue::Word(word) if word == "auto" => Ok(Self::Auto),
            DemoValue::Word(word) => Err(format!("'{word}' is not one of \"auto\", true and false")),
        }
    }
}

impl From<Demo> for DemoValue {
    fn from(demo: Demo) -> Self {
        match demo {
            Demo::Auto => Self::Word("auto".to_owned()),
            Demo::On => Self::Switch(true),
            Demo::Off => Self::Switch(false),
        }
    }
}

/// `[turn]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TurnConfig {
    /// Silence after a complete command.
    pub complete_silence_ms: u64,
    /// Silence after anything else.
    pub unknown_silence_ms: u64,
    /// Silence after a beginning.
    pub open_silence_ms: u64,
    /// Longest utterance hands-free.
    pub max_utterance_ms: u64,
    /// Longest utterance with a button.
    pub max_push_to_talk_ms: u64,
    /// How long a device may take to confirm.
    pub action_deadline_ms: u64,
}

impl Default for TurnConfig {
    fn default() -> Self {
        Self {
            complete_silence_ms: 200,
            unknown_silence_ms: 700,
            open_silence_ms: 1500,
            max_utterance_ms: 15_000,
            max_push_to_talk_ms: 60_000,
            action_deadline_ms: 2_000,
        }
    }
}

/// `[turns]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TurnsConfig {
    /// Keep audio.
    pub keep_audio: bool,
    /// Keep what was not meant for the house.
    pub keep_unaddressed: bool,
    /// Age at which turns are deleted.
    pub max_age_days: u32,
    /// Size at which the oldest are deleted.
    pub max_megabytes: u64,
}

impl Default for TurnsConfig {
    fn default() -> Self {
        Self { keep_audio: true, keep_unaddressed: false, max_age_days: 30, max_megabytes: 500 }
    }
}

/// `[models]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ModelsConfig {
    /// Another server that holds the same files.
    pub mirror: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example is the documentation of the defaults: with every optional key still a comment it must equal them.
    #[test]
    fn the_example_states_the_defaults() {
        let example: Config = toml::from_str(EXAMPLE).unwrap();
        assert_eq!(example, Config::default());
    }

    /// Commented keys are documentation too: uncommented, they must be keys that exist.
    #[test]
    fn every_commented_key_of_the_example_is_a_key() {
        let uncommented: String = EXAMPLE
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(rest) if rest.split_once(" = ").is_some_and(|(key, _)| !key.contains(' ')) => rest,
                _ => line,
            })
            .map(|line| format!("{line}\n"))
            .collect();
        let config: Config = toml::from_str(&uncommented).unwrap();
        assert_eq!(config.home.areas.len(), 1);
        assert!(config.stt.uri.is_some() && config.mqtt.password_file.is_some() && config.models.mirror.is_some());
    }
}
