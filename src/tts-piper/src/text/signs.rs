//! Single signs that are words: fractions, comparisons, "&", "#3", "on/off", arrows, and the punctuation that is left over.

use regex::Regex;

use super::language::Table;
use super::numbers::NUMBER;
use super::rewrite::{any_of, fill, rewrite};

/// The patterns of a language, compiled once.
#[derive(Debug)]
pub(crate) struct Signs {
    fraction: Option<Regex>,
    plain_fraction: Regex,
    compared: Regex,
    hash: Regex,
    slash: Regex,
    arrow: Regex,
    lone: Regex,
    dash: Regex,
    path: Regex,
    brackets: Regex,
    dots: Regex,
    repeated: Regex,
    before_stop: Regex,
    commas: Regex,
}

impl Signs {
    pub(crate) fn new(table: &Table) -> Result<Self, regex::Error> {
        let fractions = any_of(table.fractions.keys().map(String::as_str));
        let fraction = (!fractions.is_empty()).then(|| Regex::new(&format!(r"(?:([0-9]+)\s?)?({fractions})")));
        Ok(Self {
            fraction: fraction.transpose()?,
            plain_fraction: Regex::new(r"(?:([0-9]+)\s)?([1-3])/([2-4])")?,
            compared: Regex::new(&format!(r"(<=|>=|≤|≥|<|>|~|≈|±|\+/-|\+-)\s?({NUMBER})"))?,
            hash: Regex::new(r"#([0-9]+)")?,
            slash: Regex::new(r"(\p{L})\s?/\s?(\p{L})")?,
            arrow: Regex::new(r"\s*(?:→|⇒|➔|->|=>)\s*")?,
            lone: Regex::new(r"(^|\s)(&|\+|=|×|÷)(\s|$)")?,
            dash: Regex::new(r"\s+[-–—]+\s+|\s*[–—]\s*|--+")?,
            path: Regex::new(r"(^|\s)[~.$]*/([\p{L}\d])")?,
            brackets: Regex::new(r"\s*[\[\]{}<>|•·^~\\#*_=`]+\s*")?,
            dots: Regex::new(r"\.{2,}|…")?,
            repeated: Regex::new(r"([!?])[!?]+")?,
            before_stop: Regex::new(r"\s+([,.;:!?])")?,
            commas: Regex::new(r"(?:[,;:]\s*)+([,;:.!?])|^[\s,;:.]+|,(\s*,)+")?,
        })
    }

    pub(crate) fn apply(&self, table: &Table, text: &str) -> String {
        let mut text = self.fractions(table, text);
        text = rewrite(&self.compared, &text, |found| {
            let key = match found.group(1) {
                "<=" | "≤" => "at_most",
                ">=" | "≥" => "at_least",
                "<" => "less",
                ">" => "more",
                "~" | "≈" => "about",
                _ => "plus_minus",
            };
            Some(format!("{} {}", table.word(key)?, found.group(2)))
        });
        if let Some(word) = table.word("number") {
            text =
                rewrite(&self.hash, &text, |found| found.free_before().then(|| format!("{word} {}", found.group(1))));
        }
        if let Some(word) = table.word("becomes") {
            text = rewrite(&self.arrow, &text, |_| Some(format!(" {word} ")));
        }
        if let Some(word) = table.word("or") {
            text = rewrite(&self.slash, &text, |found| {
                let start = found
                    .before
                    .split_whitespace()
                    .next_back()
                    .filter(|_| !found.before.ends_with(' '))
                    .unwrap_or_default();
                // "/etc/passwd" and "~/music" are paths.
                let between =
                    if start.starts_with(['/', '~', '$', '.']) { " ".to_owned() } else { format!(" {word} ") };
                Some(format!("{}{between}{}", found.group(1), found.group(2)))
            });
        }
        text = rewrite(&self.lone, &text, |found| {
            let key = match found.group(2) {
                "&" => "and",
                "+" => "plus",
                "=" => "equals",
                "×" => "times",
                _ => "divided_by",
            };
            Some(format!("{}{}{}", found.group(1), table.word(key)?, found.group(3)))
        });
        for (sign, key) in [('²', "squared"), ('³', "cubed")] {
            if let Some(word) = table.word(key) {
                text = text.replace(sign, &format!(" {word} "));
            }
        }
        self.punctuation(&text)
    }

    fn fractions(&self, table: &Table, text: &str) -> String {
        let Some(pattern) = &self.fraction else { return text.to_owned() };
        let text = rewrite(&self.plain_fraction, text, |found| {
            let sign = match (found.group(2), found.group(3)) {
                ("1", "2") => "½",
                ("1", "4") => "¼",
                ("3", "4") => "¾",
                ("1", "3") => "⅓",
                ("2", "3") => "⅔",
                _ => return None,
            };
            let free = found.free_before() && found.free_after() && !found.after.starts_with('/');
            free.then(|| format!("{}{sign}", found.group(1)))
        });
        rewrite(pattern, &text, |found| {
            let [alone, mixed] = table.fractions.get(found.group(2))?;
            let whole = found.group(1);
            let said = if whole.is_empty() { alone.clone() } else { fill(mixed, &[("n", whole)]) };
            let space = if found.after.starts_with(char::is_alphanumeric) { " " } else { "" };
            Some(format!("{said}{space}"))
        })
    }

    /// Signs without a sound become pauses or nothing.
    fn punctuation(&self, text: &str) -> String {
        let text = self.dash.replace_all(text, ", ");
        let text = self.path.replace_all(&text, "$1$2");
        let text = self.brackets.replace_all(&text, " ");
        let text = self.dots.replace_all(&text, "...");
        let text = self.repeated.replace_all(&text, "$1");
        let text = self.before_stop.replace_all(&text, "$1");
        let text = self.commas.replace_all(&text, "$1");
        let text = text.replace("....", "...").replace(" ...", "...");
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        words.trim_start_matches([',', ';', ':', ' ']).to_owned()
    }
}
