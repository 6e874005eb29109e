//! Audio to utterances: when somebody speaks, what they said so far, and when they are done.
//!
//! Two ways to know where an utterance ends: the client says so (push to talk), or the ear decides by voice activity
//! and by the transcript so far (hands-free). Either way the transcript grows while the user still speaks.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use vesta_audio::{EndReason, Endpoint, Endpointer, Frame, Framer, PreRoll, Said, Vad, VadConfig};
use vesta_engines::{EngineState, SpeechToText, SttEvent};

use crate::Assistant;
use crate::conversation::{Client, Input, Listening, Mode, Pace};
use crate::event::TurnEvent;
use crate::hearing::{Hearing, milliseconds};
use crate::hypotheses::Hypotheses;

/// Audio that waits in a client's queue, in pieces, from which on it clearly comes faster than anyone speaks.
const AHEAD: usize = 32;

/// One client's ear.
pub(crate) struct Ear {
    assistant: Assistant,
    client: Client,
    listening: Listening,
    /// What was being heard when the way of listening changed.
    held: Option<Hearing>,
    framer: Framer,
    frames: VecDeque<Frame>,
    vad: Vad,
    endpointer: Endpointer,
    /// Where the endpointer began to listen, on the client's clock: each turn has a new one.
    endpointer_from_ms: u64,
    pre_roll: PreRoll,
    /// Milliseconds of audio taken from the client so far.
    clock_ms: u64,
    input_open: bool,
}

impl Ear {
    pub(crate) fn new(assistant: Assistant, client: Client) -> Self {
        let listening = Listening::new(&assistant.parts.settings, client.mode);
        Self {
            framer: Framer::new(),
            frames: VecDeque::new(),
            vad: Vad::new(VadConfig::default()),
            endpointer: Endpointer::new(listening.endpoint),
            endpointer_from_ms: 0,
            pre_roll: pre_roll(&listening),
            listening,
            held: None,
            clock_ms: 0,
            input_open: true,
            assistant,
            client,
        }
    }

    /// The next utterance to its end, to be handed to [`Ear::finish`]; `None` when the client is gone and nothing more
    /// was said. `speaking` is cancelled as soon as a word is heard (barge-in) or the client interrupts.
    pub(crate) async fn next(
        &mut self,
        input: &mut mpsc::Receiver<Input>,
        speaking: &CancellationToken,
    ) -> Option<Hearing> {
        loop {
            let heard = match self.listening.mode {
                Mode::PushToTalk => self.until_released(input, speaking).await,
                Mode::HandsFree => self.until_silent(input, speaking).await,
            };
            match heard {
                Heard::Utterance(hearing) => return Some(hearing),
                Heard::Change(listening, hearing) => self.change(listening, hearing),
                Heard::Nothing => return None,
            }
        }
    }

    /// From here on the client is listened to in another way.
    fn change(&mut self, listening: Listening, hearing: Option<Hearing>) {
        let before = std::mem::replace(&mut self.listening, listening);
        let unheard = match hearing {
            // What was recorded so far is listened to again, for where speech begins and ends.
            Some(hearing) if before.mode == Mode::PushToTalk && self.listening.mode == Mode::HandsFree => {
                self.clock_ms = hearing.start_ms;
                hearing.audio
            }
            hearing => {
                self.held = hearing;
                Vec::new()
            }
        };
        if self.held.is_none() {
            self.pre_roll = pre_roll(&self.listening);
            self.listen_anew();
        }
        self.frames.extend(self.framer.push(&unheard));
    }

