//! A response as events: its items, their parts, its audio.

use serde_json::{Map, Value, json};
use vesta_turn::TurnEvent;

use super::{Effect, Session};
use crate::config::{Modality, SessionConfig};
use crate::format::Encoder;
use crate::item::{Item, Kind, Part, Role, Status};
use crate::ports::Playback;

/// Responses whose audio may still be played beside the events.
const PLAYED: usize = 16;

/// A response that is being made.
pub(super) struct Response {
    pub(super) id: String,
    pub(super) config: SessionConfig,
    /// Whether it speaks in the conversation, or beside it.
    pub(super) in_conversation: bool,
    /// The speech whose transcript it waits for.
    pub(super) waiting_for: Option<String>,
    metadata: Option<Map<String, Value>>,
    max_output_tokens: Value,
    /// Items that are finished.
    output: Vec<Value>,
    message: Option<Message>,
    /// What went wrong last, as the stable code and the reason.
    failure: Option<(String, String)>,
    /// Whether that was after the sentence: it was told, and not spoken.
    unspoken: bool,
}

/// The message that a response says.
struct Message {
    item: String,
    text: String,
    encoder: Option<Encoder>,
    /// Samples that were handed over beside the events, and their rate.
    beside: (u64, u32),
}

impl Message {
    fn audio_ms(&self) -> u64 {
        let (samples, rate) = self.beside;
        self.encoder.as_ref().map_or(samples * 1000 / u64::from(rate.max(1)), Encoder::given_ms)
    }

    fn part(&self, modality: Modality) -> Part {
        match modality {
            Modality::Audio => Part::OutputAudio { transcript: self.text.clone(), audio_ms: self.audio_ms() },
            Modality::Text => Part::OutputText(self.text.clone()),
        }
    }
}

impl Response {
    pub(super) fn new(
        id: String,
        config: SessionConfig,
        in_conversation: bool,
        metadata: Option<Map<String, Value>>,
        max_output_tokens: Value,
    ) -> Self {
        Self {
            id,
            config,
            in_conversation,
            waiting_for: None,
            metadata,
            max_output_tokens,
            output: Vec::new(),
            message: None,
            failure: None,
            unspoken: false,
        }
    }

    pub(super) fn waits_for(&self, item: &str) -> bool {
        self.waiting_for.as_deref() == Some(item)
    }

    /// As the schema writes it.
    pub(super) fn to_json(&self, conversation: &str, status: &str, details: &Value) -> Value {
        let usage = (status != "in_progress").then(|| {
            json!({
                "total_tokens": 0, "input_tokens": 0, "output_tokens": 0,
                "input_token_details": { "text_tokens": 0, "audio_tokens": 0, "cached_tokens": 0 },
                "output_token_details": { "text_tokens": 0, "audio_tokens": 0 },
            })
        });
        json!({
            "object": "realtime.response", "id": self.id, "status": status, "status_details": details,
            "output": self.output, "conversation_id": self.in_conversation.then_some(conversation),
            "output_modalities": [self.config.modality], "max_output_tokens": self.max_output_tokens,
            "audio": { "output": { "format": self.config.output_format.to_json(), "voice": self.config.voice } },
            "usage": usage, "metadata": self.metadata,
        })
    }

    fn note(&mut self, key: &str, value: &str) {
        self.metadata.get_or_insert_default().insert(key.to_owned(), Value::from(value));
    }
}

impl Session {
    /// What a turn tells about its response.
    pub(crate) fn response_event(&mut self, id: &str, event: TurnEvent, now_ms: u64) {
        let Some(response) = self.responses.get_mut(id) else { return };
        match event {
            TurnEvent::Transcript { turn, .. } => response.note("vesta_turn", &turn),
            TurnEvent::Failed { code, detail, .. } => {
                response.unspoken = response.message.is_some();
                response.failure = Some((code, detail));
            }
            TurnEvent::Say { turn, text } => {
                response.note("vesta_turn", &turn);
                self.open_message(id, &text);
            }
            TurnEvent::Audio { rate, samples, .. } => self.speak(id, rate, &samples, now_ms),
            TurnEvent::Finished { outcome, .. } => {
                response.note("vesta_outcome", outcome);
                let said = response.message.is_some() && !response.unspoken;
                let failure = response.failure.take().filter(|_| !said && outcome != "nothing");
                match failure {
                    Some((code, detail)) => {
                        let error = json!({ "type": "server_error", "code": code, "message": detail });
                        self.finish(id, "failed", json!({ "type": "failed", "error": error }), now_ms);
                    }
                    None => self.finish(id, "completed", Value::Null, now_ms),
                }
            }
            _ => {}
        }
    }

