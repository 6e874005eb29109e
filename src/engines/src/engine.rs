//! The handle on an engine: its state, its restarts, and connections to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use vesta_wyoming::Uri;

use crate::link::{Lease, ReadyInfo, Request};
use crate::supervisor::Supervisor;
use crate::{EngineError, EngineKind, EngineSpec};

/// Requests that may wait for an engine to become ready.
const WAITING_REQUESTS: usize = 64;
/// So many failed starts in a row, and a request no longer waits for the next one.
const HOPELESS_AFTER: u32 = 4;

/// The end of a worker is noticed within this time after its connections broke.
const NOTICE: Duration = Duration::from_millis(300);

/// How an engine is.
#[derive(Clone, Debug)]
pub enum EngineState {
    /// It is being started, or connected to.
    Starting,
    /// It can be spoken to.
    Ready {
        /// Where it listens.
        uri: Uri,
        /// Since when.
        since: Instant,
        /// What is at the other end.
        info: Arc<ReadyInfo>,
    },
    /// It could not be started, or was lost, and is tried again later.
    Failed {
        /// What happened and, where that is known, what to do.
        why: String,
        /// The last lines that the worker wrote to stderr, oldest first.
        stderr_tail: Vec<String>,
        /// How many starts have failed in a row.
        attempts: u32,
        /// When it is tried again.
        retry_at: Instant,
    },
    /// It was stopped and will not come back.
    Stopped,
}

impl EngineState {
    /// One word for metrics and status pages: `starting`, `ready`, `failed` or `stopped`.
    pub fn name(&self) -> &'static str {
        match self {
            EngineState::Starting => "starting",
            EngineState::Ready { .. } => "ready",
            EngineState::Failed { .. } => "failed",
            EngineState::Stopped => "stopped",
        }
    }

    /// Whether it can be spoken to now.
    pub fn is_ready(&self) -> bool {
        matches!(self, EngineState::Ready { .. })
    }
}

/// An engine that is started, watched and restarted for as long as a clone of this handle lives or until it is stopped.
#[derive(Clone, Debug)]
pub struct Engine {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    kind: EngineKind,
    name: String,
    state: watch::Receiver<EngineState>,
    restarts: Arc<AtomicU64>,
    pid: Arc<AtomicU64>,
    sessions: Arc<AtomicU64>,
    requests: mpsc::Sender<Request>,
    retry: Arc<Notify>,
    cancel: CancellationToken,
    // Last, so that everything above is still there while the worker is being killed.
    _supervisor: AbortOnDropHandle<()>,
}

impl Engine {
    /// Starts to look after an engine and returns at once; [`Engine::state`] tells how it goes. Must be called within a Tokio
    /// runtime. The worker ends when `cancel` is cancelled, or when the last clone of the handle is dropped.
    pub fn start(spec: EngineSpec, cancel: &CancellationToken) -> Engine {
        let cancel = cancel.child_token();
        let (requests, inbox) = mpsc::channel(WAITING_REQUESTS);
        let (state_sender, state) = watch::channel(EngineState::Starting);
        let restarts = Arc::new(AtomicU64::new(0));
        let pid = Arc::new(AtomicU64::new(0));
        let retry = Arc::new(Notify::new());
        let (kind, name) = (spec.kind, spec.name.clone());
        let supervisor = Supervisor {
            spec,
            state: state_sender,
            restarts: Arc::clone(&restarts),
            pid: Arc::clone(&pid),
            requests: inbox,
            retry: Arc::clone(&retry),
            cancel: cancel.clone(),
        };
        let task = AbortOnDropHandle::new(tokio::spawn(supervisor.run()));
        let sessions = Arc::new(AtomicU64::new(0));
        let shared = Shared { kind, name, state, restarts, pid, sessions, requests, retry, cancel, _supervisor: task };
        Engine { shared: Arc::new(shared) }
    }

    /// What it does.
    pub fn kind(&self) -> EngineKind {
        self.shared.kind
    }

    /// Its name in messages and metrics.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// How it is, now and from now on.
    pub fn state(&self) -> watch::Receiver<EngineState> {
        self.shared.state.clone()
    }

    /// How often it was started again after its first start.
    pub fn restarts(&self) -> u64 {
        self.shared.restarts.load(Ordering::Relaxed)
    }

    /// The process id of the worker, while one is running.
    pub fn pid(&self) -> Option<u32> {
        u32::try_from(self.shared.pid.load(Ordering::Relaxed)).ok().filter(|&pid| pid != 0)
    }

    /// How many requests are under way.
    pub fn sessions(&self) -> u64 {
        self.shared.sessions.load(Ordering::Relaxed)
    }

