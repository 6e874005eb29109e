//! The command line.

use std::path::PathBuf;

use clap::Parser;
use vesta_wyoming::Uri;

use crate::guard::Thresholds;
use crate::model::ContextRule;

/// Vesta's speech-to-text worker: a Wyoming service over whisper.cpp.
///
/// When it is ready it prints one line of JSON on standard output: {"ready": {"uri", "name", "model", "languages"}}. It ends when its
/// standard input is closed (see --detached) or on SIGTERM. Logs go to standard error; RUST_LOG sets their level.
#[derive(Debug, Parser)]
#[command(name = "vesta-stt-whisper", version)]
pub(crate) struct Options {
    /// The model: a ggml Whisper file, packed by zstd or not [default: the one that is part of this program, nano-en].
    #[arg(long, value_name = "FILE")]
    pub(crate) model: Option<PathBuf>,
    /// The model's name towards clients [default: the file's name].
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Where to listen: tcp://HOST:PORT or unix:///PATH; port 0 takes a free one.
    #[arg(long, default_value = "tcp://127.0.0.1:0")]
    pub(crate) uri: Uri,
    /// The spoken language where a client names none: a code such as en, or auto to let the model find it.
    #[arg(long, default_value = "auto")]
    pub(crate) language: String,
    /// Go on when standard input is closed.
    #[arg(long)]
    pub(crate) detached: bool,
    /// Connections served at once.
    #[arg(long, default_value_t = 512, value_name = "N")]
    pub(crate) max_sessions: usize,

    /// Threads of one decode [default: 1 for models below Whisper tiny, else half the cores, at most 4].
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// Decodes at a time [default: as many as the cores carry, at most 4].
    #[arg(long, value_name = "N")]
    pub(crate) decoders: Option<usize>,
    /// Encoder positions for a second of audio. 50 is real time.
    #[arg(long, default_value_t = 50.0, value_name = "N")]
    pub(crate) ctx_per_second: f32,
    /// Encoder positions on top. Stock Whisper models need 128, fine-tuned ones (ACFT) 64.
    #[arg(long, default_value_t = 128, value_name = "N")]
    pub(crate) ctx_extra: u32,
    /// Encoder positions are rounded up to a multiple of this.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1500))]
    pub(crate) ctx_multiple: u32,
    /// Encoder positions are at least so many.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) ctx_min: u32,
    /// Use flash attention. Encoder positions are then multiples of 256: padding is not masked and would be heard.
    #[arg(long)]
    pub(crate) flash_attention: bool,
    /// Longest piece of audio decoded in one go, in seconds. Longer audio is cut at silences.
    #[arg(long, default_value_t = 20, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(5..=29))]
    pub(crate) max_seconds: u32,
    /// Begin each decode with the words that two decodes agreed on: faster for big models, a little less exact [default: for models from Whisper
    /// tiny on].
    #[arg(long, value_name = "YES/NO")]
    pub(crate) keep_agreed: Option<bool>,

    /// Look for so many alternatives to a transcript and send them along with it [default: 8 for models below Whisper tiny, else 0: each takes a few
    /// steps of the decoder].
    #[arg(long, value_name = "N")]
    pub(crate) alternatives: Option<usize>,
    /// How much less likely than the transcript an alternative may be: a difference of natural logarithms of probability.
    #[arg(long, default_value_t = 3.0, value_name = "LOG")]
    pub(crate) alternative_margin: f32,

    /// Drop an unsure text when the model's no-speech probability is above this.
    #[arg(long, default_value_t = 0.6, value_name = "P")]
    pub(crate) no_speech_threshold: f32,
    /// Drop a text, however sure, when the model's no-speech probability is above this: for models that were trained to tell
    /// speech that is meant for them from anything else. 1 never does.
    #[arg(long, default_value_t = 1.0, value_name = "P")]
    pub(crate) no_speech_alone: f32,
    /// Drop a text whose tokens' mean log-probability is below this.
    #[arg(long, default_value_t = -1.0, value_name = "LOG", allow_negative_numbers = true)]
    pub(crate) logprob_threshold: f32,
    /// Tell of each transcript whether its tokens' mean log-probability is at least this: for models of which it is known how sure they are of
    /// the speech that they were made for.
    #[arg(long, value_name = "LOG", allow_negative_numbers = true)]
    pub(crate) sure_logprob: Option<f32>,
    /// Drop a text that compresses by more than this.
    #[arg(long, default_value_t = 2.4, value_name = "RATIO")]
    pub(crate) compression_threshold: f32,
    /// Drop a text for which the voice detector heard less voice than this, in milliseconds.
    #[arg(long, default_value_t = 60, value_name = "MS")]
    pub(crate) min_voice: u64,

    /// For benchmarks with random weights: write exactly N tokens for each second of audio and believe them. English speech takes 4.
    #[arg(long, value_name = "N")]
    pub(crate) fixed_tokens_per_second: Option<f32>,
}

impl Options {
    /// The audio-context rule, made fit for flash attention where that is on.
    pub(crate) fn rule(&self) -> ContextRule {
        let multiple = if self.flash_attention { self.ctx_multiple.next_multiple_of(256) } else { self.ctx_multiple };
        ContextRule {
            per_second: self.ctx_per_second.clamp(0.0, 1500.0),
            extra: self.ctx_extra.min(1500),
            multiple,
            min: self.ctx_min.min(1500),
        }
    }

    /// When a decode is not believed.
    pub(crate) fn thresholds(&self) -> Thresholds {
        Thresholds {
            no_speech: self.no_speech_threshold,
            no_speech_alone: self.no_speech_alone,
            log_probability: self.logprob_threshold,
            sure: self.sure_logprob,
            compression: self.compression_threshold,
            voiced_ms: self.min_voice,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Options {
        Options::try_parse_from(["worker", "--model", "m.bin"].iter().chain(arguments)).unwrap()
    }

    #[test]
    fn the_context_grows_with_the_clip_and_stays_within_the_model() {
        let rule = parsed(&["--ctx-extra", "64"]).rule();
        assert_eq!(rule.positions(32_000, 1500), 164);
        assert_eq!(rule.positions(30 * 16_000, 1500), 1500);
        assert_eq!(rule.positions(16_000, 100), 100);
        let rule = parsed(&["--ctx-min", "300", "--ctx-multiple", "8"]).rule();
        assert_eq!(rule.positions(16_000, 1500), 304);
    }

    #[test]
    fn flash_attention_rounds_up_to_256() {
        let rule = parsed(&["--flash-attention"]).rule();
        assert_eq!(rule.positions(32_000, 1536), 256);
        assert_eq!(rule.positions(10 * 16_000, 1536), 768);
        assert_eq!(rule.positions(29 * 16_000, 1500), 1280, "1500 is no multiple");
        assert_eq!(rule.positions(16_000, 200), 200, "the model has no more");
    }

    #[test]
    fn thresholds_may_be_negative() {
        assert_eq!(parsed(&["--logprob-threshold", "-0.5"]).thresholds().log_probability, -0.5);
    }
}
