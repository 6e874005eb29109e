//! Cuts a growing text into clauses, so that speech can start before the text has ended.
//!
//! A sentence ends at `. ! ? …` before a space, unless the full stop belongs to an abbreviation, an initial, a decimal, an ordinal or
//! a list's number. Where a clause is long enough already, a comma, colon, semicolon or dash ends it too: the first clause early, since
//! someone waits for it, the later ones late, since whole sentences sound better.

use std::collections::BTreeSet;

use super::language::Table;

/// A comma may end the first clause from this length on, in characters.
const FIRST_SOFT: usize = 16;
/// And the later ones from this length on.
const LATER_SOFT: usize = 90;
/// No clause is longer; it is then cut at a space.
const LONGEST: usize = 320;
/// A bracket or code mark that is not closed after so many characters is taken for a stray one.
const BRACKET_REACH: usize = 240;

/// A part of the text that can be spoken by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Clause {
    pub(crate) text: String,
    /// The sentence ends with it: a longer pause follows.
    pub(crate) sentence_end: bool,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Splitter {
    rules: Rules,
    buffer: String,
    first: bool,
}

/// What the language knows of full stops that end nothing.
#[derive(Debug)]
struct Rules {
    /// "Dr.", and each part of "z. B.".
    never_final: BTreeSet<String>,
    /// "etc.", "Min.": end a sentence where a capital follows.
    maybe_final: BTreeSet<String>,
    /// Before a number only: "No. 5".
    before_number: BTreeSet<String>,
    ordinals: bool,
    months: BTreeSet<String>,
    before_ordinal: BTreeSet<String>,
}

impl Rules {
    fn new(table: &Table) -> Self {
        let dotted = |parts: Vec<&String>| -> BTreeSet<String> {
            let parts =
                parts.into_iter().flat_map(|form| form.split([' ', '\u{a0}'])).filter(|part| part.ends_with('.'));
            parts.map(str::to_owned).collect()
        };
        let mut maybe_final = dotted(table.abbreviations_final.forms.iter().collect());
        maybe_final.extend(dotted(table.units.keys().collect()));
        let never_final = dotted(table.abbreviations.keys().collect())
            .into_iter()
            .filter(|form| !maybe_final.contains(form))
            .collect();
        Self {
            never_final,
            before_number: dotted(table.abbreviations_before_number.keys().collect()),
            maybe_final,
            ordinals: !table.ordinal_dot.after.is_empty(),
            months: table.date.months.iter().map(|month| month.to_lowercase()).collect(),
            before_ordinal: table.ordinal_dot.after.iter().cloned().collect(),
        }
    }
}

/// What is known of a possible end.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    End,
    GoOn,
    /// The next characters decide.
    Wait,
}

impl Splitter {
    /// A splitter for a language.
    pub(crate) fn new(table: &Table) -> Self {
        Self { rules: Rules::new(table), buffer: String::new(), first: true }
    }

    /// Takes more text and appends the clauses that are complete.
    pub(crate) fn push(&mut self, text: &str, out: &mut Vec<Clause>) {
        self.buffer.push_str(text);
        // Several words that end with a full stop came from someone who sends clauses, not from a stream of tokens in which
        // "example" "." "com" may follow.
        let whole = text.trim().contains(char::is_whitespace) && text.ends_with(['.', '!', '?', '…', '。', '！', '？']);
        self.drain(whole, out);
    }

    /// A break in the text: what is held is a clause of its own.
    pub(crate) fn end_sentence(&mut self, out: &mut Vec<Clause>) {
        self.drain(true, out);
        let rest = std::mem::take(&mut self.buffer);
        self.emit(&rest, true, out);
    }

    fn drain(&mut self, ended: bool, out: &mut Vec<Clause>) {
        while let Some((end, sentence_end)) = self.boundary(ended) {
            let rest = self.buffer.split_off(end);
            let clause = std::mem::replace(&mut self.buffer, rest);
            self.emit(&clause, sentence_end, out);
        }
    }

    fn emit(&mut self, text: &str, sentence_end: bool, out: &mut Vec<Clause>) {
        let text = text.trim();
        // A clause without a letter or digit has nothing to say, but it may carry a sign that has ("%").
        if text.is_empty() {
            return;
        }
        self.first = false;
        out.push(Clause { text: text.to_owned(), sentence_end });
    }