    /// Tries again now instead of at the end of the back-off: the user installed what was missing.
    pub fn retry_now(&self) {
        self.shared.retry.notify_one();
    }

    /// Waits until the engine is ready, or until it has failed to start and is waiting for its next try.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] when it failed or was stopped.
    pub async fn ready(&self) -> Result<Arc<ReadyInfo>, EngineError> {
        let mut state = self.state();
        loop {
            match &*state.borrow_and_update() {
                EngineState::Ready { info, .. } => return Ok(Arc::clone(info)),
                EngineState::Failed { why, stderr_tail, .. } => {
                    return Err(self.unavailable(why.clone(), stderr_tail.clone()));
                }
                EngineState::Stopped => return Err(self.unavailable("it was stopped".to_owned(), Vec::new())),
                EngineState::Starting => {}
            }
            if state.changed().await.is_err() {
                return Err(self.unavailable("it was stopped".to_owned(), Vec::new()));
            }
        }
    }

    /// Stops the engine in order (its stdin is closed, then it is waited for, then killed) and returns when it is gone.
    pub async fn stop(&self) {
        self.shared.cancel.cancel();
        let mut state = self.state();
        // An error means that the supervisor is gone, which is what was asked for.
        let _ = state.wait_for(|state| matches!(state, EngineState::Stopped)).await;
    }

    /// A connection of its own for one request. Waits for an engine that is being restarted, up to `patience`, but not for
    /// one that fails to start again and again. `lost` is the generation whose connection has just broken.
    pub(crate) async fn lease(&self, patience: Duration, lost: Option<u64>) -> Result<Lease, EngineError> {
        let ask = async {
            if let Some(lost) = lost {
                self.moved_on(lost).await;
            }
            let (sender, receiver) = oneshot::channel();
            self.shared.requests.send(Request::Connect(sender)).await.ok()?;
            receiver.await.ok()
        };
        tokio::select! {
            biased;
            lease = ask => lease.ok_or_else(|| self.unavailable("it was stopped".to_owned(), Vec::new())),
            error = self.hopeless() => Err(error),
            () = tokio::time::sleep(patience) => {
                Err(self.unavailable(format!("it was not ready within {patience:?}"), self.stderr_tail()))
            }
        }
    }

    /// Tells the supervisor that the worker of this generation takes requests but does not answer them.
    pub(crate) async fn report_stuck(&self, generation: u64, why: String) {
        // When the supervisor is gone there is nothing to replace any more.
        let _ = self.shared.requests.send(Request::Stuck { generation, why }).await;
    }

    /// Counts a request as under way for as long as the returned guard lives.
    pub(crate) fn count_session(&self) -> SessionGuard {
        self.shared.sessions.fetch_add(1, Ordering::Relaxed);
        SessionGuard(Arc::clone(&self.shared.sessions))
    }

    /// The last lines of the worker's stderr, while it is in a failed state.
    pub(crate) fn stderr_tail(&self) -> Vec<String> {
        match &*self.shared.state.borrow() {
            EngineState::Failed { stderr_tail, .. } => stderr_tail.clone(),
            _ => Vec::new(),
        }
    }

    /// Waits until a worker that has probably died is known to be gone. Where the connection broke and nothing else, that shows by
    /// nothing happening for a moment.
    async fn moved_on(&self, lost: u64) {
        let mut state = self.state();
        let gone = state.wait_for(|state| !matches!(state, EngineState::Ready { info, .. } if info.generation == lost));
        let _ = tokio::time::timeout(NOTICE, gone).await;
    }

    async fn hopeless(&self) -> EngineError {
        let mut state = self.state();
        loop {
            match &*state.borrow_and_update() {
                EngineState::Failed { why, stderr_tail, attempts, retry_at } => {
                    let soon = retry_at.saturating_duration_since(Instant::now()) < Duration::from_secs(1);
                    if *attempts >= HOPELESS_AFTER || !soon {
                        return self.unavailable(why.clone(), stderr_tail.clone());
                    }
                }
                EngineState::Stopped => return self.unavailable("it was stopped".to_owned(), Vec::new()),
                EngineState::Starting | EngineState::Ready { .. } => {}
            }
            if state.changed().await.is_err() {
                return self.unavailable("it was stopped".to_owned(), Vec::new());
            }
        }
    }

    fn unavailable(&self, why: String, stderr_tail: Vec<String>) -> EngineError {
        EngineError::Unavailable { kind: self.shared.kind, name: self.shared.name.clone(), why, stderr_tail }
    }
}

/// Lives as long as a request does.
#[derive(Debug)]
pub(crate) struct SessionGuard(Arc<AtomicU64>);

impl Drop for SessionGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
