//! An utterance: while it is heard, and when it is over.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::timeout;
use vesta_audio::{SAMPLE_RATE, Said};
use vesta_engines::{EngineError, SttEvent, SttInput, SttOptions};

use crate::Assistant;
use crate::conversation::{Client, Listening};
use crate::error::TurnError;
use crate::hypotheses::Hypotheses;
use crate::record::Recorder;
use crate::understand::Meaning;

/// What was heard, ready to be answered.
pub struct Utterance {
    /// The turn's record so far.
    pub(crate) record: Recorder,
    /// What was said.
    pub(crate) text: Result<String, TurnError>,
    /// How sure the engine is of that, and what it may have heard instead.
    pub(crate) hypotheses: Hypotheses,
    /// What it means, worked out while the turn was not over yet; good only for the text it was made from.
    pub(crate) speculation: Option<Meaning>,
    /// Whether the user surely spoke to the house: a button, or typed text. Otherwise talk that means nothing to
    /// the house is not answered.
    pub(crate) addressed: bool,
    /// When the ear decided that the utterance is over.
    pub(crate) ended: Instant,
}

impl Utterance {
    /// The turn's id.
    pub fn turn(&self) -> &str {
        self.record.id()
    }

    /// What was said; empty where nothing was.
    ///
    /// # Errors
    /// Why it is not known.
    pub fn text(&self) -> Result<&str, &TurnError> {
        self.text.as_deref()
    }

    /// The audio, 16 kHz mono; empty for typed text.
    pub fn audio(&self) -> &[i16] {
        self.record.so_far().heard.as_ref().map_or(&[], |audio| &audio.samples)
    }
}

/// A transcription under way.
pub struct Hearing {
    pub(crate) record: Recorder,
    pub(crate) addressed: bool,
    /// How long the transcript may take after the end.
    pub(crate) deadline: Duration,
    pub(crate) stt: SttInput,
    pub(crate) events: mpsc::Receiver<SttEvent>,
    pub(crate) audio: Vec<i16>,
    /// Where the audio began, on the client's clock.
    pub(crate) start_ms: u64,
    pub(crate) text: String,
    /// How far into the client's audio the transcript reaches, and whether the engine is sure of all of it.
    pub(crate) heard_to_ms: u64,
    pub(crate) settled: bool,
    pub(crate) paused_at_ms: Option<u64>,
    pub(crate) said: Said,
    pub(crate) speculation: Option<Meaning>,
    pub(crate) failed: Option<EngineError>,
    pub(crate) last: Option<(String, Hypotheses)>,
}

impl Hearing {
    pub(crate) fn new(assistant: &Assistant, client: &Client, listening: &Listening, start_ms: u64) -> Self {
        let tag = client.language.as_deref();
        let mut record = Recorder::new(&client.source, listening.mode.name(), assistant.language(tag).tag());
        record.place(client.area.as_deref());
        let spoken = listening.language.clone().unwrap_or_else(|| assistant.spoken(tag));
        let options = SttOptions { language: Some(spoken), ..SttOptions::default() };
        let (stt, events) = assistant.parts.stt.open(options);
        Self {
            record,
            addressed: listening.addressed,
            deadline: assistant.parts.settings.transcript_deadline,
            stt,
            events,
            audio: Vec::new(),
            start_ms,
            text: String::new(),
            heard_to_ms: start_ms,
            settled: false,
            paused_at_ms: None,
            said: Said::Unknown,
            speculation: None,
            failed: None,
            last: None,
        }
    }

    /// All of a recording.
    pub(crate) async fn of(assistant: &Assistant, client: &Client, listening: &Listening, samples: &[i16]) -> Self {
        let mut hearing = Self::new(assistant, client, listening, 0);
        for piece in samples.chunks(SAMPLE_RATE as usize) {
            hearing.audio(piece).await;
        }
        hearing
    }

    /// The turn's id.
    pub fn turn(&self) -> &str {
        self.record.id()
    }

    /// The utterance is over: takes the final transcript.
    pub async fn finish(self) -> Utterance {
        let ended = Instant::now();
        let Self { mut record, stt, mut events, audio, speculation, mut failed, mut last, .. } = self;
        let (deadline, addressed) = (self.deadline, self.addressed);
        let began = record.now_ms();
        record.event("speech_ended", json!({ "audio_ms": milliseconds(audio.len()) }));
        stt.finish().await;
        let waited = timeout(deadline, async {
            while last.is_none() && failed.is_none() {
                match events.recv().await {
                    Some(SttEvent::Final { text, log_probability, alternatives, sure, .. }) => {
                        last = Some((text, Hypotheses { log_probability, alternatives, sure }));
                    }
                    Some(SttEvent::Failed(error)) => failed = Some(error),
                    Some(SttEvent::Retrying { why }) => record.event("stt_retrying", why),
                    Some(SttEvent::Partial { .. }) => {}
                    None => break,
                }
            }
        })
        .await;
        record.stage("transcribe", began);
        record.heard(audio);
        let (last, hypotheses) = last.unzip();
        let text = match (last, failed, waited) {
            (Some(text), ..) => Ok(text.trim().to_owned()),
            (None, Some(error), _) => Err(error.into()),
            (None, None, Err(_)) => Err(TurnError::TranscriptTimeout { seconds: deadline.as_secs() }),
            (None, None, Ok(())) => Err(TurnError::Internal("the transcription ended without a transcript".to_owned())),
        };
        let hypotheses = hypotheses.unwrap_or_default();
        Utterance { record, text, hypotheses, speculation, addressed, ended }
    }

    pub(crate) fn id(&self) -> String {
        self.record.id().to_owned()
    }

    pub(crate) async fn audio(&mut self, samples: &[i16]) {
        self.audio.extend_from_slice(samples);
        self.stt.audio(samples).await;
    }

    /// What was said so far, as far as it is known: an opinion on audio from before the pause is out of date.
    /// Of an engine that tells nothing before the end (`streams` is false), or that failed, there is nothing to know.
    pub(crate) fn said(&self, streams: bool) -> Said {
        match self.paused_at_ms {
            _ if !streams || self.failed.is_some() => Said::Unknown,
            Some(paused_at) if self.settled && self.heard_to_ms >= paused_at => self.said,
            _ if self.text.is_empty() => Said::Nothing,
            _ => Said::Unknown,
        }
    }
}

/// Milliseconds of so many samples.
pub(crate) fn milliseconds(samples: usize) -> u64 {
    samples as u64 * 1000 / u64::from(SAMPLE_RATE)
}
