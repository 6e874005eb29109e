//! Files: atomic writes, digests, free space, locks between processes.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::ModelsError;

/// Writes a whole file so that at any moment either the old one or the new one is there.
pub(crate) fn write_atomically(path: &Path, text: &str) -> Result<(), ModelsError> {
    let temporary = path.with_extension(format!("tmp-{}", std::process::id()));
    let write = || -> io::Result<()> {
        let mut file = File::create(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(ModelsError::io("write", path))
}

/// The text of a file; `None` where there is none.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<String>, ModelsError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ModelsError::io("read", path)(error)),
    }
}

/// Removes a file; nothing happens where there is none. Returns the bytes that it had.
pub(crate) fn remove_if_there(path: &Path) -> Result<u64, ModelsError> {
    let size = fs::metadata(path).map_or(0, |metadata| metadata.len());
    match fs::remove_file(path) {
        Ok(()) => Ok(size),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(ModelsError::io("remove", path)(error)),
    }
}

/// The SHA-256 of a file so far, and its first bytes. Blocks; `seen` hears of each block's size.
pub(crate) fn digest(path: &Path, seen: &mut dyn FnMut(u64)) -> io::Result<(Sha256, Vec<u8>)> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut head = Vec::new();
    let mut block = vec![0_u8; 1 << 20];
    loop {
        let read = file.read(&mut block)?;
        let Some(bytes @ [_, ..]) = block.get(..read) else { return Ok((hasher, head)) };
        head.extend(bytes.iter().take(crate::sniff::HEAD.saturating_sub(head.len())));
        hasher.update(bytes);
        seen(bytes.len() as u64);
    }
}

/// A digest as it is written: lower-case hexadecimal.
pub(crate) fn hex(hasher: Sha256) -> String {
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Makes what was written to a folder survive a power cut: names of files are the folder's content.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Bytes that may still be written where `folder` is.
#[cfg(unix)]
pub(crate) fn free_space(folder: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(folder)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Bytes that may still be written where `folder` is: not known here, so the write itself has to tell.
#[cfg(not(unix))]
pub(crate) fn free_space(_folder: &Path) -> io::Result<u64> {
    Ok(u64::MAX)
}

/// Keeps other processes (and other tasks of this one) away from something, for as long as it lives. `None`: somebody has it.
pub(crate) fn try_lock(path: &Path) -> Result<Option<File>, ModelsError> {
    let file = open_lock(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(ModelsError::io("lock", path)(error)),
    }
}

/// As [`try_lock`], but waits; only for what takes no time.
pub(crate) fn lock(path: &Path) -> Result<File, ModelsError> {
    let file = open_lock(path)?;
    file.lock().map_err(ModelsError::io("lock", path))?;
    Ok(file)
}

fn open_lock(path: &Path) -> Result<File, ModelsError> {
    OpenOptions::new().create(true).append(true).open(path).map_err(ModelsError::io("open", path))
}
