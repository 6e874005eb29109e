//! The database file: opened, checked, brought up to date, and moved aside where it is damaged.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode};

use crate::error::StoreError;

/// Name of the database in the data folder.
const FILE: &str = "turns.db";
/// Held shared by every store, alone by the one that moves a damaged database aside.
const LOCK: &str = "turns.lock";
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// A database up to this size is checked as a whole when it is opened; that takes a few milliseconds.
const CHECKED_BYTES: u64 = 4 * 1024 * 1024;

/// Each step leads from the format of its index to the next one.
const MIGRATIONS: [&str; 3] = [
    "
    CREATE TABLE turns (
        id TEXT PRIMARY KEY,
        started_at_ms INTEGER NOT NULL,
        source TEXT NOT NULL,
        mode TEXT NOT NULL,
        language TEXT NOT NULL,
        transcript TEXT,
        intent TEXT,
        action TEXT,
        outcome TEXT NOT NULL,
        error_code TEXT,
        spoken TEXT,
        events TEXT NOT NULL,
        stages TEXT NOT NULL,
        settings TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX turns_by_time ON turns (started_at_ms, id);
    CREATE TABLE audio (
        turn TEXT NOT NULL REFERENCES turns (id) ON DELETE CASCADE,
        kind TEXT NOT NULL CHECK (kind IN ('heard', 'reply')),
        rate INTEGER NOT NULL,
        hash INTEGER NOT NULL,
        pcm BLOB NOT NULL,
        UNIQUE (turn, kind)
    );
",
    "
    ALTER TABLE turns ADD COLUMN person TEXT;
    ALTER TABLE turns ADD COLUMN went_wrong TEXT;
    CREATE TABLE samples (
        entity TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        value REAL NOT NULL,
        PRIMARY KEY (entity, at_ms)
    ) WITHOUT ROWID;
    CREATE TABLE requests (
        person TEXT NOT NULL,
        id TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        answer TEXT,
        PRIMARY KEY (person, id)
    ) WITHOUT ROWID;
    CREATE TABLE preferences (person TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
",
    "
    CREATE TABLE IF NOT EXISTS kept (
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (kind, id)
    ) WITHOUT ROWID;
",
];

/// An open database.
pub(crate) struct Database {
    pub(crate) connection: Connection,
    path: PathBuf,
    lock: File,
}

impl Database {
    /// Opens the database in `folder`, both made where they are missing. A damaged one is kept under another name.
    pub(crate) fn open(folder: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(folder).map_err(|source| StoreError::Folder { path: folder.to_owned(), source })?;
        let path = folder.join(FILE);
        let lock_path = folder.join(LOCK);
        let folder_error = |source| StoreError::Folder { path: lock_path.clone(), source };
        let lock = File::options().create(true).append(true).open(&lock_path).map_err(folder_error)?;
        lock.lock_shared().map_err(folder_error)?;
        let connection = match connect(&path) {
            Err(Trouble::Damage(why)) => {
                move_aside(&path, &lock, &why)?;
                connect(&path).map_err(|trouble| trouble.into_error(&path))?
            }
            other => other.map_err(|trouble| trouble.into_error(&path))?,
        };
        Ok(Self { connection, path, lock })
    }

    /// Path of the database file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Works on the database. Where it turns out to be damaged, it is moved aside and the work done on a new one.
    pub(crate) fn run<T>(
        &mut self,
        mut work: impl FnMut(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        match work(&mut self.connection).map_err(Trouble::from) {
            Ok(value) => Ok(value),
            Err(Trouble::Damage(why)) => {
                self.begin_anew(&why)?;
                work(&mut self.connection).map_err(|error| Trouble::from(error).into_error(&self.path))
            }
            Err(trouble) => Err(trouble.into_error(&self.path)),
        }
    }

    fn begin_anew(&mut self, why: &str) -> Result<(), StoreError> {
        let sqlite = |source| StoreError::Sqlite { path: self.path.clone(), source };
        // Closing must not write into the file that is to be kept as it is.
        let nothing = Connection::open_in_memory().map_err(sqlite)?;
        let damaged = std::mem::replace(&mut self.connection, nothing);
        let _ = damaged.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        drop(damaged);
        move_aside(&self.path, &self.lock, why)?;
        self.connection = connect(&self.path).map_err(|trouble| trouble.into_error(&self.path))?;
        Ok(())
    }
}

/// Why a connection cannot be used.
enum Trouble {
    Damage(String),
    Newer(i64),
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damage(error.to_string()),
            _ => Self::Sqlite(error),
        }
    }
}

impl Trouble {
    fn into_error(self, path: &Path) -> StoreError {
        let path = path.to_owned();
        match self {
            Self::Damage(why) => StoreError::Damaged { path, why },
            Self::Newer(found) => StoreError::Newer { path, found, known: MIGRATIONS.len() as i64 },
            Self::Sqlite(source) => match source.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => StoreError::DiskFull { path },
                Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => StoreError::ReadOnly { path },
                Some(ErrorCode::CannotOpen) => {
                    let source = io::Error::new(io::ErrorKind::PermissionDenied, source.to_string());
                    StoreError::Folder { path, source }
                }
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy { path },
                _ => StoreError::Sqlite { path, source },
            },
        }
    }
}

