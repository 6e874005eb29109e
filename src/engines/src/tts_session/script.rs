//! What a reply has come to: its text, how far one worker was told of it, and the audio that came back. No I/O.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::mpsc;
use vesta_wyoming::{AudioFormat, Message};

use super::{AHEAD, Input, MAX_TEXT};
use crate::speech::{self, Sentences};
use crate::{EngineError, SpeakOptions, SpeechChunk};

/// The text of a reply, as clauses for servers that take it piece by piece and as sentences for those that do not.
///
/// A server that takes clauses is given all of them again after a loss; one that takes sentences goes on with the one it was at.
#[derive(Default)]
pub(super) struct Text {
    clauses: Vec<String>,
    sentences: Vec<String>,
    cutter: Sentences,
    /// Sentences that were spoken to their end.
    spoken: usize,
    bytes: usize,
    pub(super) finished: bool,
}

impl Text {
    /// Takes what came in. `None`: the caller left without a finish.
    pub(super) fn take(&mut self, input: Option<Input>) -> Option<()> {
        match input? {
            Input::Clause(clause) => {
                self.bytes += clause.len();
                self.sentences.extend(self.cutter.push(&clause));
                let before = self.clauses.last().map_or("", String::as_str);
                self.clauses.push(speech::set_apart(before, &clause));
            }
            Input::Finish => {
                self.finished = true;
                self.sentences.extend(self.cutter.finish());
            }
        }
        Some(())
    }

    pub(super) fn has_room(&self) -> bool {
        !self.finished && !self.too_long()
    }

    pub(super) fn too_long(&self) -> bool {
        self.bytes > MAX_TEXT
    }

    pub(super) fn has_unspoken(&self) -> bool {
        if self.spoken > 0 { self.spoken < self.sentences.len() } else { !self.clauses.is_empty() }
    }

    pub(super) fn is_spoken(&self) -> bool {
        self.finished && self.spoken == self.sentences.len()
    }

    pub(super) fn sentence_spoken(&mut self) {
        self.spoken += 1;
    }
}

/// What is to be sent next.
#[derive(Clone, Copy)]
pub(super) enum Step {
    Start,
    Clause,
    Stop,
    Sentence,
}

/// How far the conversation with one worker has come.
pub(super) struct Script {
    streaming: bool,
    started: bool,
    clauses_sent: usize,
    stop_sent: bool,
    /// The server said that everything is spoken.
    pub(super) stopped: bool,
    /// A sentence is being spoken, by a server that speaks one at a time.
    in_flight: bool,
}

impl Script {
    pub(super) fn new(streaming: bool) -> Script {
        Script { streaming, started: false, clauses_sent: 0, stop_sent: false, stopped: false, in_flight: false }
    }

    pub(super) fn next(&self, text: &Text) -> Option<Step> {
        if !self.streaming {
            return (!self.in_flight && text.spoken < text.sentences.len()).then_some(Step::Sentence);
        }
        match () {
            () if !self.started => Some(Step::Start),
            () if self.clauses_sent < text.clauses.len() => Some(Step::Clause),
            () if text.finished && !self.stop_sent => Some(Step::Stop),
            () => None,
        }
    }

    pub(super) fn take(&mut self, step: Step, text: &Text, options: &SpeakOptions) -> Message {
        match step {
            Step::Start => {
                self.started = true;
                Message::SynthesizeStart { voice: options.wyoming_voice() }
            }
            Step::Clause => {
                let clause = text.clauses.get(self.clauses_sent).cloned().unwrap_or_default();
                self.clauses_sent += 1;
                Message::SynthesizeChunk { text: clause }
            }
            Step::Stop => {
                self.stop_sent = true;
                Message::SynthesizeStop
            }
            Step::Sentence => {
                self.in_flight = true;
                let sentence = text.sentences.get(text.spoken).cloned().unwrap_or_default();
                Message::Synthesize { text: sentence, voice: options.wyoming_voice() }
            }
        }
    }

    /// The server ended some audio. Whether that ends the sentence in flight.
    pub(super) fn sentence_ended(&mut self) -> bool {
        !self.streaming && std::mem::take(&mut self.in_flight)
    }

    pub(super) fn is_over(&self, text: &Text) -> bool {
        if self.streaming { self.stopped && self.stop_sent } else { !self.in_flight && text.is_spoken() }
    }

    /// Whether the server owes an answer, so that its silence means something.
    pub(super) fn is_owed(&self, text: &Text) -> bool {
        if self.streaming { text.finished } else { self.in_flight }
    }

    pub(super) fn may_hang_up(&self, text: &Text) -> bool {
        !self.streaming && !self.in_flight && text.spoken > 0
    }
}

/// Speech on its way to the caller.
#[derive(Default)]
pub(super) struct Queue {
    chunks: VecDeque<SpeechChunk>,
    queued: Duration,
    /// Samples of the reply (or of the sentence, where whole sentences are spoken) that came in from any worker.
    received: usize,
    /// Samples that this worker has to repeat before it says anything new.
    to_skip: usize,
}

impl Queue {
    /// Another worker begins: it first repeats what is already here.
    pub(super) fn start_over(&mut self) {
        self.to_skip = self.received;
    }

    pub(super) fn push(&mut self, format: AudioFormat, audio: &[u8]) -> Result<(), String> {
        let mut samples = speech::samples(format, audio)?;
        let skip = samples.len().min(self.to_skip);
        self.to_skip -= skip;
        samples.drain(..skip);
        self.received += samples.len();
        if !samples.is_empty() {
            self.queued += duration(samples.len(), format.rate);
            self.chunks.push_back(SpeechChunk { rate: format.rate, samples });
        }
        Ok(())
    }

    pub(super) fn sentence_spoken(&mut self) {
        self.received = 0;
        self.to_skip = 0;
    }

    pub(super) fn deliver(&mut self, permit: mpsc::Permit<'_, Result<SpeechChunk, EngineError>>) {
        if let Some(chunk) = self.chunks.pop_front() {
            self.queued = self.queued.saturating_sub(duration(chunk.samples.len(), chunk.rate));
            permit.send(Ok(chunk));
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.queued < AHEAD
    }

    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }
}

fn duration(samples: usize, rate: u32) -> Duration {
    Duration::from_secs_f64(samples as f64 / f64::from(rate.max(1)))
}
