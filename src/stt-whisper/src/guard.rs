//! Whether a decode is to be believed. Whisper models say something about any sound; several signals together tell speech from that.
//!
//! - The voice-activity detector's opinion: how much of the clip is voiced at all, and how many words were written for it.
//! - The mean log-probability of the tokens, and the model's own no-speech probability together with it (Radford et al. 2022,
//!   section 4.5, thresholds 0.6 and -1).
//! - Repetition: a phrase over and over, and text that compresses too well (same source, ratio 2.4).

use crate::decoder::Heard;
use crate::words::{Word, repetitive};

/// Below so many bytes the frame around compressed text hides how repetitive it is.
const MIN_COMPRESSIBLE: usize = 80;
/// Words that one second of voice can hold; fast speech has five.
const MAX_WORDS_PER_SECOND: f32 = 8.0;
/// Words allowed however short the voice: the detector misses the edges of words.
const FREE_WORDS: f32 = 3.0;

/// When a decode is not believed. Each can be set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Thresholds {
    /// No-speech probability above which an unsure text is dropped.
    pub(crate) no_speech: f32,
    /// No-speech probability above which any text is dropped.
    pub(crate) no_speech_alone: f32,
    /// Mean log-probability below which a text is dropped.
    pub(crate) log_probability: f32,
    /// Mean log-probability from which a text is as sure as speech that the model was made for, where that is known of the model.
    pub(crate) sure: Option<f32>,
    /// Ratio of text to its compressed form above which a text is dropped.
    pub(crate) compression: f32,
    /// Least voiced milliseconds of a text that is believed.
    pub(crate) voiced_ms: u64,
}

/// Why a text was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// The detector heard no voice, or far too little for so many words.
    NotVoiced,
    /// The model was not sure of its words.
    Unsure,
    /// The model says that nobody speaks.
    NoSpeech,
    /// The same over and over.
    Repetition,
}

/// Judges a decode of a clip in which the detector heard voice for `voiced_ms`.
pub(crate) fn judge(heard: &Heard, words: &[Word], voiced_ms: u64, thresholds: &Thresholds) -> Result<(), Doubt> {
    if words.is_empty() {
        return Ok(());
    }
    let voiced = voiced_ms as f32 / 1000.0;
    if voiced_ms < thresholds.voiced_ms || words.len() as f32 > FREE_WORDS + MAX_WORDS_PER_SECOND * voiced {
        return Err(Doubt::NotVoiced);
    }
    if heard.looped || repetitive(words) || compresses(words) > thresholds.compression {
        return Err(Doubt::Repetition);
    }
    if heard.no_speech > thresholds.no_speech_alone {
        return Err(Doubt::NoSpeech);
    }
    if heard.no_speech > thresholds.no_speech && heard.mean_log_probability < thresholds.log_probability / 2.0 {
        return Err(Doubt::NoSpeech);
    }
    if heard.mean_log_probability < thresholds.log_probability {
        return Err(Doubt::Unsure);
    }
    Ok(())
}

/// How many times smaller the text becomes by compression; 0 for a short one.
fn compresses(words: &[Word]) -> f32 {
    let text: String = words.iter().map(|word| word.text.as_str()).collect();
    if text.len() < MIN_COMPRESSIBLE {
        return 0.0;
    }
    zstd::bulk::compress(text.as_bytes(), 3).map_or(0.0, |packed| text.len() as f32 / packed.len().max(1) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const THRESHOLDS: Thresholds = Thresholds {
        no_speech: 0.6,
        no_speech_alone: 0.95,
        log_probability: -1.0,
        sure: None,
        compression: 2.4,
        voiced_ms: 60,
    };

    fn said(text: &str) -> Vec<Word> {
        text.split_whitespace().map(|word| Word { text: format!(" {word}"), tokens: vec![1] }).collect()
    }

    fn sure() -> Heard {
        Heard { mean_log_probability: -0.1, ..Heard::default() }
    }

    fn verdict(heard: &Heard, text: &str, voiced_ms: u64) -> Result<(), Doubt> {
        judge(heard, &said(text), voiced_ms, &THRESHOLDS)
    }

    #[test]
    fn clear_speech_is_believed() {
        assert_eq!(verdict(&sure(), "turn on the kitchen light", 1200), Ok(()));
        assert_eq!(verdict(&sure(), "stop", 120), Ok(()));
        assert_eq!(verdict(&sure(), "", 0), Ok(()));
    }

    #[test]
    fn each_signal_alone_is_enough() {
        assert_eq!(verdict(&sure(), "thanks for watching", 0), Err(Doubt::NotVoiced));
        assert_eq!(verdict(&sure(), "this is far too much to say in a blink", 200), Err(Doubt::NotVoiced));
        let unsure = Heard { mean_log_probability: -1.4, ..Heard::default() };
        assert_eq!(verdict(&unsure, "turn on the light", 1200), Err(Doubt::Unsure));
        let silent = Heard { mean_log_probability: -0.7, no_speech: 0.9, ..Heard::default() };
        assert_eq!(verdict(&silent, "thank you", 1200), Err(Doubt::NoSpeech));
        let elsewhere = Heard { no_speech: 0.97, ..sure() };
        assert_eq!(verdict(&elsewhere, "turn on the light", 1200), Err(Doubt::NoSpeech));
        assert_eq!(verdict(&sure(), "la la la la la la", 3000), Err(Doubt::Repetition));
        let looped = Heard { looped: true, ..sure() };
        assert_eq!(verdict(&looped, "turn on", 1200), Err(Doubt::Repetition));
    }

    #[test]
    fn text_that_compresses_too_well_is_dropped_and_prose_is_not() {
        let verse = "one two three four five six seven eight nine ten ";
        assert_eq!(verdict(&sure(), &verse.repeat(6), 20_000), Err(Doubt::Repetition));
        let prose = "set the bedroom lamp to forty percent, close every blind upstairs and tell me whether the garage door is still open";
        assert_eq!(verdict(&sure(), prose, 6000), Ok(()));
    }
}
