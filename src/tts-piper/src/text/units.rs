//! Units and money.

use std::collections::BTreeMap;

use regex::Regex;

use super::language::{CurrencyForms, Table};
use super::numbers::{NUMBER, value};
use super::rewrite::{Found, any_of, fill, rewrite};

/// The patterns of a language, compiled once; absent where the language has no words for them.
#[derive(Debug)]
pub(crate) struct Units {
    after_number: Option<Regex>,
    alone: Option<Regex>,
    per: Option<Regex>,
    per_noun: Option<Regex>,
    mixed: Regex,
    money_before: Option<Regex>,
    money_after: Option<Regex>,
}

impl Units {
    pub(crate) fn new(table: &Table) -> Result<Self, regex::Error> {
        let symbols = any_of(table.units.keys().map(String::as_str));
        let alone = any_of(table.units_alone.symbols.iter().map(String::as_str));
        let signs = any_of(table.currency.signs.keys().map(String::as_str));
        let nouns = any_of(table.per_nouns.forms.iter().map(String::as_str));
        let scales: Vec<String> = table.currency.scales.keys().map(|scale| whole_word(scale)).collect();
        let scale = if scales.is_empty() { "()".to_owned() } else { format!(r"(?:\s?({}))?", scales.join("|")) };
        let pattern = |needed: &str, text: String| (!needed.is_empty()).then(|| Regex::new(&text)).transpose();
        Ok(Self {
            after_number: pattern(&symbols, format!(r"({NUMBER})(\s?|-)({symbols})"))?,
            alone: pattern(&alone, alone.clone())?,
            per: pattern(&symbols, format!(r"\s?/\s?({symbols})"))?,
            per_noun: pattern(&nouns, format!(r"\s?/\s?({nouns})\b"))?,
            mixed: Regex::new(r"([0-9]+)\s?([½¼¾])")?,
            money_before: pattern(&signs, format!(r"({signs})\s?({NUMBER}){scale}"))?,
            money_after: pattern(&signs, format!(r"({NUMBER}){scale}\s?({signs})"))?,
        })
    }

    pub(crate) fn apply(&self, table: &Table, text: &str) -> String {
        let decimal = if table.numbers.decimal.is_empty() { "." } else { &table.numbers.decimal };
        // "5½ °C" takes a decimal, since the words come between number and unit.
        let mut text = rewrite(&self.mixed, text, |found| {
            let part = match found.group(2) {
                "½" => "5",
                "¼" => "25",
                _ => "75",
            };
            found.after.trim_start().starts_with(['°', '%']).then(|| format!("{}{decimal}{part}", found.group(1)))
        });
        if let Some(pattern) = &self.money_before {
            text = rewrite(pattern, &text, |found| money(table, found, found.group(1), found.group(2), found.group(3)));
        }
        if let Some(pattern) = &self.money_after {
            text = rewrite(pattern, &text, |found| money(table, found, found.group(3), found.group(1), found.group(2)));
        }
        if let Some(pattern) = &self.after_number {
            text = rewrite(pattern, &text, |found| unit(table, found));
        }
        if let (Some(pattern), Some(per)) = (&self.per, table.word("per")) {
            text = rewrite(pattern, &text, |found| {
                let [one, _] = table.units.get(found.group(1))?;
                let (_, name) = one.split_once(' ')?;
                let after_word = found.before.ends_with(char::is_alphabetic);
                (after_word && found.group(1) != "x" && ends(found, found.group(1))).then(|| format!(" {per} {name}"))
            });
        }
        if let (Some(pattern), Some(per)) = (&self.per_noun, table.word("per")) {
            text = rewrite(pattern, &text, |found| {
                found.before.ends_with(char::is_alphabetic).then(|| format!(" {per} {}", found.group(1)))
            });
        }
        if let Some(pattern) = &self.alone {
            text = rewrite(pattern, &text, |found| {
                let [_, other] = table.units.get(found.group(0))?;
                let stands_alone = found.before.is_empty() || found.before.ends_with([' ', '(', '"', '/']);
                (stands_alone && ends(found, found.group(0))).then(|| other.replace("{n}", "").trim().to_owned())
            });
        }
        text
    }
}

/// A pattern for a form that is no part of a longer word: the M of "$5M", not of "$5 more".
fn whole_word(form: &str) -> String {
    let boundary = if form.ends_with(char::is_alphanumeric) { r"\b" } else { "" };
    format!("{}{boundary}", regex::escape(form))
}

/// Whether the symbol ends where the match does: "5 m" but not the m of "5 men" or of "5 m/x".
fn ends(found: &Found<'_>, symbol: &str) -> bool {
    let mut after = found.after.chars();
    match after.next() {
        None => true,
        Some(c) if c.is_alphanumeric() || c == '_' => !symbol.ends_with(char::is_alphabetic),
        Some('²' | '³' | '°' | '\'') => false,
        Some(_) => true,
    }
}

fn unit(table: &Table, found: &Found<'_>) -> Option<String> {
    let (number, gap, symbol) = (found.group(1), found.group(2), found.group(3));
    if !found.free_before() || !ends(found, symbol) {
        return None;
    }
    // "3 x" is half a product, and a hyphen only joins letters ("60-W").
    let joined = gap.is_empty() || symbol != "x";
    if !joined || (gap == "-" && !symbol.starts_with(char::is_alphabetic)) {
        return None;
    }
    if gap.is_empty() && table.units_from.get(symbol).is_some_and(|least| value(number) < *least) {
        return None;
    }
    if gap.is_empty() && symbol == table.decades.unit && is_decade(table, number, found) {
        return None;
    }
    let said = counted(table.units.get(symbol)?, number, table.numbers.one_below);
    // "Min." swallowed the sentence's full stop.
    let stop = if symbol.ends_with('.') && found.after.trim().is_empty() { "." } else { "" };
    let space = if found.after.starts_with(char::is_alphanumeric) { " " } else { "" };
    Some(format!("{said}{stop}{space}"))
}

