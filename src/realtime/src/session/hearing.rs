//! The input audio buffer, what the ear hears in it, and its transcripts.

use std::collections::VecDeque;

use serde_json::json;
use vesta_turn::TurnEvent;

use super::{Effect, House, Session};
use crate::error::EventError;
use crate::format::{AudioFormat, Decoder, bytes};
use crate::item::{Item, Kind, Part, Role, Status};

/// Most bytes of audio that may wait uncommitted.
const MAX_BUFFER: u64 = 15 * 1024 * 1024;
/// The least audio that can be committed, in milliseconds.
const MIN_COMMIT_MS: u64 = 100;
/// Push to talk over a track: audio before which the button was surely not pressed, in samples of 16 kHz (a minute).
const MAX_UNCOMMITTED: usize = 16_000 * 60;
/// Push to talk over a track: what is no louder than this (full scale is 32768) is a muted microphone.
const MUTED: u16 = 64;
/// How much of it is kept for the first sound of a word, in samples of 16 kHz (300 ms).
const KEPT_MUTED: usize = 4_800;
/// Items that are remembered as to be done once.
const MAX_ONCE: usize = 32;

/// Audio that the client sent.
pub(super) struct Buffer {
    format: AudioFormat,
    decoder: Decoder,
    /// Bytes since the last commit or clear.
    bytes: u64,
    /// Milliseconds of audio since the session began, up to the last change of the format.
    before_ms: u64,
    /// Bytes in this format.
    in_format: u64,
    /// Push to talk: the item that the audio since the last commit will be.
    item: Option<String>,
    /// Push to talk over a track: audio of the item so far, in samples, and the end of the silence before it.
    begun: usize,
    muted: VecDeque<i16>,
    /// Push to talk: the items whose audio the ear has not begun to hear, oldest first.
    unbegun: VecDeque<String>,
    /// Hands-free: the item of the speech that is going on.
    pub(super) speaking: Option<String>,
    /// Hands-free: the client committed, and the ear has not caught up.
    pub(super) commit_pending: bool,
    /// The client's id of what it committed then.
    pending_once: Option<String>,
}

/// Speech that the ear hears.
pub(super) struct Spoken {
    item: String,
    /// What of the transcript was told so far.
    told: String,
}

/// Speech as it was understood.
pub(crate) struct Understood {
    /// What was said, or the stable code and the reason why that is not known.
    pub(crate) text: Result<String, (String, String)>,
    /// The audio, 16 kHz mono.
    pub(crate) samples: Vec<i16>,
}

impl Buffer {
    pub(super) fn new(format: AudioFormat) -> Self {
        Self {
            format,
            decoder: Decoder::new(format),
            bytes: 0,
            before_ms: 0,
            in_format: 0,
            item: None,
            begun: 0,
            muted: VecDeque::new(),
            unbegun: VecDeque::new(),
            speaking: None,
            commit_pending: false,
            pending_once: None,
        }
    }

    pub(super) fn change_format(&mut self, format: AudioFormat) {
        self.before_ms = self.now_ms();
        self.in_format = 0;
        self.format = format;
        self.decoder = Decoder::new(format);
    }

    /// Who decides where an utterance ends may have changed; what was heard so far goes on.
    pub(super) fn change_mode(&mut self, was_push_to_talk: bool, is_push_to_talk: bool) {
        match (was_push_to_talk, is_push_to_talk) {
            (false, true) => self.item = self.speaking.take(),
            // The ear listens again for where the speech began.
            (true, false) => self.item = None,
            _ => {}
        }
    }

    /// Milliseconds of audio since the session began.
    fn now_ms(&self) -> u64 {
        self.before_ms + self.format.milliseconds(self.in_format)
    }
}

