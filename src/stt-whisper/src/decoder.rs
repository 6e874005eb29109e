//! Audio to tokens: one pass of encoder and decoder.
//!
//! The loop is our own over whisper.cpp's encoder and decoder steps, not `whisper_full`: it can begin with words that are certain
//! already (they are computed in one batch), reads the no-speech probability where the model gives it (after the start token;
//! `whisper_full` reads a row that was never written when timestamps are off), ends runaway repetition early, and finds the language
//! in the same pass.

use std::sync::Arc;
use std::time::{Duration, Instant};

use whisper_rs::{FullParams, SamplingStrategy, WhisperError, WhisperTokenId};

use crate::abort::{AbortableState, Flag, never_encode};
use crate::model::{ContextRule, Model};
use crate::search::{Choices, Search, Spelling, Steps, Text, search};

/// Shorter clips are padded with silence to one second: whisper.cpp returns nothing for 100 ms, and models mishear 150 ms.
const MIN_SAMPLES: usize = vesta_audio::SAMPLE_RATE as usize;
/// Tokens that a second of speech may take. English takes 4; scripts that the vocabulary spells by bytes take up to 20.
const TOKENS_PER_SECOND: usize = 25;
/// Decoder steps for each alternative: it shares its beginning with a text that was written before.
const STEPS: usize = 6;

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
    /// Find what else may have been said.
    pub(crate) alternatives: bool,
}

/// What was heard.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Heard {
    /// Text tokens, without special ones.
    pub(crate) tokens: Vec<WhisperTokenId>,
    /// Sum and mean of the tokens' log-probabilities (natural logarithm), the end of the text included, certain tokens not.
    pub(crate) log_probability: f32,
    pub(crate) mean_log_probability: f32,
    /// How many tokens these are of.
    pub(crate) judged: usize,
    /// Less likely texts with the sums of their log-probabilities, the likeliest first.
    pub(crate) alternatives: Vec<(Vec<WhisperTokenId>, f32)>,
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
    /// Most alternatives to a text, and how much less likely than the likeliest they may be, as a difference of natural logarithms.
    pub(crate) alternatives: usize,
    pub(crate) margin: f32,
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
        let no_speech = Choices::of(first, |_| true).log_probability(first, tokens.no_speech).exp();
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
        let mut texts = self.write(&prompt, task, samples.len(), flag)?;
        // Many ways to write what was said share the probability of speech; the one way to write nothing has that of silence to itself. Which
        // of the two is likelier is said by the first token, and so by the greedy text.
        let says_something = |text: &Text| text.tokens.iter().any(|&token| !model.is_silent(token));
        if texts.iter().any(|text| text.greedy && says_something(text)) {
            texts.retain(says_something);
        }
        let mut texts = texts.into_iter();
        let Text { tokens, log_probability, judged, looped, .. } = texts.next().unwrap_or_default();
        let mean_log_probability = if judged == 0 { 0.0 } else { log_probability / judged as f32 };
        let alternatives = texts.map(|text| (text.tokens, text.log_probability)).collect();
        Ok(Heard {
            tokens,
            log_probability,
            mean_log_probability,
            judged,
            alternatives,
            no_speech,
            language,
            looped,
            ..Heard::default()
        })
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

    /// The likeliest texts behind the prompt, which ends with the certain tokens.
    fn write(
        &mut self,
        prompt: &[WhisperTokenId],
        task: &Task,
        samples: usize,
        flag: &Flag,
    ) -> Result<Vec<Text>, DecodeError> {
        let certain = task.certain.len();
        let room = self.model.text_ctx.saturating_sub(prompt.len() - certain + 1);
        let fixed = self.options.fixed_rate.map(|rate| (rate * samples as f32 / MIN_SAMPLES as f32).ceil() as usize);
        let limit = fixed.unwrap_or(16 + TOKENS_PER_SECOND * samples.div_ceil(MIN_SAMPLES)).min(room);
        let alternatives = if task.alternatives && fixed.is_none() { self.options.alternatives } else { 0 };

        let before = prompt.split_last().map(|(_, before)| before).unwrap_or_default();
        if before.len() > 1 {
            // Position 0 holds the start token already.
            self.step(before.get(1..).unwrap_or_default(), 1, flag)?;
        }
        let spelling = Letters { model: Arc::clone(&self.model), endless: fixed.is_some() };
        let wanted = Search {
            limit,
            notice_loops: fixed.is_none(),
            alternatives,
            margin: self.options.margin,
            steps: alternatives * STEPS,
        };
        search(&mut Pen { decoder: self, flag }, &spelling, prompt, certain, wanted)
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

/// The decoder as the search sees it.
struct Pen<'a> {
    decoder: &'a mut Decoder,
    flag: &'a Flag,
}

impl Steps for Pen<'_> {
    type Error = DecodeError;

    fn step(&mut self, token: WhisperTokenId, position: usize) -> Result<&[f32], DecodeError> {
        self.decoder.step(&[token], position, self.flag)
    }
}

/// What the model may write.
struct Letters {
    model: Arc<Model>,
    /// For benchmarks: texts do not end by themselves.
    endless: bool,
}

impl Spelling for Letters {
    fn end(&self) -> WhisperTokenId {
        self.model.tokens.end
    }

    fn may_choose(&self, id: usize, first: bool) -> bool {
        let token = WhisperTokenId::try_from(id).unwrap_or_default();
        let ends = token == self.model.tokens.end;
        // As the reference does: a transcript neither begins with a bare space nor ends before it began.
        let blank = first && (ends || Some(token) == self.model.space);
        self.model.may_choose(id) && !blank && !(self.endless && ends)
    }
}

fn likeliest_language(model: &Model, row: &[f32]) -> usize {
    let logit = |id| usize::try_from(model.language_token(id)).ok().and_then(|token| row.get(token)).copied();
    (0..model.languages.len())
        .filter(|_| model.multilingual)
        .max_by(|&a, &b| logit(a).unwrap_or(f32::MIN).total_cmp(&logit(b).unwrap_or(f32::MIN)))
        .unwrap_or(0)
}