fn connect(path: &Path) -> Result<Connection, Trouble> {
    let size = fs::metadata(path).map_or(0, |metadata| metadata.len());
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Space is given back in steps, which must be chosen before the first table. FULL: what was saved is still there after a
    // power cut. Checkpoints are made by the store between its tasks, so that no save waits for one.
    connection.execute_batch(
        "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
         PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 8388608; PRAGMA cache_size = -1024;",
    )?;
    if (1..=CHECKED_BYTES).contains(&size) {
        let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if verdict != "ok" {
            return Err(Trouble::Damage(verdict));
        }
    }
    migrate(&mut connection)?;
    Ok(connection)
}

fn migrate(connection: &mut Connection) -> Result<(), Trouble> {
    let known = MIGRATIONS.len() as i64;
    let format = |connection: &Connection| connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0));
    if format(connection)? == known {
        return Ok(());
    }
    // Looked at again under the lock: another process may have been faster.
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let found = format(&transaction)?;
    if found > known {
        return Err(Trouble::Newer(found));
    }
    for step in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or_default()) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", known)?;
    transaction.commit()?;
    Ok(())
}

/// Renames the database and its journal. Only done while nobody else has it open.
fn move_aside(path: &Path, lock: &File, why: &str) -> Result<(), StoreError> {
    let failed = |source| StoreError::Folder { path: path.to_owned(), source };
    lock.unlock().map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            lock.lock_shared().map_err(failed)?;
            return Err(StoreError::Damaged { path: path.to_owned(), why: why.to_owned() });
        }
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    let stamp = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    for suffix in ["", "-wal", "-shm"] {
        let from = path.with_file_name(format!("{FILE}{suffix}"));
        match fs::rename(&from, path.with_file_name(format!("{FILE}.damaged-{stamp}{suffix}"))) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(StoreError::Folder { path: from, source }),
        }
    }
    tracing::error!(
        file = %path.display(), kept_as = format!("{FILE}.damaged-{stamp}"), why,
        "the database of turns is damaged; it was kept under a new name and a new one begun. \
         `sqlite3 FILE .recover` may still read it"
    );
    lock.unlock().and_then(|()| lock.lock_shared()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Audio, TurnRecord};
    use crate::sql;

    fn turn(id: &str, samples: usize) -> TurnRecord {
        let heard = Some(Audio { rate: 16_000, samples: vec![1; samples] });
        TurnRecord { id: id.into(), heard, ..TurnRecord::default() }
    }

    #[test]
    fn a_full_disk_is_said_and_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut database = Database::open(folder.path()).unwrap();
        let small = turn("small", 100);
        database.run(|connection| sql::save(connection, &small)).unwrap();
        let limit = |database: &Database, pages: u32| {
            database.connection.pragma_update(None, "max_page_count", pages).or_else(|error| match error {
                rusqlite::Error::ExecuteReturnedResults => Ok(()),
                other => Err(other),
            })
        };
        limit(&database, 20).unwrap();
        let large = turn("large", 1_000_000);
        let error = database.run(|connection| sql::save(connection, &large)).unwrap_err();
        assert!(matches!(error, StoreError::DiskFull { .. }), "{error}");
        assert!(error.to_string().contains("free some"));
        assert_eq!(sql::turn(&database.connection, "small").unwrap(), Some(small));
        assert_eq!(sql::turn(&database.connection, "large").unwrap(), None);
        limit(&database, 1_000_000).unwrap();
        database.run(|connection| sql::save(connection, &large)).unwrap();
    }

    #[test]
    fn damage_found_while_working_is_moved_aside_and_the_work_done() {
        let folder = tempfile::tempdir().unwrap();
        let mut database = Database::open(folder.path()).unwrap();
        // More than is checked when it is opened, and than the cache holds.
        for number in 0..50 {
            let turn = turn(&format!("turn {number}"), 100_000);
            database.run(|connection| sql::save(connection, &turn)).unwrap();
        }
        sql::checkpoint(&database.connection).unwrap();
        drop(database);
        let path = folder.path().join(FILE);
        let mut database = Database::open(folder.path()).unwrap();
        // Behind the open connection's back everything after the first page turns to noise.
        let mut bytes = fs::read(&path).unwrap();
        bytes.iter_mut().skip(4_096).for_each(|byte| *byte = 0x5a);
        fs::write(&path, &bytes).unwrap();

        let new = turn("new", 10);
        database.run(|connection| sql::save(connection, &new)).unwrap();
        assert_eq!(sql::usage(&database.connection).unwrap().turns, 1);
        let kept = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .any(|path| path.to_string_lossy().contains("damaged") && fs::read(path).is_ok_and(|kept| kept == bytes));
        assert!(kept, "the damaged file is there as it was");
    }

    #[test]
    fn somebody_elses_damaged_database_is_left_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        fs::write(&path, "no database at all, and longer than nothing").unwrap();
        let other = File::create(folder.path().join(LOCK)).unwrap();
        other.lock_shared().unwrap();
        let error = Database::open(folder.path()).map(|_| ()).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
        assert!(path.exists());
        drop(other);
        Database::open(folder.path()).unwrap();
    }
}