impl Session {
    /// `input_audio_buffer.append`
    pub(super) fn append(&mut self, base64: &str) -> Result<(), EventError> {
        if self.beside {
            let message = "Over WebRTC audio comes over the audio track, not in events.";
            return Err(EventError::invalid("invalid_value", message).at("type"));
        }
        let Some(bytes) = bytes(base64) else {
            let message = "'audio' is not base64 (RFC 4648, with padding).";
            return Err(EventError::invalid("invalid_value", message).at("audio"));
        };
        let size = bytes.len() as u64;
        let push_to_talk = self.config.turn_detection.is_none();
        if push_to_talk && self.buffer.bytes + size > MAX_BUFFER {
            let message = format!("The input audio buffer holds at most {MAX_BUFFER} bytes; commit or clear it first.");
            return Err(EventError::invalid("input_audio_buffer_full", message).at("audio"));
        }
        self.buffer.bytes += size;
        self.buffer.in_format += size;
        let samples = self.buffer.decoder.push(bytes);
        self.hear(samples);
        Ok(())
    }

    /// Audio that came beside the events, 16 kHz.
    pub(crate) fn heard_beside(&mut self, samples: Vec<i16>) {
        // The buffer counts in the session's format, whatever the track's is.
        let bytes = match self.buffer.format {
            AudioFormat::Pcm => samples.len() as u64 * 3,
            AudioFormat::Ulaw | AudioFormat::Alaw => samples.len() as u64 / 2,
        };
        self.buffer.bytes += bytes;
        self.buffer.in_format += bytes;
        if self.config.turn_detection.is_some() {
            return self.hear(samples);
        }
        // A track never pauses. Where the client decides, nothing is recognised while its microphone is muted, and what nobody
        // committed for a minute was not meant.
        let audible = self.buffer.item.is_some() || samples.iter().any(|sample| sample.unsigned_abs() > MUTED);
        if !audible {
            self.buffer.muted.extend(samples);
            let surplus = self.buffer.muted.len().saturating_sub(KEPT_MUTED);
            self.buffer.muted.drain(..surplus);
            return;
        }
        let before: Vec<i16> = self.buffer.muted.drain(..).collect();
        self.buffer.begun += before.len() + samples.len();
        self.hear(before);
        self.hear(samples);
        if self.buffer.begun > MAX_UNCOMMITTED {
            self.forget();
        }
    }

    /// What was heard since the last utterance is none.
    fn forget(&mut self) {
        self.buffer.decoder = Decoder::new(self.buffer.format);
        (self.buffer.bytes, self.buffer.begun) = (0, 0);
        self.buffer.muted.clear();
        self.buffer.item = None;
        self.buffer.speaking = None;
        self.effects.push_back(Effect::Forget);
    }

    fn hear(&mut self, samples: Vec<i16>) {
        if samples.is_empty() {
            return;
        }
        if self.config.turn_detection.is_none() && self.buffer.item.is_none() {
            let item = self.ids.next("item");
            self.buffer.unbegun.push_back(item.clone());
            self.buffer.item = Some(item);
        }
        self.effects.push_back(Effect::Hear(samples));
    }

    /// `input_audio_buffer.commit`
    pub(super) fn commit(&mut self, once: Option<String>, now_ms: u64) -> Result<(), EventError> {
        let milliseconds = self.buffer.format.milliseconds(self.buffer.bytes);
        if milliseconds < MIN_COMMIT_MS {
            let message = format!(
                "Error committing input audio buffer: buffer too small. Expected at least {MIN_COMMIT_MS}ms of audio, \
                 but buffer only has {milliseconds}ms of audio."
            );
            return Err(EventError::invalid("input_audio_buffer_commit_empty", message));
        }
        let rest = self.buffer.decoder.flush();
        self.hear(rest);
        (self.buffer.bytes, self.buffer.begun) = (0, 0);
        if self.config.turn_detection.is_none() && self.buffer.item.is_none() {
            // The microphone was muted all the time.
            let item = self.ids.next("item");
            self.committed(item.clone());
            let silence = Understood { text: Ok(String::new()), samples: Vec::new() };
            self.transcribed(&item, silence, now_ms);
            return Ok(());
        }
        self.effects.push_back(Effect::Commit);
        match self.buffer.item.take() {
            // The ear may have committed it just before the mode changed.
            Some(item) if self.conversation.get(&item).is_some() => self.do_once(item, once),
            Some(item) => {
                self.do_once(item.clone(), once);
                self.committed(item);
            }
            // The ear says where the speech began.
            None => (self.buffer.commit_pending, self.buffer.pending_once) = (true, once),
        }
        Ok(())
    }

