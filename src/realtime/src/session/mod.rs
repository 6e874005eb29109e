//! A session, without input or output: events and time in, effects out.
//!
//! - `hearing`: the input audio buffer, what the ear hears, transcripts
//! - `items`: the client's changes to the conversation
//! - `respond`: which response is made, and from what
//! - `speaking`: a response as events
//!
//! Times are milliseconds since the session began.

mod hearing;
mod items;
mod respond;
mod speaking;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use serde_json::{Value, json};
use vesta_intents::Dictionary;
use vesta_turn::{Announcement, Listening, Settings, Voice};

use crate::client::{self, Action, ClientEvent};
use crate::config::{SessionConfig, SessionUpdate};
use crate::conversation::Conversation;
use crate::error::EventError;
use crate::limits::RateLimit;
use crate::ports::{Playback, Played, SessionStart};
use crate::turn_detection::{TurnDetection, listening};
pub(crate) use hearing::Understood;
use hearing::{Buffer, Spoken};
use speaking::Response;

/// The longest that a session lasts, in milliseconds.
pub(crate) const LONGEST_MS: u64 = 60 * 60 * 1000;
/// Client events that may wait for a commit to be carried out.
const DEFERRED: usize = 32;

/// What a session is told about the house.
#[derive(Clone, Copy)]
pub(crate) struct House<'a> {
    pub(crate) settings: &'a Settings,
    /// How numbers are said, for the sentences of tools.
    pub(crate) numbers: &'a Dictionary,
}

/// What has to be done for a session.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Tell the client.
    Send(Value),
    /// Samples for the ear, 16 kHz.
    Hear(Vec<i16>),
    /// What was heard is an utterance: the client says so.
    Commit,
    /// Forget what was heard since the last utterance.
    Forget,
    /// Listen in this way.
    Listen(Box<Listening>),
    /// Transcribe speech that came in an item.
    Transcribe { item: String, samples: Vec<i16>, language: Option<String> },
    /// Answer an utterance (`item`), or the text where there is none. What has an id of the client's (`once`) is done once, and answered
    /// from its record when it comes again.
    Answer { response: String, item: Option<String>, text: String, speaker: Speaker, once: Option<String> },
    /// Say a sentence.
    Say { response: String, sentence: Sentence, speaker: Speaker },
    /// An utterance is carried out by the client's tool: keep its record.
    HandOver { item: Option<String>, text: String, call: Value },
    /// Stop what is said for a response.
    Cancel { response: String },
    /// Audio beside the events.
    Play(Playback),
    /// The session is over.
    End,
}

/// What is said without having been asked of the house's devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sentence {
    /// These words.
    Words(String),
    /// That nothing was heard, in the user's language.
    NothingHeard,
}

/// Who says it, and whether aloud.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Speaker {
    pub(crate) aloud: bool,
    pub(crate) voice: Voice,
}

/// Makes ids that are unique in the world: the session's random part and a number.
#[derive(Debug)]
struct Ids {
    session: String,
    count: u64,
}

impl Ids {
    fn next(&mut self, kind: &str) -> String {
        self.count += 1;
        format!("{kind}_{}{:06x}", self.session, self.count)
    }
}

/// A session's state.
pub(crate) struct Session {
    ids: Ids,
    id: String,
    conversation_id: String,
    config: SessionConfig,
    /// When the session ends, in seconds since 1970, as it is announced.
    expires_at: u64,
    /// Whether audio travels beside the events.
    beside: bool,
    conversation: Conversation,
    buffer: Buffer,
    /// What the ear hears, by its turns.
    spoken: HashMap<String, Spoken>,
    /// Speech items whose transcript is awaited.
    unheard: Vec<String>,
    /// Speech items that must be done once only, and the client's ids of them, the oldest first.
    once: VecDeque<(String, String)>,
    responses: BTreeMap<String, Response>,
    /// The response that speaks in the conversation.
    active: Option<String>,
    /// An utterance that was to be answered while another answer was spoken.
    next: VecDeque<String>,
    announcements: VecDeque<Arc<Announcement>>,
    /// Client events that wait until a commit is carried out.
    deferred: VecDeque<(ClientEvent, usize)>,
    /// Until when the client plays what it got.
    playing_until_ms: u64,
    /// The items of responses that are or may be played beside the events.
    played_items: VecDeque<(String, String)>,
    /// Since when nobody spoke, once the house has answered something.
    idle_since_ms: Option<u64>,
    limit: RateLimit,
    effects: VecDeque<Effect>,
}

