//! The word tables of a language: `normalise/<language>.toml`, one file a language, none of it in Rust.

use std::collections::BTreeMap;

use include_dir::{Dir, include_dir};
use serde::Deserialize;

static TABLES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/normalise");

/// A table that does not parse. It is part of the program, so this is a defect of the build that the tests find.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TableError {
    /// The file is not UTF-8.
    #[error("normalise/{0} is not UTF-8 text")]
    Encoding(String),
    /// The file is not the TOML that is expected.
    #[error("normalise/{file}: {source}")]
    Toml {
        /// The file's name.
        file: String,
        /// What is wrong with it, with its line.
        source: toml::de::Error,
    },
    /// A pattern made out of the table does not compile.
    #[error("normalise/{language}: {source}")]
    Pattern {
        /// The language.
        language: String,
        /// What is wrong with the pattern.
        source: regex::Error,
    },
}

/// What is known of a language. Everything may be absent: a language without a table still has its markup, emoji and addresses
/// treated, and eSpeak NG reads the rest as it can.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Table {
    pub(crate) numbers: Numbers,
    pub(crate) words: BTreeMap<String, String>,
    /// Alone, and after a whole number.
    pub(crate) fractions: BTreeMap<String, [String; 2]>,
    /// Symbol to its singular and plural.
    pub(crate) units: BTreeMap<String, [String; 2]>,
    pub(crate) units_alone: Alone,
    /// Below this number a unit's letter is something else ("4K").
    pub(crate) units_from: BTreeMap<String, f64>,
    /// What may stand after a price or measure and a slash: "5 €/month".
    pub(crate) per_nouns: Forms,
    pub(crate) decades: Decades,
    pub(crate) currency: Currency,
    pub(crate) time: Time,
    pub(crate) date: Date,
    pub(crate) ordinals: Vec<Ordinals>,
    pub(crate) ordinal_dot: OrdinalDot,
    pub(crate) abbreviations_before_number: BTreeMap<String, String>,
    pub(crate) abbreviations_final: Forms,
    pub(crate) abbreviations: BTreeMap<String, String>,
}

/// How numbers are written and what stands for their signs.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Numbers {
    /// The sign before the decimals; empty where unknown, and numbers are then left as they are.
    pub(crate) decimal: String,
    pub(crate) group: String,
    /// The singular serves everything below two (French), not just exactly one.
    pub(crate) one_below: bool,
    pub(crate) minus: String,
    pub(crate) dot: String,
}

/// Unit symbols that are words without a number too.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Alone {
    pub(crate) symbols: Vec<String>,
}

/// Where a number with a unit's letter is a decade ("the 80s").
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Decades {
    pub(crate) unit: String,
    pub(crate) after: Vec<String>,
}

/// Money.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Currency {
    /// `{whole}`, and `{part}` (with its unit) or `{cents}` (the number alone).
    pub(crate) both: String,
    /// Between an amount and its currency, as written and as said: "$5 million", "$5M".
    pub(crate) scales: BTreeMap<String, String>,
    pub(crate) signs: BTreeMap<String, CurrencyForms>,
}

/// One currency's words.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct CurrencyForms {
    pub(crate) one: String,
    pub(crate) other: String,
    pub(crate) part_one: String,
    pub(crate) part_other: String,
}

/// Times of day.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Time {
    pub(crate) hour: String,
    pub(crate) hour_24: String,
    pub(crate) hour_one: String,
    pub(crate) minute: String,
    pub(crate) minute_one: String,
    pub(crate) low_minute: String,
    pub(crate) seconds: String,
    pub(crate) separators: Vec<String>,
    /// Separators that only make a time when one of `words` follows.
    pub(crate) word_separators: Vec<String>,
    pub(crate) words: Vec<String>,
    pub(crate) half_day_hour: String,
    pub(crate) half_day_minute: String,
    pub(crate) am: String,
    pub(crate) pm: String,
    /// `HH:MM` to a word of its own.
    pub(crate) exact: BTreeMap<String, String>,
}

/// Dates.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Date {
    pub(crate) months: Vec<String>,
    pub(crate) full: String,
    pub(crate) short: String,
    /// `mdy` or `dmy`: what 3/5/2024 means.
    pub(crate) order: String,
    /// 3.5.2024 is a date.
    pub(crate) dotted: bool,
    /// How the years 1100 to 1999 are said, as `{a}` (century) and `{b}`.
    pub(crate) year_pairs: String,
    /// The days 1 to 31 as they are said in a date.
    pub(crate) days: Vec<String>,
}

/// A suffix that makes ordinals, and the words of 1, 2, 3…
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Ordinals {
    pub(crate) suffixes: Vec<String>,
    pub(crate) words: Vec<String>,
}

/// A full stop that makes a number an ordinal, as German writes "am 3. Mai".
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct OrdinalDot {
    /// Words before the number that make it one.
    pub(crate) after: Vec<String>,
    /// What is put behind the word of `date.days`, by the word before.
    pub(crate) endings: BTreeMap<String, String>,
    /// The same where no listed word stands before.
    pub(crate) ending: String,
}

/// A list of written forms.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Forms {
    pub(crate) forms: Vec<String>,
}

impl Table {
    /// The table of a language tag ("de", "de-AT", "de_AT"); an empty one for a language that has none.
    ///
    /// # Errors
    /// When the table in the program is not well-formed.
    pub(crate) fn load(language: &str) -> Result<Self, TableError> {
        let file = format!("{}.toml", base(language));
        let Some(entry) = TABLES.get_file(&file) else { return Ok(Self::default()) };
        let text = entry.contents_utf8().ok_or_else(|| TableError::Encoding(file.clone()))?;
        let mut table: Self = toml::from_str(text).map_err(|source| TableError::Toml { file, source })?;
        if table.date.order == "mdy" && !month_first(language) {
            table.date.order = "dmy".to_owned();
        }
        Ok(table)
    }

    /// The word under `key`, or nothing where the language has none.
    pub(crate) fn word(&self, key: &str) -> Option<&str> {
        self.words.get(key).map(String::as_str)
    }
}

/// The language of a tag, without its region: "de" of "de_AT".
pub(crate) fn base(tag: &str) -> String {
    tag.split(['-', '_']).next().unwrap_or_default().to_lowercase()
}

/// Whether 3/5 is the fifth of March: a tag with a region that is not one of these writes the day first
/// (CLDR, short date patterns).
fn month_first(tag: &str) -> bool {
    match tag.split(['-', '_']).nth(1) {
        Some(region) => ["us", "ph"].contains(&region.to_lowercase().as_str()),
        None => true,
    }
}

/// The languages that have a table.
#[cfg(test)]
pub(crate) fn all() -> Vec<String> {
    let names = TABLES.files().filter_map(|file| file.path().file_stem()?.to_str().map(str::to_owned));
    names.collect()
}