    /// The end of the first complete clause in the buffer (a byte offset) and whether the sentence ends there.
    fn boundary(&self, ended: bool) -> Option<(usize, bool)> {
        let mut bracket: Option<usize> = None;
        let mut code: Option<usize> = None;
        let mut count = 0;
        let mut last_space = None;
        let mut skip_to = 0;
        for (at, c) in self.buffer.char_indices() {
            count += 1;
            if count > LONGEST {
                return Some((last_space.unwrap_or(at), false));
            }
            match c {
                '[' => bracket = Some(count),
                ']' => bracket = None,
                '`' => code = if code.is_some() { None } else { Some(count) },
                _ if c.is_whitespace() => last_space = Some(at),
                _ => {}
            }
            let inside = [bracket, code].into_iter().flatten().any(|opened| count - opened < BRACKET_REACH);
            if inside || at < skip_to {
                continue;
            }
            let after = at + c.len_utf8();
            match c {
                '。' | '！' | '？' | '｡' => return Some((self.closers(after), true)),
                '.' | '!' | '?' | '…' | '؟' | '।' | '॥' => {
                    let (end, verdict) = self.terminator(at, ended);
                    match verdict {
                        Verdict::End => return Some((end, true)),
                        Verdict::Wait => return None,
                        Verdict::GoOn => skip_to = end,
                    }
                }
                ',' | ';' | ':' | '–' | '—' | '،' | '؛' | '，' | '、' | '；' | '：' => {
                    let free = matches!(c, '—' | '，' | '、' | '；' | '：');
                    let spaced =
                        self.buffer.get(after..).and_then(|rest| rest.chars().next()).is_some_and(char::is_whitespace);
                    let enough = if self.first { FIRST_SOFT } else { LATER_SOFT };
                    if (free || spaced) && count >= enough {
                        return Some((after, false));
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// Judges the run of terminators that begins at `at`; the offset is where the run with its closing quotes ends.
    fn terminator(&self, at: usize, ended: bool) -> (usize, Verdict) {
        let rest = self.buffer.get(at..).unwrap_or_default();
        let run = rest.chars().take_while(|c| matches!(c, '.' | '!' | '?' | '…' | '؟' | '।' | '॥')).count();
        let run_text: String = rest.chars().take(run).collect();
        let end = self.closers(at + run_text.len());
        let tail = self.buffer.get(end..).unwrap_or_default();
        match tail.chars().next() {
            None if ended => return (end, Verdict::End),
            None => return (end, Verdict::Wait),
            Some(c) if !c.is_whitespace() => return (end, Verdict::GoOn),
            Some(_) => {}
        }
        if run_text.contains(['!', '?', '؟', '।', '॥']) {
            return (end, Verdict::End);
        }
        let Some(next) = tail.trim_start().chars().next() else {
            return (end, if ended { Verdict::End } else { Verdict::Wait });
        };
        if next.is_lowercase() {
            return (end, Verdict::GoOn);
        }
        let verdict = if run_text == "." { self.full_stop(at, tail.trim_start(), ended) } else { Verdict::End };
        (end, verdict)
    }

    /// Judges one full stop with a space after it, by the word before and the text after.
    fn full_stop(&self, at: usize, next: &str, ended: bool) -> Verdict {
        let before = self.buffer.get(..at).unwrap_or_default();
        let opening = ['(', '[', '"', '„', '“', '«', '\'', '*', '_'];
        let mut words = before.split_whitespace().rev();
        let word = words.next().unwrap_or_default().trim_start_matches(opening);
        let form = format!("{word}.");
        if self.rules.never_final.contains(&form) {
            return Verdict::GoOn;
        }
        if self.rules.before_number.contains(&form) && next.starts_with(|c: char| c.is_ascii_digit()) {
            return Verdict::GoOn;
        }
        if self.rules.maybe_final.contains(&form) {
            return if next.starts_with(char::is_uppercase) { Verdict::End } else { Verdict::GoOn };
        }
        let mut letters = word.chars();
        if let (Some(letter), None) = (letters.next(), letters.next())
            && letter.is_alphabetic()
        {
            return Verdict::GoOn;
        }
        let number = !word.is_empty() && word.len() <= 3 && word.chars().all(|c| c.is_ascii_digit());
        if !number {
            return Verdict::End;
        }
        let Some(previous) = words.next() else { return Verdict::GoOn };
        if !self.rules.ordinals || word.len() > 2 {
            return Verdict::End;
        }
        if self.rules.before_ordinal.contains(&previous.to_lowercase()) {
            return Verdict::GoOn;
        }
        // Whether a month follows is known once its word has ended.
        let next_word: String = next.chars().take_while(|c| c.is_alphabetic()).collect();
        if next_word.len() == next.len() && !ended {
            return Verdict::Wait;
        }
        if self.rules.months.contains(&next_word.to_lowercase()) { Verdict::GoOn } else { Verdict::End }
    }

    /// Moves past quotes, brackets and Markdown marks that close with the sentence.
    fn closers(&self, from: usize) -> usize {
        let rest = self.buffer.get(from..).unwrap_or_default();
        let closing = rest.chars().take_while(|c| {
            matches!(c, '"' | '\'' | '’' | '”' | '“' | '»' | ')' | ']' | '*' | '_' | '」' | '』' | '）')
        });
        from + closing.map(char::len_utf8).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clauses(language: &str, pieces: &[&str]) -> Vec<String> {
        let table = Table::load(language).expect("the table");
        let mut splitter = Splitter::new(&table);
        let mut out = Vec::new();
        for piece in pieces {
            splitter.push(piece, &mut out);
        }
        splitter.end_sentence(&mut out);
        out.into_iter().map(|clause| clause.text).collect()
    }

    #[test]
    fn sentences_end_where_they_end() {
        for (language, text, expected) in [
            ("en", "The light is on. The fan is off.", vec!["The light is on.", "The fan is off."]),
            ("en", "Really? Yes! Good.", vec!["Really?", "Yes!", "Good."]),
            ("en", "It is 21.5 degrees. Nice.", vec!["It is 21.5 degrees.", "Nice."]),
            ("en", "Dr. Smith called at 7:30. He waits.", vec!["Dr. Smith called at 7:30.", "He waits."]),
            ("en", "Use lamps, e.g. Philips. Done.", vec!["Use lamps, e.g. Philips.", "Done."]),
            ("en", "Lights, fans, etc. The rest is off.", vec!["Lights, fans, etc.", "The rest is off."]),
            ("en", "J. R. Smith is here.", vec!["J. R. Smith is here."]),
            ("en", "See example.com for more. Bye.", vec!["See example.com for more.", "Bye."]),
            ("en", "Well... it works. Wait... No.", vec!["Well... it works.", "Wait...", "No."]),
            ("en", "He said \"stop.\" Then left.", vec!["He said \"stop.\"", "Then left."]),
            ("en", "**Done.** Next.", vec!["**Done.**", "Next."]),
            ("en", "1. First thing. 2. Second thing.", vec!["1. First thing.", "2. Second thing."]),
            ("en", "Channel No. 5 is on. There is no. 6 left.", vec!["Channel No. 5 is on.", "There is no. 6 left."]),
            ("en", "I said no. The light stays.", vec!["I said no.", "The light stays."]),
            (
                "en",
                "All the lights in the house are on, and so are the fans.",
                vec!["All the lights in the house are on,", "and so are the fans."],
            ),
            ("en", "OK, done.", vec!["OK, done."]),
            ("en", "Look [here. There](https://a.b/c). End.", vec!["Look [here. There](https://a.b/c).", "End."]),
            ("de", "Am 3. Mai ist Feiertag. Das Licht ist an.", vec!["Am 3. Mai ist Feiertag.", "Das Licht ist an."]),
            ("de", "Es sind 3. Das reicht.", vec!["Es sind 3.", "Das reicht."]),
            ("de", "Im 2. Stock, z. B. Bad, ist es warm.", vec!["Im 2. Stock, z. B. Bad,", "ist es warm."]),
            (
                "de",
                "In 5 Min. ist es an. Um 5 Min. Das ist gut.",
                vec!["In 5 Min. ist es an.", "Um 5 Min.", "Das ist gut."],
            ),
            ("fr", "Il fait 21,5 °C, M. Dupont. Bien.", vec!["Il fait 21,5 °C,", "M. Dupont.", "Bien."]),
            ("es", "El Sr. Pérez llamó. ¿Sí? Bien.", vec!["El Sr. Pérez llamó.", "¿Sí?", "Bien."]),
            ("zh", "灯开了。风扇关了！好", vec!["灯开了。", "风扇关了！", "好"]),
            ("hi", "बत्ती चालू है। ठीक है।", vec!["बत्ती चालू है।", "ठीक है।"]),
        ] {
            assert_eq!(clauses(language, &[text]), expected, "whole: {text:?}");
            let single: Vec<String> = text.chars().map(String::from).collect();
            let single: Vec<&str> = single.iter().map(String::as_str).collect();
            assert_eq!(clauses(language, &single), expected, "by characters: {text:?}");
        }
    }

    #[test]
    fn a_clause_leaves_before_the_text_has_ended() {
        let table = Table::load("en").expect("the table");
        let mut splitter = Splitter::new(&table);
        let mut out = Vec::new();
        splitter.push("The kitchen light is on,", &mut out);
        assert_eq!(out, [], "a decimal comma could follow");
        splitter.push(" and", &mut out);
        assert_eq!(out.len(), 1, "{out:?}");
        let mut splitter = Splitter::new(&table);
        out.clear();
        for token in ["Look", " at", " example", ".", "com", " now", ".", " Then"] {
            splitter.push(token, &mut out);
        }
        assert_eq!(out, [Clause { text: "Look at example.com now.".to_owned(), sentence_end: true }]);
        let mut splitter = Splitter::new(&table);
        out.clear();
        splitter.push("The light is on.", &mut out);
        assert_eq!(out.len(), 1, "a whole clause needs no look ahead");
    }

    #[test]
    fn a_text_without_an_end_is_cut() {
        let long = "word ".repeat(1000);
        let parts = clauses("en", &[&long]);
        assert!(parts.iter().all(|part| part.chars().count() <= LONGEST), "{parts:?}");
        assert_eq!(parts.join(" "), long.trim());
        let unbroken = "x".repeat(1000);
        assert_eq!(clauses("en", &[&unbroken]).concat(), unbroken);
        let open = format!("[never closed {}", "word. Word ".repeat(100));
        assert!(clauses("en", &[&open]).len() > 3);
    }
}
