//! Numbers as the language writes them, so that eSpeak NG and Piper read them right: grouping, decimals, minus, ranges, sums, telephone
//! numbers.

use regex::Regex;

use super::language::Table;
use super::rewrite::rewrite;

/// Digits from this length on are read one by one: nobody says a serial number in billions.
const DIGIT_BY_DIGIT: usize = 10;

/// The patterns of a language, compiled once.
#[derive(Debug)]
pub(crate) struct NumberWords {
    row: Regex,
    grouped: Option<Regex>,
    foreign: Option<Regex>,
    bare_decimal: Regex,
    phone: Regex,
    long: Regex,
    range: Regex,
    product: Regex,
    minus: Regex,
}

/// A number as it stands after [`NumberWords::apply`].
pub(crate) const NUMBER: &str = r"[0-9]+(?:[.,][0-9]+)?";

impl NumberWords {
    pub(crate) fn new(table: &Table) -> Result<Self, regex::Error> {
        let numbers = &table.numbers;
        let known = !numbers.decimal.is_empty();
        let grouped = known.then(|| {
            // A space between thousands is no list of numbers where the language writes it so, or where there are several.
            let spaces = if numbers.decimal == "," { "+" } else { "{2,}" };
            let group = regex::escape(&numbers.group);
            Regex::new(&format!(r"[1-9][0-9]{{0,2}}(?:(?:(?:{group}|')[0-9]{{3}})+|(?: [0-9]{{3}}){spaces})"))
        });
        let foreign = (numbers.decimal == ",").then(|| Regex::new(r"([0-9]+)\.([0-9]+)"));
        Ok(Self {
            row: Regex::new(r"[0-9]+(?:\.[0-9]+){2,}")?,
            grouped: grouped.transpose()?,
            foreign: foreign.transpose()?,
            bare_decimal: Regex::new(r"[.,]([0-9]+)")?,
            phone: Regex::new(
                r"(?:\+|00)[1-9][0-9]{0,2}(?:[ /()-]{1,2}[0-9]{2,})+|\(?0[0-9]{2,5}\)?[ /-][0-9]{3,}(?:[ -][0-9]{2,})*|(?:1-)?(?:\([0-9]{3}\) ?|[0-9]{3}-)?[0-9]{3}-[0-9]{4}",
            )?,
            long: Regex::new(r"[0-9]{10,}")?,
            range: Regex::new(&format!(r"({NUMBER})(\s?°[CF]?|\s?%)?(\s?)[-–—](\s?)({NUMBER})"))?,
            product: Regex::new(&format!(r"({NUMBER})\s?([x×*÷+=±^]| / )\s?({NUMBER})"))?,
            minus: Regex::new(r"-(\s?[$€£¥₹]?)([0-9])")?,
        })
    }

    pub(crate) fn apply(&self, table: &Table, text: &str) -> String {
        let numbers = &table.numbers;
        let mut text = rewrite(&self.phone, text, |found| {
            let digits = found.group(0).chars().filter(char::is_ascii_digit).count();
            let free = found.free_before() && found.free_after();
            (free && digits >= 7).then(|| spell(found.group(0), table.word("plus").unwrap_or("+")))
        });
        // 192.168.1.10 and 1.2.3, but not 1.234.567 where the dot groups thousands.
        text = rewrite(&self.row, &text, |found| {
            let row = found.group(0);
            // Four groups are an address whatever their length, unless the language groups so.
            let may_group = numbers.group == "." || row.matches('.').count() == 2;
            let is_grouped = may_group && row.split('.').skip(1).all(|part| part.len() == 3);
            if is_grouped && numbers.group != "." {
                return found.free_before().then(|| row.replace('.', ""));
            }
            let dot = if numbers.dot.is_empty() { "." } else { &numbers.dot };
            let letter_before = found.before.ends_with(char::is_alphabetic);
            (!is_grouped && (found.free_before() || letter_before))
                .then(|| found.group(0).replace('.', &format!(" {dot} ")))
        });
        if let Some(grouped) = &self.grouped {
            text = rewrite(grouped, &text, |found| {
                let decimal_follows = found
                    .after
                    .strip_prefix(&numbers.decimal)
                    .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
                let free = found.free_before() && (found.free_after() || decimal_follows);
                free.then(|| found.group(0).chars().filter(char::is_ascii_digit).collect())
            });
        }
        if let Some(foreign) = &self.foreign {
            text = rewrite(foreign, &text, |found| {
                let free = found.free_before() && !found.after.starts_with('.');
                free.then(|| format!("{},{}", found.group(1), found.group(2)))
            });
        }
        let decimal = if numbers.decimal.is_empty() { "." } else { &numbers.decimal };
        text = rewrite(&self.bare_decimal, &text, |found| {
            let alone = found.before.is_empty() || found.before.ends_with([' ', '(', '-', '$', '€', '£']);
            alone.then(|| format!("0{decimal}{}", found.group(1)))
        });
        text = rewrite(&self.long, &text, |found| {
            (found.group(0).len() >= DIGIT_BY_DIGIT && found.free_before()).then(|| spell(found.group(0), "+"))
        });
        text = self.between(table, &text);
        if !numbers.minus.is_empty() {
            text = rewrite(&self.minus, &text, |found| {
                let alone =
                    found.before.is_empty() || found.before.ends_with([' ', '(', '[', '=', ':', '"', '~', '<', '>']);
                alone.then(|| format!("{} {}{}", numbers.minus, found.group(1), found.group(2)))
            });
        }
        text
    }

    /// What stands between two numbers: "10-20", "3 x 4", "2 + 2 = 4".
    fn between(&self, table: &Table, text: &str) -> String {
        let mut text = rewrite(&self.range, text, |found| {
            let word = table.word("range")?;
            let (left, right) = (found.group(1), found.group(5));
            let (spaced_left, spaced_right) = (!found.group(3).is_empty(), !found.group(4).is_empty());
            // "10 -5" is a negative number, "1-2-3" a code, "020-79" a telephone number.
            if spaced_left != spaced_right
                || !found.free_before()
                || found.after.starts_with('-')
                || left.starts_with("00")
            {
                return None;
            }
            let falls = value(left) >= value(right);
            if spaced_left && falls && found.group(0).contains('-') {
                return Some(format!("{left}{} {} {right}", found.group(2), table.numbers.minus));
            }
            Some(format!("{left}{} {word} {right}", found.group(2)))
        });
        // Twice, since a number serves two signs: "2 + 2 = 4".
        for _ in 0..2 {
            text = rewrite(&self.product, &text, |found| {
                let sign = match found.group(2) {
                    "x" | "×" | "*" => table.word("times")?,
                    "÷" | " / " => table.word("divided_by")?,
                    "+" => table.word("plus")?,
                    "=" => table.word("equals")?,
                    "±" => table.word("plus_minus")?,
                    "^" => table.word("power")?,
                    _ => return None,
                };
                found.free_before().then(|| format!("{} {sign} {}", found.group(1), found.group(3)))
            });
        }
        text
    }
}

/// The value of a number in either notation.
pub(crate) fn value(text: &str) -> f64 {
    text.replace(',', ".").parse().unwrap_or(0.0)
}

/// Digits one by one, with a pause where the writing has one.
fn spell(text: &str, plus: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '0'..='9' => {
                if out.ends_with(|last: char| last.is_ascii_digit()) {
                    out.push(' ');
                }
                out.push(c);
            }
            '+' => {
                out.push_str(plus);
                out.push(' ');
            }
            _ if out.is_empty() || out.ends_with(", ") => {}
            _ => out.push_str(", "),
        }
    }
    out
}
