//! Which response is made, and from what.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use vesta_turn::{Announcement, Voice};

use super::speaking::Response;
use super::{Effect, House, Sentence, Session, Speaker};
use crate::client::ResponseParams;
use crate::config::{Modality, SessionConfig, SessionKind, modality};
use crate::error::EventError;
use crate::item::{Item, Kind, Part, Role};
use crate::kept::{max_output_tokens, metadata};
use crate::ports::Playback;
use crate::tools::{Tool, ToolCall, ToolChoice, Tools, sentence_of};

/// Responses that may be made at a time: one in the conversation, the others beside it.
const MAX_RESPONSES: usize = 8;
/// Announcements that may wait for the end of a response.
const MAX_ANNOUNCEMENTS: usize = 16;

/// What a response answers.
#[derive(Debug, Clone, PartialEq)]
enum Source {
    /// Speech whose transcript is not known yet.
    Speech(String),
    /// Text, or speech that was understood (with its item).
    Text { item: Option<String>, text: String },
    /// What came of the client's tools.
    Outputs(Vec<String>),
    /// Nothing was said.
    Nothing,
}

impl Session {
    /// Whether the house answers in this session.
    pub(super) fn answers(&self) -> bool {
        self.config.kind == SessionKind::Realtime
    }

    /// `response.create`
    pub(super) fn create_response(
        &mut self,
        params: ResponseParams,
        now_ms: u64,
        house: House<'_>,
    ) -> Result<(), EventError> {
        if !self.answers() {
            let message = "A transcription session has no responses; update the session to type 'realtime'.";
            return Err(EventError::invalid("invalid_value", message).at("type"));
        }
        let in_conversation = match params.conversation.as_deref() {
            None | Some("auto") => true,
            Some("none") => false,
            Some(id) if id == self.conversation_id => true,
            Some(_) => {
                let message = "'conversation' must be 'auto' or 'none'.";
                return Err(EventError::invalid("invalid_value", message).at("response.conversation"));
            }
        };
        if in_conversation && let Some(active) = &self.active {
            let message = format!(
                "Conversation already has an active response in progress: {active}. Wait until the response is finished \
                 before creating a new one."
            );
            return Err(EventError::invalid("conversation_already_has_active_response", message));
        }
        if self.responses.len() >= MAX_RESPONSES {
            let message = format!("At most {MAX_RESPONSES} responses are made at a time.");
            return Err(EventError::invalid("too_many_responses", message));
        }
        let source = match &params.input {
            Some(items) => self.source_of_input(items)?,
            None => self.source_of(self.conversation.newest_first()),
        };
        let response = self.planned(params, in_conversation, house)?;
        self.begin(response, source, now_ms)
    }

    /// The response with the session's configuration and what `params` changes of it.
    fn planned(
        &mut self,
        params: ResponseParams,
        in_conversation: bool,
        house: House<'_>,
    ) -> Result<Response, EventError> {
        let mut config = self.config.clone();
        if let Some(modalities) = &params.output_modalities {
            config.modality = modality(modalities, "response.output_modalities")?;
        }
        config.speak(params.audio.and_then(|audio| audio.output), "response.audio.output")?;
        if let Some(tools) = params.tools {
            config.tools = Tools::new(Tool::list(tools, "response.tools")?, house.numbers)?;
        }
        if let Some(choice) = params.tool_choice {
            config.tool_choice = ToolChoice::read(&choice, "response.tool_choice")?;
        }
        config.tool_choice.check(&config.tools, "response.tool_choice")?;
        let tokens = match params.max_output_tokens {
            Some(tokens) => max_output_tokens(tokens, "response.max_output_tokens")?,
            None => config.max_output_tokens().clone(),
        };
        let given = params.metadata.map(|pairs| metadata(pairs, "response.metadata")).transpose()?;
        Ok(self.response(config, in_conversation, given, tokens))
    }

    fn response(
        &mut self,
        config: SessionConfig,
        in_conversation: bool,
        metadata: Option<Map<String, Value>>,
        tokens: Value,
    ) -> Response {
        Response::new(self.ids.next("resp"), config, in_conversation, metadata, tokens)
    }

    fn source_of_input(&mut self, inputs: &[crate::item::ItemInput]) -> Result<Source, EventError> {
        let mut items: Vec<Item> = Vec::with_capacity(inputs.len());
        for (number, input) in inputs.iter().enumerate() {
            let path = format!("response.input[{number}]");
            match input.reference() {
                Some(id) => {
                    let item = self.conversation.get(id).ok_or_else(|| {
                        let message = format!("There is no item with id '{}'.", crate::client::shortened(id));
                        EventError::invalid("invalid_value", message).at(format!("{path}.id"))
                    })?;
                    items.push(item.clone());
                }
                None => {
                    let id = self.ids.next("item");
                    let (item, speech) = input.clone().read(id, &path)?;
                    if speech.is_some() {
                        let message = "Speech can be answered from the conversation only; add it with \
                                       'conversation.item.create' and refer to it.";
                        return Err(EventError::invalid("invalid_value", message).at(path));
                    }
                    items.push(item);
                }
            }
        }
        Ok(self.source_of(items.iter().rev()))
    }

