//! The data folder: what lies where, and who runs in it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

/// The one folder that holds everything Vesta keeps.
#[derive(Debug, Clone)]
pub(crate) struct DataFolder(PathBuf);

/// A running server, as it announces itself to commands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Running {
    /// Its process.
    pub pid: u32,
    /// Its web address, `http://host:port`.
    pub url: String,
    /// The broker that it uses.
    pub mqtt: String,
}

/// Held by the one server of a data folder. The announcement ends with it.
pub(crate) struct Occupied {
    _lock: File,
    announcement: PathBuf,
}

impl Drop for Occupied {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.announcement);
    }
}

impl DataFolder {
    /// The folder at `path`, or the user's own: `$XDG_DATA_HOME/vesta`, on macOS `~/Library/Application Support/Vesta`.
    pub(crate) fn open(path: Option<&Path>) -> anyhow::Result<Self> {
        let path = match path {
            Some(path) => std::path::absolute(path)?,
            None => usual().context("there is no home folder; name one with --data FOLDER")?,
        };
        std::fs::create_dir_all(&path)
            .with_context(|| format!("the data folder {} cannot be made; name another with --data", path.display()))?;
        Ok(Self(path))
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Its configuration file.
    pub(crate) fn config(&self) -> PathBuf {
        self.0.join("vesta.toml")
    }

    /// Voices and models.
    pub(crate) fn models(&self) -> PathBuf {
        self.0.join("models")
    }

    /// The broker's files.
    pub(crate) fn broker(&self) -> PathBuf {
        self.0.join("broker")
    }

    /// The secret with which programs of this machine speak to the server.
    pub(crate) fn local_token(&self) -> PathBuf {
        self.0.join("local-token")
    }

    /// Writes the secret for the programs of this machine; nobody but the user may read it.
    pub(crate) fn write_local_token(&self, secret: &str) -> anyhow::Result<()> {
        let (path, draft) = (self.local_token(), self.0.join(".local-token"));
        // A draft that a crash left behind may have other rights.
        let _ = std::fs::remove_file(&draft);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options.open(&draft).and_then(|mut file| file.write_all(secret.as_bytes()));
        let written = written.and_then(|()| std::fs::rename(&draft, &path));
        written.with_context(|| format!("{} cannot be written", path.display()))
    }

    /// Takes the folder for a server.
    ///
    /// # Errors
    /// Another server runs in it.
    pub(crate) fn occupy(&self) -> anyhow::Result<Occupied> {
        let path = self.0.join("server.lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let lock = lock.with_context(|| format!("{} cannot be written", path.display()))?;
        match lock.try_lock() {
            Ok(()) => Ok(Occupied { _lock: lock, announcement: self.announcement() }),
            Err(TryLockError::WouldBlock) => {
                let place = self
                    .running()
                    .map_or(String::new(), |running| format!(" at {} (process {})", running.url, running.pid));
                let who = if place.is_empty() { "another vesta command is at work" } else { "a server already runs" };
                bail!(
                    "{who} in {}{place}; wait for it or stop it, or name another folder with --data",
                    self.0.display()
                )
            }
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("{} cannot be locked", path.display()))
            }
        }
    }

    /// Tells commands where the server is.
    pub(crate) fn announce(&self, running: &Running) -> anyhow::Result<()> {
        let draft = self.0.join(".server.json");
        std::fs::write(&draft, serde_json::to_vec(running)?)?;
        std::fs::rename(&draft, self.announcement())?;
        Ok(())
    }

    /// The server that announced itself here; it may be gone.
    pub(crate) fn running(&self) -> Option<Running> {
        serde_json::from_slice(&std::fs::read(self.announcement()).ok()?).ok()
    }

    fn announcement(&self) -> PathBuf {
        self.0.join("server.json")
    }
}

fn usual() -> Option<PathBuf> {
    let home = std::env::home_dir()?;
    if cfg!(target_os = "macos") {
        return Some(home.join("Library/Application Support/Vesta"));
    }
    let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    Some(data.unwrap_or_else(|| home.join(".local/share")).join("vesta"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_holds_one_server() {
        let place = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(Some(place.path())).unwrap();
        let first = folder.occupy().unwrap();
        folder.announce(&Running { pid: 7, url: "http://127.0.0.1:1".to_owned(), mqtt: String::new() }).unwrap();
        let refused = folder.occupy().err().unwrap().to_string();
        assert!(refused.contains("http://127.0.0.1:1") && refused.contains("--data"), "{refused}");
        drop(first);
        assert!(folder.running().is_none(), "the announcement ends with the server");
        assert!(folder.occupy().is_ok());
    }
}
