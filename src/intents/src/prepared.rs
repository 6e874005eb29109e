//! A text made ready: folded, and every byte knows where in the original it came from.

use std::ops::Range;

use crate::text::{fold_char, is_punctuation, is_word_char};

/// One text variant that templates are matched against. Positions are bytes of `folded`.
#[derive(Debug, Default, Clone)]
pub(crate) struct Prepared {
    /// Normalised text, in its own case.
    pub(crate) plain: String,
    /// The same with case folded.
    pub(crate) folded: String,
    /// `folded` with hyphens and underscores as spaces; empty where there are none.
    pub(crate) broken: String,
    /// For each byte of `folded`, and for its end: byte in `plain`, and the original's byte range.
    origin: Vec<(u32, u32, u32)>,
    word: Vec<bool>,
    /// From this byte on there is nothing but white space and punctuation.
    empty_from: usize,
    /// The same where hyphens and underscores are spaces.
    empty_from_broken: usize,
}

impl Prepared {
    /// From characters, each with the bytes of the original that it stands for.
    pub(crate) fn new(chars: impl Iterator<Item = (char, u32, u32)>) -> Self {
        let mut prepared = Self::default();
        let (least, _) = chars.size_hint();
        prepared.plain.reserve(least);
        prepared.folded.reserve(least);
        prepared.origin.reserve(least + 1);
        prepared.word.reserve(least);
        let mut end_of_all = 0;
        for (c, start, end) in chars {
            let folded = fold_char(c);
            let plain = prepared.plain.len() as u32;
            for _ in 0..folded.len_utf8() {
                prepared.origin.push((plain, start, end));
                prepared.word.push(is_word_char(c));
            }
            prepared.plain.push(c);
            prepared.folded.push(folded);
            if c != ' ' && !is_punctuation(c) {
                prepared.empty_from = prepared.folded.len();
                if !matches!(c, '-' | '_') {
                    prepared.empty_from_broken = prepared.folded.len();
                }
            }
            end_of_all = end;
        }
        prepared.origin.push((prepared.plain.len() as u32, end_of_all, end_of_all));
        if prepared.folded.contains(['-', '_']) {
            prepared.broken = prepared.folded.replace(['-', '_'], " ");
        }
        prepared
    }

    pub(crate) fn len(&self) -> usize {
        self.folded.len()
    }

    /// The text to match against; `broken` chooses hyphens as spaces.
    pub(crate) fn bytes(&self, broken: bool) -> &[u8] {
        if broken && !self.broken.is_empty() { self.broken.as_bytes() } else { self.folded.as_bytes() }
    }

    /// Whether there is nothing left to match from a byte on.
    pub(crate) fn is_read(&self, at: usize, broken: bool) -> bool {
        at >= if broken { self.empty_from_broken } else { self.empty_from }
    }

    pub(crate) fn skip_spaces(&self, at: usize, broken: bool) -> usize {
        let bytes = self.bytes(broken);
        at + bytes.get(at..).map_or(0, |rest| rest.iter().take_while(|b| **b == b' ').count())
    }

    pub(crate) fn can_break(&self, at: usize) -> bool {
        !self.broken.is_empty() && self.folded.as_bytes().get(at..) != self.broken.as_bytes().get(at..)
    }

    pub(crate) fn is_word(&self, at: usize) -> bool {
        self.word.get(at).copied().unwrap_or(false)
    }

    /// Byte of the character after the one at `at`.
    pub(crate) fn next_char(&self, at: usize) -> usize {
        let mut next = at + 1;
        while next < self.folded.len() && !self.folded.is_char_boundary(next) {
            next += 1;
        }
        next
    }

    /// Text in its own case between two positions.
    pub(crate) fn plain_between(&self, start: usize, end: usize, broken: bool) -> String {
        let from = self.origin.get(start).map_or(self.plain.len(), |o| o.0 as usize);
        let to = self.origin.get(end).map_or(self.plain.len(), |o| o.0 as usize);
        let text = self.plain.get(from..to).unwrap_or_default();
        if broken { text.replace(['-', '_'], " ") } else { text.to_owned() }
    }

    /// The number of characters between two positions.
    pub(crate) fn count_chars(&self, start: usize, end: usize) -> usize {
        self.folded.get(start..end).map_or(0, |text| text.chars().count())
    }

    /// The byte range of the original text between two positions, without surrounding spaces.
    pub(crate) fn original_span(&self, start: usize, end: usize) -> Range<usize> {
        let bytes = self.folded.as_bytes();
        let (mut start, mut end) = (start, end.min(bytes.len()));
        while start < end && bytes.get(start) == Some(&b' ') {
            start += 1;
        }
        while end > start && bytes.get(end - 1) == Some(&b' ') {
            end -= 1;
        }
        let from = self.origin.get(start).map_or(0, |o| o.1 as usize);
        if end == start {
            return from..from;
        }
        let to = self.origin.get(end - 1).map_or(from, |o| o.2 as usize);
        from..to.max(from)
    }
}
