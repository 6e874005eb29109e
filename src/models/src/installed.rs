//! What is on this machine: listed, checked, removed, chosen.

use std::fs;
use std::path::PathBuf;

use serde::Serialize;

use crate::{AudioCtx, Kind, Model, Models, ModelsError, disk, part, sniff};

/// Whether a model is on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// All of it.
    Installed,
    /// Some of it: a pull was interrupted.
    Partial,
    /// It is part of Vesta.
    BuiltIn,
    /// Nothing of it.
    Available,
}

/// A model in a list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Listed {
    /// The model.
    pub model: Model,
    /// Whether it is here.
    pub state: State,
    /// Whether it is the one in use for its kind.
    pub in_use: bool,
    /// Bytes that it takes up on the disk, incomplete downloads included.
    pub on_disk: u64,
}

/// A model that is here and can be loaded.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Installed {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub kind: Kind,
    /// The file to be loaded.
    pub path: PathBuf,
    /// All its files.
    pub files: Vec<PathBuf>,
    /// Languages it understands or speaks.
    pub languages: Vec<String>,
    /// The rule of its audio context, for Whisper models.
    pub audio_ctx: Option<AudioCtx>,
}

/// What a check found out about one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum Check {
    /// It is what it should be.
    Good,
    /// It looks right, but nobody knows its SHA-256: it was not pulled by Vesta.
    Unknown {
        /// What it is.
        sha256: String,
    },
    /// It is not there.
    Missing,
    /// It is not what it should be.
    Wrong {
        /// What it should be.
        expected: String,
        /// What it is.
        actual: String,
    },
    /// It is no model at all.
    NotAModel {
        /// What it is instead.
        why: String,
    },
}

impl Models {
    /// All models, with what is here of them.
    ///
    /// # Errors
    /// [`ModelsError::Record`] when `use.toml` cannot be understood.
    pub fn list(&self) -> Result<Vec<Listed>, ModelsError> {
        let in_use = self.records.in_use()?;
        let listed = |model: &Model| {
            let used = match in_use.get(&model.kind) {
                Some(name) => *name == model.name,
                None => model.builtin,
            };
            let (state, on_disk) = self.state(model);
            Listed { model: model.clone(), state, in_use: used, on_disk }
        };
        Ok(self.manifest.models().iter().map(listed).collect())
    }

    /// The model that was chosen for this kind; nothing where none was, or one that is part of Vesta.
    ///
    /// # Errors
    /// [`ModelsError::NotInstalled`] when the chosen one is not here (any more), [`ModelsError::Unknown`] when the manifest does not
    /// know it.
    pub fn chosen(&self, kind: Kind) -> Result<Option<Installed>, ModelsError> {
        match self.records.in_use()?.get(&kind) {
            Some(name) if !self.find(name)?.builtin => self.installed(name).map(Some),
            _ => Ok(None),
        }
    }

    /// A model whose files are here; those that are part of Vesta have none.
    ///
    /// # Errors
    /// [`ModelsError::NotInstalled`], or [`ModelsError::Unknown`].
    pub fn installed(&self, name: &str) -> Result<Installed, ModelsError> {
        let model = self.find(name)?;
        let files = self.files(model);
        match files.first() {
            Some(path) if files.iter().all(|file| file.is_file()) => Ok(Installed {
                name: model.name.clone(),
                kind: model.kind,
                path: path.clone(),
                languages: model.languages.clone(),
                audio_ctx: model.audio_ctx,
                files,
            }),
            _ => Err(ModelsError::NotInstalled { name: name.to_owned() }),
        }
    }

    /// Takes a model into use for its kind.
    ///
    /// # Errors
    /// [`ModelsError::NotInstalled`] unless it is here or comes with Vesta.
    pub fn choose(&self, name: &str) -> Result<Kind, ModelsError> {
        let model = self.find(name)?;
        if !model.builtin {
            self.installed(name)?;
        }
        self.create()?;
        self.records.choose(model.kind, Some(name))?;
        Ok(model.kind)
    }

