//! All calls of a house.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vesta_realtime::ports::{AUDIO_QUEUE, AudioPort, EVENT_QUEUE, Ports};

use crate::error::RtcError;
use crate::ice_servers::{IceServer, IceServers};
use crate::net::{Net, Place};
use crate::observe::{Observe, Observer};
use crate::peer::Peer;
use crate::reflexive::Reflexive;
use crate::route::{CallKey, Transport};
use crate::sdp;
use crate::session::{Command, Ends, Session};

/// Datagrams that may wait for a call: two seconds of audio and some data.
const DATAGRAM_QUEUE: usize = 256;
const COMMAND_QUEUE: usize = 8;
/// How long a call may take to answer a command: it never waits for anything.
const ANSWER: Duration = Duration::from_secs(5);

/// How calls are reached.
#[derive(Clone)]
pub struct RtcConfig {
    /// UDP ports: the first free one is used for all calls. 0 takes any.
    pub udp_ports: RangeInclusive<u16>,
    /// TCP ports, likewise; `None` for no calls over TCP.
    pub tcp_ports: Option<RangeInclusive<u16>>,
    /// Addresses under which the router forwards these ports.
    pub public_addresses: Vec<IpAddr>,
    /// STUN and TURN servers.
    pub servers: IceServers,
    /// Calls at once.
    pub max_calls: usize,
    /// Takes what is measured.
    pub observe: Observe,
}

impl Default for RtcConfig {
    fn default() -> Self {
        Self {
            udp_ports: 0..=0,
            tcp_ports: Some(0..=0),
            public_addresses: Vec::new(),
            servers: IceServers::default(),
            max_calls: 200,
            observe: Arc::new(|_| {}),
        }
    }
}

/// All calls. Cheap to clone.
#[derive(Clone)]
pub struct Calls {
    shared: Arc<Shared>,
}

struct Shared {
    config: RtcConfig,
    net: Net,
    reflexive: Reflexive,
    calls: Mutex<HashMap<String, Call>>,
    next: AtomicU64,
    tasks: TaskTracker,
    cancel: CancellationToken,
}

struct Call {
    owner: String,
    commands: mpsc::Sender<Command>,
    hang_up: CancellationToken,
}

/// A call that begins.
pub struct Begun {
    /// Its id, hard to guess.
    pub id: String,
    /// The answer to the client's offer, with every candidate: nothing trickles.
    pub answer: String,
    /// What joins it to a session.
    pub ports: Ports,
    /// Cancelled when the call is over; cancel it to hang up.
    pub over: CancellationToken,
}

impl Calls {
    /// Opens the ports. Everything ends when `cancel` is called.
    ///
    /// # Errors
    /// No port is free.
    pub async fn open(config: RtcConfig, cancel: CancellationToken) -> Result<Self, RtcError> {
        let tasks = TaskTracker::new();
        let net = Net::open(config.udp_ports.clone(), config.tcp_ports.clone(), tasks.clone(), cancel.clone()).await?;
        let reflexive = Reflexive::watch(&config.servers.stun, &net, &tasks, cancel.clone());
        let calls = Mutex::default();
        Ok(Self { shared: Arc::new(Shared { config, net, reflexive, calls, next: AtomicU64::new(1), tasks, cancel }) })
    }

    /// Where calls can be reached: UDP addresses, then TCP addresses.
    pub fn addresses(&self) -> (Vec<SocketAddr>, Vec<SocketAddr>) {
        let places = self.shared.net.places();
        let of = |wanted| places.iter().filter(|place| place.transport == wanted).map(|place| place.address).collect();
        (of(Transport::Udp), of(Transport::Tcp))
    }

    /// Calls at this moment.
    pub fn count(&self) -> usize {
        self.calls().len()
    }

    /// STUN and TURN servers for a client.
    pub fn ice_servers(&self, now: SystemTime, who: &str) -> Vec<IceServer> {
        self.shared.config.servers.at(now, who)
    }

    /// Answers an offer of `owner`; `local` says that the client is on this machine.
    ///
    /// # Errors
    /// The offer cannot be answered, or there are too many calls.
    pub fn begin(&self, offer: &str, owner: &str, local: bool) -> Result<Begun, RtcError> {
        let shared = &self.shared;
        let began = Instant::now();
        let max = shared.config.max_calls;
        if self.count() >= max {
            return Err(RtcError::TooMany(max));
        }
        let places = shared.net.places();
        let (peer, answer) = Peer::answer(offer, &own_candidates(&places), began)?;
        let ufrag = sdp::ufrag(&answer).unwrap_or_default().to_owned();
        let answer = self.told(&answer, &places, local);

        let key = CallKey(shared.next.fetch_add(1, Ordering::Relaxed));
        let (to_call, datagrams) = mpsc::channel(DATAGRAM_QUEUE);
        shared.net.routes().add(key, to_call);
        shared.net.routes().name(key, &ufrag);
        let (ports, ends) = ports();
        let (commands, obeyed) = mpsc::channel(COMMAND_QUEUE);
        let hang_up = shared.cancel.child_token();
        let id = new_id();
        let call = Call { owner: owner.to_owned(), commands, hang_up: hang_up.clone() };
        self.calls().insert(id.clone(), call);
        let session = Session {
            key,
            peer,
            net: shared.net.clone(),
            datagrams,
            commands: obeyed,
            ends,
            hang_up: hang_up.clone(),
            observer: Observer::new(shared.config.observe.clone(), began),
        };
        let leaving = Leaving { calls: self.clone(), id: id.clone(), key, over: hang_up.clone() };
        shared.tasks.spawn(async move {
            // Dropped in any case, also where something in it panics.
            let leaving = leaving;
            let why = Box::pin(session.run()).await;
            tracing::debug!(call = leaving.id, ?why, "a call is over");
        });
        Ok(Begun { id, answer, ports, over: hang_up })
    }

