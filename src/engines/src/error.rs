//! What can go wrong with an engine, as the rest of Vesta sees it.

use std::fmt;
use std::time::Duration;

use crate::EngineKind;

/// Why an utterance could not be heard or a reply could not be spoken. Each has a stable code, for which every language has a
/// sentence, and carries what a person needs to repair it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The engine is not running and does not come back soon.
    #[error("{kind} ({name}) is not available: {why}{}", Tail(.stderr_tail))]
    Unavailable {
        /// Which kind of engine.
        kind: EngineKind,
        /// Its name.
        name: String,
        /// Why it is not there.
        why: String,
        /// The last lines that the worker wrote to stderr.
        stderr_tail: Vec<String>,
    },
    /// The engine came back each time, and died of this very request each time.
    #[error("{kind} ({name}) failed {attempts} times on the same request: {why}{}", Tail(.stderr_tail))]
    Died {
        /// Which kind of engine.
        kind: EngineKind,
        /// Its name.
        name: String,
        /// How often it was tried.
        attempts: u32,
        /// What happened the last time.
        why: String,
        /// The last lines that the worker wrote to stderr.
        stderr_tail: Vec<String>,
    },
    /// The engine is running but does not answer.
    #[error("{kind} ({name}) did not answer within {waited:?}")]
    Timeout {
        /// Which kind of engine.
        kind: EngineKind,
        /// Its name.
        name: String,
        /// How long was waited.
        waited: Duration,
    },
    /// The engine answered with an error of its own.
    #[error("{kind} ({name}) refused the request: {text}")]
    Refused {
        /// Which kind of engine.
        kind: EngineKind,
        /// Its name.
        name: String,
        /// What it said.
        text: String,
        /// Its own code, where it gave one.
        engine_code: Option<String>,
    },
    /// The engine sent something that cannot be used.
    #[error("{kind} ({name}) sent something unusable: {text}")]
    Protocol {
        /// Which kind of engine.
        kind: EngineKind,
        /// Its name.
        name: String,
        /// What it was.
        text: String,
    },
    /// More audio or text than is kept to be sent again to another worker.
    #[error("the request is too long for {kind} ({name}): {why}")]
    TooLong {
        /// Which kind of engine.
        kind: EngineKind,
        /// Its name.
        name: String,
        /// What happened.
        why: String,
    },
}

impl EngineError {
    /// The stable code: `stt_` or `tts_` and one of `unavailable`, `died`, `timeout`, `refused`, `protocol`, `too_long`.
    pub fn code(&self) -> &'static str {
        let (kind, stt, tts) = match self {
            EngineError::Unavailable { kind, .. } => (kind, "stt_unavailable", "tts_unavailable"),
            EngineError::Died { kind, .. } => (kind, "stt_died", "tts_died"),
            EngineError::Timeout { kind, .. } => (kind, "stt_timeout", "tts_timeout"),
            EngineError::Refused { kind, .. } => (kind, "stt_refused", "tts_refused"),
            EngineError::Protocol { kind, .. } => (kind, "stt_protocol", "tts_protocol"),
            EngineError::TooLong { kind, .. } => (kind, "stt_too_long", "tts_too_long"),
        };
        match kind {
            EngineKind::Stt => stt,
            EngineKind::Tts => tts,
        }
    }

    /// The last lines that the worker wrote to stderr, oldest first; empty where there are none.
    pub fn stderr_tail(&self) -> &[String] {
        match self {
            EngineError::Unavailable { stderr_tail, .. } | EngineError::Died { stderr_tail, .. } => stderr_tail,
            _ => &[],
        }
    }
}

/// Shows the last lines of stderr under a message.
struct Tail<'a>(&'a [String]);

impl fmt::Display for Tail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|line| write!(f, "\n    {line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_stable_and_messages_carry_the_last_lines() {
        let error = EngineError::Unavailable {
            kind: EngineKind::Stt,
            name: "stt-whisper".to_owned(),
            why: "it ended with exit status: 1".to_owned(),
            stderr_tail: vec!["cannot open model".to_owned()],
        };
        assert_eq!(error.code(), "stt_unavailable");
        assert_eq!(
            error.to_string(),
            "speech-to-text (stt-whisper) is not available: it ended with exit status: 1\n    cannot open model"
        );
        let error =
            EngineError::Timeout { kind: EngineKind::Tts, name: "piper".to_owned(), waited: Duration::from_secs(8) };
        assert_eq!(error.code(), "tts_timeout");
        assert_eq!(error.to_string(), "text-to-speech (piper) did not answer within 8s");
    }
}
