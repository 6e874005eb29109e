//! The way to the database for async code.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::database::Database;
use crate::error::StoreError;
use crate::record::{Audio, AudioKind, Deleted, Retention, TurnFilter, TurnRecord, Usage};
use crate::sql;

/// Tasks that may wait for the thread before callers have to.
const QUEUE: usize = 64;
/// Tasks after which the journal is moved into the file, once nothing waits.
const CHECKPOINT_EVERY: u32 = 16;

type Task = Box<dyn FnOnce(&mut Database) + Send>;

enum Message {
    Task(Task),
    Close(oneshot::Sender<()>),
}

/// The store of one data folder. Clones share one thread and one queue; the thread ends with the last of them.
#[derive(Clone)]
pub struct Store {
    queue: mpsc::Sender<Message>,
    path: Arc<Path>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the store in a data folder, which is made where it is missing.
    ///
    /// A damaged database is kept under another name (`turns.db.damaged-<time>`) and a new one begun; the log says so.
    ///
    /// # Errors
    /// [`StoreError`] where the folder cannot be used or the database is of a newer version.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let database = Database::open(folder)?;
        let path: Arc<Path> = database.path().into();
        let (queue, tasks) = mpsc::channel(QUEUE);
        std::thread::Builder::new()
            .name("store".into())
            .spawn(move || work(database, tasks))
            .map_err(|source| StoreError::Folder { path: PathBuf::from(folder), source })?;
        Ok(Self { queue, path })
    }

    /// Path of the database file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Tasks that wait for the thread now.
    pub fn queued(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// Saves a turn, in place of an earlier version of it. When this returns the turn is on disk.
    ///
    /// # Errors
    /// [`StoreError`]; nothing of the turn is then changed on disk.
    pub async fn save_turn(&self, turn: TurnRecord) -> Result<(), StoreError> {
        self.run(move |connection| sql::save(connection, &turn)).await
    }

    /// The turns that pass the filter, the newest first, without their audio.
    ///
    /// # Errors
    /// [`StoreError`] where the database cannot be read.
    pub async fn turns(&self, filter: TurnFilter) -> Result<Vec<TurnRecord>, StoreError> {
        self.run(move |connection| sql::turns(connection, &filter)).await
    }

    /// A turn with its audio.
    ///
    /// # Errors
    /// [`StoreError`] where the database cannot be read.
    pub async fn turn(&self, id: &str) -> Result<Option<TurnRecord>, StoreError> {
        let id = id.to_owned();
        self.run(move |connection| sql::turn(connection, &id)).await
    }

    /// One recording of a turn.
    ///
    /// # Errors
    /// [`StoreError`] where the database cannot be read.
    pub async fn audio(&self, id: &str, kind: AudioKind) -> Result<Option<Audio>, StoreError> {
        let id = id.to_owned();
        self.run(move |connection| sql::audio(connection, &id, kind)).await
    }

    /// Deletes a turn with its audio; returns whether there was one.
    ///
    /// # Errors
    /// [`StoreError`] where the database cannot be written.
    pub async fn delete_turn(&self, id: &str) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.run(move |connection| sql::delete(connection, &id)).await
    }

    /// Notes that a turn went wrong, with a word about it that may be empty; `None` takes that back. Such a turn is kept when
    /// others grow too old. Returns whether there is such a turn.
    ///
    /// # Errors
    /// [`StoreError`] where the database cannot be written.
    pub async fn set_went_wrong(&self, id: &str, note: Option<String>) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.run(move |connection| sql::set_went_wrong(connection, &id, note.as_deref())).await
    }

    /// Deletes what is too old or too much, and gives the space back. Done in small steps, between which turns are saved.
    ///
    /// # Errors
    /// [`StoreError`] where the database cannot be written.
    pub async fn retain(&self, retention: Retention) -> Result<Deleted, StoreError> {
        let mut deleted = Deleted::default();
        if !retention.max_age.is_zero() {
            let age = i64::try_from(retention.max_age.as_millis()).unwrap_or(i64::MAX);
            let before_ms = unix_ms().saturating_sub(age);
            loop {
                let step = self.run(move |connection| sql::delete_old(connection, before_ms)).await?;
                deleted.turns += step.turns;
                if step.turns == 0 {
                    break;
                }
            }
        }
        if retention.max_bytes > 0 {
            loop {
                let step = self.run(move |connection| sql::delete_above(connection, retention.max_bytes)).await?;
                deleted.turns += step.turns;
                deleted.recordings += step.recordings;
                if step == Deleted::default() {
                    break;
                }
            }
        }
        while self.run(sql::vacuum).await? {}
        Ok(deleted)
    }

    /// How much there is.
    ///
    /// # Errors
    /// [`StoreError`] where the database cannot be read.
    pub async fn usage(&self) -> Result<Usage, StoreError> {
        self.run(|connection| sql::usage(connection)).await
    }

    /// Does what is queued and closes the database. Later calls, of clones as well, fail with [`StoreError::Closed`].
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.queue.send(Message::Close(done)).await.is_ok() {
            let _ = closed.await;
        }
    }

    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, result) = oneshot::channel();
        let task: Task = Box::new(move |database| {
            // Nobody may be waiting any more; the work is done all the same.
            let _ = sender.send(database.run(work));
        });
        self.queue.send(Message::Task(task)).await.map_err(|_| StoreError::Closed)?;
        result.await.map_err(|_| StoreError::Closed)?
    }
}

/// The store's thread from beginning to end.
fn work(mut database: Database, mut messages: mpsc::Receiver<Message>) {
    let mut since_checkpoint = 0;
    let mut closed = None;
    while let Some(message) = messages.blocking_recv() {
        match message {
            Message::Task(task) => task(&mut database),
            Message::Close(done) => {
                messages.close();
                closed = Some(done);
            }
        }
        since_checkpoint += 1;
        if since_checkpoint >= CHECKPOINT_EVERY && messages.is_empty() {
            since_checkpoint = 0;
            if let Err(error) = sql::checkpoint(&database.connection) {
                tracing::warn!(%error, "the journal of the turns could not be moved into the database");
            }
        }
    }
    // Closing moves the rest of the journal into the file.
    drop(database);
    if let Some(done) = closed {
        let _ = done.send(());
    }
}

/// Milliseconds since 1970.
pub(crate) fn unix_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
