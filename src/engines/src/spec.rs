//! What an engine is made of: its kind, where it comes from, and how patient to be; and how a worker program is found.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use vesta_wyoming::Uri;

use crate::BackoffConfig;

/// What an engine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// Speech to text.
    Stt,
    /// Text to speech.
    Tts,
}

impl EngineKind {
    /// The short name in error codes and metrics: `stt` or `tts`.
    pub fn as_str(self) -> &'static str {
        match self {
            EngineKind::Stt => "stt",
            EngineKind::Tts => "tts",
        }
    }

    /// The name in messages for people.
    pub fn title(self) -> &'static str {
        match self {
            EngineKind::Stt => "speech-to-text",
            EngineKind::Tts => "text-to-speech",
        }
    }
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())
    }
}

/// A worker program and how to call it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkerCommand {
    /// The program file.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Environment variables on top of Vesta's own.
    pub env: Vec<(OsString, OsString)>,
}

/// Where an engine comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// A worker program on this machine, which Vesta starts, watches and restarts.
    Local(WorkerCommand),
    /// A Wyoming server that somebody else runs.
    Remote(Uri),
    /// No worker program could be found. The engine fails with this explanation, and what needs no engine still works.
    Missing(String),
}

/// Everything that is needed to start an engine.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineSpec {
    /// What it does.
    pub kind: EngineKind,
    /// Its name in messages and metrics.
    pub name: String,
    /// Where it comes from.
    pub source: Source,
    /// How long a worker may take from its start until it is ready; a large model takes its time to load.
    pub ready_deadline: Duration,
    /// How long a connection, or the answer to `describe`, may take.
    pub connect_deadline: Duration,
    /// How long a worker may take to end by itself after its stdin was closed, before it is killed.
    pub stop_grace: Duration,
    /// How often an idle server is asked whether it is still there; a machine that lost power closes no connection.
    pub health_interval: Duration,
    /// How patiently it is restarted.
    pub backoff: BackoffConfig,
}

impl EngineSpec {
    /// A specification with the usual patience: 30 s to be ready, 5 s to connect, 2 s to stop, a health check every 30 s.
    pub fn new(kind: EngineKind, name: impl Into<String>, source: Source) -> EngineSpec {
        EngineSpec {
            kind,
            name: name.into(),
            source,
            ready_deadline: Duration::from_secs(30),
            connect_deadline: Duration::from_secs(5),
            stop_grace: Duration::from_secs(2),
            health_interval: Duration::from_secs(30),
            backoff: BackoffConfig::default(),
        }
    }
}

/// A worker program is nowhere to be found. The message says where was looked and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// The configured path has no program.
    #[error("there is no program at {} (set in the configuration); correct the path, or remove it to use the one beside `vesta`", .0.display())]
    Configured(PathBuf),
    /// Not beside this program and not on the search path.
    #[error(
        "the worker program `{name}` is missing: looked in {looked}; build it with `cargo build --release -p {name}`, or set `program` or `uri` for this engine in vesta.toml"
    )]
    NotFound {
        /// The program's file name.
        name: String,
        /// The places, comma separated.
        looked: String,
    },
}

/// Finds a worker program: the configured path if there is one, else beside the running program, else on `$PATH`.
pub fn find_program(name: &str, configured: Option<&Path>) -> Result<PathBuf, FindError> {
    let executable = std::env::current_exe().ok();
    let beside = executable.as_deref().and_then(Path::parent);
    find_program_in(name, configured, beside, std::env::var_os("PATH"))
}

fn find_program_in(
    name: &str,
    configured: Option<&Path>,
    beside: Option<&Path>,
    search_path: Option<OsString>,
) -> Result<PathBuf, FindError> {
    if let Some(path) = configured {
        return if path.is_file() { Ok(path.to_owned()) } else { Err(FindError::Configured(path.to_owned())) };
    }
    let mut places: Vec<PathBuf> = Vec::new();
    if let Some(folder) = beside {
        places.push(folder.to_owned());
        // Cargo puts test programs into `deps`, one level below the programs themselves.
        if folder.file_name().is_some_and(|last| last == "deps") {
            places.extend(folder.parent().map(Path::to_owned));
        }
    }
    let named = places.len();
    places.extend(search_path.iter().flat_map(std::env::split_paths));

    let file_name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    if let Some(found) = places.iter().map(|place| place.join(&file_name)).find(|file| file.is_file()) {
        return Ok(found);
    }
    let mut looked: Vec<String> = places.iter().take(named).map(|place| place.display().to_string()).collect();
    looked.push("the folders of $PATH".to_owned());
    Err(FindError::NotFound { name: name.to_owned(), looked: looked.join(", ") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configured_path_wins_and_is_not_silently_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("worker");
        std::fs::write(&program, "").unwrap();
        let other = folder.path().join("nowhere");
        let beside = Some(folder.path());
        assert_eq!(find_program_in("worker", Some(&program), None, None).unwrap(), program);
        let error = find_program_in("worker", Some(&other), beside, None).unwrap_err();
        assert!(error.to_string().contains("nowhere"), "{error}");
    }

    #[test]
    fn beside_the_program_comes_before_the_search_path() {
        let beside = tempfile::tempdir().unwrap();
        let on_path = tempfile::tempdir().unwrap();
        std::fs::write(on_path.path().join("worker"), "").unwrap();
        let search_path = Some(on_path.path().as_os_str().to_owned());
        let found = find_program_in("worker", None, Some(beside.path()), search_path.clone()).unwrap();
        assert_eq!(found, on_path.path().join("worker"));
        std::fs::write(beside.path().join("worker"), "").unwrap();
        let found = find_program_in("worker", None, Some(beside.path()), search_path).unwrap();
        assert_eq!(found, beside.path().join("worker"));
    }

    #[test]
    fn a_test_program_finds_the_workers_one_folder_up() {
        let target = tempfile::tempdir().unwrap();
        let deps = target.path().join("deps");
        std::fs::create_dir(&deps).unwrap();
        std::fs::write(target.path().join("worker"), "").unwrap();
        assert_eq!(find_program_in("worker", None, Some(&deps), None).unwrap(), target.path().join("worker"));
    }

    #[test]
    fn a_missing_program_says_where_was_looked_and_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let error = find_program_in("vesta-stt-whisper", None, Some(folder.path()), None).unwrap_err().to_string();
        assert!(error.contains(&folder.path().display().to_string()), "{error}");
        assert!(error.contains("cargo build --release -p vesta-stt-whisper"), "{error}");
    }
}
