//! The client's changes to the conversation.

use serde_json::json;

use super::{Effect, Session};
use crate::error::EventError;
use crate::format::{Decoder, bytes, resampled};
use crate::item::{Item, ItemInput, Kind, Part};

fn missing(code: &str, doing: &str, item: &str) -> EventError {
    let message = format!("Error {doing} item: the item with id '{}' does not exist.", crate::client::shortened(item));
    EventError::invalid(code, message).at("item_id")
}

/// Items with speech that may wait for their transcript.
const MAX_UNHEARD: usize = 8;

impl Session {
    /// `conversation.item.create`
    pub(super) fn create_item(&mut self, input: ItemInput, previous: Option<String>) -> Result<(), EventError> {
        let id = self.ids.next("item");
        let (item, speech) = input.read(id, "item")?;
        if self.conversation.get(&item.id).is_some() {
            let message = format!("There already is an item with id '{}'.", item.id);
            return Err(EventError::invalid("item_create_duplicate_item_id", message).at("item.id"));
        }
        if speech.is_some() && self.unheard.len() >= MAX_UNHEARD {
            return Err(EventError::invalid("too_many_items", "Too much speech waits to be transcribed.").at("item"));
        }
        let speech = speech.map(|speech| self.read_speech(&speech)).transpose()?;
        let id = item.id.clone();
        let json = item.to_json();
        match &previous {
            None => self.conversation.push(item),
            Some(previous) if self.conversation.insert(item, previous) => {}
            Some(previous) => {
                let message = format!("There is no item with id '{}'.", crate::client::shortened(previous));
                return Err(EventError::invalid("item_create_invalid_previous_item_id", message).at("previous_item_id"));
            }
        }
        let previous = self.conversation.before(&id).map(str::to_owned);
        self.send("conversation.item.added", json!({ "previous_item_id": previous, "item": json }));
        self.send("conversation.item.done", json!({ "previous_item_id": previous, "item": json }));
        if let Some(samples) = speech {
            self.unheard.push(id.clone());
            let language = self.config.transcription.as_ref().and_then(|transcription| transcription.spoken());
            let language = language.map(str::to_owned);
            self.effects.push_back(Effect::Transcribe { item: id, samples, language });
        }
        Ok(())
    }

    /// Speech in an item is written as in the input audio buffer.
    fn read_speech(&self, base64: &str) -> Result<Vec<i16>, EventError> {
        let Some(bytes) = bytes(base64) else {
            let message = "'audio' is not base64 (RFC 4648, with padding).";
            return Err(EventError::invalid("invalid_value", message).at("item.content.audio"));
        };
        let mut decoder = Decoder::new(self.config.input_format);
        let mut samples = decoder.push(bytes);
        samples.extend(decoder.flush());
        Ok(samples)
    }

    /// An item that the house adds at the end.
    pub(super) fn add_item(&mut self, item: Item) {
        let previous = self.conversation.newest_first().next().map(|item| item.id.clone());
        let json = item.to_json();
        self.conversation.push(item);
        self.send("conversation.item.added", json!({ "previous_item_id": previous, "item": json }));
        self.send("conversation.item.done", json!({ "previous_item_id": previous, "item": json }));
    }

    /// `conversation.item.retrieve`
    pub(super) fn retrieve_item(&mut self, id: &str) -> Result<(), EventError> {
        let format = self.config.input_format;
        let write = |samples: &[i16]| format.write(&resampled(samples, vesta_audio::SAMPLE_RATE, format.rate()));
        let item = self.conversation.get(id).map(|item| item.with_audio(&write));
        let item = item.ok_or_else(|| missing("item_retrieve_invalid_item_id", "retrieving", id))?;
        self.send("conversation.item.retrieved", json!({ "item": item }));
        Ok(())
    }

    /// `conversation.item.delete`
    pub(super) fn delete_item(&mut self, id: &str) -> Result<(), EventError> {
        if !self.conversation.remove(id) {
            return Err(missing("item_delete_invalid_item_id", "deleting", id));
        }
        self.send("conversation.item.deleted", json!({ "item_id": id }));
        Ok(())
    }

    /// `conversation.item.truncate`
    pub(super) fn truncate_item(&mut self, id: &str, content_index: u64, heard_ms: u64) -> Result<(), EventError> {
        self.note_audio_so_far(id);
        let item =
            self.conversation.get_mut(id).ok_or_else(|| missing("item_truncate_invalid_item_id", "truncating", id))?;
        item.truncate(content_index, heard_ms)?;
        self.keep_cut(id);
        self.send(
            "conversation.item.truncated",
            json!({ "item_id": id, "content_index": content_index, "audio_end_ms": heard_ms }),
        );
        Ok(())
    }

    /// Audio beside the events was cut off: the history keeps what was heard of it.
    pub(super) fn cut_to_heard(&mut self, response: &str, played_ms: u64) {
        let items: Vec<String> =
            self.played_items.iter().filter(|(of, _)| of == response).map(|(_, item)| item.clone()).collect();
        self.played_items.retain(|(of, _)| of != response);
        for id in items {
            let whole = self.conversation.get(&id).and_then(|item| match &item.kind {
                Kind::Message { content, .. } => content.iter().find_map(|part| match part {
                    Part::OutputAudio { audio_ms, .. } => Some(*audio_ms),
                    _ => None,
                }),
                _ => None,
            });
            if whole.is_some_and(|whole| played_ms < whole) {
                // The check above leaves nothing that could be refused.
                let _ = self.truncate_item(&id, 0, played_ms);
            }
        }
    }
}
