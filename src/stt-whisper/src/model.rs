//! A loaded Whisper model and what it can do.

use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use whisper_rs::{WhisperContext, WhisperContextParameters, WhisperError, WhisperTokenId};

use crate::header::{self, Header};
use crate::words::Vocabulary;

/// First bytes of a zstd frame (RFC 8878, section 3.1.1).
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// The speech model that the project makes itself. It lies here and not in the server, whose memory it would fill for its first use.
const BUILT_IN: &[u8] = include_bytes!("../../../models/nano-en/nano-en.bin.zst");
const BUILT_IN_NAME: &str = "nano-en";
/// Characters of notes about the sound (`[music]`, `♪`): a token that contains one is never chosen.
const ANNOTATION: &[char] = &['(', ')', '[', ']', '{', '}', '<', '>', '*', '♩', '♪', '♫', '♬', '（', '）', '【', '】'];

/// How much of the encoder's context a clip of some length needs, in encoder positions (20 ms each). It depends on the model: stock
/// weights want `50 * seconds + 128`, weights fine-tuned for it (FUTO's ACFT) `50 * seconds + 64`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ContextRule {
    /// Positions a second of audio.
    pub(crate) per_second: f32,
    /// Positions on top.
    pub(crate) extra: u32,
    /// Rounded up to a multiple of this.
    pub(crate) multiple: u32,
    /// Never fewer.
    pub(crate) min: u32,
}

impl ContextRule {
    /// Positions for so many samples at 16 kHz, in a model that has `available` ones.
    pub(crate) fn positions(&self, samples: usize, available: u32) -> u32 {
        let seconds = samples as f32 / vesta_audio::SAMPLE_RATE as f32;
        let wanted = (seconds * self.per_second).ceil() as u32 + self.extra;
        wanted.max(self.min).next_multiple_of(self.multiple.max(1)).min(self.most(available))
    }

    /// The most positions that the rule allows in a model that has `available` ones.
    pub(crate) fn most(&self, available: u32) -> u32 {
        match available / self.multiple.max(1) * self.multiple.max(1) {
            0 => available,
            whole => whole,
        }
    }
}

/// Special tokens and languages.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    pub(crate) end: WhisperTokenId,
    pub(crate) start: WhisperTokenId,
    pub(crate) no_speech: WhisperTokenId,
    pub(crate) no_timestamps: WhisperTokenId,
    pub(crate) transcribe: WhisperTokenId,
}

/// A loaded model, shared by all decoders.
pub(crate) struct Model {
    pub(crate) context: WhisperContext,
    pub(crate) name: String,
    /// Two-letter codes (whisper.cpp's), in the order of the model's language tokens.
    pub(crate) languages: Vec<String>,
    pub(crate) multilingual: bool,
    pub(crate) tokens: Tokens,
    /// Encoder positions that the model has.
    pub(crate) audio_ctx: u32,
    /// Decoder positions that the model has.
    pub(crate) text_ctx: usize,
    /// Width of the encoder, which tells how heavy the model is.
    pub(crate) width: u32,
    /// Text tokens that are never chosen, by id.
    banned: Vec<bool>,
    /// What one blank token says: nothing.
    pub(crate) space: Option<WhisperTokenId>,
}

impl Model {
    /// Loads a ggml model, packed by zstd or not.
    ///
    /// # Errors
    /// Where the file is missing, damaged, or not a Whisper model; the message says what to do.
    pub(crate) fn load(path: &Path, name: Option<String>, flash_attention: bool) -> Result<Model> {
        let shown = path.display();
        let mut file = File::open(path)
            .with_context(|| format!("cannot open the model {shown}; `vesta models list` shows what is installed"))?;
        let mut magic = [0; 4];
        let packed = file.read_exact(&mut magic).is_ok() && magic == ZSTD_MAGIC;
        drop(file);

        let parameters = parameters(flash_attention);
        let (header, context) = if packed {
            let bytes = zstd::decode_all(BufReader::new(File::open(path)?))
                .with_context(|| format!("the model {shown} is damaged: pull it again"))?;
            from_bytes(&bytes, parameters).with_context(|| format!("cannot use the model {shown}"))?
        } else {
            let mut file = BufReader::new(File::open(path)?);
            let header = header::check(&mut file).with_context(|| format!("cannot use the model {shown}"))?;
            (header, WhisperContext::new_with_params(path, parameters))
        };
        let context = context.with_context(|| {
            format!("whisper.cpp cannot load the model {shown}: the file is damaged or cut short; pull it again")
        })?;
        Model::new(context, &header, name.unwrap_or_else(|| stem(path)))
            .with_context(|| format!("the model {shown} is damaged: pull it again"))
    }

