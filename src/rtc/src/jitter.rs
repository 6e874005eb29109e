//! RTP packets, as the network delivers them, to pieces of audio in order.
//!
//! The listener at the other end of this buffer is a speech recogniser, not an ear: it does not mind when audio comes, only that all of it
//! comes. So a packet that is in order is passed on at once, without any playout delay. Only a gap is waited for, and only as long as
//! packets have lately been late; then the lost frame is recovered from the copy that its successor carries (in-band FEC) or concealed.
//!
//! Time goes on while nothing is sent (discontinuous transmission, a muted microphone, a network that stalls): silence is passed on
//! in real time, so that a pause ends an utterance. What comes late after such a silence is still passed on.
//!
//! A pure state machine: packets and the time are handed in. RTP: RFC 3550; Opus over RTP, with its 48 kHz clock: RFC 7587.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;

/// RTP clock of Opus, in ticks a second, whatever the sampling rate.
const CLOCK_HZ: u64 = 48_000;
/// Ticks in 20 ms.
const FRAME: u64 = 960;
/// The longest Opus packet, in ticks: 120 ms (RFC 6716, 3.2.5).
const MAX_PACKET: u64 = 5_760;
/// Packets that may wait behind a gap.
const MAX_HELD: usize = 64;
/// A step in the sequence number beyond this is another stream, or garbage (RFC 3550, A.1).
const MAX_STEP: i64 = 1_000;
/// The longest pause that is filled with silence when the timestamps tell of it: 10 s.
const MAX_PAUSE: i64 = 10 * CLOCK_HZ as i64;
/// How long a gap is waited for: between one frame and what a person notices as a delay.
const MIN_WAIT: Duration = Duration::from_millis(20);
const MAX_WAIT: Duration = Duration::from_millis(250);
/// How late the next frame may be before silence takes its place: in a pause that the sender announced, and otherwise at least and at most.
const PAUSE_PATIENCE: Duration = Duration::from_millis(40);
const MIN_PATIENCE: Duration = Duration::from_millis(100);
const MAX_PATIENCE: Duration = Duration::from_millis(400);
/// After this much silence it is passed on in larger pieces, to save work for a session that only waits.
const IDLE: u64 = 3 * CLOCK_HZ;
const IDLE_PIECE: u64 = CLOCK_HZ / 5;
/// Frames in a row that are concealed; more would be invented sound.
const MAX_CONCEALED: u64 = 3;
/// An Opus payload of at most this many bytes says that the sender pauses (RFC 6716, 2.1.9).
const PAUSE_PAYLOAD: usize = 2;

/// What counts of an RTP packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioPacket {
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp in ticks of 1/48000 s.
    pub timestamp: u32,
    /// An Opus packet; empty where the RTP packet was only padding.
    pub payload: Bytes,
}

/// A piece of audio, in order. Lengths are in ticks of 1/48000 s and multiples of 2.5 ms, save those of silence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Decode this Opus packet.
    Decode(Bytes),
    /// A frame of this length was lost; its successor, which comes next, carries a copy of it.
    Recover {
        /// The successor.
        next: Bytes,
        /// Length of the lost frame.
        ticks: u64,
    },
    /// Audio of this length was lost: let the decoder go on with what it heard last.
    Conceal {
        /// Length of what was lost.
        ticks: u64,
    },
    /// Nothing was sent for this long.
    Silence {
        /// Length of the pause.
        ticks: u64,
    },
}

/// What happened to the packets so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JitterStats {
    /// Packets taken.
    pub received: u64,
    /// Packets that never came in time.
    pub lost: u64,
    /// Packets that came after they were given up.
    pub late: u64,
    /// Packets that came before: duplicates and replays.
    pub duplicate: u64,
    /// Packets that carried no audio.
    pub padding: u64,
    /// Packets that are no Opus, or of no stream.
    pub garbage: u64,
}

