//! From what was said to text that can be matched: punctuation removed, white space collapsed, Unicode composed, case
//! folded, and every byte still knows where in the original it came from.
//!
//! The steps and their order are those of the reference matcher (PyPI `hassil`), because a template may contain what
//! another order would have removed.

use unicode_normalization::char::is_combining_mark;
use unicode_normalization::{UnicodeNormalization, is_nfc};

use crate::prepared::Prepared;

// Not the hyphen: it is part of words, and the sign of numbers.
const PUNCTUATION_NO_PERIOD: &str = "。,，?¿？؟!¡！;；:：’…—–―";

/// Whether `c` belongs to a word: letters, digits and the underscore, but not combining marks.
pub(crate) fn is_word_char(c: char) -> bool {
    c == '_' || (c.is_alphanumeric() && (c.is_ascii() || !is_combining_mark(c)))
}

/// Whether `c` is one of the marks that may be dropped around words.
pub(crate) fn is_punctuation(c: char) -> bool {
    c == '.' || is_punctuation_no_period(c)
}

fn is_punctuation_no_period(c: char) -> bool {
    PUNCTUATION_NO_PERIOD.contains(c)
}

/// Scripts without spaces between words: ideographs, kana and hangul.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{4E00}'..='\u{9FFF}' | '\u{3400}'..='\u{4DBF}' | '\u{3040}'..='\u{30FF}' | '\u{AC00}'..='\u{D7AF}')
}

/// The one character that stands for all characters equal to `c` when case is ignored.
///
/// One character stays one character, so that lengths and positions survive. The dotted and dotless Turkish letters, the
/// final sigma and the long s fall together with their plain forms.
pub(crate) fn fold_char(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    match c {
        'İ' | 'ı' => 'i',
        'ſ' => 's',
        'µ' => 'μ',
        'ς' => 'σ',
        'ϐ' => 'β',
        'ϑ' | 'ϴ' => 'θ',
        'ϕ' => 'φ',
        'ϖ' => 'π',
        'ϰ' => 'κ',
        'ϱ' => 'ρ',
        'ϵ' => 'ε',
        'ẛ' => 'ṡ',
        'ﬅ' => 'ﬆ',
        '\u{345}' | '\u{1FBE}' => 'ι',
        _ => c.to_lowercase().next().unwrap_or(c),
    }
}

/// Folds every character of `text`.
pub(crate) fn fold(text: &str) -> String {
    text.chars().map(fold_char).collect()
}

/// White space collapsed to single spaces, Unicode composed (NFC), the typographic apostrophe made plain: what is done to
/// the literal parts of templates and to the values of lists.
pub(crate) fn normalize(text: &str) -> String {
    let mut collapsed = String::with_capacity(text.len());
    let mut in_space = false;
    for c in text.chars() {
        if c.is_whitespace() {
            if !in_space {
                collapsed.push(' ');
            }
            in_space = true;
        } else {
            in_space = false;
            collapsed.push(if c == '’' { '\'' } else { c });
        }
    }
    if is_nfc(&collapsed) { collapsed } else { collapsed.nfc().collect() }
}

/// Removes spaces between characters of scripts that do not use them.
pub(crate) fn strip_unspaced(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let keep = keep_of_unspaced(&chars, |c| *c);
    chars.iter().zip(keep).filter(|(_, keep)| *keep).map(|(c, _)| *c).collect()
}

fn keep_of_unspaced<T>(chars: &[T], get: impl Fn(&T) -> char) -> Vec<bool> {
    let mut keep = vec![true; chars.len()];
    let mut last_solid: Option<usize> = None;
    for (i, item) in chars.iter().enumerate() {
        let c = get(item);
        if c.is_whitespace() {
            continue;
        }
        if let Some(last) = last_solid
            && last + 1 < i
            && is_unspaced(c)
            && chars.get(last).is_some_and(|before| is_unspaced(get(before)))
        {
            for flag in keep.iter_mut().take(i).skip(last + 1) {
                *flag = false;
            }
        }
        last_solid = Some(i);
    }
    keep
}

