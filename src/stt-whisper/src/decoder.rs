//! Audio to tokens: one pass of encoder and greedy decoder.
//!
//! The loop is our own over whisper.cpp's encoder and decoder steps, not `whisper_full`: it can begin with words that are certain
//! already (they are computed in one batch), reads the no-speech probability where the model gives it (after the start token;
//! `whisper_full` reads a row that was never written when timestamps are off), ends runaway repetition early, and finds the language
//! in the same pass.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use whisper_rs::{FullParams, SamplingStrategy, WhisperError, WhisperTokenId};

use crate::abort::{AbortableState, Flag, never_encode};
use crate::model::{ContextRule, Model};

/// Shorter clips are padded with silence to one second: whisper.cpp returns nothing for 100 ms, and models mishear 150 ms.
const MIN_SAMPLES: usize = vesta_audio::SAMPLE_RATE as usize;
/// Tokens that a second of speech may take. English takes 4; scripts that the vocabulary spells by bytes take up to 20.
const TOKENS_PER_SECOND: usize = 25;
/// Longest phrase, in tokens, whose repetition is noticed.
const MAX_LOOP: usize = 12;

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DecodeError {
    /// The flag was raised.
    #[error("the decode was aborted")]
    Aborted,
    /// whisper.cpp failed.
    #[error("whisper.cpp failed: {0}")]
    Whisper(#[from] WhisperError),
}

/// What to decode.
#[derive(Clone, Debug, Default)]
pub(crate) struct Task {
    /// The language's id; found by the model where absent.
    pub(crate) language: Option<usize>,
    /// Tokens that the transcript begins with.
    pub(crate) certain: Vec<WhisperTokenId>,
    /// Listen with the model's whole context, whatever the clip's length.
    pub(crate) whole_context: bool,
}

/// What was heard.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Heard {
    /// Text tokens, without special ones.
    pub(crate) tokens: Vec<WhisperTokenId>,
    /// Mean of the tokens' log-probabilities (natural logarithm), the end of the text included.
    pub(crate) mean_log_probability: f32,
    /// The model's own opinion that nobody speaks, 0 to 1.
    pub(crate) no_speech: f32,
    /// The language's id.
    pub(crate) language: usize,
    /// A phrase began to repeat without end.
    pub(crate) looped: bool,
    /// What the decode took.
    pub(crate) took: Duration,
}

/// How decoders work, the same for all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DecoderOptions {
    pub(crate) threads: usize,
    pub(crate) rule: ContextRule,
    /// For benchmarks: exactly so many tokens for each second of audio, whatever the model says.
    pub(crate) fixed_rate: Option<f32>,
}

/// A decoder with its own state. It keeps nothing from one clip to the next.
pub(crate) struct Decoder {
    model: Arc<Model>,
    state: AbortableState,
    options: DecoderOptions,
    /// Prepares the mel spectrogram and the audio context. Made once: whisper-rs leaks the language's name with each.
    prepare: FullParams<'static, 'static>,
    pcm: Vec<f32>,
}

impl Decoder {
    /// A decoder of the model.
    pub(crate) fn new(model: Arc<Model>, options: DecoderOptions) -> Result<Decoder, WhisperError> {
        let state = AbortableState::new(&model.context)?;
        let mut prepare = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
        prepare.set_n_threads(i32::try_from(options.threads).unwrap_or(1));
        prepare.set_no_context(true);
        prepare.set_print_progress(false);
        prepare.set_language(Some("en"));
        set_never_encode(&mut prepare);
        Ok(Decoder { model, state, options, prepare, pcm: Vec::new() })
    }

    /// Decodes 16 kHz mono samples, at most 30 s.
    ///
    /// # Errors
    /// [`DecodeError::Aborted`] soon after the flag is raised.
    pub(crate) fn decode(&mut self, samples: &[i16], task: &Task, flag: &Flag) -> Result<Heard, DecodeError> {
        let began = Instant::now();
        self.state.watch(flag);
        let heard = self.listen(samples, task, flag);
        match heard {
            Ok(heard) => Ok(Heard { took: began.elapsed(), ..heard }),
            Err(_) if flag.is_raised() => Err(DecodeError::Aborted),
            Err(error) => Err(error),
        }
    }

