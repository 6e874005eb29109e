//! When the user has finished speaking, given what they have said so far.
//!
//! A fixed silence is wrong both ways: after "turn on the kitchen light" nothing more can come, and waiting makes the house slow;
//! after "turn on the" more must come, and not waiting cuts the sentence. So the silence that ends the turn depends on the partial
//! transcript, which the caller classes as [`Said`], anew with every frame.

use serde::{Deserialize, Serialize};

use crate::{GateConfig, GateEvent, SpeechGate};

/// What the partial transcript looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// The recogniser reports words as they come, and has reported none. Where it only reports them at the end, say [`Said::Unknown`].
    #[default]
    Nothing,
    /// A whole command, to which nothing needs to be added.
    Complete,
    /// A beginning that clearly goes on: "turn on the".
    OpenEnded,
    /// Words of which it is not known whether more will come.
    Unknown,
}

/// How long a silence ends the turn, and when a turn ends without one. All times are in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EndpointConfig {
    /// The silence that ends a complete command.
    pub complete_ms: u64,
    /// The silence that ends any other words.
    pub unknown_ms: u64,
    /// The silence that ends a turn in which something sounded like speech but no words came of it. It is long: a door may have slammed
    /// just before the user speaks, or the recogniser may be late.
    pub nothing_ms: u64,
    /// The silence that ends a command that is clearly unfinished.
    pub open_ms: u64,
    /// Shorter sounds are clicks and begin nothing.
    pub min_speech_ms: u64,
    /// The silence after which [`Endpoint::SpeechPaused`] is reported.
    pub pause_ms: u64,
    /// A turn ends at the latest so long after its speech began.
    pub max_utterance_ms: u64,
    /// A turn without any speech ends so long after the start of the stream; 0 waits for ever.
    pub no_speech_timeout_ms: u64,
    /// Probability from which a frame can begin speech.
    pub speech_start: f32,
    /// Probability below which a frame can end speech.
    pub speech_end: f32,
}

impl Default for EndpointConfig {
    fn default() -> EndpointConfig {
        let gate = GateConfig::default();
        EndpointConfig {
            complete_ms: 200,
            unknown_ms: 700,
            nothing_ms: 2500,
            open_ms: 1200,
            min_speech_ms: gate.min_speech_ms,
            pause_ms: gate.hang_ms,
            max_utterance_ms: 15_000,
            no_speech_timeout_ms: 8_000,
            speech_start: gate.start_at,
            speech_end: gate.end_below,
        }
    }
}

impl EndpointConfig {
    /// The silence in milliseconds that ends a turn in which this was said.
    pub fn silence_ms(&self, said: Said) -> u64 {
        match said {
            Said::Complete => self.complete_ms,
            Said::OpenEnded => self.open_ms,
            Said::Unknown => self.unknown_ms,
            Said::Nothing => self.nothing_ms,
        }
    }
}

/// Why a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The user fell silent; this is what they had said (never [`Said::Nothing`]).
    Silence(Said),
    /// Speech, or what sounds like it, went on for the longest time allowed.
    TooLong,
    /// Nobody spoke, or no words came of what sounded like it.
    NoSpeech,
}

/// What the endpointing noticed. Times are in milliseconds since the start of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// The user began to speak. Reported once, `min_speech_ms` after it happened.
    SpeechStarted {
        /// When the speech began.
        at_ms: u64,
    },
    /// The user fell silent, perhaps only for a moment: time to speculate.
    SpeechPaused {
        /// When the silence began.
        at_ms: u64,
    },
    /// The user goes on: what was speculated has to be revised.
    SpeechResumed {
        /// When the speech went on.
        at_ms: u64,
    },
    /// The turn is over. Nothing is reported after this.
    Ended {
        /// Now.
        at_ms: u64,
        /// When the last speech ended; the same as `at_ms` where it was still going on, 0 where there was none.
        speech_end_ms: u64,
        /// Why.
        reason: EndReason,
    },
}