/// "the 80s", "1990s".
fn is_decade(table: &Table, number: &str, found: &Found<'_>) -> bool {
    let tens = number.len() >= 2 && number.ends_with('0') && number.chars().all(|c| c.is_ascii_digit());
    let year = number.len() == 4 && (number.starts_with('1') || number.starts_with('2'));
    tens && (year
        || found.before.ends_with('\'')
        || (number.len() == 2 && table.decades.after.contains(&found.word_before())))
}

/// A number with the right form of its noun.
fn counted([one, other]: &[String; 2], number: &str, one_below: bool) -> String {
    if number == "1" {
        return fill(one, &[("n", number)]);
    }
    let below = one_below && value(number) < 2.0;
    let form = if !below {
        other.clone()
    } else if one.contains("{n}") {
        one.clone()
    } else {
        // "une heure" holds its own number: "{n} heure" serves 1,5.
        one.split_once(' ').map_or_else(|| one.clone(), |(_, name)| format!("{{n}} {name}"))
    };
    fill(&form, &[("n", number)])
}

fn money(table: &Table, found: &Found<'_>, sign: &str, amount: &str, scale: &str) -> Option<String> {
    let forms = table.currency.signs.get(sign)?;
    let letters = sign.ends_with(char::is_alphabetic);
    let free = if letters {
        found.free_before() && ends(found, sign)
    } else {
        !found.before.ends_with(|c: char| c.is_ascii_digit())
    };
    if !free || found.before.ends_with(char::is_alphabetic) {
        return None;
    }
    if !scale.is_empty() {
        let said = table.currency.scales.get(scale)?;
        let money = fill(&forms.other, &[("n", &format!("{amount} {said}"))]);
        // "2 millions d'euros".
        return Some(money.replace("' ", "'"));
    }
    Some(price(table, forms, amount))
}

fn price(table: &Table, forms: &CurrencyForms, amount: &str) -> String {
    let words = [forms.one.clone(), forms.other.clone()];
    let parts = amount.split_once(['.', ',']).filter(|(_, part)| part.len() == 2 && !forms.part_one.is_empty());
    let Some((whole, part)) = parts else { return counted(&words, amount, table.numbers.one_below) };
    let cents = part.trim_start_matches('0');
    let whole_said = counted(&words, whole, table.numbers.one_below);
    if cents.is_empty() {
        return whole_said;
    }
    let part_words = [forms.part_one.clone(), forms.part_other.clone()];
    let part_said = counted(&part_words, cents, table.numbers.one_below);
    if value(whole) == 0.0 {
        return part_said;
    }
    fill(&table.currency.both, &[("whole", &whole_said), ("part", &part_said), ("cents", cents)])
}

/// Written forms and what is said for them, replaced where they stand as words of their own.
#[derive(Debug)]
pub(crate) struct Forms {
    pattern: Option<Regex>,
    numbered: Option<Regex>,
    before_number: Option<Regex>,
}

impl Forms {
    pub(crate) fn new(table: &Table) -> Result<Self, regex::Error> {
        let begins_with_digit = |form: &&str| form.starts_with(|c: char| c.is_ascii_digit());
        let forms = any_of(table.abbreviations.keys().map(String::as_str));
        let digits = any_of(table.abbreviations.keys().map(String::as_str).filter(begins_with_digit));
        let numbered = any_of(table.abbreviations_before_number.keys().map(String::as_str));
        let pattern = |needed: &str, text: String| (!needed.is_empty()).then(|| Regex::new(&text)).transpose();
        Ok(Self {
            pattern: pattern(&forms, forms.clone())?,
            numbered: pattern(&digits, digits.clone())?,
            before_number: pattern(&numbered, format!(r"({numbered})\s?([0-9])"))?,
        })
    }

    /// The forms that begin with a digit ("24/7"), before their numbers are read as such.
    pub(crate) fn apply_numbered(&self, table: &Table, text: &str) -> String {
        let Some(pattern) = &self.numbered else { return text.to_owned() };
        rewrite(pattern, text, |found| said(&table.abbreviations, found))
    }

    /// The other forms.
    pub(crate) fn apply(&self, table: &Table, text: &str) -> String {
        let mut text = text.to_owned();
        if let Some(pattern) = &self.before_number {
            text = rewrite(pattern, &text, |found| {
                let word = table.abbreviations_before_number.get(found.group(1))?;
                found.free_before().then(|| format!("{word} {}", found.group(2)))
            });
        }
        let Some(pattern) = &self.pattern else { return text };
        rewrite(pattern, &text, |found| said(&table.abbreviations, found))
    }
}

fn said(forms: &BTreeMap<String, String>, found: &Found<'_>) -> Option<String> {
    let form = found.group(0);
    let word = forms.get(form)?;
    let goes_on = found.after.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    if !found.free_before() || (goes_on && !form.ends_with(['/', '.'])) {
        return None;
    }
    let stop = if form.ends_with('.') && found.after.trim().is_empty() { "." } else { "" };
    let space = if goes_on { " " } else { "" };
    Some(format!("{word}{stop}{space}"))
}
