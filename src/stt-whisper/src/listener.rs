//! One transcription, without I/O: takes audio and finished decodes, says what to decode next and what to tell the client.
//!
//! Audio collects in a window. While somebody speaks, the growing window is decoded again and again, and the words that two decodes
//! agree on are told. When the speech pauses, one more decode covers all of it and another confirms it; then nothing is computed
//! until somebody speaks again. At the end of the audio the decode that covers all speech is the transcript: it is often there already.
//! Long audio is cut into windows at silences; a finished window's text stays.

mod exchange;

use std::collections::VecDeque;

use vesta_audio::SAMPLE_RATE;

pub(crate) use self::exchange::{Alternative, Chunk, Next, Order, Purpose, Transcript};
use crate::decoder::{Heard, Task};
use crate::guard::{Doubt, Thresholds, judge};
use crate::part::{Decoded, PAUSE, Part, ms};
use crate::words::{Vocabulary, Word, join, sound_alike, words};

/// Audio kept from before the first voice.
const LEAD: usize = ms(500);
/// Decodes that take longer (in audio time) are given up when a pause begins that they do not cover.
const SLOW: usize = ms(200);
/// Silence after which that is done.
const SURE_PAUSE: usize = ms(100);
/// When a window ends: its least length, and the silence that ends it then.
type Ends = [(usize, usize); 3];
const ENDS: Ends = [(0, ms(1500)), (ms(12_000), ms(400)), (ms(16_000), ms(160))];
/// The same for big models, whose last window should be short when the speech ends: its decode is what a listener waits for.
const EARLY_ENDS: Ends = [(0, ms(1500)), (ms(3000), ms(400)), (ms(8000), ms(200))];
/// Where in an overlong window a quiet place to cut is looked for: its last so much.
const CUT_WITHIN: usize = ms(6000);
/// A window in which nothing was understood for so long is forgotten, all but its end: music, or a crowd.
const FRUITLESS: usize = ms(6000);
const FRUITLESS_KEEP: usize = ms(2000);
/// Finished windows that may wait for their decode; then no more audio is taken.
const MAX_WAITING: usize = 2;

/// How to listen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListenerOptions {
    pub(crate) thresholds: Thresholds,
    /// Longest window in samples at 16 kHz, at most 30 s.
    pub(crate) max_window: usize,
    /// Begin each decode with the words agreed on. Saves time on big models; small ones hear better unprompted.
    pub(crate) keep_agreed: bool,
    /// A big model: end windows early, and decode a repetitive one once more with the model's whole context.
    pub(crate) big: bool,
    /// Whether the decoders look for alternatives at all.
    pub(crate) alternatives: bool,
    /// For benchmarks: believe everything.
    pub(crate) believe: bool,
}

/// One transcription.
#[derive(Debug)]
pub(crate) struct Listener<V> {
    options: ListenerOptions,
    vocabulary: V,
    language: Option<usize>,
    found: Option<usize>,
    part: Part,
    waiting: VecDeque<Part>,
    /// The text of finished windows, the logarithm of its probability, and what of it was not told yet.
    text: String,
    log_probability: f32,
    /// How many tokens that is the product of.
    judged: usize,
    untold: String,
    told: bool,
    stopped: bool,
    running: Option<Running>,
    /// Decode the next window or end with the model's whole context.
    whole_context: bool,
    /// How long the last decode took, in audio time.
    took: usize,
}

#[derive(Debug)]
struct Running {
    purpose: Purpose,
    /// It looks for alternatives, or nobody does.
    sought: bool,
    whole_context: bool,
    /// The window that it listens to was cut off meanwhile.
    orphaned: bool,
}

impl<V: Vocabulary> Listener<V> {
    /// A transcription in this language; found by the model where absent.
    pub(crate) fn new(options: ListenerOptions, vocabulary: V, language: Option<usize>) -> Listener<V> {
        Listener {
            options,
            vocabulary,
            language,
            found: None,
            part: Part::default(),
            waiting: VecDeque::new(),
            text: String::new(),
            log_probability: 0.0,
            judged: 0,
            untold: String::new(),
            told: false,
            stopped: false,
            running: None,
            whole_context: false,
            took: 0,
        }
    }

    /// Takes a frame of audio and the detector's word on it.
    pub(crate) fn hear(&mut self, frame: &[i16], voiced: bool) {
        if voiced {
            self.part.confirmations = 0;
        }
        let ends = if self.options.big { &EARLY_ENDS } else { &ENDS };
        let window = &mut self.part.window;
        window.push(frame, voiced);
        if window.first_voiced().is_none() {
            if window.len() >= 2 * LEAD {
                window.forget_silence(LEAD);
            }
        } else if window.len() >= self.options.max_window {
            let at = window.quietest(CUT_WITHIN);
            self.cut(at);
        } else if ends.iter().any(|&(length, silence)| window.len() >= length && window.silence() >= silence) {
            let at = window.len() - (window.silence() / 2).min(LEAD);
            self.cut(at);
        }
    }

    /// No more audio comes.
    pub(crate) fn stop(&mut self) {
        self.stopped = true;
    }

