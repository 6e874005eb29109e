//! What a worker writes: lines out of bytes, the last lines of stderr, and the one line on stdout that says it is ready.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;

/// Lines kept of a worker's stderr for the error message.
pub const STDERR_TAIL_LINES: usize = 20;
/// Longer lines are cut: a worker that writes without line ends must not fill the memory.
const MAX_LINE_BYTES: usize = 4096;

/// Cuts a stream of bytes into lines of bounded length. Bytes that are not UTF-8 are replaced, never fatal.
#[derive(Debug, Default)]
pub(crate) struct LineSplitter {
    pending: Vec<u8>,
    overlong: bool,
}

impl LineSplitter {
    /// Takes the next bytes and returns the lines that they complete, without line ends and without empty lines.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for part in bytes.split_inclusive(|&byte| byte == b'\n') {
            let (text, ended) = match part.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (part, false),
            };
            let room = MAX_LINE_BYTES.saturating_sub(self.pending.len());
            self.overlong |= text.len() > room;
            self.pending.extend(text.iter().take(room));
            if ended {
                lines.extend(self.finish());
            }
        }
        lines
    }

    /// The last line, when the stream ends without a line end.
    pub(crate) fn finish(&mut self) -> Option<String> {
        let mut line = String::from_utf8_lossy(&self.pending).trim_end().to_owned();
        if std::mem::take(&mut self.overlong) {
            line.push_str(" […]");
        }
        self.pending.clear();
        (!line.is_empty()).then_some(line)
    }
}

/// The last [`STDERR_TAIL_LINES`] lines that a worker wrote to stderr, shared between the reader and the supervisor.
#[derive(Clone, Debug, Default)]
pub(crate) struct StderrTail(Arc<Mutex<VecDeque<String>>>);

impl StderrTail {
    /// Adds a line; the oldest one goes.
    pub(crate) fn push(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == STDERR_TAIL_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// The kept lines, oldest first.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// What a worker says of itself once it can be spoken to: one line of JSON on stdout,
/// `{"ready":{"uri":"tcp://127.0.0.1:41234","name":"stt-whisper","model":"nano-en","languages":["en"]}}`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Handshake {
    /// Where the worker listens.
    pub uri: String,
    /// The worker's own name.
    #[serde(default)]
    pub name: String,
    /// The model it loaded, where it has one.
    #[serde(default)]
    pub model: Option<String>,
    /// The languages that it can hear or speak.
    #[serde(default)]
    pub languages: Vec<String>,
}

impl Handshake {
    /// Reads one line of stdout. `None`: some other output, which libraries under a worker may well print first.
    pub fn parse(line: &str) -> Option<Handshake> {
        #[derive(Deserialize)]
        struct Line {
            ready: Handshake,
        }
        serde_json::from_str::<Line>(line.trim()).ok().map(|line| line.ready)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_out_whole_however_they_arrive() {
        let mut splitter = LineSplitter::default();
        assert_eq!(splitter.push(b"one\r\ntw"), ["one"]);
        assert_eq!(splitter.push(b"o\n\n"), ["two"]);
        assert!(splitter.push(b"rest \xff").is_empty());
        assert_eq!(splitter.finish().as_deref(), Some("rest \u{fffd}"));
        assert_eq!(splitter.finish(), None);
    }

    #[test]
    fn a_line_without_end_stays_small() {
        let mut splitter = LineSplitter::default();
        for _ in 0..100 {
            assert!(splitter.push(&[b'x'; 1000]).is_empty());
        }
        let lines = splitter.push(b"\nnext\n");
        assert_eq!(lines.len(), 2);
        assert!(lines[0].ends_with("[…]") && lines[0].len() < MAX_LINE_BYTES + 10);
        assert_eq!(lines[1], "next");
    }

    #[test]
    fn the_tail_keeps_the_last_lines() {
        let tail = StderrTail::default();
        for number in 0..50 {
            tail.push(number.to_string());
        }
        let lines = tail.lines();
        assert_eq!(lines.len(), STDERR_TAIL_LINES);
        assert_eq!((lines[0].as_str(), lines[19].as_str()), ("30", "49"));
    }

    #[test]
    fn only_the_ready_line_is_a_handshake() {
        let line = r#"{"ready":{"uri":"tcp://127.0.0.1:1","name":"stt-whisper","model":"nano-en","languages":["en"]}}"#;
        let handshake = Handshake::parse(line).unwrap();
        assert_eq!(handshake.uri, "tcp://127.0.0.1:1");
        assert_eq!(handshake.languages, ["en"]);
        assert!(Handshake::parse(r#"{"ready":{"uri":"tcp://127.0.0.1:1"}}"#).is_some());
        for other in ["", "running 1 test", "{}", r#"{"ready":true}"#, "[1", r#"{"ready":{"name":"x"}}"#] {
            assert_eq!(Handshake::parse(other), None, "{other}");
        }
    }
}
