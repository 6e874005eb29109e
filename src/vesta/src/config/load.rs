//! Reads the configuration: the file, then the environment over it.

use std::path::{Path, PathBuf};

use thiserror::Error;
use toml::{Table, Value};

use super::Config;

/// Why the configuration cannot be used.
#[derive(Debug, Error)]
pub(crate) enum ConfigError {
    /// The file is there and cannot be read.
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file was named and is not there.
    #[error(
        "{path} does not exist. Write it, or leave it out: Vesta needs no configuration. `vesta config example` prints one"
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A key or value is wrong.
    #[error("{path}: {message}")]
    Wrong {
        /// The file.
        path: PathBuf,
        /// What, where, and what was perhaps meant.
        message: String,
    },
    /// A variable of the environment is wrong.
    #[error("the environment variable {name}: {message}")]
    Environment {
        /// The variable.
        name: String,
        /// What is wrong with it.
        message: String,
    },
}

/// The configuration in `file` (which must exist if `required`) with the variables of `environment` over it.
///
/// # Errors
/// The file is missing or unreadable, or a key or value in it or in the environment is wrong; the message names the
/// line and a key that was perhaps meant.
pub(crate) fn load(
    file: &Path,
    required: bool,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !required => String::new(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(ConfigError::Missing { path: file.to_owned() });
        }
        Err(source) => return Err(ConfigError::Unreadable { path: file.to_owned(), source }),
    };
    let wrong =
        |error: toml::de::Error| ConfigError::Wrong { path: file.to_owned(), message: explain(&error.to_string()) };
    let mut config: Config = toml::from_str(&text).map_err(wrong)?;
    let mut table: Table = toml::from_str(&text).map_err(wrong)?;
    let mut variables: Vec<_> =
        environment.filter(|(name, _)| name.starts_with("VESTA_") && name.contains("__")).collect();
    variables.sort();
    for (name, value) in variables {
        let wrong = |message: String| ConfigError::Environment { name: name.clone(), message: explain(&message) };
        let mut tried = table.clone();
        set(&mut tried, &name, parsed(&value)).map_err(wrong)?;
        config = match Config::deserialize_table(tried.clone()) {
            Ok(config) => config,
            // A password may look like a number.
            Err(message) => {
                tried.clone_from(&table);
                set(&mut tried, &name, Value::String(value.clone())).map_err(wrong)?;
                Config::deserialize_table(tried.clone()).map_err(|_| wrong(message))?
            }
        };
        table = tried;
    }
    config.validate().map_err(|message| ConfigError::Wrong { path: file.to_owned(), message })?;
    Ok(config)
}

impl Config {
    /// Values that no type rules out and that cannot work.
    fn validate(&self) -> Result<(), String> {
        let origin = |origin: &&String| {
            let host =
                ["https://", "http://"].iter().find_map(|scheme| origin.strip_prefix(scheme)).unwrap_or_default();
            host.is_empty() || host.contains(['/', '?', '#', ' ', '*'])
        };
        if let Some(wrong) = self.server.origins.iter().find(origin) {
            return Err(format!(
                "[server] origins: '{wrong}' is not an origin such as \"https://studio.example\", without a path"
            ));
        }
        self.reach.validate()?;
        self.acme.validate()?;
        self.certificate.validate()?;
        self.rtc.validate()?;
        let turn = &self.turn;
        let times = [
            ("[turn] complete_silence_ms", turn.complete_silence_ms, 40),
            ("[turn] unknown_silence_ms", turn.unknown_silence_ms, 40),
            ("[turn] open_silence_ms", turn.open_silence_ms, 40),
            ("[turn] max_utterance_ms", turn.max_utterance_ms, 1_000),
            ("[turn] max_push_to_talk_ms", turn.max_push_to_talk_ms, 1_000),
            ("[turn] action_deadline_ms", turn.action_deadline_ms, 50),
        ];
        if let Some((key, value, least)) = times.iter().find(|(_, value, least)| value < least) {
            return Err(format!("{key} = {value} is too short; {least} is the least"));
        }
        if !(0.25..=4.0).contains(&self.tts.speed) {
            return Err(format!("[tts] speed = {} is not between 0.25 and 4; 1.0 is the voice's own", self.tts.speed));
        }
        if self.stt.threads > 256 {
            return Err(format!(
                "[stt] threads = {} is more than 256; 0 takes as many as there are cores",
                self.stt.threads
            ));
        }
        if !matches!(self.mqtt.version, 4 | 5) {
            return Err(format!("[mqtt] version = {} is neither 4 (MQTT 3.1.1) nor 5", self.mqtt.version));
        }
        Ok(())
    }

    fn deserialize_table(table: Table) -> Result<Self, String> {
        table.try_into().map_err(|error: toml::de::Error| error.to_string())
    }
}

