//! Number words. A language describes its own in data (`numbers` in `intents/<lang>/numbers.yaml`); here is only the
//! arithmetic that puts them together.
//!
//! ```yaml
//! numbers:
//!   words: {0: zero, 1: [one, a], 20: twenty}      # exact words
//!   compose:                                       # for all numbers without an exact word; all that fit are used
//!     - {from: 21, to: 99, unit: 10, say: ["{base} {rest}", "{base}-{rest}"]}
//!     - {from: 100, to: 999, unit: 100, say: "{count} hundred and {rest}", even: "{count} hundred"}
//!   fractions: ["{whole} point {tenths}"]
//!   halves: ["{whole} and a half"]
//!   negatives: ["minus {number}"]
//! ```
//! `{base}` is the number rounded down to the unit, `{count}` how many units, `{rest}` what is left.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Deserialize;

/// More spellings of one number than this are not used.
const MAX_SPELLINGS: usize = 32;
/// Texts that are made for one number, at most.
const MAX_TEXTS: u64 = 5_000;
/// Texts that are made for one range of numbers, at most.
pub(crate) const MAX_TEXTS_OF_RANGE: u64 = 2_000_000;

/// The number words of a language.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NumberWords {
    #[serde(default)]
    words: BTreeMap<String, OneOrMany>,
    #[serde(default)]
    compose: Vec<Rule>,
    /// With `{whole}` and `{tenths}`.
    #[serde(default)]
    fractions: Option<OneOrMany>,
    /// With `{whole}`; for numbers that end in one half.
    #[serde(default)]
    halves: Option<OneOrMany>,
    /// With `{number}`.
    #[serde(default)]
    negatives: Option<OneOrMany>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    from: u64,
    to: u64,
    unit: u64,
    say: OneOrMany,
    /// Where nothing is left.
    #[serde(default)]
    even: Option<OneOrMany>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn all(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// The spellings of whole numbers that were made already.
pub(crate) type Spelt = HashMap<u64, Arc<[String]>>;

impl NumberWords {
    /// Whether a word alone is a number.
    pub(crate) fn has_word(&self, word: &str) -> bool {
        self.words.values().any(|words| words.all().iter().any(|known| known == word))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// All spellings of a whole number; none where the language's data does not reach it.
    /// `left` is how many texts may still be made; what goes beyond is left out.
    pub(crate) fn whole(&self, number: u64, left: &mut u64) -> Vec<String> {
        let before = *left;
        let mut own = before.min(MAX_TEXTS);
        let allowed = own;
        let spellings = self.spell(number, 0, &mut own);
        *left = before - (allowed - own);
        spellings
    }

    /// All spellings of a whole number and tenths. `known` remembers whole numbers: ranges share most of theirs.
    pub(crate) fn tenths(&self, whole: u64, tenths: u64, known: &mut Spelt, left: &mut u64) -> Vec<String> {
        let mut spelt = |number: u64| -> Arc<[String]> {
            if let Some(spelt) = known.get(&number) {
                return Arc::clone(spelt);
            }
            let spelt: Arc<[String]> = self.whole(number, left).into();
            // What was cut short is not all there is.
            if *left > 0 {
                known.insert(number, Arc::clone(&spelt));
            }
            spelt
        };
        let wholes = spelt(whole);
        if tenths == 0 {
            return wholes.to_vec();
        }
        let digits = spelt(tenths);
        let mut spellings = Vec::new();
        let fractions = self.fractions.as_ref().map_or(&[] as &[String], OneOrMany::all);
        let halves = self.halves.as_ref().filter(|_| tenths == 5).map_or(&[] as &[String], OneOrMany::all);
        for pattern in fractions.iter().chain(halves) {
            for w in wholes.iter() {
                if pattern.contains("{tenths}") {
                    for d in digits.iter() {
                        push(&mut spellings, pattern.replace("{whole}", w).replace("{tenths}", d));
                    }
                } else {
                    push(&mut spellings, pattern.replace("{whole}", w));
                }
            }
        }
        spellings
    }

    /// All spellings of the negative of a whole number and tenths.
    pub(crate) fn negative(&self, whole: u64, tenths: u64, known: &mut Spelt, left: &mut u64) -> Vec<String> {
        let Some(patterns) = &self.negatives else { return Vec::new() };
        let numbers = self.tenths(whole, tenths, known, left);
        let mut spellings = Vec::new();
        for pattern in patterns.all() {
            for number in &numbers {
                push(&mut spellings, pattern.replace("{number}", number));
            }
        }
        spellings
    }

    fn spell(&self, number: u64, depth: usize, left: &mut u64) -> Vec<String> {
        if let Some(words) = self.words.get(&number.to_string()) {
            return words.all().to_vec();
        }
        let mut spellings = Vec::new();
        if depth > 8 {
            return spellings;
        }
        for rule in &self.compose {
            if rule.unit == 0 || number < rule.from || number > rule.to {
                continue;
            }
            let (count, rest) = (number / rule.unit, number % rule.unit);
            let patterns = if rest == 0 { rule.even.as_ref() } else { Some(&rule.say) };
            for pattern in patterns.map_or(&[] as &[String], OneOrMany::all) {
                if *left == 0 || spellings.len() >= MAX_SPELLINGS {
                    return spellings;
                }
                let mut texts = vec![pattern.clone()];
                for (hole, value) in [("{base}", number - rest), ("{count}", count), ("{rest}", rest)] {
                    if !pattern.contains(hole) || value == number {
                        continue;
                    }
                    let words = self.spell(value, depth + 1, left);
                    texts = texts
                        .iter()
                        .flat_map(|text| words.iter().map(move |word| text.replace(hole, word)))
                        .take(MAX_SPELLINGS)
                        .collect();
                    *left = left.saturating_sub(texts.len() as u64 + 1);
                }
                for text in texts {
                    push(&mut spellings, text);
                }
            }
        }
        spellings
    }
}

fn push(spellings: &mut Vec<String>, text: String) {
    if spellings.len() < MAX_SPELLINGS && !text.contains('{') && !spellings.contains(&text) {
        spellings.push(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> NumberWords {
        serde_json::from_value(serde_json::json!({
            "words": {"0": "zero", "1": ["one"], "5": "five", "20": "twenty"},
            "compose": [
                {"from": 21, "to": 99, "unit": 10, "say": ["{base} {rest}", "{base}-{rest}"]},
                {"from": 100, "to": 999, "unit": 100, "say": "{count} hundred and {rest}", "even": "{count} hundred"},
            ],
            "fractions": "{whole} point {tenths}",
            "halves": ["{whole} and a half"],
            "negatives": "minus {number}",
        }))
        .unwrap()
    }

    #[test]
    fn composes() {
        let words = words();
        assert_eq!(words.whole(21, &mut 100), ["twenty one", "twenty-one"]);
        assert_eq!(words.whole(500, &mut 100), ["five hundred"]);
        assert_eq!(words.whole(121, &mut 100), ["one hundred and twenty one", "one hundred and twenty-one"]);
        assert_eq!(words.tenths(20, 5, &mut Spelt::new(), &mut 100), ["twenty point five", "twenty and a half"]);
        assert!(words.whole(30, &mut 100).is_empty());
        assert_eq!(words.negative(21, 0, &mut Spelt::new(), &mut 100), ["minus twenty one", "minus twenty-one"]);
        assert_eq!(words.negative(1, 5, &mut Spelt::new(), &mut 100), ["minus one point five", "minus one and a half"]);
    }
}