    fn source_of<'a>(&self, newest_first: impl Iterator<Item = &'a Item>) -> Source {
        let mut outputs = Vec::new();
        for item in newest_first {
            match &item.kind {
                Kind::FunctionCallOutput { output, .. } => outputs.push(output.clone()),
                _ if !outputs.is_empty() => break,
                Kind::Message { role: Role::System, .. } => {}
                Kind::Message { role: Role::User, content } => {
                    if self.unheard.contains(&item.id) {
                        return Source::Speech(item.id.clone());
                    }
                    let spoken = content.iter().any(|part| matches!(part, Part::InputAudio { .. }));
                    let text = item.user_text().unwrap_or_default();
                    return Source::Text { item: spoken.then(|| item.id.clone()), text };
                }
                Kind::Message { role: Role::Assistant, .. } | Kind::FunctionCall { .. } => break,
            }
        }
        if outputs.is_empty() {
            return Source::Nothing;
        }
        outputs.reverse();
        Source::Outputs(outputs)
    }

    fn begin(&mut self, response: Response, source: Source, now_ms: u64) -> Result<(), EventError> {
        if let Err(seconds) = self.limit.take(now_ms) {
            let message = format!("Rate limit reached for requests. Please try again in {seconds:.1}s.");
            return Err(EventError { kind: "rate_limit_error", ..EventError::invalid("rate_limit_exceeded", message) });
        }
        let id = response.id.clone();
        self.started(response, now_ms);
        match source {
            Source::Speech(item) => {
                if let Some(response) = self.responses.get_mut(&id) {
                    response.waiting_for = Some(item);
                }
            }
            Source::Text { item, text } => self.decide(&id, item, text, now_ms),
            Source::Outputs(outputs) => {
                let sentences: Vec<String> = outputs.iter().filter_map(|output| sentence_of(output)).collect();
                if sentences.is_empty() {
                    self.finish(&id, "completed", Value::Null, now_ms);
                } else {
                    self.say(&id, Sentence::Words(sentences.join(" ")));
                }
            }
            Source::Nothing => self.say(&id, Sentence::NothingHeard),
        }
        Ok(())
    }

    /// A response exists from here on.
    fn started(&mut self, response: Response, now_ms: u64) {
        let id = response.id.clone();
        if response.in_conversation {
            self.active = Some(id.clone());
            self.idle_since_ms = None;
        }
        let json = response.to_json(&self.conversation_id, "in_progress", &Value::Null);
        self.responses.insert(id, response);
        self.send("response.created", json!({ "response": json }));
        let left = self.limit.left(now_ms);
        let requests = json!({
            "name": "requests", "limit": left.limit, "remaining": left.remaining, "reset_seconds": left.reset_seconds,
        });
        self.send("rate_limits.updated", json!({ "rate_limits": [requests] }));
    }

    /// An utterance is answered: now, or after the response that is under way.
    pub(super) fn answer_next(&mut self, item: String, now_ms: u64) {
        if self.active.is_some() {
            self.next.push_back(item);
            return;
        }
        let source = match self.conversation.get(&item).and_then(Item::user_text) {
            Some(text) => Source::Text { item: Some(item), text },
            None => Source::Speech(item),
        };
        let (config, tokens) = (self.config.clone(), self.config.max_output_tokens().clone());
        let response = self.response(config, true, None, tokens);
        if let Err(error) = self.begin(response, source, now_ms) {
            self.refuse(&error);
        }
    }

    /// The transcript of the speech that a response waits for; `None` where it is not known.
    pub(super) fn answer_speech(&mut self, response: &str, item: &str, text: Option<&str>, now_ms: u64) {
        if let Some(response) = self.responses.get_mut(response) {
            response.waiting_for = None;
        }
        match text {
            Some(text) => self.decide(response, Some(item.to_owned()), text.to_owned(), now_ms),
            None => self.answer(response, Some(item.to_owned()), String::new()),
        }
    }

    /// A tool of the client, or the house.
    fn decide(&mut self, response: &str, item: Option<String>, text: String, now_ms: u64) {
        let call = self.responses.get(response).and_then(|response| response.tool_for(&text));
        match call {
            Some(call) => {
                let record = json!({ "tool": call.name, "arguments": call.arguments });
                self.effects.push_back(Effect::HandOver { item, text, call: record });
                self.call_tool(response, call, now_ms);
            }
            None => self.answer(response, item, text),
        }
    }

    fn answer(&mut self, response: &str, item: Option<String>, text: String) {
        let Some(speaker) = self.responses.get(response).map(Response::speaker) else { return };
        let once = self.once.iter().find(|(of, _)| Some(of) == item.as_ref()).map(|(_, once)| once.clone());
        self.effects.push_back(Effect::Answer { response: response.to_owned(), item, text, speaker, once });
    }

    fn say(&mut self, response: &str, sentence: Sentence) {
        let Some(speaker) = self.responses.get(response).map(Response::speaker) else { return };
        self.effects.push_back(Effect::Say { response: response.to_owned(), sentence, speaker });
    }

    fn call_tool(&mut self, response: &str, call: ToolCall, now_ms: u64) {
        let (item, call_id) = (self.ids.next("item"), self.ids.next("call"));
        let arguments = Value::Object(call.arguments).to_string();
        self.tell_call(response, &item, &call_id, &call.name, &arguments);
        self.finish(response, "completed", Value::Null, now_ms);
    }

    /// The house asks whether somebody is there.
    pub(super) fn prompt(&mut self, now_ms: u64) {
        let (config, tokens) = (self.config.clone(), self.config.max_output_tokens().clone());
        let response = self.response(config, true, None, tokens);
        if let Err(error) = self.begin(response, Source::Nothing, now_ms) {
            self.refuse(&error);
        }
    }

    /// The house says something by itself: a response that nobody asked for.
    pub(crate) fn announce(&mut self, announcement: Arc<Announcement>, now_ms: u64) {
        if !self.answers() || self.announcements.len() >= MAX_ANNOUNCEMENTS {
            return;
        }
        self.announcements.push_back(announcement);
        self.go_on(now_ms);
    }

    /// What waited for the end of a response.
    pub(super) fn go_on(&mut self, now_ms: u64) {
        if self.active.is_some() {
            return;
        }
        if let Some(item) = self.next.pop_front() {
            return self.answer_next(item, now_ms);
        }
        if self.buffer.speaking.is_some() {
            return;
        }
        let Some(announcement) = self.announcements.pop_front() else { return };
        let (config, tokens) = (self.config.clone(), self.config.max_output_tokens().clone());
        let metadata = json!({ "vesta_announcement": announcement.id });
        let response = self.response(config, true, metadata.as_object().cloned(), tokens);
        let (id, aloud) = (response.id.clone(), response.speaker().aloud);
        self.started(response, now_ms);
        self.open_message(&id, &announcement.text);
        if aloud {
            self.speak(&id, announcement.speech.rate, &announcement.speech.samples, now_ms);
        }
        self.finish(&id, "completed", Value::Null, now_ms);
    }

    /// Somebody speaks: what is being said stops.
    pub(super) fn interrupt(&mut self, now_ms: u64) {
        if let Some(active) = self.active.clone() {
            self.cancel(&active, "turn_detected", now_ms);
        }
        if self.beside && !self.played_items.is_empty() {
            self.effects.push_back(Effect::Play(Playback::Clear));
        }
    }

    /// `response.cancel`
    pub(super) fn cancel_response(&mut self, response: Option<String>, now_ms: u64) -> Result<(), EventError> {
        let response = response.or_else(|| self.active.clone()).filter(|id| self.responses.contains_key(id));
        let Some(response) = response else {
            let message = "Cancellation failed: no active response found.";
            return Err(EventError::invalid("response_cancel_not_active", message));
        };
        self.cancel(&response, "client_cancelled", now_ms);
        Ok(())
    }

    fn cancel(&mut self, response: &str, reason: &str, now_ms: u64) {
        self.effects.push_back(Effect::Cancel { response: response.to_owned() });
        self.finish(response, "cancelled", json!({ "type": "cancelled", "reason": reason }), now_ms);
    }
}

impl Response {
    /// The tool that is called for a text.
    fn tool_for(&self, text: &str) -> Option<ToolCall> {
        self.config.tools.choose(text, &self.config.tool_choice)
    }

    /// Who says it.
    pub(super) fn speaker(&self) -> Speaker {
        let name = Some(self.config.voice.clone()).filter(|name| name != "default");
        // The house's own speed unless the client wants another.
        let speed = Some(self.config.speed as f32).filter(|speed| (*speed - 1.0).abs() > f32::EPSILON);
        Speaker { aloud: self.config.modality == Modality::Audio, voice: Voice { name, speed } }
    }
}