    /// Removes a model's files, incomplete ones too, and takes it out of use. What was recorded of it stays, so that the next pull
    /// still has to bring the same. Returns the bytes freed.
    ///
    /// # Errors
    /// [`ModelsError::BuiltIn`], [`ModelsError::NotInstalled`], [`ModelsError::Busy`] while it is being pulled.
    pub fn remove(&self, name: &str) -> Result<u64, ModelsError> {
        let model = self.find(name)?;
        if model.builtin {
            return Err(ModelsError::BuiltIn { name: name.to_owned() });
        }
        if self.state(model).0 == State::Available {
            return Err(ModelsError::NotInstalled { name: name.to_owned() });
        }
        let _guard = self.guard(name)?;
        if self.records.in_use()?.get(&model.kind).is_some_and(|used| used == name) {
            self.records.choose(model.kind, None)?;
        }
        let mut freed = 0;
        for file in self.files(model) {
            freed += disk::remove_if_there(&file)? + part::remove(&file)?;
        }
        // What else somebody put there stays, and then so does the folder.
        let _ = fs::remove_dir(self.folder(name));
        Ok(freed)
    }

    /// Reads all files of a model and compares them with the manifest and with what the first pull recorded. Blocks for as long as
    /// the disk takes; `seen` hears of the bytes read and of all there are.
    ///
    /// # Errors
    /// [`ModelsError::NotInstalled`] when nothing of it is here, [`ModelsError::BuiltIn`].
    pub fn verify(&self, name: &str, seen: &mut dyn FnMut(u64, u64)) -> Result<Vec<(String, Check)>, ModelsError> {
        let model = self.find(name)?;
        if model.builtin {
            return Err(ModelsError::BuiltIn { name: name.to_owned() });
        }
        let files = self.files(model);
        let total: u64 = files.iter().map(|file| fs::metadata(file).map_or(0, |file| file.len())).sum();
        if total == 0 {
            return Err(ModelsError::NotInstalled { name: name.to_owned() });
        }
        let mut done = 0;
        let mut checks = Vec::new();
        for (number, path) in files.iter().enumerate() {
            let known = model.files.get(number);
            let file_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let check = if path.is_file() {
                let (hasher, head) = disk::digest(path, &mut |bytes| {
                    done += bytes;
                    seen(done, total);
                })
                .map_err(ModelsError::io("read", path))?;
                let recorded = self.records.entry(name, &file_name)?.map(|entry| entry.sha256);
                let expected = known.and_then(|file| file.sha256.clone()).or(recorded);
                let format = known.map_or(crate::Format::Ggml, |file| file.format);
                judge(expected, disk::hex(hasher), sniff::check(format, &head))
            } else {
                Check::Missing
            };
            checks.push((file_name, check));
        }
        Ok(checks)
    }

    /// Where a model's files are or would be, the one to be loaded first.
    fn files(&self, model: &Model) -> Vec<PathBuf> {
        let folder = self.folder(&model.name);
        model.files.iter().map(|file| folder.join(&file.name)).collect()
    }

    fn state(&self, model: &Model) -> (State, u64) {
        let files = self.files(model);
        let size = |path: &PathBuf| fs::metadata(path).map_or(0, |file| file.len());
        let complete: u64 = files.iter().map(size).sum();
        let incomplete: u64 = files.iter().map(|file| size(&part::Part::path_of(file))).sum();
        let state = match () {
            () if model.builtin => State::BuiltIn,
            () if files.iter().all(|file| file.is_file()) => State::Installed,
            () if complete + incomplete > 0 => State::Partial,
            () => State::Available,
        };
        (state, complete + incomplete)
    }
}

fn judge(expected: Option<String>, actual: String, looks: Result<(), String>) -> Check {
    match (expected, looks) {
        (Some(expected), _) if expected == actual => Check::Good,
        (_, Err(why)) => Check::NotAModel { why },
        (Some(expected), Ok(())) => Check::Wrong { expected, actual },
        (None, Ok(())) => Check::Unknown { sha256: actual },
    }
}
