//! The retained messages' file: one writer thread, changes grouped into transactions, a receipt for each.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, ErrorCode, params};
use tokio::sync::{mpsc, oneshot};

use crate::error::BrokerError;

const FILE: &str = "broker.db";
const FORMAT: i64 = 1;
/// How long to wait for a broker that is just stopping to let go of the file.
const BUSY_TIMEOUT: Duration = Duration::from_millis(200);
/// Changes that may wait for the disk before publishers are slowed down.
const QUEUE: usize = 256;

/// A retained message as it is kept on disk.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    /// 0, 1 or 2.
    pub(crate) qos: u8,
    /// Client id of the publisher.
    pub(crate) client: String,
    /// MQTT 5 properties as JSON; none from an MQTT 3 client.
    pub(crate) properties: Option<String>,
    /// Unix time in milliseconds.
    pub(crate) expires_at_ms: Option<i64>,
}

/// What happens to the file.
#[derive(Debug)]
pub(crate) enum Change {
    Put(Record),
    Remove { topic: String },
    Prune { before_ms: i64 },
}

type Item = (Change, oneshot::Sender<()>);

/// The way to the writer thread. The thread ends when the last writer is gone and everything is on disk.
#[derive(Clone)]
pub(crate) struct Writer(mpsc::Sender<Item>);

impl Writer {
    /// Waits for a place in the queue.
    pub(crate) async fn reserve(&self) -> Slot<'_> {
        Slot(self.0.reserve().await.ok())
    }

    /// Queues a change and waits until it is on disk.
    pub(crate) async fn apply(&self, change: Change) {
        self.reserve().await.send(change).wait().await;
    }
}

/// A place in the queue.
pub(crate) struct Slot<'a>(Option<mpsc::Permit<'a, Item>>);

impl Slot<'_> {
    pub(crate) fn send(self, change: Change) -> Receipt {
        let (done, receipt) = oneshot::channel();
        if let Some(permit) = self.0 {
            permit.send((change, done));
        }
        Receipt(receipt)
    }
}

/// Arrives when the change is on disk, or could not be put there (which the log says).
pub(crate) struct Receipt(oneshot::Receiver<()>);

impl Receipt {
    pub(crate) async fn wait(self) {
        let _ = self.0.await;
    }
}

/// Opens the file in `folder`, reads what it holds and starts the writer.
///
/// A damaged file is moved aside (`broker.db.damaged-<unix time>`) and a new one begun.
pub(crate) fn open(folder: &Path) -> Result<(Vec<Record>, Writer, JoinHandle<()>), BrokerError> {
    fs::create_dir_all(folder).map_err(|source| BrokerError::Folder { path: folder.to_owned(), source })?;
    let path = folder.join(FILE);
    let (connection, records) = match load(&path) {
        Err(BrokerError::Storage { source, .. }) if is_damage(&source) => {
            let aside = move_aside(&path)?;
            tracing::error!(
                file = %path.display(), kept_as = %aside.display(), %source,
                "the retained MQTT messages could not be read; the file was kept under a new name and a new one begun. \
                 Devices announce themselves again when they reconnect"
            );
            load(&path)?
        }
        other => other?,
    };
    let (sender, receiver) = mpsc::channel(QUEUE);
    let thread = std::thread::Builder::new()
        .name("broker-disk".into())
        .spawn(move || write(connection, receiver))
        .map_err(BrokerError::Thread)?;
    Ok((records, Writer(sender), thread))
}

fn load(path: &Path) -> Result<(Connection, Vec<Record>), BrokerError> {
    let storage = |source: rusqlite::Error| match source.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => BrokerError::InUse { path: path.to_owned() },
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => BrokerError::Folder {
            path: path.to_owned(),
            source: io::Error::new(io::ErrorKind::PermissionDenied, source.to_string()),
        },
        _ => BrokerError::Storage { path: path.to_owned(), source },
    };
    let connection = Connection::open(path).map_err(storage)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(storage)?;
    let format = prepare(&connection).map_err(storage)?;
    if format > FORMAT {
        return Err(BrokerError::Newer { path: path.to_owned(), found: format, known: FORMAT });
    }
    let records = read(&connection).map_err(storage)?;
    Ok((connection, records))
}

