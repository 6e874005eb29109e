//! The decoders, and who is served next.
//!
//! Every transcription has at most one decode here at a time, so the queue is as long as there are transcriptions. Decodes that
//! somebody waits for go first, and take the place of one that nobody waits for when no decoder is free; the rest take turns.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use tokio::sync::oneshot;

use crate::abort::Flag;
use crate::decoder::{DecodeError, Decoder, DecoderOptions, Heard};
use crate::listener::{Order, Purpose};
use crate::model::Model;

/// How often a decode makes way for more urgent ones.
const MAX_YIELDS: u32 = 2;

/// A decode's result, and how many samples it listened to.
pub(crate) type Outcome = Result<(Heard, usize), DecodeError>;

/// A decode that was ordered. Dropping it aborts the decode.
#[derive(Debug)]
pub(crate) struct Ticket {
    flag: Flag,
    covers: Arc<AtomicUsize>,
    outcome: oneshot::Receiver<Outcome>,
}

impl Ticket {
    /// How many samples the decode listens to, once it has begun.
    pub(crate) fn covers(&self) -> Option<usize> {
        Some(self.covers.load(Ordering::Acquire)).filter(|&covers| covers > 0)
    }

    /// The result. Safe to cancel.
    pub(crate) async fn outcome(&mut self) -> Outcome {
        // The pool only drops a decode that was given up or when it ends itself.
        (&mut self.outcome).await.unwrap_or(Err(DecodeError::Aborted))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.flag.cancel();
    }
}

struct Job {
    order: Order,
    flag: Flag,
    covers: Arc<AtomicUsize>,
    outcome: oneshot::Sender<Outcome>,
    yields: u32,
}

impl Job {
    fn is_urgent(&self) -> bool {
        self.order.purpose == Purpose::Final
    }
}

#[derive(Default)]
struct Queue {
    urgent: VecDeque<Job>,
    others: VecDeque<Job>,
    idle: usize,
    /// The decodes that run, and whether each may be made to wait.
    running: Vec<(Flag, bool)>,
    ended: bool,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Threads with a decoder each. Dropping the pool aborts their decodes and joins them.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    /// Starts so many decoders of a model.
    ///
    /// # Errors
    /// Where there is no memory for their states, or no thread.
    pub(crate) fn start(model: &Arc<Model>, decoders: usize, options: DecoderOptions) -> Result<Pool> {
        let mut pool = Pool { shared: Arc::default(), threads: Vec::new() };
        for number in 0..decoders.max(1) {
            let decoder = Decoder::new(Arc::clone(model), options)
                .context("cannot make a decoder; is there enough memory for this model?")?;
            let shared = Arc::clone(&pool.shared);
            let thread = std::thread::Builder::new().name(format!("decoder-{number}"));
            pool.threads.push(thread.spawn(move || work(&shared, decoder)).context("cannot start a thread")?);
        }
        Ok(pool)
    }

    /// Orders a decode.
    pub(crate) fn order(&self, order: Order) -> Ticket {
        let (sender, outcome) = oneshot::channel();
        let ticket = Ticket { flag: Flag::default(), covers: Arc::default(), outcome };
        let job =
            Job { order, flag: ticket.flag.clone(), covers: Arc::clone(&ticket.covers), outcome: sender, yields: 0 };
        let mut queue = self.shared.queue();
        if job.is_urgent() {
            if queue.idle <= queue.urgent.len() {
                // The one that began last has lost least.
                if let Some(last) = queue.running.iter().rposition(|(flag, may_wait)| *may_wait && !flag.is_raised()) {
                    queue.running.get(last).inspect(|(flag, _)| flag.make_way());
                }
            }
            queue.urgent.push_back(job);
        } else {
            queue.others.push_back(job);
        }
        drop(queue);
        self.shared.changed.notify_one();
        ticket
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut queue = self.shared.queue();
        queue.ended = true;
        queue.urgent.clear();
        queue.others.clear();
        for (flag, _) in &queue.running {
            flag.cancel();
        }
        drop(queue);
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a decoder panicked");
            }
        }
    }
}

