//! The two ends of a reply, both pure: text cut into what a server can be asked to speak, and its audio made into samples.

use unicode_segmentation::UnicodeSegmentation;
use vesta_wyoming::AudioFormat;

/// Collects clauses and cuts them into whole sentences, for servers that speak only whole texts.
#[derive(Debug, Default)]
pub(crate) struct Sentences {
    pending: String,
}

impl Sentences {
    /// Takes a clause and returns the sentences that it completes.
    pub(crate) fn push(&mut self, clause: &str) -> Vec<String> {
        let clause = set_apart(&self.pending, clause);
        self.pending.push_str(&clause);
        let mut parts: Vec<String> = self.pending.split_sentence_bounds().map(str::to_owned).collect();
        let rest = match parts.pop() {
            Some(last) if last.trim_end().ends_with(['.', '!', '?', '…', '。', '！', '？']) => {
                parts.push(last);
                String::new()
            }
            last => last.unwrap_or_default(),
        };
        self.pending = rest;
        parts.iter().filter_map(|part| speakable(part)).collect()
    }

    /// What is left when no more text comes.
    pub(crate) fn finish(&mut self) -> Option<String> {
        speakable(&std::mem::take(&mut self.pending))
    }
}

/// The clause as it follows the one before: with a space between the words of both.
pub(crate) fn set_apart(before: &str, clause: &str) -> String {
    let touches = before.ends_with(|last: char| !last.is_whitespace()) && !clause.starts_with(char::is_whitespace);
    format!("{}{clause}", if touches { " " } else { "" })
}

fn speakable(text: &str) -> Option<String> {
    text.contains(char::is_alphanumeric).then(|| text.trim().to_owned())
}

/// A server's audio as mono 16-bit samples; the error says what the format was.
pub(crate) fn samples(format: AudioFormat, audio: &[u8]) -> Result<Vec<i16>, String> {
    if format.is_plausible() {
        return Ok(format.to_mono(audio));
    }
    let AudioFormat { rate, width, channels } = format;
    Err(format!("audio of {rate} Hz with {channels} channels and {width} bytes a sample"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_leave_as_soon_as_they_are_whole() {
        let mut sentences = Sentences::default();
        assert!(sentences.push("It is 21.5 degrees").is_empty());
        assert_eq!(sentences.push("in the kitchen. And in the hall"), ["It is 21.5 degrees in the kitchen."]);
        assert_eq!(sentences.push("it is colder!"), ["And in the hall it is colder!"]);
        assert_eq!(sentences.push("Good night"), Vec::<String>::new());
        assert_eq!(sentences.finish().as_deref(), Some("Good night"));
        assert_eq!(sentences.finish(), None);
    }

    #[test]
    fn what_has_no_word_in_it_is_not_spoken() {
        let mut sentences = Sentences::default();
        assert!(sentences.push("…").is_empty());
        assert!(sentences.push(" ").is_empty());
        assert_eq!(sentences.finish(), None);
    }

    #[test]
    fn audio_of_an_impossible_format_is_refused() {
        let format = |rate, width, channels| AudioFormat { rate, width, channels };
        assert_eq!(samples(format(22_050, 2, 1), &[0x34, 0x12, 0xff, 0xff]).unwrap(), [0x1234, -1]);
        assert_eq!(samples(format(22_050, 2, 2), &[0x00, 0x10, 0x00, 0x30]).unwrap(), [0x2000]);
        for bad in [format(22_050, 9, 1), format(22_050, 2, 0), format(0, 2, 1)] {
            assert!(samples(bad, &[0; 12]).unwrap_err().contains("Hz"));
        }
    }
}