    /// Push to talk: everything up to the client's `End` is one utterance.
    async fn until_released(&mut self, input: &mut mpsc::Receiver<Input>, speaking: &CancellationToken) -> Heard {
        let limit = self.listening.max_utterance.as_millis() as u64;
        let mut hearing = self.held.take();
        while self.input_open {
            match next_step(input, hearing.as_mut()).await {
                Step::Input(Some(Input::Audio(samples))) => {
                    let hearing = hearing.get_or_insert_with(|| self.begin(self.clock_ms));
                    if hearing.audio.is_empty() {
                        speaking.cancel();
                        self.tell(TurnEvent::SpeechStarted { turn: hearing.id(), at_ms: self.clock_ms }).await;
                    }
                    self.clock_ms += milliseconds(samples.len());
                    hearing.audio(&samples).await;
                    if self.clock_ms.saturating_sub(hearing.start_ms) >= limit {
                        break;
                    }
                }
                Step::Input(Some(Input::End | Input::Commit)) if hearing.is_some() => break,
                Step::Input(Some(Input::End | Input::Commit)) => {}
                Step::Input(Some(Input::Interrupt)) => speaking.cancel(),
                Step::Input(Some(Input::Clear)) => hearing = None,
                Step::Input(Some(Input::Listen(listening))) => return Heard::Change(listening, hearing),
                Step::Input(None) => self.input_open = false,
                Step::Heard(event) => {
                    if let Some(hearing) = &mut hearing {
                        self.heard(hearing, event).await;
                    }
                }
            }
        }
        let Some(hearing) = hearing else { return Heard::Nothing };
        let end = TurnEvent::SpeechEnded {
            turn: hearing.id(),
            speech_end_ms: self.clock_ms,
            at_ms: self.clock_ms,
            reason: "client",
        };
        self.tell(end).await;
        Heard::Utterance(hearing)
    }

    /// Hands-free: the ear itself finds where an utterance begins and ends.
    async fn until_silent(&mut self, input: &mut mpsc::Receiver<Input>, speaking: &CancellationToken) -> Heard {
        let mut hearing = self.held.take();
        // The client says that no more audio comes for now: silence that is never sent cannot be counted.
        let mut over = false;
        // The client says that what was heard is an utterance, even where the ear heard nobody speak.
        let mut commit = false;
        loop {
            while let Some(frame) = self.frames.pop_front() {
                let endpoint = self.listen(&frame, &mut hearing).await;
                if self.client.pace == Pace::AsFast || input.len() >= AHEAD {
                    self.catch_up(hearing.as_mut()).await;
                }
                if let Some(Endpoint::Ended { at_ms, speech_end_ms, reason }) = endpoint {
                    self.listen_anew();
                    if let Some(hearing) = hearing.take() {
                        let turn = hearing.id();
                        let reason = reason_name(reason);
                        self.tell(TurnEvent::SpeechEnded { turn, speech_end_ms, at_ms, reason }).await;
                        return Heard::Utterance(hearing);
                    }
                }
            }
            if std::mem::take(&mut commit) && hearing.is_none() {
                let before: Vec<i16> = self.pre_roll.drain().flatten().collect();
                let start_ms = self.clock_ms.saturating_sub(milliseconds(before.len()));
                let mut begun = self.begin(start_ms);
                begun.audio(&before).await;
                self.tell(TurnEvent::SpeechStarted { turn: begun.id(), at_ms: start_ms }).await;
                hearing = Some(begun);
            }
            if (over || !self.input_open)
                && let Some(hearing) = hearing.take()
            {
                self.listen_anew();
                let speech_end_ms = hearing.paused_at_ms.unwrap_or(self.clock_ms);
                let (turn, at_ms) = (hearing.id(), self.clock_ms);
                self.tell(TurnEvent::SpeechEnded { turn, speech_end_ms, at_ms, reason: "client" }).await;
                return Heard::Utterance(hearing);
            }
            if !self.input_open {
                return Heard::Nothing;
            }
            over = false;
            match next_step(input, hearing.as_mut()).await {
                Step::Input(Some(Input::Audio(samples))) => self.frames.extend(self.framer.push(&samples)),
                Step::Input(Some(Input::Interrupt)) => speaking.cancel(),
                Step::Input(Some(Input::Clear)) => {
                    hearing = None;
                    (self.framer, self.pre_roll) = (Framer::new(), pre_roll(&self.listening));
                    self.listen_anew();
                }
                Step::Input(Some(Input::Listen(listening))) => return Heard::Change(listening, hearing),
                Step::Input(Some(Input::Commit)) => {
                    self.frames.extend(self.framer.flush());
                    (over, commit) = (true, true);
                }
                Step::Input(Some(Input::End)) => {
                    self.frames.extend(self.framer.flush());
                    over = true;
                }
                Step::Input(None) => {
                    self.frames.extend(self.framer.flush());
                    self.input_open = false;
                }
                Step::Heard(event) => {
                    if let Some(hearing) = &mut hearing {
                        self.heard(hearing, event).await;
                        if !hearing.text.is_empty() {
                            speaking.cancel();
                        }
                    }
                }
            }
        }
    }

