//! Runs the core: gives it messages, calls and the time, and carries out what it asks for.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::HomeError;
use crate::action::Publish;
use crate::call::{CallError, IntentCall, Outcome};
use crate::config::HomeConfig;
use crate::core::{self, CallId, Core, Output};
use crate::intent;
use crate::link::{Client, Dialler, LinkEvent};
use crate::model::{Change, Link, Snapshot};

/// Messages that may wait for the core.
const EVENTS: usize = 1_024;
/// Messages that the core takes in before it tells what changed.
const BATCH: usize = 512;
/// Calls that may wait for the core.
const CALLS: usize = 64;
/// Changes that a slow listener may be behind.
const CHANGES: usize = 1_024;

/// A call with the way back.
struct Request {
    call: IntentCall,
    reply: oneshot::Sender<Result<Outcome, CallError>>,
}

/// The house. Cheap to clone; the link ends with the last clone or with the token given to [`crate::start`].
#[derive(Clone)]
pub struct Home {
    requests: mpsc::Sender<Request>,
    snapshot: watch::Receiver<Arc<Snapshot>>,
    changes: broadcast::Sender<Change>,
    link: watch::Receiver<Link>,
    settled: watch::Receiver<bool>,
    _task: Arc<AbortOnDropHandle<()>>,
}

impl std::fmt::Debug for Home {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Home").field("link", &*self.link.borrow()).finish_non_exhaustive()
    }
}

/// Starts the home: connects to the broker and keeps the connection until `cancel`.
///
/// Returns at once; a broker that is not there yet is tried again, see [`Home::link`].
///
/// # Errors
/// When the settings are not usable.
pub async fn start(config: HomeConfig, cancel: CancellationToken) -> Result<Home, HomeError> {
    let prefix = &config.discovery_prefix;
    if !crate::topic::is_name(prefix) || prefix.ends_with('/') {
        return Err(HomeError::Config(format!("discovery_prefix {prefix:?} is no topic")));
    }
    let dialler = Dialler::new(&config.mqtt, config.birth_topic())?;
    let core = Core::new(Arc::new(config));
    let (requests, waiting) = mpsc::channel(CALLS);
    let (snapshot, seen) = watch::channel(Arc::clone(core.snapshot()));
    let (changes, _) = broadcast::channel(CHANGES);
    let (link, link_seen) = watch::channel(Link::Connecting);
    let (settled, settled_seen) = watch::channel(false);
    let driver = Driver {
        core,
        client: None,
        replies: std::collections::HashMap::new(),
        next_call: 0,
        started: Instant::now(),
        snapshot,
        changes: changes.clone(),
        link,
        settled,
    };
    let task = tokio::spawn(driver.run(dialler, waiting, cancel));
    Ok(Home {
        requests,
        snapshot: seen,
        changes,
        link: link_seen,
        settled: settled_seen,
        _task: Arc::new(AbortOnDropHandle::new(task)),
    })
}

impl Home {
    /// The house as it is now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.borrow())
    }

    /// Everything that changes from now on. A listener that is too slow is told how much it missed, and looks at the snapshot.
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    /// How things stand with the broker.
    pub fn link(&self) -> watch::Receiver<Link> {
        self.link.clone()
    }

    /// Waits until the link is up and what the broker kept has arrived. `false` where the home ended before.
    pub async fn settled(&self) -> bool {
        self.settled.clone().wait_for(|settled| *settled).await.is_ok()
    }

    /// Waits until the home has ended: after its token was cancelled and the broker was told goodbye.
    pub async fn stopped(&self) {
        let mut settled = self.settled.clone();
        while settled.changed().await.is_ok() {}
    }

    /// Whether a call makes sense in this house as it is now: what it names is there, and can do what is asked. Nothing is done. A device that
    /// cannot be reached just now fits all the same, and so does an intent that is not for the home.
    pub fn fits(&self, call: &IntentCall) -> bool {
        use CallError::{InvalidValue, NoSuchArea, NoSuchName, NoneInArea, NotSupported};
        let unfit = |error: &CallError| {
            matches!(
                error,
                NoSuchName { .. } | NoSuchArea { .. } | NoneInArea { .. } | NotSupported { .. } | InvalidValue { .. }
            )
        };
        !intent::plan(call, &self.snapshot()).is_err_and(|error| unfit(&error))
    }

    /// Whether whoever calls may do this, in this house as it is now. Nothing is done.
    ///
    /// # Errors
    /// [`CallError::NotAllowed`].
    pub fn permits(&self, call: &IntentCall) -> Result<(), CallError> {
        match intent::permitted_plan(call, &self.snapshot()) {
            Err(error @ CallError::NotAllowed { .. }) => Err(error),
            _ => Ok(()),
        }
    }

    /// Acts on an intent, or answers it where it is a question.
    ///
    /// A command is published at once or not at all, and reported done when the devices' states confirm it. It is carried to its
    /// end even where the caller stops waiting.
    ///
    /// # Errors
    /// See [`CallError`]; [`CallError::code`] is what is spoken.
    pub async fn call(&self, call: IntentCall) -> Result<Outcome, CallError> {
        let link = self.link.borrow().clone();
        if link != Link::Connected {
            return Err(core::down(&link));
        }
        if let Some(answer) = core::answer(&call, &self.snapshot()) {
            return answer;
        }
        let ended = || CallError::BrokerDown { why: "the home has been stopped".to_owned() };
        let (reply, answer) = oneshot::channel();
        self.requests.send(Request { call, reply }).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }
}