/// Sets the connection up and makes the table; returns the file's format.
fn prepare(connection: &Connection) -> rusqlite::Result<i64> {
    // Exclusive: a second broker on the same folder is refused instead of overwriting the first one's messages.
    // NORMAL: in WAL mode a kill loses nothing, a power cut at most the last moments, and neither damages the file. The
    // devices publish their state again when they come back.
    connection.execute_batch(
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
         PRAGMA cache_size = -256; PRAGMA journal_size_limit = 1048576;",
    )?;
    let format: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if format == 0 {
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE;
             CREATE TABLE IF NOT EXISTS retained (
                 topic TEXT PRIMARY KEY, payload BLOB NOT NULL, qos INTEGER NOT NULL, client TEXT NOT NULL,
                 properties TEXT, expires_at_ms INTEGER
             ) WITHOUT ROWID;
             PRAGMA user_version = {FORMAT};
             COMMIT;"
        ))?;
    } else {
        // Takes the lock, which a read alone would only share.
        connection.execute_batch("BEGIN IMMEDIATE; COMMIT;")?;
    }
    Ok(format)
}

fn read(connection: &Connection) -> rusqlite::Result<Vec<Record>> {
    let mut statement =
        connection.prepare("SELECT topic, payload, qos, client, properties, expires_at_ms FROM retained WHERE expires_at_ms IS NULL OR expires_at_ms > ?1")?;
    let rows = statement.query_map([unix_ms()], |row| {
        Ok(Record {
            topic: row.get(0)?,
            payload: row.get(1)?,
            qos: row.get(2)?,
            client: row.get(3)?,
            properties: row.get(4)?,
            expires_at_ms: row.get(5)?,
        })
    })?;
    rows.collect()
}

fn write(mut connection: Connection, mut queue: mpsc::Receiver<Item>) {
    let mut failing = false;
    let mut batch = Vec::new();
    while queue.blocking_recv_many(&mut batch, QUEUE) > 0 {
        match commit(&mut connection, batch.iter().map(|(change, _)| change)) {
            Ok(()) if failing => {
                failing = false;
                tracing::info!("retained MQTT messages are written to disk again");
            }
            Ok(()) => {}
            Err(error) => {
                if !failing {
                    tracing::error!(%error, "retained MQTT messages cannot be written to disk and would be lost on a restart; check free space");
                }
                failing = true;
            }
        }
        for (_, done) in batch.drain(..) {
            let _ = done.send(());
        }
    }
    if let Err((_, error)) = connection.close() {
        tracing::warn!(%error, "the retained MQTT messages' file did not close cleanly");
    }
}

fn commit<'a>(connection: &mut Connection, changes: impl Iterator<Item = &'a Change>) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for change in changes {
        match change {
            Change::Put(record) => transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO retained (topic, payload, qos, client, properties, expires_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .execute(params![
                    record.topic, record.payload, record.qos, record.client, record.properties, record.expires_at_ms
                ])?,
            Change::Remove { topic } => {
                transaction.prepare_cached("DELETE FROM retained WHERE topic = ?1")?.execute([topic])?
            }
            Change::Prune { before_ms } => {
                transaction.prepare_cached("DELETE FROM retained WHERE expires_at_ms <= ?1")?.execute([before_ms])?
            }
        };
    }
    transaction.commit()
}

fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
        || matches!(error, rusqlite::Error::FromSqlConversionFailure(..) | rusqlite::Error::InvalidColumnType(..))
        || error.to_string().contains("no such table")
        || error.to_string().contains("no such column")
}

/// Renames the file with its journal; returns the new name.
fn move_aside(path: &Path) -> Result<PathBuf, BrokerError> {
    let stamp = unix_ms();
    let aside = path.with_file_name(format!("{FILE}.damaged-{stamp}"));
    for suffix in ["", "-wal", "-shm"] {
        let from = path.with_file_name(format!("{FILE}{suffix}"));
        let to = path.with_file_name(format!("{FILE}.damaged-{stamp}{suffix}"));
        match fs::rename(&from, &to) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(BrokerError::Folder { path: from, source }),
        }
    }
    Ok(aside)
}

/// Milliseconds since 1970.
pub(crate) fn unix_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
