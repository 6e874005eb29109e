//! What Vesta itself writes beside the models: `models.lock` (what the first pull brought) and `use.toml` (what is in use).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Kind, ModelsError, disk};

const LOCK_HEAD: &str = "\
# Written by Vesta: what each file of a model was when it was first pulled. Where the manifest does not know a file's SHA-256, the one
# here is enforced from then on. To accept a file that was changed at its source, delete its entry and pull the model again.

";
const USE_HEAD: &str = "# Written by `vesta models use`: the model in use, for each kind.\n\n";

/// One file, as it was when it was pulled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub(crate) model: String,
    pub(crate) name: String,
    pub(crate) sha256: String,
    pub(crate) size: u64,
    pub(crate) url: String,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LockFile {
    #[serde(default)]
    file: Vec<Entry>,
}

/// The records in a folder of models.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    folder: PathBuf,
}

impl Records {
    pub(crate) fn new(folder: &Path) -> Records {
        Records { folder: folder.to_owned() }
    }

    /// What is recorded of a file.
    pub(crate) fn entry(&self, model: &str, name: &str) -> Result<Option<Entry>, ModelsError> {
        Ok(self.read_lock()?.file.into_iter().find(|entry| entry.model == model && entry.name == name))
    }

    /// Records a file, in place of what was recorded of it before.
    pub(crate) fn record(&self, entry: Entry) -> Result<(), ModelsError> {
        // Several pulls may end at the same time, in several processes.
        let _guard = disk::lock(&self.folder.join(".records"))?;
        let mut lock = self.read_lock()?;
        lock.file.retain(|known| (&known.model, &known.name) != (&entry.model, &entry.name));
        lock.file.push(entry);
        lock.file.sort_by(|left, right| (&left.model, &left.name).cmp(&(&right.model, &right.name)));
        let path = self.lock_path();
        let text = toml::to_string(&lock)
            .map_err(|error| ModelsError::Record { path: path.clone(), why: error.to_string() })?;
        disk::write_atomically(&path, &format!("{LOCK_HEAD}{text}"))
    }

    /// The names of the models in use.
    pub(crate) fn in_use(&self) -> Result<BTreeMap<Kind, String>, ModelsError> {
        let path = self.use_path();
        let Some(text) = disk::read_if_there(&path)? else { return Ok(BTreeMap::new()) };
        toml::from_str(&text).map_err(|error| ModelsError::Record { path, why: error.to_string() })
    }

    /// Chooses a model for its kind; `None` chooses none.
    pub(crate) fn choose(&self, kind: Kind, name: Option<&str>) -> Result<(), ModelsError> {
        let _guard = disk::lock(&self.folder.join(".records"))?;
        let mut in_use = self.in_use()?;
        match name {
            Some(name) => in_use.insert(kind, name.to_owned()),
            None => in_use.remove(&kind),
        };
        let path = self.use_path();
        let text = toml::to_string(&in_use)
            .map_err(|error| ModelsError::Record { path: path.clone(), why: error.to_string() })?;
        disk::write_atomically(&path, &format!("{USE_HEAD}{text}"))
    }

    fn read_lock(&self) -> Result<LockFile, ModelsError> {
        let path = self.lock_path();
        let Some(text) = disk::read_if_there(&path)? else { return Ok(LockFile::default()) };
        toml::from_str(&text).map_err(|error| ModelsError::Record { path, why: error.to_string() })
    }

    fn lock_path(&self) -> PathBuf {
        self.folder.join("models.lock")
    }

    fn use_path(&self) -> PathBuf {
        self.folder.join("use.toml")
    }
}