impl Session {
    /// A session under a random id; `unix_s` is now in seconds since 1970.
    ///
    /// # Errors
    /// What is wrong with the configuration that the client connected with.
    pub(crate) fn new(
        start: &SessionStart,
        random: &str,
        unix_s: u64,
        beside: bool,
        house: House<'_>,
    ) -> Result<Self, EventError> {
        let mut ids = Ids { session: random.to_owned(), count: 0 };
        let config = configured(start, house)?;
        let mut session = Self {
            id: format!("sess_{random}"),
            conversation_id: ids.next("conv"),
            ids,
            buffer: Buffer::new(config.input_format),
            config,
            expires_at: unix_s + LONGEST_MS / 1000,
            beside,
            conversation: Conversation::default(),
            spoken: HashMap::new(),
            unheard: Vec::new(),
            once: VecDeque::new(),
            responses: BTreeMap::new(),
            active: None,
            next: VecDeque::new(),
            announcements: VecDeque::new(),
            deferred: VecDeque::new(),
            playing_until_ms: 0,
            played_items: VecDeque::new(),
            idle_since_ms: None,
            limit: RateLimit::default(),
            effects: VecDeque::new(),
        };
        let created = session.config.to_json(&session.id, session.expires_at);
        session.listen(house);
        session.send("session.created", json!({ "session": created }));
        Ok(session)
    }

    /// What has to be done next.
    pub(crate) fn effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Whether nothing is being written down, answered or said.
    pub(crate) fn is_idle(&self) -> bool {
        self.responses.is_empty() && self.unheard.is_empty()
    }

    /// A client's event, as text.
    pub(crate) fn client_event(&mut self, text: &str, now_ms: u64, house: House<'_>) {
        match client::parse(text) {
            Ok(event) if self.must_wait(&event.action) => {
                if self.deferred.len() >= DEFERRED {
                    let message = "Too many events wait for the audio to be committed.";
                    self.refuse(&EventError::invalid("too_many_events", message).caused_by(event.event_id.as_deref()));
                } else {
                    self.deferred.push_back((event, text.len()));
                }
            }
            Ok(event) => self.carry_out(event, now_ms, house),
            Err(error) => self.refuse(&error),
        }
    }

    /// Audio is committed when the ear has heard all of it; what follows the commit waits for it, but for more audio.
    fn must_wait(&self, action: &Action) -> bool {
        self.buffer.commit_pending && !matches!(action, Action::AppendAudio(_) | Action::CancelResponse(_))
    }

    fn carry_out_deferred(&mut self, now_ms: u64, house: House<'_>) {
        while !self.buffer.commit_pending
            && let Some((event, _)) = self.deferred.pop_front()
        {
            self.carry_out(event, now_ms, house);
        }
    }

    fn carry_out(&mut self, event: ClientEvent, now_ms: u64, house: House<'_>) {
        let ClientEvent { event_id, action } = event;
        let done = match action {
            Action::UpdateSession(update) => self.update(*update, house),
            Action::AppendAudio(audio) => self.append(&audio),
            Action::CommitAudio(once) => self.commit(once, now_ms),
            Action::ClearAudio => {
                self.clear();
                Ok(())
            }
            Action::ClearOutput => self.clear_output(),
            Action::CreateItem { item, previous } => self.create_item(item, previous),
            Action::RetrieveItem(item) => self.retrieve_item(&item),
            Action::DeleteItem(item) => self.delete_item(&item),
            Action::TruncateItem { item, content_index, audio_end_ms } => {
                self.truncate_item(&item, content_index, audio_end_ms)
            }
            Action::CreateResponse(params) => self.create_response(*params, now_ms, house),
            Action::CancelResponse(response) => self.cancel_response(response, now_ms),
        };
        if let Err(error) = done {
            self.refuse(&error.caused_by(event_id.as_deref()));
        }
    }