    /// The response's turn has ended without a word.
    pub(crate) fn response_ended(&mut self, id: &str, now_ms: u64) {
        if self.responses.contains_key(id) {
            let error = json!({ "type": "server_error", "code": "internal", "message": "The turn ended abnormally." });
            self.finish(id, "failed", json!({ "type": "failed", "error": error }), now_ms);
        }
    }

    /// The house begins to say something.
    pub(super) fn open_message(&mut self, id: &str, text: &str) {
        self.close_message(id, Status::Completed);
        let item = self.ids.next("item");
        let Some(response) = self.responses.get_mut(id) else { return };
        let modality = response.config.modality;
        let (in_conversation, index) = (response.in_conversation, response.output.len());
        response.message = Some(Message { item: item.clone(), text: text.to_owned(), encoder: None, beside: (0, 0) });
        let message = Item::message(item.clone(), Role::Assistant, Status::InProgress, Vec::new());
        self.item_began(id, index, message, in_conversation);
        let place = json!({ "response_id": id, "item_id": item, "output_index": index, "content_index": 0 });
        let (part, delta) = match modality {
            Modality::Audio => (json!({ "type": "audio", "transcript": "" }), "response.output_audio_transcript.delta"),
            Modality::Text => (json!({ "type": "text", "text": "" }), "response.output_text.delta"),
        };
        self.send("response.content_part.added", with(&place, &json!({ "part": part })));
        self.send(delta, with(&place, &json!({ "delta": text })));
    }

    fn item_began(&mut self, id: &str, index: usize, item: Item, in_conversation: bool) {
        let json = item.to_json();
        self.send("response.output_item.added", json!({ "response_id": id, "output_index": index, "item": json }));
        if in_conversation {
            let previous = self.conversation.newest_first().next().map(|item| item.id.clone());
            self.conversation.push(item);
            self.send("conversation.item.added", json!({ "previous_item_id": previous, "item": json }));
        }
    }

    /// A piece of the reply's audio.
    pub(super) fn speak(&mut self, id: &str, rate: u32, samples: &[i16], now_ms: u64) {
        let beside = self.beside;
        let Some(response) = self.responses.get_mut(id) else { return };
        let (index, format) = (response.output.len(), response.config.output_format);
        let Some(message) = &mut response.message else { return };
        let item = message.item.clone();
        if beside {
            message.beside = (message.beside.0 + samples.len() as u64, rate);
            if self.played_items.back().is_none_or(|(of, _)| of != id) {
                self.played_items.push_back((id.to_owned(), item));
                if self.played_items.len() > PLAYED {
                    self.played_items.pop_front();
                }
            }
            let audio = Playback::Audio { response: id.to_owned(), rate, samples: samples.to_vec() };
            self.effects.push_back(Effect::Play(audio));
            return;
        }
        let pieces = message.encoder.get_or_insert_with(|| Encoder::new(format, rate)).push(rate, samples);
        self.playing_until_ms =
            self.playing_until_ms.max(now_ms) + samples.len() as u64 * 1000 / u64::from(rate.max(1));
        self.send_audio(id, index, &item, pieces);
    }

    fn send_audio(&mut self, id: &str, index: usize, item: &str, pieces: Vec<String>) {
        for piece in pieces {
            self.send(
                "response.output_audio.delta",
                json!({
                    "response_id": id, "item_id": item, "output_index": index, "content_index": 0, "delta": piece,
                }),
            );
        }
    }

