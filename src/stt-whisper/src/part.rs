//! A stretch of audio and what was heard in it so far: whether that is all of it, and when to listen again.

use vesta_audio::SAMPLE_RATE;

use crate::window::Window;
use crate::words::{Agreement, Word};

/// Samples in so many milliseconds.
pub(crate) const fn ms(ms: usize) -> usize {
    ms * SAMPLE_RATE as usize / 1000
}

/// Speech heard before the first decode.
const FIRST: usize = ms(300);
/// Shortest and longest audio between two decodes of speech.
const INTERVAL: (usize, usize) = (ms(200), ms(3000));
/// Silence that lets a decode count as having heard the end of the speech.
pub(crate) const PAUSE: usize = ms(60);
/// More silence before the decode that confirms it.
const CONFIRM: usize = ms(60);
/// Decodes of the same pause, at most, in search of two that agree.
const CONFIRMATIONS: u32 = 4;

/// What a decode heard in a window.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) covers: usize,
    pub(crate) words: Vec<Word>,
    pub(crate) log_probability: f32,
    /// How many tokens that is the product of.
    pub(crate) judged: usize,
    /// Alternatives were looked for, or nobody looks for any.
    pub(crate) sought: bool,
    pub(crate) alternatives: Vec<(Vec<Word>, f32)>,
}

/// A window and what was heard in it so far.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(crate) window: Window,
    pub(crate) agreement: Agreement,
    pub(crate) last: Option<Decoded>,
    /// Decodes that covered all speech so far.
    pub(crate) confirmations: u32,
}

impl Part {
    /// The words of a decode that covers everything spoken in the window, or none where there was not enough voice for a word.
    pub(crate) fn complete(&self, least_voiced_ms: u64) -> Option<&[Word]> {
        if self.window.voiced_ms(usize::MAX) < least_voiced_ms.max(1) {
            return Some(&[]);
        }
        self.last.as_ref().filter(|last| last.covers >= self.enough()).map(|last| last.words.as_slice())
    }

    /// Whether the last decode looked for what else may have been said.
    pub(crate) fn sought(&self) -> bool {
        self.last.as_ref().is_some_and(|last| last.sought)
    }

    /// How many samples a decode must have heard to have heard all speech.
    pub(crate) fn enough(&self) -> usize {
        (self.window.voiced_end() + PAUSE).min(self.window.len())
    }

    /// Whether it is time to decode the window although more may come. `took` is what the last decode took in audio time.
    pub(crate) fn wants_decode(&self, least_voiced_ms: u64, took: usize) -> bool {
        let Some(first) = self.window.first_voiced() else { return false };
        if self.window.voiced_ms(usize::MAX) < least_voiced_ms {
            return false;
        }
        let len = self.window.len();
        let covered = self.last.as_ref().map_or(0, |last| last.covers);
        if covered < self.window.voiced_end() + PAUSE && self.window.silence() >= PAUSE {
            return true;
        }
        if covered < self.window.voiced_end() {
            let interval = (2 * took).clamp(INTERVAL.0, INTERVAL.1);
            return len >= first + FIRST && len >= covered + interval;
        }
        self.window.silence() >= PAUSE
            && !self.agreement.settled()
            && self.confirmations < CONFIRMATIONS
            && len >= covered + CONFIRM
    }
}
