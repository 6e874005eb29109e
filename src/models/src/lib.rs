//! Models: which there are, which are here, how they come here, and which are in use.
//!
//! Everything lies in `<data folder>/models`: a folder for each model, `models.lock` (what each first pull brought), `use.toml` (what
//! is in use) and, if the user wants, `local.toml` with models of their own in the manifest's form.
//!
//! - [`Manifest`], [`Model`] (`manifest`): what can be had
//! - [`Models`] (here): the folder; `installed`: list, check, remove, choose, unpack
//! - [`Models::pull`] (`pull`): a whole model; `download`: one file over HTTP; `part`: what is here of it so far
//! - [`Progress`] (`progress`): what a progress bar needs; `meter`: rate and time left. Pure
//! - `records`: `models.lock` and `use.toml`
//! - `sniff`: whether a file begins like a model. Pure
//! - `disk`: atomic writes, digests, free space, locks
//! - [`ModelsError`] (`error`): what went wrong and what to do
#![forbid(unsafe_code)]

mod disk;
mod download;
mod error;
mod installed;
mod manifest;
mod meter;
mod part;
mod progress;
mod pull;
mod records;
mod sniff;

use std::fs::File;
use std::path::{Path, PathBuf};

pub use error::ModelsError;
pub use installed::{Check, Installed, Listed, State};
pub use manifest::{AudioCtx, Format, Kind, Manifest, Model, ModelFile, ToolCalls};
pub use progress::{Progress, Step};
pub use pull::{PullOptions, Pulled};

/// The models of one data folder.
#[derive(Clone, Debug)]
pub struct Models {
    root: PathBuf,
    manifest: Manifest,
    records: records::Records,
    mirror: Option<String>,
    options: PullOptions,
}

impl Models {
    /// The models in `<data folder>/models`, with the manifest that Vesta brings along and `local.toml`, where there is one. Nothing
    /// is created before it is needed.
    ///
    /// # Errors
    /// [`ModelsError::Manifest`] when `local.toml` has a mistake.
    pub fn open(data_folder: &Path) -> Result<Models, ModelsError> {
        let root = data_folder.join("models");
        let mut manifest = Manifest::built_in()?;
        let local = root.join("local.toml");
        if let Some(text) = disk::read_if_there(&local)? {
            manifest = manifest.with(Manifest::parse(&text, &local.display().to_string())?);
        }
        let records = records::Records::new(&root);
        Ok(Models { root, manifest, records, mirror: None, options: PullOptions::default() })
    }

    /// The same folder with another manifest.
    #[must_use]
    pub fn with_manifest(self, manifest: Manifest) -> Models {
        Models { manifest, ..self }
    }

    /// Fetches everything from a mirror: its address, then the path of the original address. A mirror of huggingface.co works as it
    /// is; so does a folder of one's own web server. (`VESTA_MODELS_MIRROR` on the command line.)
    ///
    /// # Errors
    /// [`ModelsError::Mirror`] where it is not the address of a web server.
    pub fn with_mirror(self, mirror: Option<String>) -> Result<Models, ModelsError> {
        let mirror = mirror.map(|mirror| mirror.trim().to_owned()).filter(|mirror| !mirror.is_empty());
        if let Some(mirror) = &mirror {
            let why = pull::unusable_as_mirror(mirror);
            if let Some(why) = why {
                return Err(ModelsError::Mirror { mirror: mirror.clone(), why });
            }
        }
        Ok(Models { mirror, ..self })
    }

    /// With other patience.
    #[must_use]
    pub fn with_options(self, options: PullOptions) -> Models {
        Models { options, ..self }
    }

    /// The folder with everything.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What can be had.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The model of this name.
    ///
    /// # Errors
    /// [`ModelsError::Unknown`] with the names that come close.
    pub fn find(&self, name: &str) -> Result<&Model, ModelsError> {
        self.manifest.find(name)
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn create(&self) -> Result<(), ModelsError> {
        std::fs::create_dir_all(&self.root).map_err(ModelsError::io("create", &self.root))
    }

    /// Keeps others from pulling or removing the same model at the same time, in this process and in others.
    fn guard(&self, name: &str) -> Result<File, ModelsError> {
        self.create()?;
        let lock = disk::try_lock(&self.root.join(format!(".{name}.lock")))?;
        lock.ok_or_else(|| ModelsError::Busy { name: name.to_owned() })
    }
}

/// A number of bytes as people read it.
fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", count as f64 / 1e6),
        _ => format!("{:.2} GB", count as f64 / 1e9),
    }
}
