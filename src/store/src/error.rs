//! What can go wrong with what must not be lost.

use std::io;
use std::path::PathBuf;

/// The store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder cannot be made or used.
    #[error("the folder {} cannot be used: {source}; make it writable or choose another data folder", path.display())]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Reading works, writing does not.
    #[error("{} cannot be written; make it and its folder writable for this user, or choose another data folder", path.display())]
    ReadOnly {
        /// The database file.
        path: PathBuf,
    },
    /// No space.
    #[error("there is no space left for {}; free some, or lower the limits for kept turns", path.display())]
    DiskFull {
        /// The database file.
        path: PathBuf,
    },
    /// Another process holds the file for too long.
    #[error("{} has been in use by another program for several seconds; try again, or stop that program", path.display())]
    Busy {
        /// The database file.
        path: PathBuf,
    },
    /// Damaged, and somebody else has it open, so it cannot be moved aside.
    #[error("{} is damaged ({why}); stop all other programs that use it and start again: the file is then kept under another name", path.display())]
    Damaged {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        why: String,
    },
    /// Written by a newer version.
    #[error("{} was written by a newer version (format {found}, this one knows {known}); update, or choose another data folder", path.display())]
    Newer {
        /// The database file.
        path: PathBuf,
        /// Format found.
        found: i64,
        /// Newest format this version knows.
        known: i64,
    },
    /// Anything else that SQLite says.
    #[error("the database {} failed: {source}", path.display())]
    Sqlite {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The store has been closed.
    #[error("the store is closed")]
    Closed,
    /// A file of an export could not be written.
    #[error("{} cannot be written: {source}; choose a folder with space that this user may write to", path.display())]
    Export {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}
