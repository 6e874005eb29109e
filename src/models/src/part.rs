//! A download that is not complete yet: the bytes so far, their digest, and what is needed to go on with them later.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Format, ModelsError, disk, sniff};

/// How the server can be asked for the rest of the very same file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Resume {
    /// Where the bytes came from.
    pub(crate) url: String,
    /// A strong `ETag`, or else the `Last-Modified` date (RFC 9110, section 13.1.5).
    pub(crate) validator: Option<String>,
    /// The size of the whole file.
    pub(crate) total: Option<u64>,
}

/// The incomplete file beside the one it will become.
pub(crate) struct Part {
    path: PathBuf,
    resume_path: PathBuf,
    file: fs::File,
    hasher: Sha256,
    head: Vec<u8>,
    length: u64,
    pub(crate) resume: Resume,
}

impl Part {
    /// Where the incomplete file of `target` is.
    pub(crate) fn path_of(target: &Path) -> PathBuf {
        with_ending(target, "part")
    }

    /// Opens what is there of `target`, or begins it. Reads all of it, so it blocks.
    pub(crate) fn open(target: &Path) -> Result<Part, ModelsError> {
        let path = Part::path_of(target);
        let resume_path = with_ending(target, "resume");
        let file = OpenOptions::new().create(true).append(true).read(true).open(&path);
        let file = file.map_err(ModelsError::io("write", &path))?;
        let resume = disk::read_if_there(&resume_path)?.and_then(|text| serde_json::from_str(&text).ok());
        let mut part = Part {
            hasher: Sha256::new(),
            head: Vec::new(),
            length: 0,
            resume: Resume::default(),
            path,
            resume_path,
            file,
        };
        match resume {
            Some(resume) => {
                let mut length = 0;
                let digest = disk::digest(&part.path, &mut |bytes| length += bytes);
                (part.hasher, part.head) = digest.map_err(ModelsError::io("read", &part.path))?;
                part.length = length;
                part.resume = resume;
            }
            // Bytes of unknown origin are of no use.
            None => part.restart()?,
        }
        Ok(part)
    }

    /// Bytes that are here.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Begins again with nothing.
    pub(crate) fn restart(&mut self) -> Result<(), ModelsError> {
        self.file.set_len(0).map_err(ModelsError::io("empty", &self.path))?;
        self.hasher = Sha256::new();
        self.head.clear();
        self.length = 0;
        self.remember(Resume::default())
    }

    /// Keeps what is needed to go on later.
    pub(crate) fn remember(&mut self, resume: Resume) -> Result<(), ModelsError> {
        let text = serde_json::to_string(&resume).unwrap_or_default();
        self.resume = resume;
        disk::write_atomically(&self.resume_path, &text)
    }

    /// Adds bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.hasher.update(bytes);
        self.head.extend(bytes.iter().take(sniff::HEAD.saturating_sub(self.head.len())));
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Whether the beginning looks right, as soon as there is enough of it.
    pub(crate) fn looks_right(&self, format: Format, complete: bool) -> Result<(), String> {
        if complete || self.head.len() >= sniff::HEAD { sniff::check(format, &self.head) } else { Ok(()) }
    }

    /// The digest of what is here.
    pub(crate) fn sha256(&self) -> String {
        disk::hex(self.hasher.clone())
    }

    /// Throws everything away.
    pub(crate) fn discard(self) -> Result<(), ModelsError> {
        disk::remove_if_there(&self.path)?;
        disk::remove_if_there(&self.resume_path)?;
        Ok(())
    }

    /// Puts the complete file in its place, durably.
    pub(crate) fn finish(self, target: &Path) -> Result<(), ModelsError> {
        self.file.sync_all().map_err(ModelsError::io("write", &self.path))?;
        fs::rename(&self.path, target).map_err(ModelsError::io("rename to", target))?;
        if let Some(folder) = target.parent() {
            disk::sync_folder(folder).map_err(ModelsError::io("write", folder))?;
        }
        disk::remove_if_there(&self.resume_path)?;
        Ok(())
    }
}

/// Removes what there is of an incomplete download. Returns the bytes that it had.
pub(crate) fn remove(target: &Path) -> Result<u64, ModelsError> {
    disk::remove_if_there(&with_ending(target, "resume"))?;
    disk::remove_if_there(&Part::path_of(target))
}

fn with_ending(target: &Path, ending: &str) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    target.with_file_name(name)
}
