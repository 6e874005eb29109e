//! The structure of a ggml Whisper file: magic, hyperparameters, mel filters, vocabulary, tensors.
//!
//! whisper.cpp reads these without checking them: it aborts the process on nonsense, and does not notice that the last tensor is
//! cut short. So they are checked here first. The format is that of whisper.cpp's `convert-pt-to-ggml.py`: little-endian 32-bit
//! integers, then `n_mels * 201` floats, then length-prefixed vocabulary entries, then tensors to the end.

use std::io::{ErrorKind, Read, Seek, SeekFrom};

/// "ggml" as a little-endian number.
const MAGIC: u32 = 0x6767_6d6c;
/// Bytes of so many weights, by ggml's number of the type (`ggml_type` in ggml.h; block sizes in ggml-common.h).
const TYPES: [(u32, u64, u64); 14] = [
    (0, 4, 1),
    (1, 2, 1),
    (2, 18, 32),
    (3, 20, 32),
    (6, 22, 32),
    (7, 24, 32),
    (8, 34, 32),
    (10, 84, 256),
    (11, 110, 256),
    (12, 144, 256),
    (13, 176, 256),
    (14, 210, 256),
    (15, 292, 256),
    (30, 2, 1),
];
/// Longest vocabulary entry that is believed; real ones stay below 200 bytes.
const MAX_ENTRY: u32 = 4096;

/// Why a file is not a Whisper model.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HeaderError {
    /// Another kind of file.
    #[error("it is {0}, not a ggml Whisper model (ggml-*.bin); `vesta models list` names models that work")]
    NotWhisper(&'static str),
    /// Right magic, impossible numbers.
    #[error("its header says {field} = {value}, which no Whisper model has; the file is damaged: pull it again")]
    Implausible {
        /// Which number.
        field: &'static str,
        /// What it is.
        value: u32,
    },
    /// The file ends within the header.
    #[error("it ends too early; the download was cut: pull it again")]
    Truncated,
    /// It could not be read.
    #[error("it cannot be read: {0}")]
    Io(std::io::Error),
}

/// The model's hyperparameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Rows of the token embedding; above 51,864 the model is multilingual.
    pub(crate) vocabulary: u32,
    /// Positions of the encoder's output, 20 ms each.
    pub(crate) audio_ctx: u32,
    /// Width of the encoder.
    pub(crate) audio_state: u32,
    /// Positions of the decoder.
    pub(crate) text_ctx: u32,
}

/// Reads a model's structure from beginning to end, passing over the weights.
pub(crate) fn check(file: &mut (impl Read + Seek)) -> Result<Header, HeaderError> {
    let end = file.seek(SeekFrom::End(0)).map_err(HeaderError::Io)?;
    file.rewind().map_err(HeaderError::Io)?;
    let header = check_head(file)?;
    while file.stream_position().map_err(HeaderError::Io)? < end {
        pass_tensor(file, end)?;
    }
    Ok(header)
}

fn pass_tensor(file: &mut (impl Read + Seek), end: u64) -> Result<(), HeaderError> {
    let implausible = |field, value| Err(HeaderError::Implausible { field, value });
    let (dimensions, name, kind) = (word(file)?, word(file)?, word(file)?);
    if !(1..=4).contains(&dimensions) {
        return implausible("tensor dimensions", dimensions);
    }
    if !(1..=256).contains(&name) {
        return implausible("tensor name length", name);
    }
    let mut weights = 1;
    for _ in 0..dimensions {
        weights = u64::from(word(file)?).saturating_mul(weights);
    }
    let Some((_, bytes, block)) = TYPES.iter().find(|(number, ..)| *number == kind) else {
        return implausible("weight type", kind);
    };
    let size = u64::from(name).saturating_add((weights / block).saturating_mul(*bytes));
    let position = file.stream_position().map_err(HeaderError::Io)?;
    match i64::try_from(size) {
        Ok(skipped) if size <= end.saturating_sub(position) => file.seek_relative(skipped).map_err(HeaderError::Io),
        _ => Err(HeaderError::Truncated),
    }
}

fn check_head(file: &mut impl Read) -> Result<Header, HeaderError> {
    let magic = word(file)?;
    if magic != MAGIC {
        return Err(HeaderError::NotWhisper(guess(magic)));
    }
    let mut number = |field, max: u32| match word(file)? {
        value if value == 0 || value > max => Err(HeaderError::Implausible { field, value }),
        value => Ok(value),
    };
    let vocabulary = number("n_vocab", 60_000)?;
    let audio_ctx = number("n_audio_ctx", 1 << 14)?;
    let audio_state = number("n_audio_state", 1 << 13)?;
    number("n_audio_head", 256)?;
    number("n_audio_layer", 256)?;
    let text_ctx = number("n_text_ctx", 1 << 14)?;
    let text_state = number("n_text_state", 1 << 13)?;
    number("n_text_head", 256)?;
    number("n_text_layer", 256)?;
    let mels = number("n_mels", 512)?;
    if text_state != audio_state {
        return Err(HeaderError::Implausible { field: "n_text_state", value: text_state });
    }
    word(file)?; // weight type: whisper.cpp checks it
    let filters = (word(file)?, word(file)?);
    if filters.0 != mels || !(1..=4096).contains(&filters.1) {
        return Err(HeaderError::Implausible { field: "mel filters", value: filters.0 });
    }
    skip(file, u64::from(filters.0) * u64::from(filters.1) * 4)?;
    let entries = word(file)?;
    if entries == 0 || entries > vocabulary {
        return Err(HeaderError::Implausible { field: "vocabulary entries", value: entries });
    }
    for _ in 0..entries {
        match word(file)? {
            length if length > MAX_ENTRY => {
                return Err(HeaderError::Implausible { field: "token length", value: length });
            }
            length => skip(file, u64::from(length))?,
        }
    }
    Ok(Header { vocabulary, audio_ctx, audio_state, text_ctx })
}

fn guess(magic: u32) -> &'static str {
    match &magic.to_le_bytes() {
        b"GGUF" => "a GGUF file (a chat model, perhaps)",
        b"PK\x03\x04" => "a zip archive (a PyTorch checkpoint, perhaps)",
        b"<!DO" | b"<htm" | b"<HTM" => "a web page (the download went wrong)",
        b"vers" => "a Git LFS pointer (the model itself was not fetched)",
        [0x1f, 0x8b, ..] => "a gzip archive",
        _ => "something else",
    }
}

fn word(file: &mut impl Read) -> Result<u32, HeaderError> {
    let mut bytes = [0; 4];
    file.read_exact(&mut bytes).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => HeaderError::Truncated,
        _ => HeaderError::Io(error),
    })?;
    Ok(u32::from_le_bytes(bytes))
}

fn skip(file: &mut impl Read, bytes: u64) -> Result<(), HeaderError> {
    match std::io::copy(&mut file.take(bytes), &mut std::io::sink()).map_err(HeaderError::Io)? {
        copied if copied == bytes => Ok(()),
        _ => Err(HeaderError::Truncated),
    }
}