    /// The message is said, or cut off.
    fn close_message(&mut self, id: &str, status: Status) {
        let Some(response) = self.responses.get_mut(id) else { return };
        let Some(mut message) = response.message.take() else { return };
        let (index, modality) = (response.output.len(), response.config.modality);
        let in_conversation = response.in_conversation;
        if status == Status::Completed {
            let rest = message.encoder.as_mut().map(Encoder::flush).unwrap_or_default();
            self.send_audio(id, index, &message.item, rest);
        }
        let place = json!({ "response_id": id, "item_id": message.item, "output_index": index, "content_index": 0 });
        let text = message.text.as_str();
        let part = match modality {
            Modality::Audio => {
                self.send("response.output_audio.done", place.clone());
                self.send("response.output_audio_transcript.done", with(&place, &json!({ "transcript": text })));
                json!({ "type": "audio", "transcript": text })
            }
            Modality::Text => {
                self.send("response.output_text.done", with(&place, &json!({ "text": text })));
                json!({ "type": "text", "text": text })
            }
        };
        self.send("response.content_part.done", with(&place, &json!({ "part": part })));
        let said = message.part(modality);
        let item = Item::message(message.item, Role::Assistant, status, vec![said]);
        self.item_is_done(id, index, item, in_conversation);
    }

    fn item_is_done(&mut self, id: &str, index: usize, item: Item, in_conversation: bool) {
        let json = item.to_json();
        if in_conversation {
            let previous = self.conversation.before(&item.id).map(str::to_owned);
            if let Some(place) = self.conversation.get_mut(&item.id) {
                *place = item;
            }
            self.send("conversation.item.done", json!({ "previous_item_id": previous, "item": json }));
        }
        self.send("response.output_item.done", json!({ "response_id": id, "output_index": index, "item": json }));
        if let Some(response) = self.responses.get_mut(id) {
            response.output.push(json);
        }
    }

    /// The house asks the client to run a tool.
    pub(super) fn tell_call(&mut self, id: &str, item: &str, call_id: &str, name: &str, arguments: &str) {
        let Some(response) = self.responses.get(id) else { return };
        let (index, in_conversation) = (response.output.len(), response.in_conversation);
        let call = |status, arguments: &str| Item {
            id: item.to_owned(),
            status,
            kind: Kind::FunctionCall {
                call_id: call_id.to_owned(),
                name: name.to_owned(),
                arguments: arguments.to_owned(),
            },
        };
        self.item_began(id, index, call(Status::InProgress, ""), in_conversation);
        let place = json!({ "response_id": id, "item_id": item, "output_index": index, "call_id": call_id });
        self.send("response.function_call_arguments.delta", with(&place, &json!({ "delta": arguments })));
        self.send(
            "response.function_call_arguments.done",
            with(&place, &json!({ "name": name, "arguments": arguments })),
        );
        self.item_is_done(id, index, call(Status::Completed, arguments), in_conversation);
    }

    /// Everything of a response is told.
    pub(super) fn finish(&mut self, id: &str, status: &str, details: Value, now_ms: u64) {
        let message = self.responses.get(id).and_then(|response| response.message.as_ref());
        let played = message.is_some_and(|message| message.beside.0 > 0);
        self.close_message(id, if status == "completed" { Status::Completed } else { Status::Incomplete });
        let Some(response) = self.responses.remove(id) else { return };
        if played {
            self.effects.push_back(Effect::Play(Playback::End { response: id.to_owned() }));
        }
        let json = response.to_json(&self.conversation_id, status, &details);
        self.send("response.done", json!({ "response": json }));
        if self.active.as_deref() == Some(id) {
            self.active = None;
            self.idle_since_ms = Some(now_ms);
            self.go_on(now_ms);
        }
    }

    /// A message that is still being said has as much audio as was made of it so far.
    pub(super) fn note_audio_so_far(&mut self, item: &str) {
        let message = self.responses.values().find_map(|response| {
            let message = response.message.as_ref().filter(|message| message.item == item)?;
            Some(message.part(response.config.modality))
        });
        if let Some(part) = message
            && let Some(Item { kind: Kind::Message { content, .. }, .. }) = self.conversation.get_mut(item)
        {
            *content = vec![part];
        }
    }
}

impl Session {
    /// A message that is cut while it is still being said stays cut.
    pub(super) fn keep_cut(&mut self, item: &str) {
        let Some(Item { kind: Kind::Message { content, .. }, .. }) = self.conversation.get(item) else { return };
        let Some(Part::OutputAudio { transcript, .. }) = content.first() else { return };
        let messages = self.responses.values_mut().filter_map(|response| response.message.as_mut());
        for message in messages.filter(|message| message.item == item) {
            message.text.clone_from(transcript);
        }
    }
}

fn with(place: &Value, more: &Value) -> Value {
    let mut fields = place.clone();
    if let (Some(fields), Some(more)) = (fields.as_object_mut(), more.as_object()) {
        fields.extend(more.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    fields
}