    fn listen(&mut self, samples: &[i16], task: &Task, flag: &Flag) -> Result<Heard, DecodeError> {
        let began = Instant::now();
        self.encode(samples, task, flag)?;
        tracing::trace!(samples = samples.len(), took = ?began.elapsed(), certain = task.certain.len(), "encoded");

        // The start token alone: its row holds the no-speech probability and the languages.
        let model = Arc::clone(&self.model);
        let tokens = &model.tokens;
        let first = self.step(&[tokens.start], 0, flag)?;
        let no_speech = Row::of(first, |_| true).log_probability(first, tokens.no_speech).exp();
        let language = match task.language {
            Some(id) => id,
            None => likeliest_language(&model, first),
        };

        let mut prompt = vec![tokens.start];
        if model.multilingual {
            prompt.extend([model.language_token(language), tokens.transcribe]);
        }
        prompt.push(tokens.no_timestamps);
        prompt.extend(&task.certain);
        let text = self.write(&prompt, task.certain.len(), samples.len(), flag)?;
        Ok(Heard { no_speech, language, ..text })
    }

    /// Runs the encoder over the clip with as much context as it needs.
    fn encode(&mut self, samples: &[i16], task: &Task, flag: &Flag) -> Result<(), DecodeError> {
        self.pcm.clear();
        self.pcm.extend(samples.iter().map(|&sample| f32::from(sample) / 32_768.0));
        if self.pcm.len() < MIN_SAMPLES {
            self.pcm.resize(MIN_SAMPLES, 0.0);
        }
        let (rule, available) = (self.options.rule, self.model.audio_ctx);
        let positions =
            if task.whole_context { rule.most(available) } else { rule.positions(self.pcm.len(), available) };
        let mut prepare = self.prepare.clone();
        prepare.set_audio_ctx(i32::try_from(positions).unwrap_or_default());
        let began = Instant::now();
        self.state.state.full(prepare, &self.pcm)?;
        tracing::trace!(samples = self.pcm.len(), positions, took = ?began.elapsed(), "spectrogram");
        check(flag)?;
        Ok(self.state.state.encode(0, self.options.threads)?)
    }

    /// Chooses token after token behind the prompt.
    fn write(
        &mut self,
        prompt: &[WhisperTokenId],
        certain: usize,
        samples: usize,
        flag: &Flag,
    ) -> Result<Heard, DecodeError> {
        let begin = prompt.len() - certain;
        let room = self.model.text_ctx.saturating_sub(begin + 1);
        let fixed = self.options.fixed_rate.map(|rate| (rate * samples as f32 / MIN_SAMPLES as f32).ceil() as usize);
        let limit = fixed.unwrap_or(16 + TOKENS_PER_SECOND * samples.div_ceil(MIN_SAMPLES)).min(room);
        let mut written: Vec<WhisperTokenId> = prompt.get(begin..).unwrap_or_default().to_vec();
        let mut log_probability = 0.0;
        let mut judged = 0;
        let mut looped = false;

        let Some((last, before)) = prompt.split_last() else { return Ok(Heard::default()) };
        if before.len() > 1 {
            // Position 0 holds the start token already.
            self.step(before.get(1..).unwrap_or_default(), 1, flag)?;
        }
        let mut next = *last;
        let mut position = before.len();
        while written.len() < limit {
            let model = Arc::clone(&self.model);
            let first = written.is_empty();
            let row = self.step(&[next], position, flag)?;
            let chosen = Row::of(row, |id| {
                let id_token = WhisperTokenId::try_from(id).unwrap_or_default();
                let ends = id_token == model.tokens.end;
                // As the reference does: a transcript neither begins with a bare space nor ends before it began.
                let blank = first && (ends || Some(id_token) == model.space);
                model.may_choose(id) && !blank && !(fixed.is_some() && ends)
            });
            log_probability += chosen.log_probability(row, chosen.best);
            judged += 1;
            if chosen.best == self.model.tokens.end {
                break;
            }
            written.push(chosen.best);
            next = chosen.best;
            position += 1;
            if fixed.is_none() && repeats(&written) {
                looped = true;
                break;
            }
        }
        let mean_log_probability = if judged == 0 { 0.0 } else { log_probability / judged as f32 };
        Ok(Heard { tokens: written, mean_log_probability, looped, ..Heard::default() })
    }