/// Owns the core and everything that it acts through.
struct Driver {
    core: Core,
    client: Option<Client>,
    replies: std::collections::HashMap<CallId, oneshot::Sender<Result<Outcome, CallError>>>,
    next_call: CallId,
    started: Instant,
    snapshot: watch::Sender<Arc<Snapshot>>,
    changes: broadcast::Sender<Change>,
    link: watch::Sender<Link>,
    settled: watch::Sender<bool>,
}

impl Driver {
    async fn run(mut self, dialler: Dialler, mut requests: mpsc::Receiver<Request>, cancel: CancellationToken) {
        let (events, mut incoming) = mpsc::channel(EVENTS);
        // Cancelled together with this task: the socket never outlives the home.
        let goodbye = CancellationToken::new();
        let socket = AbortOnDropHandle::new(tokio::spawn(dialler.run(events, goodbye.clone())));
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let due = self.due();
            // Not in a fixed order: a flood of messages must not keep calls and deadlines waiting.
            tokio::select! {
                () = cancel.cancelled() => break,
                count = incoming.recv_many(&mut batch, BATCH) => {
                    if count == 0 {
                        break;
                    }
                    for event in batch.drain(..) {
                        self.event(event);
                    }
                    let now = self.now();
                    self.core.settle(now);
                }
                Some(request) = requests.recv() => self.request(request),
                () = wait_until(due) => {
                    let now = self.now();
                    self.core.tick(now);
                }
            }
            self.carry_out();
            self.tell_settled();
        }
        self.say_goodbye();
        goodbye.cancel();
        drop(incoming);
        // Ends within its own deadline; a panic there has been printed.
        let _ = socket.await;
    }

    /// Milliseconds since the start.
    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// When the core must be woken.
    fn due(&self) -> Option<Instant> {
        let settling = if *self.settled.borrow() { None } else { self.core.settling() };
        let at = [self.core.next_tick(), settling].into_iter().flatten().min()?;
        self.started.checked_add(Duration::from_millis(at))
    }

    fn event(&mut self, event: LinkEvent) {
        let now = self.now();
        match event {
            LinkEvent::Up(client) => {
                tracing::info!("connected to the MQTT broker");
                self.client = Some(client);
                self.core.connected(now);
                self.link.send_replace(Link::Connected);
            }
            LinkEvent::Down(why) => self.lost(why),
            LinkEvent::Message { topic, payload, retained } => self.core.message(&topic, &payload, retained, now),
        }
        // Subscriptions go out while the rest of the batch is still looked at.
        self.carry_out();
    }

    fn lost(&mut self, why: String) {
        let is_news = !matches!(&*self.link.borrow(), Link::Down { why: before } if *before == why);
        if is_news {
            tracing::warn!(why, "no link to the MQTT broker; trying again");
        }
        self.client = None;
        self.core.disconnected(why.clone());
        self.settled.send_replace(false);
        if is_news {
            self.link.send_replace(Link::Down { why });
        }
    }

    fn request(&mut self, request: Request) {
        self.next_call += 1;
        self.replies.insert(self.next_call, request.reply);
        let now = self.now();
        self.core.call(self.next_call, &request.call, now);
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.core.poll() {
            match output {
                Output::Publish(message) => self.send(|client| client.publish(&message)),
                Output::Subscribe(filters) => self.send(|client| client.subscribe(&filters)),
                Output::Unsubscribe(filters) => self.send(|client| client.unsubscribe(&filters)),
                Output::Changed(changes) => {
                    self.snapshot.send_replace(Arc::clone(self.core.snapshot()));
                    for change in changes {
                        // Fails where nobody listens.
                        let _ = self.changes.send(change);
                    }
                }
                Output::Reply(id, answer) => {
                    if let Some(reply) = self.replies.remove(&id) {
                        // Fails where the caller gave up; what was done stays done.
                        let _ = reply.send(*answer);
                    }
                }
            }
        }
    }

    fn send(&mut self, with: impl FnOnce(&Client) -> Result<(), crate::link::NotSent>) {
        let Some(client) = &self.client else { return };
        if with(client).is_err() {
            client.hang_up.cancel();
            self.lost("the broker does not take our messages fast enough".to_owned());
        }
    }

    fn tell_settled(&mut self) {
        let now = self.now();
        if !*self.settled.borrow() && self.core.is_settled(now) {
            self.settled.send_replace(true);
        }
    }

    fn say_goodbye(&mut self) {
        let Some(client) = self.client.take() else { return };
        if let Some(topic) = self.core.birth_topic() {
            let message = Publish { topic, payload: "offline".to_owned(), qos: 1, retain: false };
            // A broker that does not take it publishes the last will instead.
            let _ = client.publish(&message);
        }
        let _ = client.disconnect();
    }
}

async fn wait_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
