//! What a listener orders from the decoders, and what it tells.

use crate::decoder::Task;
use crate::window::Audio;

/// What a decode is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The words so far.
    Partial,
    /// A finished window in the middle of long audio.
    Window,
    /// The end of the transcript: somebody waits.
    Final,
}

/// A decode to begin.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) purpose: Purpose,
    pub(crate) audio: Audio,
    pub(crate) task: Task,
}

/// What to do now.
#[derive(Debug)]
pub(crate) enum Next {
    /// Begin this decode.
    Decode(Order),
    /// Give up the running decode, then ask again.
    Abort,
    /// Wait for audio or for the running decode.
    Wait,
    /// The transcript is complete.
    Done(Transcript),
}

/// News while somebody speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// Words to append.
    pub(crate) text: String,
    /// What was told before is void: `text` is the whole text so far.
    pub(crate) anew: bool,
    /// The text so far is everything heard, confirmed by two decodes, and nobody has spoken since.
    pub(crate) settled: bool,
    /// How far into the stream the decode had listened.
    pub(crate) heard_ms: u64,
}

/// What may have been said instead.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Alternative {
    /// The whole text.
    pub(crate) text: String,
    /// Natural logarithm of its probability.
    pub(crate) log_probability: f32,
}

/// The end.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Transcript {
    /// The whole text.
    pub(crate) text: String,
    /// Natural logarithm of its probability: of the tokens that the model was free to choose, the end included.
    pub(crate) log_probability: Option<f32>,
    /// Whether that is as much as speech usually has that the model was made for; `None` where that is not known of the model.
    pub(crate) sure: Option<bool>,
    /// What may have been said instead, the likeliest first. Only the last window of long audio has alternatives.
    pub(crate) alternatives: Vec<Alternative>,
    /// What of it was not told by chunks.
    pub(crate) rest: String,
    /// The language's id, where a decode found it.
    pub(crate) language: Option<usize>,
}