    /// Loads the model that is part of the program.
    ///
    /// # Errors
    /// Where there is not enough memory for it.
    pub(crate) fn built_in(name: Option<String>, flash_attention: bool) -> Result<Model> {
        let damaged = "the speech model in this program is damaged; build it again";
        let bytes = zstd::decode_all(BUILT_IN).context(damaged)?;
        let (header, context) = from_bytes(&bytes, parameters(flash_attention)).context(damaged)?;
        let context = context.context("whisper.cpp cannot load the speech model that is part of this program")?;
        Model::new(context, &header, name.unwrap_or_else(|| BUILT_IN_NAME.to_owned()))
    }

    fn new(context: WhisperContext, header: &Header, name: String) -> Result<Model> {
        let tokens = Tokens {
            end: context.token_eot(),
            start: context.token_sot(),
            no_speech: context.token_nosp(),
            no_timestamps: context.token_not(),
            transcribe: context.token_transcribe(),
        };
        let multilingual = context.is_multilingual();
        let languages = if multilingual {
            // A multilingual vocabulary ends with 1,501 timestamps behind the language and task tokens (whisper.cpp, `num_languages`).
            let count = i32::try_from(header.vocabulary).unwrap_or_default() - 51_765 - 1;
            (0..count).filter_map(|id| whisper_rs::get_lang_str(id).map(str::to_owned)).collect()
        } else {
            vec!["en".to_owned()]
        };
        if languages.is_empty() {
            bail!("it has no language tokens");
        }
        let text = |id| context.token_to_bytes(id).map(String::from_utf8_lossy).unwrap_or_default();
        let banned = (0..tokens.end).map(|id| text(id).contains(ANNOTATION)).collect();
        let space = (0..tokens.end).find(|&id| text(id) == " ");
        Ok(Model {
            name,
            languages,
            multilingual,
            tokens,
            audio_ctx: header.audio_ctx,
            text_ctx: header.text_ctx as usize,
            width: header.audio_state,
            banned,
            space,
            context,
        })
    }

    /// The id of a language of this model; `en-US` and `en_GB` are `en`.
    pub(crate) fn language_id(&self, language: &str) -> Option<usize> {
        let code = language.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        self.languages.iter().position(|known| *known == code)
    }

    /// The token that tells a multilingual model the language.
    pub(crate) fn language_token(&self, id: usize) -> WhisperTokenId {
        self.tokens.start + 1 + WhisperTokenId::try_from(id).unwrap_or_default()
    }

    /// Whether a token says nothing.
    pub(crate) fn is_silent(&self, token: WhisperTokenId) -> bool {
        self.context.token_to_bytes(token).unwrap_or_default().trim_ascii().is_empty()
    }

    /// Whether the decoder may choose this token: text, or the end.
    pub(crate) fn may_choose(&self, id: usize) -> bool {
        match self.banned.get(id) {
            Some(banned) => !banned,
            None => WhisperTokenId::try_from(id) == Ok(self.tokens.end),
        }
    }
}

impl Vocabulary for Arc<Model> {
    fn text(&self, token: WhisperTokenId) -> &[u8] {
        self.context.token_to_bytes(token).unwrap_or_default()
    }
}

type Loaded = (Header, Result<WhisperContext, WhisperError>);

fn from_bytes(bytes: &[u8], parameters: WhisperContextParameters<'_>) -> Result<Loaded> {
    let header = header::check(&mut Cursor::new(bytes))?;
    Ok((header, WhisperContext::new_from_buffer_with_params(bytes, parameters)))
}

fn parameters(flash_attention: bool) -> WhisperContextParameters<'static> {
    let mut parameters = WhisperContextParameters::default();
    parameters.flash_attn(flash_attention);
    parameters
}

fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.strip_suffix(".zst").unwrap_or(&name);
    name.strip_suffix(".bin").unwrap_or(name).to_owned()
}
