//! The task of one call: it waits, and does what there is to do.

use std::collections::VecDeque;
use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;
use vesta_realtime::ports::{Playback, Played};

use crate::ended::Ended;
use crate::error::RtcError;
use crate::net::Net;
use crate::observe::Observer;
use crate::peer::{Message, Peer};
use crate::route::{CallKey, Datagram};

/// Datagrams taken at once.
const BATCH: usize = 32;
/// What the client said and nobody took yet, in samples: ten seconds. More is dropped, the oldest first.
const MAX_HEARD: usize = 160_000;
/// How long a client may take nothing of what it is told.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long the rest of what was told may take when the session is over.
const FAREWELL: Duration = Duration::from_secs(1);

/// What is asked of a call from outside.
pub(crate) enum Command {
    /// Answer this offer.
    Restart { offer: String, candidates: Vec<String>, answer: oneshot::Sender<Result<String, RtcError>> },
    /// Try this candidate of the client.
    Candidate { candidate: String, done: oneshot::Sender<Result<(), RtcError>> },
}

/// The transport's ends of a session's ports.
pub(crate) struct Ends {
    pub(crate) client_events: mpsc::Sender<String>,
    pub(crate) server_events: mpsc::Receiver<String>,
    pub(crate) heard: mpsc::Sender<Vec<i16>>,
    pub(crate) playback: mpsc::Receiver<Playback>,
    pub(crate) played: mpsc::Sender<Played>,
}

/// A call and everything it is connected to.
pub(crate) struct Session {
    pub(crate) key: CallKey,
    pub(crate) peer: Peer,
    pub(crate) net: Net,
    pub(crate) datagrams: mpsc::Receiver<Datagram>,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) ends: Ends,
    pub(crate) hang_up: CancellationToken,
    pub(crate) observer: Observer,
}

/// What waits for room in a port.
#[derive(Default)]
struct Waiting {
    heard: VecDeque<Vec<i16>>,
    samples: usize,
    message: Option<String>,
    played: VecDeque<Played>,
}

/// Until when something may take.
#[derive(Default)]
struct Limits {
    /// The session is over and has told everything.
    told_all: bool,
    /// Until when the client may take what it was told last.
    farewell: Option<Instant>,
    /// Until when the client must take something of what it is told.
    patience: Option<Instant>,
}

impl Limits {
    fn reached(&mut self, peer: &mut Peer, now: Instant) -> Option<Ended> {
        let stuck = peer.is_blocked();
        self.patience = stuck.then(|| self.patience.unwrap_or(now + PATIENCE));
        if self.told_all {
            let farewell = *self.farewell.get_or_insert(now + FAREWELL);
            return (now >= farewell || peer.has_told()).then_some(Ended::SessionOver);
        }
        self.patience.is_some_and(|until| now >= until).then_some(Ended::Stuck)
    }

    fn next(&self) -> impl Iterator<Item = Instant> {
        [self.farewell, self.patience].into_iter().flatten()
    }
}

impl Session {
    /// Runs the call until it is over.
    pub(crate) async fn run(mut self) -> Ended {
        let why = self.carry().await;
        self.observer.ended(why, &self.peer);
        self.peer.close();
        self.flush();
        self.net.routes().remove(self.key);
        why
    }

    async fn carry(&mut self) -> Ended {
        let mut waiting = Waiting::default();
        let mut batch = Vec::with_capacity(BATCH);
        let mut limits = Limits::default();
        let mut timer = pin!(sleep_until(Instant::now().into()));
        loop {
            let now = Instant::now();
            self.peer.turn(now);
            self.listen(&mut waiting, now);
            self.flush();
            self.observer.look(&mut self.peer);
            limits.told_all |= self.ends.server_events.is_closed() && self.ends.server_events.is_empty();
            if let Some(why) = self.peer.ended().or_else(|| limits.reached(&mut self.peer, now)) {
                return why;
            }
            timer.as_mut().reset(limits.next().fold(self.peer.timeout(), Instant::min).into());
            let (takes_audio, takes_events) = (self.peer.has_room(), !limits.told_all && self.peer.can_send());
            let mut asked = None;
            let Ends { client_events, server_events, heard, playback, played } = &mut self.ends;
            tokio::select! {
                () = self.hang_up.cancelled() => return Ended::HungUp,
                _ = self.datagrams.recv_many(&mut batch, BATCH) => {
                    for datagram in batch.drain(..) {
                        self.peer.take(datagram);
                    }
                }
                Some(command) = self.commands.recv() => asked = Some(command),
                Ok(permit) = played.reserve(), if !waiting.played.is_empty() => {
                    if let Some(next) = waiting.played.pop_front() {
                        permit.send(next);
                    }
                }
                Ok(permit) = heard.reserve(), if !waiting.heard.is_empty() => {
                    if let Some(next) = waiting.heard.pop_front() {
                        waiting.samples -= next.len();
                        permit.send(next);
                    }
                }
                Ok(permit) = client_events.reserve(), if waiting.message.is_some() => {
                    if let Some(next) = waiting.message.take() {
                        permit.send(next);
                    }
                }
                Some(next) = playback.recv(), if takes_audio => self.peer.play(next),
                next = server_events.recv(), if takes_events => match next {
                    Some(event) => self.peer.send(event, Instant::now()),
                    None => limits.told_all = true,
                },
                () = &mut timer => {}
            }
            if let Some(command) = asked {
                self.obey(command);
            }
        }
    }

    /// From the peer towards the session.
    fn listen(&mut self, waiting: &mut Waiting, now: Instant) {
        while let Some(samples) = self.peer.poll_heard(now) {
            let samples = if waiting.heard.is_empty() {
                match self.ends.heard.try_send(samples) {
                    Ok(()) => continue,
                    Err(refused) => refused.into_inner(),
                }
            } else {
                samples
            };
            waiting.samples += samples.len();
            waiting.heard.push_back(samples);
            while waiting.samples > MAX_HEARD
                && let Some(oldest) = waiting.heard.pop_front()
            {
                waiting.samples -= oldest.len();
            }
        }
        self.observer.handed_on(&mut self.peer);
        while let Some(played) = self.peer.poll_played() {
            waiting.played.push_back(played);
        }
        while waiting.message.is_none()
            && let Some(message) = self.peer.poll_message()
        {
            let event = match message {
                Message::Event(event) => event,
                // Whoever reads events says what is wrong with this one.
                Message::Binary(length) => format!("{length} bytes that are no text"),
            };
            match self.ends.client_events.try_send(event) {
                Ok(()) => {}
                Err(refused) => waiting.message = Some(refused.into_inner()),
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Restart { offer, candidates, answer } => {
                let answered = self.peer.restart(&offer, &candidates, Instant::now());
                if let Ok(description) = &answered
                    && let Some(ufrag) = crate::sdp::ufrag(description)
                {
                    self.net.routes().name(self.key, ufrag);
                }
                let _ = answer.send(answered);
            }
            Command::Candidate { candidate, done } => {
                let _ = done.send(self.peer.candidate(&candidate));
            }
        }
    }

    /// Sends what there is to send.
    fn flush(&mut self) {
        while let Some((transport, local, peer, bytes)) = self.peer.poll_datagram() {
            self.net.send(self.key, transport, local, peer, bytes);
        }
    }
}