    /// Each turn has an endpointer of its own.
    fn listen_anew(&mut self) {
        self.endpointer = Endpointer::new(self.listening.endpoint);
        self.endpointer_from_ms = self.clock_ms;
    }

    /// One frame of hands-free audio.
    async fn listen(&mut self, frame: &Frame, hearing: &mut Option<Hearing>) -> Option<Endpoint> {
        let speech = self.vad.push(frame);
        let streams = streams(&self.assistant.parts.stt);
        let said = hearing.as_ref().map_or(Said::Nothing, |hearing| hearing.said(streams));
        self.clock_ms += vesta_audio::FRAME_MS;
        let endpoint = self.endpointer.push(speech, said).map(|endpoint| shifted(endpoint, self.endpointer_from_ms));
        match hearing {
            Some(hearing) => hearing.audio(frame).await,
            None => self.pre_roll.push(*frame),
        }
        match endpoint {
            Some(Endpoint::SpeechStarted { at_ms }) => {
                let before: Vec<i16> = self.pre_roll.drain().flatten().collect();
                let mut begun = self.begin(self.clock_ms.saturating_sub(milliseconds(before.len())));
                begun.audio(&before).await;
                self.tell(TurnEvent::SpeechStarted { turn: begun.id(), at_ms }).await;
                *hearing = Some(begun);
            }
            Some(Endpoint::SpeechPaused { at_ms }) => {
                if let Some(hearing) = hearing {
                    hearing.paused_at_ms = Some(at_ms);
                    hearing.record.event("speech_paused", json!({ "at_ms": at_ms }));
                }
            }
            Some(Endpoint::SpeechResumed { at_ms }) => {
                if let Some(hearing) = hearing {
                    hearing.paused_at_ms = None;
                    hearing.speculation = None;
                    hearing.record.event("speech_resumed", json!({ "at_ms": at_ms }));
                }
            }
            _ => {}
        }
        endpoint
    }

    /// Starts a turn and its transcription.
    fn begin(&self, start_ms: u64) -> Hearing {
        Hearing::new(&self.assistant, &self.client, &self.listening, start_ms)
    }

    /// A word from the speech engine: the transcript grew, or the engine is in trouble.
    async fn heard(&self, hearing: &mut Hearing, event: SttEvent) {
        match event {
            SttEvent::Partial { text, settled, heard_ms } => {
                hearing.heard_to_ms = hearing.start_ms + heard_ms;
                hearing.settled = settled;
                if text != hearing.text {
                    hearing.record.event("partial", json!({ "text": text, "settled": settled, "heard_ms": heard_ms }));
                    self.tell(TurnEvent::Partial { turn: hearing.id(), text: text.clone() }).await;
                }
                hearing.text = text;
                if settled {
                    self.speculate(hearing);
                }
            }
            SttEvent::Final { text, log_probability, sure, alternatives, .. } => {
                hearing.last = Some((text, Hypotheses { log_probability, sure, alternatives }));
            }
            SttEvent::Retrying { why } => hearing.record.event("stt_retrying", why),
            SttEvent::Failed(error) => hearing.failed = Some(error),
        }
    }