    fn update(&mut self, update: SessionUpdate, house: House<'_>) -> Result<(), EventError> {
        let new = self.config.updated(update, house.numbers)?;
        let before = std::mem::replace(&mut self.config, new);
        if before.input_format != self.config.input_format {
            self.buffer.change_format(self.config.input_format);
        }
        if before.turn_detection != self.config.turn_detection || before.transcription != self.config.transcription {
            self.listen(house);
        }
        self.buffer.change_mode(before.turn_detection.is_none(), self.config.turn_detection.is_none());
        let session = self.config.to_json(&self.id, self.expires_at);
        self.send("session.updated", json!({ "session": session }));
        Ok(())
    }

    /// Tells the ear how to listen.
    fn listen(&mut self, house: House<'_>) {
        let language = self.config.transcription.as_ref().and_then(|transcription| transcription.spoken());
        let listening = listening(self.config.turn_detection.as_ref(), language, house.settings);
        self.effects.push_back(Effect::Listen(Box::new(listening)));
    }

    /// Audio stops: what the client hears beside the events.
    fn clear_output(&mut self) -> Result<(), EventError> {
        if !self.beside {
            let message =
                "'output_audio_buffer.clear' is for WebRTC. Over WebSocket the client plays the audio itself.";
            return Err(EventError::invalid("invalid_value", message).at("type"));
        }
        self.effects.push_back(Effect::Play(Playback::Clear));
        Ok(())
    }

    /// What became of audio beside the events.
    pub(crate) fn played(&mut self, played: Played, now_ms: u64) {
        match played {
            Played::Started { response } => {
                self.send("output_audio_buffer.started", json!({ "response_id": response }));
            }
            Played::Stopped { response, .. } => {
                self.played_items.retain(|(of, _)| *of != response);
                self.playing_until_ms = now_ms;
                self.idle_since_ms = Some(now_ms);
                self.send("output_audio_buffer.stopped", json!({ "response_id": response }));
            }
            Played::Cleared { response, played_ms } => {
                self.playing_until_ms = now_ms;
                self.send("output_audio_buffer.cleared", json!({ "response_id": response }));
                self.cut_to_heard(&response, played_ms);
            }
        }
    }

    /// When [`Session::timeout`] wants to be called.
    pub(crate) fn deadline_ms(&self) -> u64 {
        self.idle_deadline_ms().map_or(LONGEST_MS, |idle| idle.min(LONGEST_MS))
    }

    /// Time has passed.
    pub(crate) fn timeout(&mut self, now_ms: u64) {
        if now_ms >= LONGEST_MS {
            let message = "Your session hit the maximum duration of 60 minutes. Connect again to go on.";
            self.refuse(&EventError::invalid("session_expired", message));
            self.effects.push_back(Effect::End);
        } else if self.idle_deadline_ms().is_some_and(|idle| now_ms >= idle) {
            self.ask_whether_somebody_is_there(now_ms);
        }
    }

    fn idle_deadline_ms(&self) -> Option<u64> {
        let timeout = self.config.turn_detection.as_ref().and_then(TurnDetection::idle_timeout_ms)?;
        let quiet = self.active.is_none() && self.buffer.speaking.is_none();
        let since = self.idle_since_ms.filter(|_| quiet)?;
        Some(since.max(self.playing_until_ms) + timeout)
    }

    fn send(&mut self, kind: &str, fields: Value) {
        let mut event = json!({ "type": kind, "event_id": self.ids.next("event") });
        if let (Some(event), Value::Object(fields)) = (event.as_object_mut(), fields) {
            event.extend(fields);
        }
        self.effects.push_back(Effect::Send(event));
    }

    pub(crate) fn refuse(&mut self, error: &EventError) {
        self.send("error", json!({ "error": error }));
    }
}

/// The configuration that a client connects with.
pub(crate) fn configured(start: &SessionStart, house: House<'_>) -> Result<SessionConfig, EventError> {
    let config = SessionConfig::new(&start.model);
    if start.session.is_null() {
        return Ok(config);
    }
    let update: SessionUpdate = client::read(start.session.clone()).map_err(|error| {
        let param = error.param.as_deref().map_or_else(|| "session".to_owned(), |param| format!("session.{param}"));
        error.at(param)
    })?;
    config.updated(update, house.numbers)
}
