//! What is measured of calls.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::ended::Ended;
use crate::jitter::JitterStats;
use crate::peer::Peer;

/// Something that happened to a call.
#[derive(Debug, Clone, Copy)]
pub enum Observation {
    /// The connection stands, this long after the offer came.
    Connected(Duration),
    /// The first audio of the client arrived, this long after the offer came.
    FirstAudio(Duration),
    /// A frame of the client was handed on, this long after it would have been, had it been as fast as the fastest of the last minute.
    Heard(Duration),
    /// A frame for the client left this long after it was due.
    Said(Duration),
    /// The call is over.
    Ended {
        /// Why.
        why: Ended,
        /// What happened to the client's packets.
        packets: JitterStats,
        /// Packets that no decoder could read.
        broken: u64,
    },
}

/// Takes observations. It is called in the middle of calls and must return at once.
pub type Observe = Arc<dyn Fn(Observation) + Send + Sync>;

/// One call's observations.
pub(crate) struct Observer {
    observe: Observe,
    began: Instant,
    connected: bool,
    heard: bool,
}

impl Observer {
    pub(crate) fn new(observe: Observe, began: Instant) -> Self {
        Self { observe, began, connected: false, heard: false }
    }

    /// Tells what is new of the call.
    pub(crate) fn look(&mut self, peer: &mut Peer) {
        if let Some(at) = peer.connected().filter(|_| !self.connected) {
            self.connected = true;
            (self.observe)(Observation::Connected(at.saturating_duration_since(self.began)));
        }
        if let Some(at) = peer.first_audio().filter(|_| !self.heard) {
            self.heard = true;
            (self.observe)(Observation::FirstAudio(at.saturating_duration_since(self.began)));
        }
        for late in peer.take_late() {
            (self.observe)(Observation::Said(late));
        }
    }

    /// Tells of frames that were handed on just now.
    pub(crate) fn handed_on(&self, peer: &mut Peer) {
        let now = Instant::now();
        for expected in peer.take_expected() {
            (self.observe)(Observation::Heard(now.saturating_duration_since(expected)));
        }
    }

    /// Tells of the end.
    pub(crate) fn ended(&self, why: Ended, peer: &Peer) {
        let (packets, broken) = peer.stats();
        (self.observe)(Observation::Ended { why, packets, broken });
    }
}

/// When the packets of a stream would arrive if all were as fast as the fastest of late.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    origin: Option<(Instant, u32)>,
    /// The fastest packet of the window under way and of the one before: arrival against timestamp, in seconds.
    fastest: [Option<f64>; 2],
    window_ends: Option<Instant>,
}

/// Clocks drift apart by less than a millisecond in this time.
const WINDOW: Duration = Duration::from_secs(30);

impl Schedule {
    /// When the packet with this timestamp, which came `at`, should have come.
    pub(crate) fn expect(&mut self, timestamp: u32, at: Instant) -> Instant {
        let (start, first) = *self.origin.get_or_insert((at, timestamp));
        if self.window_ends.is_none_or(|end| at >= end) {
            let [now, _] = self.fastest;
            self.fastest = [None, now];
            self.window_ends = Some(at + WINDOW);
        }
        let media = f64::from(timestamp.wrapping_sub(first) as i32) / 48_000.0;
        let transit = at.saturating_duration_since(start).as_secs_f64() - media;
        let [now, before] = &mut self.fastest;
        let fastest = now.map_or(transit, |now| now.min(transit));
        *now = Some(fastest);
        let fastest = before.map_or(fastest, |before| before.min(fastest));
        // A stream whose clock steps begins anew.
        if (transit - fastest).abs() > 5.0 {
            *self = Self::default();
            return at;
        }
        at.checked_sub(Duration::from_secs_f64((transit - fastest).max(0.0))).unwrap_or(at)
    }
}
