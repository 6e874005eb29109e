//! The task that looks after one engine: starts it, watches it, and starts it again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;
use vesta_wyoming::{Connection, Uri};

use crate::backoff::{Backoff, Death};
use crate::link::{self, Keeper, ReadyInfo, Request};
use crate::process::Worker;
use crate::{EngineSpec, EngineState, Handshake, Source, WorkerCommand};

/// Everything the task owns.
pub(crate) struct Supervisor {
    pub(crate) spec: EngineSpec,
    pub(crate) state: watch::Sender<EngineState>,
    pub(crate) restarts: Arc<AtomicU64>,
    pub(crate) pid: Arc<AtomicU64>,
    pub(crate) requests: mpsc::Receiver<Request>,
    pub(crate) retry: Arc<Notify>,
    pub(crate) cancel: CancellationToken,
}

/// How one life of an engine ended.
struct End {
    death: Death,
    why: String,
    stderr_tail: Vec<String>,
}

impl End {
    fn never_ready(why: impl Into<String>) -> End {
        End { death: Death::NeverReady, why: why.into(), stderr_tail: Vec::new() }
    }
}

impl Supervisor {
    /// Looks after the engine until it is cancelled.
    pub(crate) async fn run(mut self) {
        if let Source::Missing(why) = self.spec.source.clone() {
            return self.stay_missing(why).await;
        }
        let began = Instant::now();
        let mut backoff = Backoff::new(self.spec.backoff.clone());
        let mut generation = 0_u64;
        let cancel = self.cancel.clone();
        while !cancel.is_cancelled() {
            generation += 1;
            if generation > 1 {
                self.restarts.fetch_add(1, Ordering::Relaxed);
            }
            let Some(end) = self.live(generation, &mut backoff).await else { break };
            let wait = backoff.next(end.death, began.elapsed(), fastrand::f64());
            tracing::warn!(engine = self.spec.name, why = end.why, stderr = ?end.stderr_tail, retry_in = ?wait, "engine lost");
            if wait.is_zero() {
                self.state.send_replace(EngineState::Starting);
            } else {
                self.publish_failure(end, backoff.failures(), wait);
                self.wait(wait).await;
            }
        }
        self.state.send_replace(EngineState::Stopped);
    }

    /// There is no program to start and no server to connect to: says so until it is stopped.
    async fn stay_missing(self, why: String) {
        tracing::warn!(engine = self.spec.name, why, "engine missing");
        let retry_at = Instant::now() + self.spec.backoff.max;
        self.state.send_replace(EngineState::Failed { why, stderr_tail: Vec::new(), attempts: 1, retry_at });
        self.cancel.cancelled().await;
        self.state.send_replace(EngineState::Stopped);
    }

    fn publish_failure(&self, end: End, attempts: u32, wait: Duration) {
        let End { why, stderr_tail, .. } = end;
        self.state.send_replace(EngineState::Failed { why, stderr_tail, attempts, retry_at: Instant::now() + wait });
    }

    async fn wait(&self, wait: Duration) {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.retry.notified() => {}
            () = self.cancel.cancelled() => {}
        }
    }

    /// One life, from its start to its end. `None`: cancelled.
    async fn live(&mut self, generation: u64, backoff: &mut Backoff) -> Option<End> {
        match self.spec.source.clone() {
            Source::Local(command) => self.live_local(&command, generation, backoff).await,
            Source::Remote(uri) => self.live_remote(&uri, generation, backoff).await,
            Source::Missing(why) => Some(End::never_ready(why)),
        }
    }

    async fn live_local(&mut self, command: &WorkerCommand, generation: u64, backoff: &mut Backoff) -> Option<End> {
        let mut worker = match Worker::spawn(command) {
            Ok(worker) => worker,
            Err(why) => return Some(End::never_ready(why)),
        };
        self.pid.store(worker.pid().map_or(0, u64::from), Ordering::Relaxed);
        let cancel = self.cancel.clone();
        let end = tokio::select! {
            end = self.attend(&mut worker, generation, backoff) => Some(end),
            () = cancel.cancelled() => None,
        };
        if end.is_none() {
            worker.stop(self.spec.stop_grace).await;
        }
        self.pid.store(0, Ordering::Relaxed);
        end
    }

    async fn attend(&mut self, worker: &mut Worker, generation: u64, backoff: &mut Backoff) -> End {
        let started = worker.handshake(self.spec.ready_deadline).await;
        let started = match started {
            Ok(handshake) => self.greet_worker(handshake, generation).await,
            Err(why) => Err(why),
        };
        let (uri, connection, ready) = match started {
            Ok(started) => started,
            Err(why) => return self.bury(worker, Death::NeverReady, why).await,
        };
        backoff.ready();
        self.publish_ready(&uri, &ready);
        let keeper = Keeper {
            uri: &uri,
            ready,
            deadline: self.spec.connect_deadline,
            health_interval: self.spec.health_interval,
        };
        let why = tokio::select! {
            biased;
            why = worker.ended() => why,
            why = keeper.run(connection, &mut self.requests) => why,
        };
        self.bury(worker, Death::WasReady, why).await
    }

    /// Takes leave of a worker that is gone or no good: makes sure that it is dead and keeps its last words.
    async fn bury(&self, worker: &mut Worker, death: Death, why: String) -> End {
        let killed_from_outside = worker.was_killed();
        worker.kill().await;
        let death = if killed_from_outside { Death::WasReady } else { death };
        End { death, why, stderr_tail: worker.stderr_tail().await }
    }

    async fn greet_worker(
        &self,
        handshake: Handshake,
        generation: u64,
    ) -> Result<(Uri, Connection, Arc<ReadyInfo>), String> {
        let uri = handshake
            .uri
            .parse::<Uri>()
            .map_err(|error| format!("it says that it listens at {:?}, which is no address: {error}", handshake.uri))?;
        let (connection, info) = link::greet(&uri, self.spec.connect_deadline).await?;
        let ready = ReadyInfo::new(self.spec.kind, generation, handshake.model, handshake.languages, info);
        Ok((uri, connection, Arc::new(ready)))
    }

    async fn live_remote(&mut self, uri: &Uri, generation: u64, backoff: &mut Backoff) -> Option<End> {
        let cancel = self.cancel.clone();
        tokio::select! {
            end = self.attend_remote(uri, generation, backoff) => Some(end),
            () = cancel.cancelled() => None,
        }
    }

    async fn attend_remote(&mut self, uri: &Uri, generation: u64, backoff: &mut Backoff) -> End {
        let (connection, info) = match link::greet(uri, self.spec.connect_deadline).await {
            Ok(greeted) => greeted,
            Err(why) => return End::never_ready(format!("no Wyoming server answers at {uri}: {why}")),
        };
        let ready = Arc::new(ReadyInfo::new(self.spec.kind, generation, None, Vec::new(), info));
        backoff.ready();
        self.publish_ready(uri, &ready);
        let (deadline, health_interval) = (self.spec.connect_deadline, self.spec.health_interval);
        let keeper = Keeper { uri, ready, deadline, health_interval };
        let why = keeper.run(connection, &mut self.requests).await;
        End { death: Death::WasReady, why, stderr_tail: Vec::new() }
    }

    fn publish_ready(&self, uri: &Uri, ready: &Arc<ReadyInfo>) {
        tracing::info!(engine = self.spec.name, %uri, generation = ready.generation, "engine ready");
        self.state.send_replace(EngineState::Ready {
            uri: uri.clone(),
            since: Instant::now(),
            info: Arc::clone(ready),
        });
    }
}