/// A character and the byte range of the original text that it stands for.
#[derive(Debug, Clone, Copy)]
struct Origin {
    c: char,
    start: u32,
    end: u32,
}

/// Text under transformation.
#[derive(Debug, Clone)]
pub(crate) struct Tracked {
    chars: Vec<Origin>,
}

impl Tracked {
    /// Text as the user said it, made ready for matching.
    pub(crate) fn new(text: &str) -> Self {
        let mut tracked = Self {
            chars: text
                .char_indices()
                .map(|(at, c)| Origin { c, start: at as u32, end: (at + c.len_utf8()) as u32 })
                .collect(),
        };
        tracked.collapse_whitespace();
        tracked.compose();
        for origin in &mut tracked.chars {
            // A mark at the end of a word otherwise, and gone.
            if origin.c == '’' {
                origin.c = '\'';
            }
        }
        tracked.remove_punctuation();
        tracked.trim();
        tracked
    }

    pub(crate) fn text(&self) -> String {
        self.chars.iter().map(|o| o.c).collect()
    }

    pub(crate) fn same_text(&self, other: &Self) -> bool {
        self.chars.len() == other.chars.len() && self.chars.iter().zip(&other.chars).all(|(a, b)| a.c == b.c)
    }

    fn at(&self, i: usize) -> Option<char> {
        self.chars.get(i).map(|o| o.c)
    }

    fn word_at(&self, i: usize) -> bool {
        self.at(i).is_some_and(is_word_char)
    }

    /// True when there is a character at `i` and it is not part of a word.
    fn gap_at(&self, i: usize) -> bool {
        self.at(i).is_some_and(|c| !is_word_char(c))
    }

    fn gap_before(&self, i: usize) -> bool {
        i.checked_sub(1).is_some_and(|before| self.gap_at(before))
    }

    fn word_before(&self, i: usize) -> bool {
        i.checked_sub(1).is_some_and(|before| self.word_at(before))
    }

    fn keep(&mut self, keep: &[bool]) {
        if keep.iter().all(|k| *k) {
            return;
        }
        let mut flags = keep.iter();
        self.chars.retain(|_| flags.next().copied().unwrap_or(true));
    }

    fn remove_punctuation(&mut self) {
        if !self.chars.iter().any(|o| is_punctuation(o.c)) {
            return;
        }
        let lead = self.chars.iter().take_while(|o| is_punctuation(o.c)).count();
        self.chars.drain(..lead);
        if !self.ends_in_initialism() {
            while self.chars.last().is_some_and(|o| is_punctuation(o.c)) {
                self.chars.pop();
            }
        }
        // Before a word.
        self.remove_runs(is_punctuation, |t, start, end| {
            let from = if t.gap_before(start) { start } else { start + 1 };
            (t.word_at(end)).then_some((from, end))
        });
        // After a word.
        self.remove_runs(is_punctuation_no_period, |t, start, end| {
            let to = if t.gap_at(end) { end } else { end - 1 };
            t.word_before(start).then_some((start, to))
        });
        // A full stop before a gap, unless it ends an initialism such as "A.C.".
        self.remove_runs(|c| c == '.', |_, start, end| Some((start, end)));
        // Standing alone.
        self.remove_runs(is_punctuation, |t, start, end| {
            let from = if t.gap_before(start) { start } else { start + 1 };
            let to = if t.gap_at(end) { end } else { end - 1 };
            Some((from, to))
        });
    }

