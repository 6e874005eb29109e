//! What happened in a turn and when, kept while it runs and handed to the store.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use vesta_store::{Audio, Stage, TurnRecord};

use crate::conversation::Speaker;

/// Collects a [`TurnRecord`]. Times are milliseconds since the recorder was made, which is when the turn began.
pub struct Recorder {
    began: Instant,
    record: TurnRecord,
    keep_audio: Option<bool>,
}

impl Recorder {
    /// A recorder for a turn that begins now, under a new time-ordered id (UUID version 7, RFC 9562).
    pub fn new(source: &str, mode: &str, language: &str) -> Self {
        let started_at_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as i64);
        let record = TurnRecord {
            id: uuid::Uuid::now_v7().to_string(),
            started_at_ms,
            source: source.to_owned(),
            mode: mode.to_owned(),
            language: language.to_owned(),
            outcome: "running".to_owned(),
            ..TurnRecord::default()
        };
        Self { began: Instant::now(), record, keep_audio: None }
    }

    /// Notes who spoke, and whether they want the audio kept.
    pub fn by(&mut self, speaker: &Speaker) {
        self.record.person = speaker.person.clone();
        self.keep_audio = speaker.keep_audio;
    }

    /// Whether the audio is to be kept, where the speaker decided that.
    pub fn keep_audio(&self) -> Option<bool> {
        self.keep_audio
    }

    /// The turn's id.
    pub fn id(&self) -> &str {
        &self.record.id
    }

    /// Milliseconds since the turn began.
    pub fn now_ms(&self) -> f64 {
        self.began.elapsed().as_secs_f64() * 1000.0
    }

    /// Notes the area that the speaker was in, by its id: the same words may mean something else elsewhere.
    pub fn place(&mut self, area: Option<&str>) {
        if let Some(area) = area {
            self.event("area", area);
        }
    }

    /// Notes an event that happens now.
    pub fn event(&mut self, name: &str, detail: impl Into<Value>) {
        let event = vesta_store::TurnEvent { at_ms: self.now_ms(), name: name.to_owned(), detail: detail.into() };
        self.record.events.push(event);
    }

    /// Notes a stage that began at `start_ms` and ends now.
    pub fn stage(&mut self, name: &str, start_ms: f64) {
        let stage = Stage { name: name.to_owned(), start_ms, end_ms: self.now_ms() };
        self.record.stages.push(stage);
    }

    /// Adds what was heard, 16 kHz mono.
    pub fn heard(&mut self, samples: Vec<i16>) {
        self.record.heard = Some(Audio { rate: vesta_audio::SAMPLE_RATE, samples });
    }

    /// Adds audio that was said.
    pub fn said(&mut self, rate: u32, samples: &[i16]) {
        match &mut self.record.reply {
            Some(audio) if audio.rate == rate => audio.samples.extend_from_slice(samples),
            Some(_) => {}
            reply @ None => *reply = Some(Audio { rate, samples: samples.to_vec() }),
        }
    }

    /// The record so far.
    pub fn record(&mut self) -> &mut TurnRecord {
        &mut self.record
    }

    /// The record so far, to be read.
    pub fn so_far(&self) -> &TurnRecord {
        &self.record
    }

    /// The finished record.
    pub fn into_record(self) -> TurnRecord {
        self.record
    }
}
