//! What can go wrong with models, said so that the user knows what to do.

use std::io;
use std::path::{Path, PathBuf};

use crate::bytes;

/// Why a model could not be pulled, checked, removed or used.
#[derive(Debug, thiserror::Error)]
pub enum ModelsError {
    /// A manifest has a mistake.
    #[error("{origin}: {why}")]
    Manifest {
        /// Which manifest.
        origin: String,
        /// Where in it and what.
        why: String,
    },
    /// There is no model of this name.
    #[error("there is no model named {name:?}; {}", suggestion(.close))]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// Names that come close.
        close: Vec<String>,
    },
    /// The model is not on this machine, or not completely.
    #[error("{name} is not installed; get it with `vesta models pull {name}`")]
    NotInstalled {
        /// Its name.
        name: String,
    },
    /// The model comes with Vesta.
    #[error("{name} is part of Vesta: there is nothing to pull, to verify or to remove")]
    BuiltIn {
        /// Its name.
        name: String,
    },
    /// Another process is at it.
    #[error("{name} is being pulled or removed by another `vesta`; wait for it to finish")]
    Busy {
        /// Its name.
        name: String,
    },
    /// The disk is too full.
    #[error(
        "not enough space in {}: {} are needed and {} are free; free some, or remove a model (`vesta models list`, `vesta models remove NAME`)",
        .folder.display(), bytes(*.needed), bytes(*.free)
    )]
    NoSpace {
        /// Where.
        folder: PathBuf,
        /// Bytes still to be written, with a reserve.
        needed: u64,
        /// Bytes free.
        free: u64,
    },
    /// The server has no such file.
    #[error("{url} does not exist any more (HTTP {status}); a newer Vesta may know where it is now")]
    Gone {
        /// Where.
        url: String,
        /// 404 or 410.
        status: u16,
    },
    /// The server wants to know who asks.
    #[error("{url} may not be downloaded without an account (HTTP {status}); open it in a browser, accept its terms, and put the file into {}", .folder.display())]
    Forbidden {
        /// Where.
        url: String,
        /// 401, 403 or 451.
        status: u16,
        /// Where the file belongs.
        folder: PathBuf,
    },
    /// The server refuses for another reason.
    #[error("{url} answers with HTTP {status}; try again later")]
    Refused {
        /// Where.
        url: String,
        /// Its status.
        status: u16,
    },
    /// The server could not be reached, or the connection broke again and again.
    #[error("downloading {url} failed after {attempts} attempts: {why}; {}", next_time(*.kept))]
    Network {
        /// Where.
        url: String,
        /// What happened the last time.
        why: String,
        /// Attempts without any progress.
        attempts: u32,
        /// Bytes that are kept.
        kept: u64,
    },
    /// The file is not the one that it should be. It was deleted.
    #[error(
        "{file} is not the file it should be and was deleted: its SHA-256 is {actual}, but {} says {expected}; pull it again, and if that gives the same, do not use it: the file at its source was changed",
        if *.recorded { "models.lock, which recorded the first pull," } else { "the manifest" }
    )]
    Checksum {
        /// The file's name.
        file: String,
        /// What it should have been.
        expected: String,
        /// What it was.
        actual: String,
        /// Whether the first pull recorded what it should be, rather than the manifest.
        recorded: bool,
    },
    /// What came is something else altogether.
    #[error("{file} is not a model: {why}")]
    NotAModel {
        /// The file's name.
        file: String,
        /// What it is instead.
        why: String,
    },
    /// A file that Vesta itself wrote cannot be read any more.
    #[error("{} cannot be understood: {why}; correct it, or delete it", .path.display())]
    Record {
        /// Which file.
        path: PathBuf,
        /// Where in it and what.
        why: String,
    },
    /// The mirror's address is none.
    #[error(
        "the mirror {mirror:?} is not an address that models can be fetched from: {why}; it looks like http://nas.local/models \
         (`mirror` under [models] in vesta.toml, or VESTA_MODELS_MIRROR)"
    )]
    Mirror {
        /// What was set.
        mirror: String,
        /// What is wrong with it.
        why: String,
    },
    /// The downloader could not be set up.
    #[error("cannot set up downloads: {0}; are the system's root certificates installed (package ca-certificates)?")]
    Client(String),
    /// The disk, or its permissions.
    #[error("cannot {doing} {}: {source}", .path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl ModelsError {
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ModelsError {
        move |source| ModelsError::Io { doing, path: path.to_owned(), source }
    }
}

fn next_time(kept: u64) -> String {
    match kept {
        0 => "is this machine online?".to_owned(),
        kept => format!("{} are kept, so that the same command goes on from there", bytes(kept)),
    }
}

fn suggestion(close: &[String]) -> String {
    match close {
        [] => "see `vesta models list`".to_owned(),
        [only] => format!("did you mean {only}?"),
        [most @ .., last] => format!("did you mean {} or {last}?", most.join(", ")),
    }
}
