//! What is on this machine: listed, checked, removed, chosen, unpacked.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::PathBuf;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::records::Entry;
use crate::{AudioCtx, Kind, Model, Models, ModelsError, disk, part, sniff};

/// Whether a model is on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// All of it.
    Installed,
    /// Some of it: a pull was interrupted.
    Partial,
    /// Nothing of it, but it comes with Vesta and is unpacked when it is first used.
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
    /// Whether it came with Vesta.
    pub builtin: bool,
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

    /// The model in use for this kind: the chosen one, else the one that comes with Vesta, once it is unpacked.
    ///
    /// # Errors
    /// [`ModelsError::NotInstalled`] when the chosen one is not here (any more), [`ModelsError::Unknown`] when the manifest does not
    /// know it.
    pub fn chosen(&self, kind: Kind) -> Result<Option<Installed>, ModelsError> {
        if let Some(name) = self.records.in_use()?.get(&kind) {
            return self.installed(name).map(Some);
        }
        let mut builtin = self.manifest.models().iter().filter(|model| model.kind == kind && model.builtin);
        Ok(builtin.find_map(|model| self.installed(&model.name).ok()))
    }

    /// A model that is here.
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
                builtin: model.builtin,
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
    /// [`ModelsError::NotInstalled`] when nothing of it is here.
    pub fn verify(&self, name: &str, seen: &mut dyn FnMut(u64, u64)) -> Result<Vec<(String, Check)>, ModelsError> {
        let model = self.find(name)?;
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

    /// Unpacks a model that comes with Vesta, unless it is here already, and returns its path. `compressed` is the Zstandard stream
    /// of its one file, `sha256` what the file has to be.
    ///
    /// # Errors
    /// [`ModelsError::Checksum`] when the stream holds another file, [`ModelsError::Io`] when it cannot be unpacked or written.
    pub fn unpack(&self, name: &str, compressed: &[u8], sha256: &str) -> Result<PathBuf, ModelsError> {
        let model = self.find(name)?;
        let folder = self.folder(name);
        fs::create_dir_all(&folder).map_err(ModelsError::io("create", &folder))?;
        let target = folder.join(builtin_file(&model.name));
        let file_name = builtin_file(&model.name);
        let recorded = self.records.entry(name, &file_name)?;
        let size = fs::metadata(&target).map(|file| file.len()).ok();
        if recorded.is_some_and(|entry| entry.sha256 == sha256 && Some(entry.size) == size) {
            return Ok(target);
        }
        let temporary = folder.join(format!("{file_name}.tmp-{}", std::process::id()));
        let (actual, size) = decompress(compressed, &temporary).map_err(ModelsError::io("unpack", &temporary))?;
        if actual != sha256 {
            disk::remove_if_there(&temporary)?;
            let expected = sha256.to_owned();
            return Err(ModelsError::Checksum { file: file_name, expected, actual, recorded: false });
        }
        fs::rename(&temporary, &target).map_err(ModelsError::io("rename to", &target))?;
        let url = "built in".to_owned();
        self.records.record(Entry { model: name.to_owned(), name: file_name, sha256: actual, size, url })?;
        Ok(target)
    }

    /// Where a model's files are or would be, the one to be loaded first.
    fn files(&self, model: &Model) -> Vec<PathBuf> {
        let folder = self.folder(&model.name);
        if model.builtin {
            return vec![folder.join(builtin_file(&model.name))];
        }
        model.files.iter().map(|file| folder.join(&file.name)).collect()
    }

    fn state(&self, model: &Model) -> (State, u64) {
        let files = self.files(model);
        let size = |path: &PathBuf| fs::metadata(path).map_or(0, |file| file.len());
        let complete: u64 = files.iter().map(size).sum();
        let incomplete: u64 = files.iter().map(|file| size(&part::Part::path_of(file))).sum();
        let state = match () {
            () if files.iter().all(|file| file.is_file()) => State::Installed,
            () if model.builtin => State::BuiltIn,
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

fn builtin_file(name: &str) -> String {
    format!("{name}.bin")
}

/// Unpacks into a new file, durably, and says what it became.
fn decompress(compressed: &[u8], path: &std::path::Path) -> io::Result<(String, u64)> {
    let mut decoder = zstd::Decoder::new(compressed)?;
    let mut file = File::create(path)?;
    let mut hasher = Sha256::new();
    let mut size = 0;
    let mut block = vec![0_u8; 1 << 16];
    loop {
        let read = decoder.read(&mut block)?;
        let Some(bytes @ [_, ..]) = block.get(..read) else { break };
        file.write_all(bytes)?;
        hasher.update(bytes);
        size += bytes.len() as u64;
    }
    file.sync_all()?;
    Ok((disk::hex(hasher), size))
}