    /// Notes that what an item says is to be done once only.
    fn do_once(&mut self, item: String, once: Option<String>) {
        let Some(once) = once else { return };
        self.once.push_back((item, once));
        if self.once.len() > MAX_ONCE {
            self.once.pop_front();
        }
    }

    /// `input_audio_buffer.clear`
    pub(super) fn clear(&mut self) {
        self.forget();
        self.send("input_audio_buffer.cleared", json!({}));
    }

    /// Speech becomes an item of the conversation.
    fn committed(&mut self, item: String) {
        let previous = self.conversation.newest_first().next().map(|item| item.id.clone());
        self.send("input_audio_buffer.committed", json!({ "item_id": item, "previous_item_id": previous }));
        self.unheard.push(item.clone());
        let speech = Part::InputAudio { transcript: None, samples: Vec::new() };
        self.add_item(Item::message(item, Role::User, Status::Completed, vec![speech]));
    }

    /// What the ear tells.
    pub(crate) fn ear_event(&mut self, event: TurnEvent, now_ms: u64, house: House<'_>) {
        match event {
            TurnEvent::SpeechStarted { turn, at_ms } => self.speech_started(turn, at_ms, now_ms, house),
            TurnEvent::Partial { turn, text } => self.partial(&turn, &text),
            TurnEvent::SpeechEnded { turn, at_ms, .. } => self.speech_ended(&turn, at_ms, now_ms, house),
            _ => {}
        }
    }

    fn speech_started(&mut self, turn: String, at_ms: u64, now_ms: u64, house: House<'_>) {
        // Audio that was appended as push to talk is heard as such, even where the mode has changed since.
        if let Some(item) = self.buffer.unbegun.pop_front() {
            self.spoken.insert(turn, Spoken { item, told: String::new() });
            return;
        }
        let item = self.ids.next("item");
        self.spoken.insert(turn, Spoken { item: item.clone(), told: String::new() });
        let Some(detection) = self.config.turn_detection else { return };
        self.buffer.speaking = Some(item.clone());
        self.idle_since_ms = None;
        let start_ms = at_ms.saturating_sub(detection.prefix_ms(house.settings));
        self.send("input_audio_buffer.speech_started", json!({ "audio_start_ms": start_ms, "item_id": item }));
        if detection.interrupt_response {
            self.interrupt(now_ms);
        }
    }

    fn partial(&mut self, turn: &str, text: &str) {
        if self.config.transcription.is_none() {
            return;
        }
        let Some(spoken) = self.spoken.get_mut(turn) else { return };
        // What was told cannot be taken back; where it turns out wrong, the completed transcript says so.
        let Some(delta) = text.strip_prefix(spoken.told.as_str()).filter(|delta| !delta.is_empty()) else { return };
        let delta = delta.to_owned();
        text.clone_into(&mut spoken.told);
        let item = spoken.item.clone();
        self.send(
            "conversation.item.input_audio_transcription.delta",
            json!({ "item_id": item, "content_index": 0, "delta": delta }),
        );
    }

    fn speech_ended(&mut self, turn: &str, at_ms: u64, now_ms: u64, house: House<'_>) {
        let Some(item) = self.spoken.get(turn).map(|spoken| spoken.item.clone()) else { return };
        if self.conversation.get(&item).is_some() {
            // Push to talk: the client has committed it.
            return;
        }
        let Some(detection) = self.config.turn_detection else {
            // The mode changed while somebody spoke.
            self.committed(item);
            return;
        };
        self.buffer.speaking = None;
        let manual = std::mem::take(&mut self.buffer.commit_pending);
        let once = self.buffer.pending_once.take();
        self.do_once(item.clone(), once);
        if !manual {
            self.buffer.bytes = 0;
            self.send("input_audio_buffer.speech_stopped", json!({ "audio_end_ms": at_ms, "item_id": item }));
        }
        self.committed(item.clone());
        if !manual && detection.create_response && self.answers() {
            self.answer_next(item, now_ms);
        }
        self.carry_out_deferred(now_ms, house);
    }