    /// Removes from every run of matching characters the part that `part` names.
    fn remove_runs(
        &mut self,
        belongs: impl Fn(char) -> bool,
        part: impl Fn(&Self, usize, usize) -> Option<(usize, usize)>,
    ) {
        let mut keep = vec![true; self.chars.len()];
        let mut i = 0;
        while i < self.chars.len() {
            if !self.at(i).is_some_and(&belongs) {
                i += 1;
                continue;
            }
            let start = i;
            while self.at(i).is_some_and(&belongs) {
                i += 1;
            }
            let only_periods = self.at(start) == Some('.') && !belongs(',');
            if only_periods {
                for dot in start..i {
                    if self.gap_at(dot + 1)
                        && !self.ends_initialism(dot)
                        && let Some(flag) = keep.get_mut(dot)
                    {
                        *flag = false;
                    }
                }
            } else if let Some((from, to)) = part(self, start, i) {
                for flag in keep.iter_mut().take(to).skip(from) {
                    *flag = false;
                }
            }
        }
        self.keep(&keep);
    }

    /// Whether the characters before the full stop at `dot` are a letter, a full stop and a letter.
    fn ends_initialism(&self, dot: usize) -> bool {
        dot >= 3 && self.word_at(dot - 1) && self.at(dot - 2) == Some('.') && self.word_at(dot - 3)
    }

    /// Whether the text ends in at least two letters each followed by a full stop, the first at the start of a word.
    fn ends_in_initialism(&self) -> bool {
        let mut end = self.chars.len();
        let mut pairs = 0;
        while end >= 2 && self.at(end - 1) == Some('.') && self.word_at(end - 2) {
            end -= 2;
            pairs += 1;
            if pairs >= 2 && !self.word_before(end) {
                return true;
            }
        }
        false
    }

    fn collapse_whitespace(&mut self) {
        let pairs = self.chars.iter().zip(self.chars.iter().skip(1));
        if pairs.into_iter().all(|(a, b)| !(a.c == ' ' && b.c.is_whitespace()))
            && self.chars.iter().all(|o| o.c == ' ' || !o.c.is_whitespace())
        {
            return;
        }
        let mut out: Vec<Origin> = Vec::with_capacity(self.chars.len());
        let mut in_space = false;
        for origin in &self.chars {
            if origin.c.is_whitespace() {
                if !in_space {
                    out.push(Origin { c: ' ', ..*origin });
                }
                in_space = true;
            } else {
                in_space = false;
                out.push(*origin);
            }
        }
        self.chars = out;
    }

    fn compose(&mut self) {
        // Nothing below the combining marks is ever composed.
        if self.chars.iter().all(|o| o.c < '\u{300}') {
            return;
        }
        let text = self.text();
        if is_nfc(&text) {
            return;
        }
        let last = self.chars.last().map_or(0, |o| o.end);
        self.chars = text
            .nfc()
            .enumerate()
            .map(|(i, c)| {
                let (start, end) = self.chars.get(i).map_or((last, last), |o| (o.start, o.end));
                Origin { c, start, end }
            })
            .collect();
    }

    fn trim(&mut self) {
        while self.chars.last().is_some_and(|o| o.c == ' ') {
            self.chars.pop();
        }
        let lead = self.chars.iter().take_while(|o| o.c == ' ').count();
        self.chars.drain(..lead);
    }

    /// Spaces between ideographs removed.
    pub(crate) fn remove_unspaced(&mut self) {
        let keep = keep_of_unspaced(&self.chars, |o| o.c);
        self.keep(&keep);
    }

    /// The artificial end of the last word.
    pub(crate) fn close_word(&mut self) {
        let end = self.chars.last().map_or(0, |o| o.end);
        self.chars.push(Origin { c: ' ', start: end, end });
    }

    fn matches_at(&self, at: usize, folded_word: &[char]) -> bool {
        folded_word.iter().enumerate().all(|(i, w)| self.at(at + i).is_some_and(|c| fold_char(c) == *w))
    }