    /// Whether no audio should be taken until a decode has finished.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting.len() >= MAX_WAITING
    }

    /// What to do now. `covers` is how many samples of its window the running decode listens to, once it has begun.
    pub(crate) fn next(&mut self, covers: Option<usize>) -> Next {
        if let Some(running) = &self.running {
            if !self.is_stale(running, covers) {
                return Next::Wait;
            }
            self.running = None;
            return Next::Abort;
        }
        let least_voiced = self.options.thresholds.voiced_ms;
        while let Some(part) = self.waiting.front() {
            if part.complete(least_voiced).is_none() {
                return self.order(Purpose::Window);
            }
            self.finish_window();
        }
        if self.stopped {
            return match self.part.complete(least_voiced) {
                // Audio that ended without a pause is listened to once more, for what else it may have been.
                Some(words) if words.is_empty() || self.part.sought() => Next::Done(self.transcript(words)),
                Some(_) => self.order(Purpose::Final),
                None => self.order(Purpose::Final),
            };
        }
        if self.part.wants_decode(least_voiced, self.took) { self.order(Purpose::Partial) } else { Next::Wait }
    }

    /// Takes the running decode's result, which had listened to `covers` samples of its window.
    pub(crate) fn decoded(&mut self, heard: &Heard, covers: usize) -> Option<Chunk> {
        let running = self.running.take()?;
        self.took = ms(usize::try_from(heard.took.as_millis()).unwrap_or(usize::MAX).min(60_000));
        self.note_language(heard.language);
        let all = words(&heard.tokens, &self.vocabulary);
        let voiced_ms = self.part_of(running.purpose)?.window.voiced_ms(covers);
        let doubt = judge(heard, &all, voiced_ms, &self.options.thresholds).err().filter(|_| !self.options.believe);
        tracing::debug!(?running.purpose, covers, took = ?heard.took, mean = heard.mean_log_probability,
            no_speech = heard.no_speech, voiced_ms, ?doubt, text = join(&all), "decoded");
        let retry = doubt == Some(Doubt::Repetition) && self.options.big;
        self.whole_context = retry && running.purpose != Purpose::Partial && !running.whole_context;
        if self.whole_context {
            return None;
        }
        let believed = doubt.is_none();
        let words = if believed { all } else { Vec::new() };
        let alternatives = if believed { self.alternatives(heard) } else { Vec::new() };
        let (log_probability, judged) = if believed { (heard.log_probability, heard.judged) } else { (0.0, 0) };
        let part = self.part_of(running.purpose)?;
        let sought = running.sought;
        part.last = Some(Decoded { covers, words: words.clone(), log_probability, judged, sought, alternatives });
        let start = part.window.start();
        match running.purpose {
            Purpose::Final => None,
            Purpose::Window => {
                self.finish_window();
                let text = self.tell(String::new());
                Some(Chunk { text, anew: false, settled: false, heard_ms: samples_to_ms(start + covers) })
            }
            Purpose::Partial => {
                let covers_all = covers >= part.enough();
                let told = part.agreement.hear(words, covers_all);
                part.confirmations += u32::from(covers_all);
                let settled = part.agreement.settled() && covers_all;
                self.forget_fruitless(covers);
                let text = if told.anew { self.tell_anew(&told.text) } else { self.tell(told.text) };
                Some(Chunk { text, anew: told.anew, settled, heard_ms: samples_to_ms(start + covers) })
            }
        }
    }

    /// A decode's alternatives as words, without those that sound like a likelier text.
    fn alternatives(&self, heard: &Heard) -> Vec<(Vec<Word>, f32)> {
        let best = words(&heard.tokens, &self.vocabulary);
        let mut alternatives: Vec<(Vec<Word>, f32)> = Vec::new();
        for (tokens, log_probability) in &heard.alternatives {
            let text = words(tokens, &self.vocabulary);
            let known = std::iter::once(&best).chain(alternatives.iter().map(|(text, _)| text));
            if !join(&text).is_empty() && !known.into_iter().any(|known| sound_alike(known, &text)) {
                alternatives.push((text, *log_probability));
            }
        }
        alternatives
    }

    /// The running decode was given up.
    pub(crate) fn given_up(&mut self) {
        self.running = None;
    }

    /// The language's id, as far as it is known.
    pub(crate) fn language(&self) -> Option<usize> {
        self.language.or(self.found)
    }

    /// How much of the stream was taken, in milliseconds.
    pub(crate) fn taken_ms(&self) -> u64 {
        samples_to_ms(self.part.window.start() + self.part.window.len())
    }

    /// Whether the running decode is of no use any more.
    fn is_stale(&self, running: &Running, covers: Option<usize>) -> bool {
        if running.purpose != Purpose::Partial {
            return false;
        }
        let part = &self.part;
        let enough = part.enough();
        let misses_speech = covers.is_some_and(|covers| covers < enough);
        if self.stopped {
            // A decode that has not begun is ordered again with the urgency that it has now.
            let complete = part.complete(self.options.thresholds.voiced_ms).is_some();
            return running.orphaned || complete || misses_speech || covers.is_none() || !running.sought;
        }
        let pause = part.window.silence() >= SURE_PAUSE;
        running.orphaned || (self.took > SLOW && pause && misses_speech)
    }

    /// Ends the window at a sample of it; what comes after begins the next one.
    fn cut(&mut self, at: usize) {
        let rest = self.part.window.split(at);
        if rest.first_voiced().is_some() {
            // The last decode may have heard words that belong to the rest.
            self.part.last = None;
        }
        let ended = std::mem::replace(&mut self.part, Part { window: rest, ..Part::default() });
        self.waiting.push_back(ended);
        if let Some(running) = self.running.as_mut().filter(|running| running.purpose == Purpose::Partial) {
            running.orphaned = true;
        }
    }

    /// Forgets the beginning of a long window in which two decodes understood nothing.
    fn forget_fruitless(&mut self, covers: usize) {
        let part = &mut self.part;
        let nothing = part.agreement.settled() && part.agreement.agreed().is_empty();
        if nothing && covers >= FRUITLESS {
            let rest = part.window.split(covers - FRUITLESS_KEEP);
            *part = Part { window: rest, ..Part::default() };
        }
    }

    fn order(&mut self, purpose: Purpose) -> Next {
        let whole_context = self.whole_context && purpose != Purpose::Partial;
        let language = self.language;
        let keep_agreed = self.options.keep_agreed && !whole_context;
        let Some(part) = self.part_of(purpose) else { return Next::Wait };
        let audio = part.window.audio();
        let agreed = part.agreement.agreed().iter().filter(|_| keep_agreed);
        let certain = agreed.flat_map(|word| word.tokens.iter().copied()).collect();
        // What is decoded in a pause may become the transcript.
        let alternatives = match purpose {
            Purpose::Final => true,
            Purpose::Partial => part.window.silence() >= PAUSE,
            Purpose::Window => false,
        };
        let sought = alternatives || !self.options.alternatives;
        self.running = Some(Running { purpose, sought, whole_context, orphaned: false });
        Next::Decode(Order { purpose, audio, task: Task { language, certain, whole_context, alternatives } })
    }

    fn part_of(&mut self, purpose: Purpose) -> Option<&mut Part> {
        match purpose {
            Purpose::Window => self.waiting.front_mut(),
            Purpose::Partial | Purpose::Final => Some(&mut self.part),
        }
    }

    /// Moves the text of the first waiting window to the finished text.
    fn finish_window(&mut self) {
        let Some(part) = self.waiting.pop_front() else { return };
        let last = part.last.map(|last| (last.words, last.log_probability, last.judged));
        let (words, log_probability, judged) = last.unwrap_or_default();
        self.log_probability += log_probability;
        self.judged += judged;
        self.text.extend(words.iter().map(|word| word.text.as_str()));
        self.untold.push_str(&part.agreement.rest(&words));
    }

    fn transcript(&self, words: &[Word]) -> Transcript {
        let whole = |words: &[Word]| {
            let end: String = words.iter().map(|word| word.text.as_str()).collect();
            format!("{}{end}", self.text).trim().to_owned()
        };
        let rest = format!("{}{}", self.untold, self.part.agreement.rest(words));
        let text = whole(words);
        let last = self.part.last.as_ref().filter(|_| !words.is_empty());
        let log_probability = self.log_probability + last.map_or(0.0, |last| last.log_probability);
        let alternatives = last.map(|last| last.alternatives.as_slice()).unwrap_or_default();
        let judged = self.judged + last.map_or(0, |last| last.judged);
        let mean = log_probability / judged.max(1) as f32;
        Transcript {
            log_probability: (!text.is_empty()).then_some(log_probability),
            sure: self.options.thresholds.sure.filter(|_| !text.is_empty()).map(|least| mean >= least),
            alternatives: alternatives
                .iter()
                .map(|(words, log_probability)| Alternative {
                    text: whole(words),
                    log_probability: self.log_probability + log_probability,
                })
                .collect(),
            text,
            rest: if self.told { rest } else { rest.trim_start().to_owned() },
            language: self.language(),
        }
    }

    /// The words to tell next, without the space before the very first one.
    fn tell(&mut self, new: String) -> String {
        let text = std::mem::take(&mut self.untold) + &new;
        let text = if self.told { text } else { text.trim_start().to_owned() };
        self.told |= !text.is_empty();
        text
    }

    /// The whole text so far, in place of what was told: `part` is what the window that is still open says.
    fn tell_anew(&mut self, part: &str) -> String {
        self.untold.clear();
        self.told = true;
        format!("{}{part}", self.text).trim_start().to_owned()
    }

    /// Two decodes in a row that find the same language decide on it.
    fn note_language(&mut self, language: usize) {
        if self.language.is_none() && self.found.replace(language) == Some(language) {
            self.language = Some(language);
        }
    }
}

fn samples_to_ms(samples: usize) -> u64 {
    samples as u64 * 1000 / u64::from(SAMPLE_RATE)
}

#[cfg(test)]
mod tests;