#[derive(Clone, Copy, Debug)]
enum State {
    Waiting,
    /// Speech that began the turn at `since_ms` is going on.
    Speaking {
        since_ms: u64,
    },
    /// Silence since `silent_ms`, in a turn whose speech began at `since_ms`.
    Paused {
        since_ms: u64,
        silent_ms: u64,
    },
    Ended,
}

/// Finds the end of one turn, from its first frame on. Speech may already be going on in the first frame.
#[derive(Clone, Debug)]
pub struct Endpointer {
    config: EndpointConfig,
    gate: SpeechGate,
    state: State,
}

impl Endpointer {
    /// An endpointer at the start of a stream.
    pub fn new(config: EndpointConfig) -> Endpointer {
        let gate = SpeechGate::new(GateConfig {
            start_at: config.speech_start,
            end_below: config.speech_end,
            min_speech_ms: config.min_speech_ms,
            hang_ms: config.pause_ms,
            ..GateConfig::default()
        });
        Endpointer { config, gate, state: State::Waiting }
    }

    /// Takes the next 20 ms frame: the probability that it holds speech, and what the partial transcript looks like now.
    pub fn push(&mut self, speech: f32, said: Said) -> Option<Endpoint> {
        if matches!(self.state, State::Ended) {
            return None;
        }
        let noticed = self.gate.push(speech);
        let now_ms = self.gate.now_ms();
        if let Some(end) = self.overtime(now_ms, noticed) {
            return Some(end);
        }
        match (self.state, noticed) {
            (State::Waiting, Some(GateEvent::Started { at_ms })) => {
                self.state = State::Speaking { since_ms: at_ms };
                Some(Endpoint::SpeechStarted { at_ms })
            }
            (State::Speaking { since_ms }, Some(GateEvent::Ended { at_ms })) => {
                self.state = State::Paused { since_ms, silent_ms: at_ms };
                Some(Endpoint::SpeechPaused { at_ms })
            }
            (State::Paused { since_ms, .. }, Some(GateEvent::Started { at_ms })) => {
                self.state = State::Speaking { since_ms };
                Some(Endpoint::SpeechResumed { at_ms })
            }
            // A sound has begun that may be the next word: whether it is will be known in some frames.
            (State::Paused { .. }, _) if self.gate.is_opening() => None,
            (State::Paused { silent_ms, .. }, _) if now_ms - silent_ms >= self.config.silence_ms(said) => Some(
                self.end(silent_ms, if said == Said::Nothing { EndReason::NoSpeech } else { EndReason::Silence(said) }),
            ),
            _ => None,
        }
    }

    /// Whether the turn is over.
    pub fn has_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// The end of the latest frame, in milliseconds since the start of the stream.
    pub fn now_ms(&self) -> u64 {
        self.gate.now_ms()
    }

    /// The end that comes whatever is heard.
    fn overtime(&mut self, now_ms: u64, noticed: Option<GateEvent>) -> Option<Endpoint> {
        let timeout_ms = self.config.no_speech_timeout_ms;
        let too_long = |since_ms: u64| now_ms - since_ms >= self.config.max_utterance_ms;
        match self.state {
            State::Waiting
                if timeout_ms > 0 && now_ms >= timeout_ms && noticed.is_none() && !self.gate.is_opening() =>
            {
                Some(self.end(0, EndReason::NoSpeech))
            }
            State::Speaking { since_ms } if too_long(since_ms) => Some(self.end(now_ms, EndReason::TooLong)),
            State::Paused { since_ms, silent_ms } if too_long(since_ms) => {
                Some(self.end(silent_ms, EndReason::TooLong))
            }
            _ => None,
        }
    }

    fn end(&mut self, speech_end_ms: u64, reason: EndReason) -> Endpoint {
        self.state = State::Ended;
        Endpoint::Ended { at_ms: self.gate.now_ms(), speech_end_ms, reason }
    }
}