/// Puts packets in order.
#[derive(Debug, Default)]
pub struct JitterBuffer {
    stream: Option<Stream>,
    ready: VecDeque<Piece>,
    /// A sequence number out of the blue: the next one after it begins another stream.
    suspect: Option<u16>,
    stats: JitterStats,
}

#[derive(Debug)]
struct Stream {
    /// The sequence number that comes next, extended beyond 16 bits.
    next_sequence: u64,
    /// The timestamp at which it continues, if the sender does not pause.
    next_timestamp: u32,
    /// Length of the latest packet.
    packet: u64,
    /// When the next packet should be here; moves on with silence.
    due: Instant,
    /// Silence passed on since the latest packet, in ticks.
    silence: u64,
    /// The latest packet announced a pause.
    pausing: bool,
    held: BTreeMap<u64, Held>,
    /// Sequence numbers that were given up, and when.
    given_up: VecDeque<(u64, Instant)>,
    /// Interarrival jitter in ticks (RFC 3550, 6.4.1).
    jitter: f64,
    transit: Option<f64>,
    /// How late packets lately came that were given up too early, in seconds.
    lateness: f64,
    /// The time zero of `transit`.
    origin: Instant,
}

#[derive(Debug)]
struct Held {
    timestamp: u32,
    payload: Bytes,
    arrived: Instant,
}

impl JitterBuffer {
    /// A buffer that waits for its first packet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What happened so far.
    pub fn stats(&self) -> JitterStats {
        self.stats
    }

    /// Takes a packet that arrived at `now`. Take what [`JitterBuffer::poll`] has afterwards.
    pub fn push(&mut self, packet: AudioPacket, now: Instant) {
        self.stats.received += 1;
        let step = match &self.stream {
            None => {
                self.begin(packet, now);
                return;
            }
            Some(stream) => step(packet.sequence, stream.next_sequence),
        };
        if step.abs() > MAX_STEP {
            let continues = self.suspect.is_some_and(|suspect| suspect.wrapping_add(1) == packet.sequence);
            self.suspect = Some(packet.sequence);
            if continues {
                // What waited for a packet of the stream that is gone will never be complete.
                self.begin(packet, now);
            } else {
                self.stats.garbage += 1;
            }
            return;
        }
        self.suspect = None;
        if let Some(stream) = &mut self.stream {
            stream.take(packet, step, now, &mut self.stats);
        }
    }

    fn begin(&mut self, packet: AudioPacket, now: Instant) {
        // Extended numbers begin high enough that no step backwards leaves the range.
        let sequence = u64::from(packet.sequence) + (1 << 20);
        let mut stream = Stream::new(sequence, packet.timestamp, now);
        stream.take(packet, 0, now, &mut self.stats);
        self.stream = Some(stream);
        self.suspect = None;
    }

    /// The next piece of audio, if there is one at `now`. Call it until there is none.
    pub fn poll(&mut self, now: Instant) -> Option<Piece> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Some(piece);
            }
            let stream = self.stream.as_mut()?;
            if !stream.advance(now, &mut self.ready, &mut self.stats) {
                return None;
            }
        }
    }

    /// When to call [`JitterBuffer::poll`] although no packet came.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.stream.as_ref().map(Stream::timeout)
    }
}

impl Stream {
    fn new(next_sequence: u64, next_timestamp: u32, now: Instant) -> Self {
        Self {
            next_sequence,
            next_timestamp,
            packet: FRAME,
            due: now,
            silence: 0,
            pausing: false,
            held: BTreeMap::new(),
            given_up: VecDeque::new(),
            jitter: 0.0,
            transit: None,
            lateness: 0.0,
            origin: now,
        }
    }

