//! Voice activity: how likely it is that somebody speaks (earshot, a small neural network), and a gate that turns this into speech begun and
//! speech ended.
//!
//! The network looks back over several windows, so that its opinion outlives a word by about 100 ms, and a short beep by as much. A frame
//! that is no louder than the room's noise is therefore silence whatever the network says: with it the end of a word is known within a frame.
//!
//! Babble and loud music count as speech for the detector; what is said in them is for the recogniser to judge.

use serde::{Deserialize, Serialize};

use crate::{FRAME_MS, FRAME_SAMPLES, Frame};

/// Samples that the detector takes at a time: 16 ms.
const CHUNK: usize = 256;

/// How the detector listens.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VadConfig {
    /// A frame whose loudest sample is below this (full scale is 32768) is silence without asking the detector, which saves its time.
    pub silence_below: u16,
    /// A frame less than this many dB above the room's noise is silence; 0 leaves it to the detector alone.
    pub above_noise_db: f32,
}

impl Default for VadConfig {
    fn default() -> VadConfig {
        VadConfig { silence_below: 8, above_noise_db: 6.0 }
    }
}

/// The voice activity detector of one stream.
pub struct Vad {
    detector: Box<earshot::Detector>,
    config: VadConfig,
    /// Samples that wait for the rest of their chunk; the first `waiting` of them count.
    chunk: [i16; CHUNK],
    waiting: usize,
    /// Frames of silence in a row that the detector was not asked about.
    unasked: u32,
    noise: NoiseFloor,
    band: SpeechBand,
}

impl Vad {
    /// A detector for a new stream.
    pub fn new(config: VadConfig) -> Vad {
        Vad {
            detector: Box::default(),
            config,
            chunk: [0; CHUNK],
            waiting: 0,
            unasked: 0,
            noise: NoiseFloor::default(),
            band: SpeechBand::default(),
        }
    }

    /// The probability from 0 to 1 that there is speech in this frame.
    pub fn push(&mut self, frame: &Frame) -> f32 {
        let level_db = self.band.level_db(frame);
        let quietest_db = self.noise.push(level_db) + self.config.above_noise_db;
        if self.is_silent(frame) {
            return 0.0;
        }
        let speech = self.ask(frame);
        if self.config.above_noise_db > 0.0 && level_db < quietest_db { 0.0 } else { speech }
    }

    /// The detector's opinion: the highest of the chunks that this frame completes.
    fn ask(&mut self, frame: &Frame) -> f32 {
        let mut speech = 0.0f32;
        let mut rest = frame.as_slice();
        while !rest.is_empty() {
            let room = self.chunk.get_mut(self.waiting..).unwrap_or_default();
            let (taken, after) = rest.split_at(room.len().min(rest.len()));
            for (place, &sample) in room.iter_mut().zip(taken) {
                *place = sample;
            }
            self.waiting += taken.len();
            rest = after;
            if self.waiting == CHUNK {
                self.waiting = 0;
                speech = speech.max(self.detector.predict_i16(&self.chunk));
            }
        }
        speech.clamp(0.0, 1.0)
    }

    /// Whether the detector need not be asked. It sees some frames of silence before, so that its memory ends in silence.
    fn is_silent(&mut self, frame: &Frame) -> bool {
        const MEMORY: u32 = 8;
        if frame.iter().any(|sample| sample.unsigned_abs() >= self.config.silence_below) {
            self.unasked = 0;
            return false;
        }
        self.unasked = self.unasked.saturating_add(1);
        self.unasked > MEMORY
    }
}

impl std::fmt::Debug for Vad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vad").field("config", &self.config).finish_non_exhaustive()
    }
}

/// The level in the band in which voices have most of their power, so that neither rumbling below nor hissing above hides them: a
/// first-order high-pass at 300 Hz and a low-pass at 3 kHz.
#[derive(Clone, Debug, Default)]
struct SpeechBand {
    previous: f32,
    high: f32,
    low: f32,
}

impl SpeechBand {
    /// The frame's level in dB of full scale.
    fn level_db(&mut self, frame: &Frame) -> f32 {
        // 1 / (1 + w) and w / (1 + w), where w = 2 pi f / 16000.
        const HIGH_PASS: f32 = 0.8946;
        const LOW_PASS: f32 = 0.5409;
        let mut energy = 0.0f32;
        for &sample in frame {
            let sample = f32::from(sample) / 32768.0;
            self.high = HIGH_PASS * (self.high + sample - self.previous);
            self.low += LOW_PASS * (self.high - self.low);
            self.previous = sample;
            energy += self.low * self.low;
        }
        10.0 * (energy / FRAME_SAMPLES as f32).max(1e-12).log10()
    }
}

/// The level of the room's noise: the quietest frame of the last three seconds. Speech pauses that often, at least between the two halves
/// of a "t".
#[derive(Clone, Debug)]
struct NoiseFloor {
    /// The quietest frame of each of the last quarters of a second, in dB of full scale, the one under way first.
    quietest: [f32; 12],
    /// Frames in the quarter under way.
    frames: u32,
    /// Quarters that have been heard.
    quarters: u32,
}

impl Default for NoiseFloor {
    fn default() -> NoiseFloor {
        NoiseFloor { quietest: [f32::INFINITY; 12], frames: 0, quarters: 0 }
    }
}

