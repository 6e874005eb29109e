//! Finds, starts, watches and speaks to the worker programs.
//!
//! An [`Engine`] is a worker program on this machine or a Wyoming server anywhere; either way it is looked after by a task of its
//! own, which keeps it running and keeps one connection open in advance. [`SpeechToText`] and [`TextToSpeech`] speak to it; they
//! keep what they were given, so that a worker may die at any moment and the utterance is still answered.
//!
//! - [`EngineSpec`], [`find_program`] (`spec`): what an engine is made of, and where its program is
//! - [`Engine`], [`EngineState`] (`engine`): the handle: state, restarts, connections
//! - `supervisor`: the task that starts, watches and restarts
//! - `process`: one worker process: pipes, handshake, end
//! - `link`: the connection kept in advance, and the engine's pulse
//! - `output`: lines, the last of stderr, the ready line. Pure
//! - [`Backoff`] (`backoff`): when to start again. Pure
//! - [`SpeechToText`] (`stt`), `stt_session`: audio in, transcripts out
//! - [`TextToSpeech`] (`tts`), `tts_session`: clauses in, audio out; `speech`: sentences and samples. Pure
//! - [`EngineError`] (`error`): stable codes
#![forbid(unsafe_code)]

mod backoff;
mod engine;
mod error;
mod link;
mod output;
mod process;
mod spec;
mod speech;
mod stt;
mod stt_session;
mod supervisor;
mod tts;
mod tts_session;

pub use backoff::{Backoff, BackoffConfig, Death};
pub use engine::{Engine, EngineState};
pub use error::EngineError;
pub use link::ReadyInfo;
pub use output::{Handshake, STDERR_TAIL_LINES};
pub use spec::{EngineKind, EngineSpec, FindError, Source, WorkerCommand, find_program};
pub use stt::{Alternative, SpeechToText, SttEvent, SttInput, SttOptions};
pub use tts::{SpeakOptions, SpeechChunk, SpeechText, TextToSpeech};