/// `VESTA_SECTION__KEY` sets `key` in `[section]`; `VESTA__KEY` one outside the sections.
fn set(table: &mut Table, name: &str, value: Value) -> Result<(), String> {
    let path = name.trim_start_matches("VESTA").to_lowercase();
    let (section, key) = path.split_once("__").ok_or("it names no key; write VESTA_SECTION__KEY")?;
    match section.trim_start_matches('_') {
        "" => table.insert(key.to_owned(), value),
        section => {
            let entry = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            entry.as_table_mut().ok_or_else(|| format!("'{section}' is not a section"))?.insert(key.to_owned(), value)
        }
    };
    Ok(())
}

/// A variable's text as a value: TOML where it is, otherwise the text itself.
fn parsed(text: &str) -> Value {
    let table = toml::from_str::<Table>(&format!("value = {text}"));
    table.ok().and_then(|mut table| table.remove("value")).unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Adds to an "unknown field" message the key that was perhaps meant.
fn explain(message: &str) -> String {
    let message = message.trim_end();
    let Some(names) = message.split_once("unknown field `").map(|(_, rest)| rest) else { return message.to_owned() };
    let mut quoted = names.split('`').step_by(2);
    let Some(unknown) = quoted.next() else { return message.to_owned() };
    let nearest = quoted
        .map(|known| (strsim::damerau_levenshtein(unknown, known), known))
        .filter(|(distance, known)| *distance <= known.len().max(unknown.len()) / 2)
        .min();
    match nearest {
        Some((_, known)) => format!("{message}\nDid you mean `{known}`?"),
        None => format!("{message}\n`vesta config example` prints every key."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("vesta.toml");
        std::fs::write(&file, text).unwrap();
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        load(&file, true, environment).map_err(|error| error.to_string())
    }

    #[test]
    fn no_file_is_needed_unless_it_was_named() {
        let nowhere = Path::new("/nonexistent/vesta.toml");
        assert_eq!(load(nowhere, false, std::iter::empty()).unwrap(), Config::default());
        assert!(matches!(load(nowhere, true, std::iter::empty()), Err(ConfigError::Missing { .. })));
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line_and_a_suggestion() {
        let message = read("language = \"en\"\n[server]\nlistn = \"127.0.0.1:1\"\n", &[]).unwrap_err();
        assert!(message.contains("line 3"), "{message}");
        assert!(message.contains("Did you mean `listen`?"), "{message}");
        let message = read("[sever]\n", &[]).unwrap_err();
        assert!(message.contains("line 1") && message.contains("Did you mean `server`?"), "{message}");
    }

    #[test]
    fn a_wrong_value_is_refused_with_its_line() {
        let message = read("[turn]\ncomplete_silence_ms = \"short\"\n", &[]).unwrap_err();
        assert!(message.contains("line 2"), "{message}");
        let message = read("[home]\ndemo = \"maybe\"\n", &[]).unwrap_err();
        assert!(message.contains("auto"), "{message}");
    }

    #[test]
    fn the_environment_is_over_the_file() {
        let config = read(
            "[mqtt]\nurl = \"mqtt://a\"\nversion = 4\n",
            &[
                ("VESTA_MQTT__URL", "mqtt://b"),
                ("VESTA__LANGUAGE", "de"),
                ("VESTA_TURN__OPEN_SILENCE_MS", "900"),
                ("VESTA_HOME__DEMO", "false"),
            ],
        )
        .unwrap();
        assert_eq!(config.mqtt.url.as_deref(), Some("mqtt://b"));
        assert_eq!((config.mqtt.version, config.turn.open_silence_ms), (4, 900));
        assert_eq!(config.language, "de");
        assert_eq!(config.home.demo, super::super::Demo::Off);
    }

    #[test]
    fn a_text_may_look_like_a_number() {
        let config = read("", &[("VESTA_MQTT__PASSWORD", "12345"), ("VESTA_MQTT__USERNAME", "true")]).unwrap();
        assert_eq!(config.mqtt.password.as_deref(), Some("12345"));
        assert_eq!(config.mqtt.username.as_deref(), Some("true"));
    }

    #[test]
    fn values_that_cannot_work_are_refused() {
        for (text, key) in [
            ("[tts]\nspeed = -1.0", "speed"),
            ("[tts]\nspeed = nan", "speed"),
            ("[turn]\nmax_utterance_ms = 0", "max_utterance_ms"),
            ("[stt]\nthreads = 100000", "threads"),
            ("[mqtt]\nversion = 7", "version"),
            ("[reach]\nname = \"a b\"", "name"),
            ("[acme]\ndomains = [\"*.example.org\"]", "dns-01"),
            ("[certificate]\nchain = \"a.pem\"", "key"),
        ] {
            assert!(read(text, &[]).unwrap_err().contains(key), "{text}");
        }
    }

    #[test]
    fn a_wrong_variable_is_named() {
        let message = read("", &[("VESTA_MQTT__ULR", "mqtt://b")]).unwrap_err();
        assert!(message.contains("VESTA_MQTT__ULR") && message.contains("Did you mean `url`?"), "{message}");
    }
}