    /// One step of the text decoder; the row of logits behind the last token. whisper-rs gives the first row of a batch, and
    /// whisper.cpp only fills the last: the row is of use where one token was passed.
    fn step(&mut self, tokens: &[WhisperTokenId], past: usize, flag: &Flag) -> Result<&[f32], DecodeError> {
        check(flag)?;
        self.state.state.decode(tokens, past, self.options.threads)?;
        Ok(self.state.state.get_logits()?)
    }
}

/// Makes `whisper_full` stop before its encoder, having prepared the spectrogram and the context.
#[allow(unsafe_code)]
fn set_never_encode(parameters: &mut FullParams<'_, '_>) {
    // SAFETY: the callback touches neither the context nor the state.
    unsafe { parameters.set_start_encoder_callback(Some(never_encode)) }
}

fn check(flag: &Flag) -> Result<(), DecodeError> {
    if flag.is_raised() { Err(DecodeError::Aborted) } else { Ok(()) }
}

/// The best token of a row that may be chosen, and what the row's numbers mean as probabilities.
struct Row {
    best: WhisperTokenId,
    /// Logarithm of the sum of the exponentials of all logits.
    log_sum: f32,
}

impl Row {
    fn of(row: &[f32], may_choose: impl Fn(usize) -> bool) -> Row {
        let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = row.iter().map(|logit| (logit - max).exp()).sum();
        let mut best = (0, f32::NEG_INFINITY);
        for (id, &logit) in row.iter().enumerate() {
            if logit > best.1 && may_choose(id) {
                best = (id, logit);
            }
        }
        Row { best: WhisperTokenId::try_from(best.0).unwrap_or_default(), log_sum: max + sum.ln() }
    }

    fn log_probability(&self, row: &[f32], token: WhisperTokenId) -> f32 {
        let logit = usize::try_from(token).ok().and_then(|id| row.get(id)).copied();
        logit.map_or(f32::NEG_INFINITY, |logit| logit - self.log_sum)
    }
}

fn likeliest_language(model: &Model, row: &[f32]) -> usize {
    let logit = |id| usize::try_from(model.language_token(id)).ok().and_then(|token| row.get(token)).copied();
    (0..model.languages.len())
        .filter(|_| model.multilingual)
        .max_by(|&a, &b| logit(a).unwrap_or(f32::MIN).total_cmp(&logit(b).unwrap_or(f32::MIN)))
        .unwrap_or(0)
}

/// Whether the text ends in a phrase said over and over: a single token eight times, a longer phrase four times.
fn repeats(written: &[WhisperTokenId]) -> bool {
    (1..=MAX_LOOP).any(|length| {
        let times = if length == 1 { 8 } else { 4 };
        let tail: VecDeque<_> = written.rchunks(length).take(times).collect();
        tail.len() == times && tail.iter().all(|chunk| Some(chunk) == tail.front())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetition_is_noticed_and_emphasis_is_not() {
        assert!(repeats(&[7; 8]));
        assert!(!repeats(&[7; 7]));
        assert!(repeats(&[9, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3]));
        assert!(!repeats(&[1, 2, 3, 1, 2, 3, 1, 2, 3]));
        assert!(!repeats(&[]));
    }

    #[test]
    fn a_row_is_read_as_probabilities() {
        let row = [0.0, (3.0f32).ln(), 0.0];
        let all = Row::of(&row, |_| true);
        assert_eq!(all.best, 1);
        assert!((all.log_probability(&row, 1).exp() - 0.6).abs() < 1e-6);
        assert_eq!(Row::of(&row, |id| id != 1).best, 0);
        assert_eq!(all.log_probability(&row, 99), f32::NEG_INFINITY);
    }
}