impl NoiseFloor {
    /// A room is never quieter than this for a microphone, in dB of full scale.
    const QUIET_ROOM: f32 = -60.0;
    /// Frames in a quarter of a second.
    const QUARTER: u32 = 12;
    /// Quarters to listen to before anything louder than a quiet room is believed: somebody may speak from the first moment on.
    const WARM_UP: u32 = 4;

    /// Takes the level of the next frame; returns that of the noise.
    fn push(&mut self, level_db: f32) -> f32 {
        if self.frames == Self::QUARTER {
            self.quietest.rotate_right(1);
            self.frames = 0;
            self.quarters = self.quarters.saturating_add(1);
            let [newest, ..] = &mut self.quietest;
            *newest = f32::INFINITY;
        }
        self.frames += 1;
        let [newest, ..] = &mut self.quietest;
        *newest = newest.min(level_db);
        if self.quarters < Self::WARM_UP {
            return Self::QUIET_ROOM;
        }
        self.quietest.iter().copied().fold(f32::INFINITY, f32::min).max(Self::QUIET_ROOM)
    }
}

/// When a run of frames counts as speech.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GateConfig {
    /// Probability from which a frame can begin speech.
    pub start_at: f32,
    /// Probability below which a frame can end speech.
    pub end_below: f32,
    /// How much of speech, in milliseconds, makes a beginning. Shorter sounds are clicks.
    pub min_speech_ms: u64,
    /// A dip of this many milliseconds inside a beginning does not count against it: the closure of a "t" or a "p".
    pub dip_ms: u64,
    /// How much silence, in milliseconds, makes an end.
    pub hang_ms: u64,
}

impl Default for GateConfig {
    fn default() -> GateConfig {
        GateConfig { start_at: 0.5, end_below: 0.35, min_speech_ms: 100, dip_ms: 40, hang_ms: 80 }
    }
}

/// What a gate noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateEvent {
    /// Speech has begun.
    Started {
        /// When it began, in milliseconds since the start of the stream; the event comes `min_speech_ms` later.
        at_ms: u64,
    },
    /// Speech has ended.
    Ended {
        /// When it ended, in milliseconds since the start of the stream; the event comes `hang_ms` later.
        at_ms: u64,
    },
}

/// Turns the probability of each frame into speech begun and speech ended, alternately.
#[derive(Clone, Debug)]
pub struct SpeechGate {
    config: GateConfig,
    /// The end of the latest frame, in milliseconds since the start of the stream.
    now_ms: u64,
    state: Gate,
}

#[derive(Clone, Copy, Debug)]
enum Gate {
    Closed,
    /// Something that may become speech since `since_ms`: `speech_ms` of it so far, the latest until `until_ms`.
    Opening {
        since_ms: u64,
        speech_ms: u64,
        until_ms: u64,
    },
    /// Speech, the latest until `until_ms`.
    Open {
        until_ms: u64,
    },
}

impl SpeechGate {
    /// A closed gate at the start of a stream.
    pub fn new(config: GateConfig) -> SpeechGate {
        SpeechGate { config, now_ms: 0, state: Gate::Closed }
    }

    /// Takes the probability of the next 20 ms frame.
    pub fn push(&mut self, speech: f32) -> Option<GateEvent> {
        let began_ms = self.now_ms;
        self.now_ms += FRAME_MS;
        let now_ms = self.now_ms;
        let config = self.config;
        match self.state {
            Gate::Closed if speech >= config.start_at => {
                self.state = Gate::Opening { since_ms: began_ms, speech_ms: FRAME_MS, until_ms: now_ms };
                self.open_if_long_enough()
            }
            Gate::Closed => None,
            Gate::Opening { since_ms, speech_ms, .. } if speech >= config.end_below => {
                self.state = Gate::Opening { since_ms, speech_ms: speech_ms + FRAME_MS, until_ms: now_ms };
                self.open_if_long_enough()
            }
            Gate::Opening { until_ms, .. } => {
                if now_ms - until_ms > config.dip_ms {
                    self.state = Gate::Closed;
                }
                None
            }
            Gate::Open { .. } if speech >= config.end_below => {
                self.state = Gate::Open { until_ms: now_ms };
                None
            }
            Gate::Open { until_ms } if now_ms - until_ms >= config.hang_ms => {
                self.state = Gate::Closed;
                Some(GateEvent::Ended { at_ms: until_ms })
            }
            Gate::Open { .. } => None,
        }
    }

    fn open_if_long_enough(&mut self) -> Option<GateEvent> {
        match self.state {
            Gate::Opening { since_ms, speech_ms, until_ms } if speech_ms >= self.config.min_speech_ms => {
                self.state = Gate::Open { until_ms };
                Some(GateEvent::Started { at_ms: since_ms })
            }
            _ => None,
        }
    }

    /// Whether speech is going on.
    pub fn is_open(&self) -> bool {
        matches!(self.state, Gate::Open { .. })
    }

    /// Whether a sound is going on of which it is not known yet whether it is speech.
    pub fn is_opening(&self) -> bool {
        matches!(self.state, Gate::Opening { .. })
    }

    /// The end of the latest frame, in milliseconds since the start of the stream.
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }
}