    /// Works ahead: what the transcript so far looks like, and what it would mean if the turn ended here.
    fn speculate(&self, hearing: &mut Hearing) {
        let parts = &self.assistant.parts;
        let home = parts.home.snapshot();
        let scene = self.assistant.scene(&self.client);
        let tag = self.client.language.as_deref();
        // What is a sentence in any of the languages is one.
        let opinions = self.assistant.languages(tag);
        let opinions: Vec<Said> =
            opinions.iter().map(|language| language.said(&hearing.text, &home, scene.clone())).collect();
        let best = [Said::Complete, Said::OpenEnded].into_iter().find(|said| opinions.contains(said));
        hearing.said = best.or(opinions.first().copied()).unwrap_or(Said::Unknown);
        if hearing.said == Said::Complete {
            let began = hearing.record.now_ms();
            hearing.speculation = self.assistant.understand(&hearing.text, tag, &scene);
            hearing.record.stage("speculate", began);
        }
    }

    /// A file is read faster than anyone speaks. In its pauses it goes on as slowly as in real time until the transcript
    /// has caught up, so that the same decisions are made as for somebody who speaks.
    async fn catch_up(&self, hearing: Option<&mut Hearing>) {
        let Some(hearing) = hearing else { return };
        let Some(paused_at) = hearing.paused_at_ms else { return };
        let caught_up = hearing.settled && hearing.heard_to_ms >= paused_at;
        // An engine without partial transcripts never catches up; what is then known is the silence alone.
        if caught_up || hearing.failed.is_some() || !streams(&self.assistant.parts.stt) {
            return;
        }
        let frame = Duration::from_millis(vesta_audio::FRAME_MS);
        if let Ok(Some(event)) = timeout(frame, hearing.events.recv()).await {
            self.heard(hearing, event).await;
        }
    }

    async fn tell(&self, event: TurnEvent) {
        self.client.tell(event).await;
    }
}

/// What listening came to.
enum Heard {
    /// An utterance is over.
    Utterance(Hearing),
    /// The client is to be listened to in another way; what was heard so far.
    Change(Listening, Option<Hearing>),
    /// The client is gone.
    Nothing,
}

enum Step {
    Input(Option<Input>),
    Heard(SttEvent),
}

/// The next thing that happens: the client sends something, or the engine understood something.
async fn next_step(input: &mut mpsc::Receiver<Input>, hearing: Option<&mut Hearing>) -> Step {
    let Some(hearing) = hearing.filter(|hearing| !hearing.events.is_closed() || !hearing.events.is_empty()) else {
        return Step::Input(input.recv().await);
    };
    tokio::select! {
        event = hearing.events.recv() => match event {
            Some(event) => Step::Heard(event),
            None => Step::Input(input.recv().await),
        },
        input = input.recv() => Step::Input(input),
    }
}

/// Whether the engine tells what it heard while the user speaks; one that is being restarted is given the benefit.
fn streams(stt: &SpeechToText) -> bool {
    match &*stt.engine().state().borrow() {
        EngineState::Ready { info, .. } => info.streams_transcripts(),
        _ => true,
    }
}

fn pre_roll(listening: &Listening) -> PreRoll {
    PreRoll::new(listening.pre_roll.as_millis() as u64)
}

/// An endpoint on the client's clock.
fn shifted(endpoint: Endpoint, from_ms: u64) -> Endpoint {
    match endpoint {
        Endpoint::SpeechStarted { at_ms } => Endpoint::SpeechStarted { at_ms: at_ms + from_ms },
        Endpoint::SpeechPaused { at_ms } => Endpoint::SpeechPaused { at_ms: at_ms + from_ms },
        Endpoint::SpeechResumed { at_ms } => Endpoint::SpeechResumed { at_ms: at_ms + from_ms },
        Endpoint::Ended { at_ms, speech_end_ms, reason } => {
            Endpoint::Ended { at_ms: at_ms + from_ms, speech_end_ms: speech_end_ms + from_ms, reason }
        }
    }
}

fn reason_name(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Silence(Said::Complete) => "complete",
        EndReason::Silence(Said::OpenEnded) => "open_ended",
        EndReason::Silence(_) => "unknown",
        EndReason::TooLong => "too_long",
        EndReason::NoSpeech => "no_speech",
    }
}