fn work(shared: &Shared, mut decoder: Decoder) {
    while let Some(mut job) = take(shared) {
        let samples = job.order.audio.copy();
        job.covers.store(samples.len(), Ordering::Release);
        let outcome = decoder.decode(&samples, &job.order.task, &job.flag);
        release(shared, &job);
        if matches!(outcome, Err(DecodeError::Aborted)) {
            tracing::debug!(purpose = ?job.order.purpose, cancelled = job.flag.is_cancelled(), "decode aborted");
        }
        if matches!(outcome, Err(DecodeError::Aborted)) && !job.flag.is_cancelled() {
            job.flag.resume();
            job.covers.store(0, Ordering::Release);
            job.yields += 1;
            shared.queue().others.push_front(job);
            continue;
        }
        // Whoever gave the ticket up needs no answer.
        let _ = job.outcome.send(outcome.map(|heard| (heard, samples.len())));
    }
}

/// Waits for the next decode; `None` at the end.
fn take(shared: &Shared) -> Option<Job> {
    let mut queue = shared.queue();
    loop {
        if queue.ended {
            return None;
        }
        let next = match queue.urgent.pop_front() {
            Some(job) => Some(job),
            None => queue.others.pop_front(),
        };
        match next {
            Some(job) if job.flag.is_cancelled() => {}
            Some(job) => {
                let may_wait = !job.is_urgent() && job.yields < MAX_YIELDS;
                queue.running.push((job.flag.clone(), may_wait));
                return Some(job);
            }
            None => {
                queue.idle += 1;
                queue = shared.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
                queue.idle -= 1;
            }
        }
    }
}

fn release(shared: &Shared, job: &Job) {
    shared.queue().running.retain(|(flag, _)| !flag.is(&job.flag));
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::decoder::Task;
    use crate::model::ContextRule;
    use crate::window::Window;

    fn pool() -> Pool {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../models/nano-en/nano-en.bin.zst");
        let model = Arc::new(Model::load(&path, None, false).unwrap());
        let rule = ContextRule { per_second: 50.0, extra: 64, multiple: 1, min: 0 };
        Pool::start(&model, 1, DecoderOptions { threads: 1, rule, alternatives: 0, margin: 0.0, fixed_rate: None })
            .unwrap()
    }

    fn order(purpose: Purpose, seconds: usize) -> Order {
        let mut window = Window::default();
        for _ in 0..seconds * 50 {
            window.push(&[100; vesta_audio::FRAME_SAMPLES], true);
        }
        Order { purpose, audio: window.audio(), task: Task::default() }
    }

    async fn begun(ticket: &Ticket) {
        while ticket.covers().is_none() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn what_somebody_waits_for_goes_first_and_the_rest_is_not_lost() {
        let pool = pool();
        let mut long = pool.order(order(Purpose::Window, 20));
        begun(&long).await;
        let mut urgent = pool.order(order(Purpose::Final, 1));
        assert_eq!(urgent.outcome().await.unwrap().1, 16_000);
        assert!(long.outcome.try_recv().is_err(), "the long decode made way");
        assert_eq!(long.outcome().await.unwrap().1, 20 * 16_000);
    }

    #[tokio::test]
    async fn what_nobody_wants_any_more_is_aborted() {
        let pool = pool();
        let unwanted: Vec<Ticket> = (0..20).map(|_| pool.order(order(Purpose::Final, 20))).collect();
        begun(&unwanted[0]).await;
        let waiting = unwanted[1].flag.clone();
        drop(unwanted);
        assert!(waiting.is_cancelled());
        pool.order(order(Purpose::Partial, 1)).outcome().await.unwrap();
    }

    #[tokio::test]
    async fn the_end_of_the_pool_ends_its_decodes() {
        let pool = pool();
        let mut running = pool.order(order(Purpose::Final, 20));
        let mut waiting = pool.order(order(Purpose::Partial, 20));
        begun(&running).await;
        drop(pool);
        assert!(matches!(running.outcome().await, Err(DecodeError::Aborted)));
        assert!(matches!(waiting.outcome().await, Err(DecodeError::Aborted)));
    }
}