    /// Removes skip words everywhere.
    pub(crate) fn remove_skip_words(&mut self, words: &[Vec<char>], ignore_whitespace: bool) {
        let mut out: Vec<Origin> = Vec::with_capacity(self.chars.len());
        let mut i = 0;
        let mut removed = false;
        while i < self.chars.len() {
            let may_start = ignore_whitespace || !self.word_before(i);
            let hit = words.iter().find(|word| {
                may_start && self.matches_at(i, word) && (ignore_whitespace || !self.word_at(i + word.len()))
            });
            match (hit, self.chars.get(i)) {
                (Some(word), Some(origin)) => {
                    if !ignore_whitespace {
                        out.push(Origin { c: ' ', ..*origin });
                    }
                    i += word.len();
                    removed = true;
                }
                (_, Some(origin)) => {
                    out.push(*origin);
                    i += 1;
                }
                (_, None) => break,
            }
        }
        if removed {
            self.chars = out;
            if !ignore_whitespace {
                self.collapse_whitespace();
                self.trim();
            }
        }
    }

    /// Removes skip words at the start only.
    pub(crate) fn remove_leading_skip_words(&mut self, words: &[Vec<char>], ignore_whitespace: bool) {
        while let Some(word) =
            words.iter().find(|word| self.matches_at(0, word) && (ignore_whitespace || !self.word_at(word.len())))
        {
            self.chars.drain(..word.len());
            if !ignore_whitespace {
                self.trim();
            }
        }
    }

    /// Removes skip words at the end only.
    pub(crate) fn remove_trailing_skip_words(&mut self, words: &[Vec<char>], ignore_whitespace: bool) {
        loop {
            let found = words.iter().find_map(|word| {
                let start = self.chars.len().checked_sub(word.len())?;
                (self.matches_at(start, word) && (ignore_whitespace || !self.word_before(start))).then_some(start)
            });
            let Some(start) = found else { return };
            self.chars.truncate(start);
            if !ignore_whitespace {
                self.trim();
            }
        }
    }

    /// The finished text, ready for the matcher.
    pub(crate) fn finish(&self) -> Prepared {
        Prepared::new(self.chars.iter().map(|o| (o.c, o.start, o.end)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(text: &str) -> String {
        Tracked::new(text).text()
    }

    #[test]
    fn punctuation_goes_and_initialisms_stay() {
        assert_eq!(ready("Turn on the light, please!"), "Turn on the light please");
        assert_eq!(ready("  ¿Qué  hora es?  "), "Qué hora es");
        assert_eq!(ready("turn on the A.C."), "turn on the A.C.");
        assert_eq!(ready("set to 21.5 degrees."), "set to 21.5 degrees");
        assert_eq!(ready("what’s the time?"), "what's the time");
        assert_eq!(ready("turn on the light—"), "turn on the light");
        assert_eq!(ready("allume la lampe…"), "allume la lampe");
        assert_eq!(ready("nell’ ingresso"), "nell' ingresso");
        assert_eq!(ready("minus -5 – or air-conditioner"), "minus -5  or air-conditioner");
        assert_eq!(ready("..."), "");
    }

    #[test]
    fn folding_is_one_to_one() {
        assert_eq!(fold("İSTANBUL ı ΣΑΣς ẞ"), "istanbul i σασσ ß");
    }

    #[test]
    fn spans_point_into_the_original() {
        let mut tracked = Tracked::new("please, turn on the Kitchen-Light.");
        tracked.remove_skip_words(&["please".chars().collect()], false);
        tracked.close_word();
        let prepared = tracked.finish();
        assert_eq!(prepared.plain, "turn on the Kitchen-Light ");
        let at = prepared.folded.find("kitchen").unwrap();
        let span = prepared.original_span(at, prepared.len());
        assert_eq!(&"please, turn on the Kitchen-Light."[span], "Kitchen-Light");
    }

    #[test]
    fn spaces_between_ideographs_go() {
        assert_eq!(strip_unspaced("打开 客厅 Taylor Swift 灯"), "打开客厅 Taylor Swift 灯");
    }
}