    /// Answers a new offer for a call of `owner`: an ICE restart.
    ///
    /// # Errors
    /// There is no such call of that owner, or the offer cannot be answered.
    pub async fn restart(&self, id: &str, owner: &str, offer: String, local: bool) -> Result<String, RtcError> {
        let places = self.shared.net.places();
        let (answer, answered) = oneshot::channel();
        let command = Command::Restart { offer, candidates: own_candidates(&places), answer };
        let answer = self.command(id, owner, command, answered).await??;
        Ok(self.told(&answer, &places, local))
    }

    /// Takes a candidate that the client of a call of `owner` found after its offer (`candidate` of an `RTCIceCandidate`; empty at the end).
    ///
    /// # Errors
    /// There is no such call of that owner, or the candidate is none.
    pub async fn candidate(&self, id: &str, owner: &str, candidate: String) -> Result<(), RtcError> {
        let (done, answered) = oneshot::channel();
        self.command(id, owner, Command::Candidate { candidate, done }, answered).await?
    }

    /// Ends a call of `owner`.
    ///
    /// # Errors
    /// There is no such call of that owner.
    pub fn hang_up(&self, id: &str, owner: &str) -> Result<(), RtcError> {
        let calls = self.calls();
        let call = calls.get(id).filter(|call| call.owner == owner).ok_or_else(|| RtcError::NoCall(id.to_owned()))?;
        call.hang_up.cancel();
        Ok(())
    }

    /// Runs something for as long as it takes: the session of a call.
    pub fn spawn(&self, session: impl Future<Output = ()> + Send + 'static) {
        self.shared.tasks.spawn(session);
    }

    /// Waits until every call has ended. Cancel their token first.
    pub async fn finish(&self) {
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }

    async fn command<T>(
        &self,
        id: &str,
        owner: &str,
        command: Command,
        answered: oneshot::Receiver<T>,
    ) -> Result<T, RtcError> {
        let no_call = || RtcError::NoCall(id.to_owned());
        let commands = {
            let calls = self.calls();
            calls.get(id).filter(|call| call.owner == owner).ok_or_else(no_call)?.commands.clone()
        };
        let asked = async {
            commands.send(command).await.map_err(|_| no_call())?;
            answered.await.map_err(|_| no_call())
        };
        timeout(ANSWER, asked).await.map_err(|_| RtcError::Stuck(ANSWER))?
    }

    /// An answer as the client gets it.
    fn told(&self, answer: &str, places: &[Place], local: bool) -> String {
        sdp::with_candidates(&sdp::with_opus_wanted(answer), &self.told_candidates(places, local))
    }

    /// What a client is told of where this machine is reached.
    fn told_candidates(&self, places: &[Place], local: bool) -> Vec<String> {
        let offered = sdp::offered_places(places, local);
        let mut told: Vec<String> =
            offered.iter().enumerate().map(|(rank, place)| sdp::host_candidate(*place, rank)).collect();
        let forwarded = self.shared.config.public_addresses.iter().flat_map(|public| {
            let same =
                |place: &&Place| place.address.is_ipv4() == public.is_ipv4() && !place.address.ip().is_loopback();
            let udp = offered.iter().filter(same).find(|place| place.transport == Transport::Udp);
            let tcp = offered.iter().filter(same).find(|place| place.transport == Transport::Tcp);
            udp.into_iter()
                .chain(tcp)
                .map(|base| (SocketAddr::new(*public, base.address.port()), *base))
                .collect::<Vec<_>>()
        });
        let seen = self.shared.reflexive.seen(places);
        for (rank, (public, base)) in forwarded.chain(seen).enumerate() {
            told.push(sdp::public_candidate(public, base, rank));
        }
        told
    }

    fn calls(&self) -> std::sync::MutexGuard<'_, HashMap<String, Call>> {
        self.shared.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a call off the books when its task ends, however it ends.
struct Leaving {
    calls: Calls,
    id: String,
    key: CallKey,
    over: CancellationToken,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.calls.calls().remove(&self.id);
        self.calls.shared.net.routes().remove(self.key);
        self.over.cancel();
    }
}

/// This machine's candidates, to check the client's from.
fn own_candidates(places: &[Place]) -> Vec<String> {
    places.iter().enumerate().map(|(rank, place)| sdp::host_candidate(*place, rank)).collect()
}

fn ports() -> (Ports, Ends) {
    let (client_events, to_session) = mpsc::channel(EVENT_QUEUE);
    let (from_session, server_events) = mpsc::channel(EVENT_QUEUE);
    let (heard, to_ear) = mpsc::channel(AUDIO_QUEUE);
    let (from_voice, playback) = mpsc::channel(AUDIO_QUEUE);
    let (played, to_voice) = mpsc::channel(AUDIO_QUEUE);
    let audio = AudioPort::Beside { heard: to_ear, playback: from_voice, played: to_voice };
    let ports = Ports { client_events: to_session, server_events: from_session, audio };
    (ports, Ends { client_events, server_events, heard, playback, played })
}

/// `rtc_`, the time, and 74 random bits.
fn new_id() -> String {
    format!("rtc_{}", uuid::Uuid::now_v7().simple())
}