    /// The item that a turn of the ear became.
    pub(crate) fn item_of(&self, turn: &str) -> Option<String> {
        self.spoken.get(turn).map(|spoken| spoken.item.clone())
    }

    /// Speech was understood, or not.
    pub(crate) fn transcribed(&mut self, item: &str, understood: Understood, now_ms: u64) {
        self.unheard.retain(|unheard| unheard != item);
        let turn = self.spoken.iter().find(|(_, spoken)| spoken.item == item).map(|(turn, _)| turn.clone());
        let told = turn.and_then(|turn| self.spoken.remove(&turn)).map(|spoken| spoken.told).unwrap_or_default();
        let Understood { text, samples } = understood;
        let seconds = samples.len() as f64 / f64::from(vesta_audio::SAMPLE_RATE);
        let heard = text.as_deref().unwrap_or_default().to_owned();
        if let Some(Item { kind: Kind::Message { content, .. }, .. }) = self.conversation.get_mut(item) {
            for part in content {
                if let Part::InputAudio { transcript, samples: kept } = part {
                    *transcript = Some(heard);
                    *kept = samples;
                    break;
                }
            }
            self.conversation.forget_speech();
        }
        if self.config.transcription.is_some() {
            match &text {
                Ok(text) => self.tell_transcript(item, text, &told, seconds),
                Err((code, message)) => self.send(
                    "conversation.item.input_audio_transcription.failed",
                    json!({
                        "item_id": item, "content_index": 0,
                        "error": { "type": "transcription_error", "code": code, "message": message },
                    }),
                ),
            }
        }
        let waiting: Vec<String> = self
            .responses
            .values()
            .filter(|response| response.waits_for(item))
            .map(|response| response.id.clone())
            .collect();
        for response in waiting {
            self.answer_speech(&response, item, text.as_deref().ok(), now_ms);
        }
    }

    fn tell_transcript(&mut self, item: &str, text: &str, told: &str, seconds: f64) {
        if let Some(rest) = text.strip_prefix(told).filter(|rest| !rest.is_empty()) {
            self.send(
                "conversation.item.input_audio_transcription.delta",
                json!({ "item_id": item, "content_index": 0, "delta": rest }),
            );
        }
        self.send(
            "conversation.item.input_audio_transcription.completed",
            json!({
                "item_id": item, "content_index": 0, "transcript": text,
                "usage": { "type": "duration", "seconds": seconds },
            }),
        );
    }

    /// Nobody has spoken for so long that the house asks.
    pub(super) fn ask_whether_somebody_is_there(&mut self, now_ms: u64) {
        let timeout = self.config.turn_detection.as_ref().and_then(|detection| detection.idle_timeout_ms());
        self.idle_since_ms = None;
        let end_ms = self.buffer.now_ms();
        let start_ms = end_ms.saturating_sub(timeout.unwrap_or_default());
        let item = self.ids.next("item");
        self.send(
            "input_audio_buffer.timeout_triggered",
            json!({ "audio_start_ms": start_ms, "audio_end_ms": end_ms, "item_id": item }),
        );
        let previous = self.conversation.newest_first().next().map(|item| item.id.clone());
        self.send("input_audio_buffer.committed", json!({ "item_id": item, "previous_item_id": previous }));
        let silence = Part::InputAudio { transcript: Some(String::new()), samples: Vec::new() };
        self.add_item(Item::message(item, Role::User, Status::Completed, vec![silence]));
        self.prompt(now_ms);
    }
}