    /// Keeps a packet that is `step` ahead of the next one, unless it is too late or was here before.
    fn take(&mut self, packet: AudioPacket, step: i64, now: Instant, stats: &mut JitterStats) {
        let Some(sequence) = self.next_sequence.checked_add_signed(step) else { return };
        if step < 0 {
            match self.given_up.iter().position(|(given_up, _)| *given_up == sequence) {
                Some(place) => {
                    let given_up = self.given_up.remove(place).map_or(now, |(_, at)| at);
                    self.was_late(now.saturating_duration_since(given_up) + self.wait());
                    stats.late += 1;
                }
                None => stats.duplicate += 1,
            }
            return;
        }
        if self.held.contains_key(&sequence) {
            stats.duplicate += 1;
            return;
        }
        self.lateness *= 0.999;
        if let Some(first) = self.held.values().map(|held| held.arrived).min().filter(|_| step == 0) {
            self.was_late(now.saturating_duration_since(first));
        }
        if !packet.payload.is_empty() {
            self.measure(packet.timestamp, now);
        }
        self.held.insert(sequence, Held { timestamp: packet.timestamp, payload: packet.payload, arrived: now });
    }

    fn was_late(&mut self, late: Duration) {
        self.lateness = self.lateness.max(late.as_secs_f64()).min(MAX_WAIT.as_secs_f64());
    }

    /// The interarrival jitter. Pauses do not count: their timestamps go on as time does.
    fn measure(&mut self, timestamp: u32, now: Instant) {
        let elapsed = now.saturating_duration_since(self.origin).as_secs_f64() * CLOCK_HZ as f64;
        let transit = elapsed - f64::from(timestamp);
        if let Some(before) = self.transit {
            let difference = (transit - before).abs();
            // A step of the sender's clock, or its wrapping round, is no jitter.
            if difference < CLOCK_HZ as f64 {
                self.jitter += (difference - self.jitter) / 16.0;
            }
        }
        self.transit = Some(transit);
    }

    /// How long a gap is waited for.
    fn wait(&self) -> Duration {
        let jitter = 2.0 * self.jitter / CLOCK_HZ as f64;
        Duration::from_secs_f64(jitter.max(self.lateness * 1.1)).clamp(MIN_WAIT, MAX_WAIT)
    }

    /// How late the next packet may be before silence takes its place.
    fn patience(&self) -> Duration {
        if self.pausing {
            return PAUSE_PATIENCE;
        }
        Duration::from_secs_f64(4.0 * self.jitter / CLOCK_HZ as f64).clamp(MIN_PATIENCE, MAX_PATIENCE)
    }

    fn timeout(&self) -> Instant {
        match self.gap_until() {
            Some(until) => until,
            None => self.due + self.patience(),
        }
    }

    /// Until when the gap before the first held packet is waited for.
    fn gap_until(&self) -> Option<Instant> {
        let first = self.held.values().map(|held| held.arrived).min()?;
        if self.held.len() > MAX_HELD { Some(first) } else { Some(first + self.wait()) }
    }

    /// Does the next thing there is to do at `now`, if any.
    fn advance(&mut self, now: Instant, ready: &mut VecDeque<Piece>, stats: &mut JitterStats) -> bool {
        if let Some(held) = self.held.remove(&self.next_sequence) {
            self.next_sequence += 1;
            self.play(held, ready, stats);
            return true;
        }
        match self.gap_until() {
            Some(until) if now >= until => self.give_up(now, ready, stats),
            Some(_) => false,
            None if now >= self.due + self.patience() => {
                let ticks = if self.silence >= IDLE { IDLE_PIECE } else { FRAME };
                self.silence += ticks;
                self.due += duration(ticks);
                ready.push_back(Piece::Silence { ticks });
                true
            }
            None => false,
        }
    }

    fn play(&mut self, held: Held, ready: &mut VecDeque<Piece>, stats: &mut JitterStats) {
        if held.payload.is_empty() {
            stats.padding += 1;
            return;
        }
        let Some(ticks) = opus_ticks(&held.payload) else {
            stats.garbage += 1;
            // Its time passes all the same.
            self.next_timestamp = self.next_timestamp.wrapping_add(low(self.packet));
            ready.push_back(Piece::Conceal { ticks: self.packet });
            return;
        };
        let pause = self.ahead(held.timestamp);
        if (1..=MAX_PAUSE).contains(&pause) {
            let missing = pause.unsigned_abs().saturating_sub(self.silence);
            if missing > 0 {
                ready.push_back(Piece::Silence { ticks: missing });
            }
        }
        self.next_timestamp = held.timestamp.wrapping_add(low(ticks));
        self.packet = ticks;
        self.silence = 0;
        self.pausing = held.payload.len() <= PAUSE_PAYLOAD;
        self.due = held.arrived + duration(ticks);
        ready.push_back(Piece::Decode(held.payload));
    }

    /// How far `timestamp` is ahead of where the stream would continue, in ticks.
    fn ahead(&self, timestamp: u32) -> i64 {
        i64::from(timestamp.wrapping_sub(self.next_timestamp) as i32)
    }

    /// Stops waiting for what is missing before the first held packet.
    fn give_up(&mut self, now: Instant, ready: &mut VecDeque<Piece>, stats: &mut JitterStats) -> bool {
        let Some((&first, next)) = self.held.first_key_value() else { return false };
        let missing = first.saturating_sub(self.next_sequence);
        stats.lost += missing;
        for sequence in self.next_sequence..first {
            self.given_up.push_back((sequence, now));
        }
        while self.given_up.len() > MAX_HELD {
            self.given_up.pop_front();
        }
        self.next_sequence = first;
        let ahead = self.ahead(next.timestamp);
        if !(1..=MAX_PAUSE).contains(&ahead) {
            return true;
        }
        let ahead = ahead.unsigned_abs();
        // What is missing may have been longer than what was lost: the sender paused, too.
        let lost = whole(ahead.min(missing.saturating_mul(self.packet)));
        let recovered = if next.payload.is_empty() { 0 } else { lost.min(self.packet) };
        let owed = ahead.saturating_sub(self.silence).saturating_sub(recovered);
        let concealed = whole((lost - recovered).min(MAX_CONCEALED * self.packet).min(MAX_PACKET).min(owed));
        if concealed > 0 {
            ready.push_back(Piece::Conceal { ticks: concealed });
        }
        if recovered > 0 {
            ready.push_back(Piece::Recover { next: next.payload.clone(), ticks: recovered });
        }
        // Where in the pause it was lost is not known; speech goes on before it stops.
        if owed > concealed {
            ready.push_back(Piece::Silence { ticks: owed - concealed });
        }
        self.next_timestamp = next.timestamp;
        self.silence = 0;
        true
    }
}

/// How far `sequence` is ahead of `next`, the short way round.
fn step(sequence: u16, next: u64) -> i64 {
    i64::from(sequence.wrapping_sub(next as u16) as i16)
}

fn low(ticks: u64) -> u32 {
    ticks as u32
}

/// The part of it that the decoder can conceal: whole 2.5 ms.
fn whole(ticks: u64) -> u64 {
    ticks - ticks % (CLOCK_HZ / 400)
}

fn duration(ticks: u64) -> Duration {
    Duration::from_micros(ticks * 1_000_000 / CLOCK_HZ)
}

/// The length of an Opus packet in ticks of 1/48000 s (RFC 6716, 3.1 and 3.2); `None` where it is no Opus packet.
pub fn opus_ticks(packet: &[u8]) -> Option<u64> {
    let toc = *packet.first()?;
    let config = u64::from(toc >> 3);
    let frame = match config {
        // SILK: 10, 20, 40, 60 ms.
        0..=11 => [480, 960, 1_920, 2_880].get((config % 4) as usize).copied()?,
        // Hybrid: 10, 20 ms.
        12..=15 => [480, 960].get((config % 2) as usize).copied()?,
        // CELT: 2.5, 5, 10, 20 ms.
        _ => 120u64 << (config % 4),
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u64::from(packet.get(1)? & 0x3f),
    };
    let ticks = frame * frames;
    (1..=MAX_PACKET).contains(&ticks).then_some(ticks)
}
