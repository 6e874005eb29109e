//! Times of day, dates and ordinals.

use regex::Regex;

use super::language::Table;
use super::rewrite::{Found, any_of, fill, rewrite};

/// The patterns of a language, compiled once.
#[derive(Debug)]
pub(crate) struct Clock {
    span: Regex,
    half_day_span: Regex,
    time: Regex,
    worded: Option<Regex>,
    half_day: Option<Regex>,
    iso: Regex,
    dotted: Option<Regex>,
    slashed: Regex,
    dot_ordinal: Option<Regex>,
    month_name: Option<Regex>,
    ordinals: Vec<(Regex, Vec<String>)>,
}

impl Clock {
    pub(crate) fn new(table: &Table) -> Result<Self, regex::Error> {
        let time = &table.time;
        let separators = if time.separators.is_empty() {
            ":".to_owned()
        } else {
            any_of(time.separators.iter().map(String::as_str))
        };
        let words = any_of(time.words.iter().map(String::as_str));
        let word = if words.is_empty() { String::new() } else { format!(r"(?:\s?(?:{words})\b)?") };
        let half = r"(?:\s?([AaPp])\.?\s?[Mm]\b\.?)?";
        let worded = (!time.word_separators.is_empty() && !words.is_empty()).then(|| {
            let separators = any_of(time.word_separators.iter().map(String::as_str));
            Regex::new(&format!(r"([0-9]{{1,2}})(?:{separators})([0-9]{{2}})\s?(?:{words})\b"))
        });
        let half_day = (!time.am.is_empty()).then(|| Regex::new(r"([0-9]{1,2})\s?([AaPp])(?:\.\s?)?[Mm]\b\.?"));
        let dotted = table.date.dotted.then(|| Regex::new(r"([0-9]{1,2})\.\s?([0-9]{1,2})\.\s?([0-9]{4}|[0-9]{2})?"));
        let months = any_of(table.date.months.iter().map(String::as_str));
        let has_dot = !table.ordinal_dot.after.is_empty();
        let dot_ordinal = has_dot.then(|| Regex::new(r"([0-9]{1,2})\.(\s)(\p{L}+)"));
        // "1984" after a month's name.
        let month_name = (!months.is_empty()).then(|| Regex::new(&format!(r"\b({months})\s(1[0-9]{{3}})\b")));
        let ordinals = table.ordinals.iter().map(|set| {
            let suffixes = any_of(set.suffixes.iter().map(String::as_str));
            Regex::new(&format!("([0-9]{{1,2}})(?:{suffixes})")).map(|pattern| (pattern, set.words.clone()))
        });
        Ok(Self {
            span: Regex::new(r"([0-9]{1,2}:[0-9]{2})\s?[-–—]\s?([0-9]{1,2}:[0-9]{2})")?,
            half_day_span: Regex::new(r"([AaPp]\.?[Mm]\.?)\s?[-–—]\s?([0-9]{1,2})")?,
            time: Regex::new(&format!(r"([0-9]{{1,2}})(?:{separators})([0-9]{{2}})(?::([0-9]{{2}}))?{half}{word}"))?,
            worded: worded.transpose()?,
            half_day: half_day.transpose()?,
            iso: Regex::new(
                r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:(?:T|\s)([0-9]{2}:[0-9]{2})(?::[0-9]{2}(?:\.[0-9]+)?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?",
            )?,
            dotted: dotted.transpose()?,
            slashed: Regex::new(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4}|[0-9]{2})")?,
            dot_ordinal: dot_ordinal.transpose()?,
            month_name: month_name.transpose()?,
            ordinals: ordinals.collect::<Result<_, _>>()?,
        })
    }

    pub(crate) fn apply(&self, table: &Table, text: &str) -> String {
        let mut text = rewrite(&self.iso, text, |found| {
            let date = date(table, found, found.group(1), found.group(2), found.group(3))?;
            let time = found.group(4);
            Some(if time.is_empty() { date } else { format!("{date}, {time}") })
        });
        if let Some(dotted) = &self.dotted {
            text = rewrite(dotted, &text, |found| date(table, found, found.group(3), found.group(2), found.group(1)));
        }
        text = rewrite(&self.slashed, &text, |found| {
            let (first, second) = (found.group(1), found.group(2));
            let month_first =
                if table.date.order == "mdy" { number(second) > 0 && number(first) <= 12 } else { number(second) > 12 };
            let (day, month) = if month_first { (second, first) } else { (first, second) };
            date(table, found, found.group(3), month, day)
        });
        if let Some(range) = table.word("range") {
            text = rewrite(&self.span, &text, |found| Some(format!("{} {range} {}", found.group(1), found.group(2))));
            if !table.time.am.is_empty() {
                text = rewrite(&self.half_day_span, &text, |found| {
                    let after_number = found.before.trim_end().ends_with(|c: char| c.is_ascii_digit());
                    after_number.then(|| format!("{} {range} {}", found.group(1), found.group(2)))
                });
            }
        }
        if let Some(worded) = &self.worded {
            text = rewrite(worded, &text, |found| time(table, found, found.group(1), found.group(2), "", ""));
        }
        text = rewrite(&self.time, &text, |found| {
            time(table, found, found.group(1), found.group(2), found.group(3), found.group(4))
        });
        if let Some(half_day) = &self.half_day {
            text = rewrite(half_day, &text, |found| {
                let half = half(table, found.group(2));
                let free = found.free_before() && (1..=12).contains(&number(found.group(1)));
                free.then(|| {
                    fill(&table.time.half_day_hour, &[("h", found.group(1)), ("half", half)]) + &final_stop(found)
                })
            });
        }
        if let Some(dot_ordinal) = &self.dot_ordinal {
            text = rewrite(dot_ordinal, &text, |found| ordinal_dot(table, found));
        }
        if let Some(month_name) = &self.month_name {
            text =
                rewrite(month_name, &text, |found| Some(format!("{} {}", found.group(1), year(table, found.group(2)))));
        }
        for (pattern, words) in &self.ordinals {
            text = rewrite(pattern, &text, |found| {
                let word = words.get((number(found.group(1)) as usize).checked_sub(1)?)?;
                (found.free_before() && found.free_after()).then(|| word.clone())
            });
        }
        text
    }
}

fn number(text: &str) -> u32 {
    text.parse().unwrap_or(0)
}

fn half<'t>(table: &'t Table, letter: &str) -> &'t str {
    if letter.eq_ignore_ascii_case("a") { &table.time.am } else { &table.time.pm }
}

/// "p.m." at the end swallowed the sentence's full stop.
fn final_stop(found: &Found<'_>) -> String {
    let swallowed = found.group(0).ends_with('.') && found.after.trim().is_empty();
    if swallowed { ".".to_owned() } else { String::new() }
}

/// A time in the language's words; `None` where the numbers are no time.
fn time(
    table: &Table,
    found: &Found<'_>,
    hours: &str,
    minutes: &str,
    seconds: &str,
    half_letter: &str,
) -> Option<String> {
    let (h, m) = (number(hours), number(minutes));
    if h > 24
        || m > 59
        || number(seconds) > 59
        || !found.free_before()
        || !found.free_after()
        || table.time.minute.is_empty()
    {
        return None;
    }
    let words = &table.time;
    let or = |form: &str, otherwise: &str| if form.is_empty() { otherwise.to_owned() } else { form.to_owned() };
    let half_letter = if words.am.is_empty() { "" } else { half_letter };
    let clock = match (words.exact.get(&format!("{h:02}:{m:02}")), h, m) {
        (Some(exact), ..) if half_letter.is_empty() => exact.clone(),
        (_, _, 0) if !half_letter.is_empty() => h.to_string(),
        (_, 1, 0) => or(&words.hour_one, &words.hour),
        (_, 13.., 0) => or(&words.hour_24, &words.hour),
        (_, _, 0) => words.hour.clone(),
        (_, 1, _) if !words.minute_one.is_empty() => words.minute_one.clone(),
        (_, _, 1..=9) => or(&words.low_minute, &words.minute),
        _ => words.minute.clone(),
    };
    let mut said = fill(&clock, &[("h", &h.to_string()), ("m", &m.to_string())]);
    if !seconds.is_empty() {
        said = fill(&words.seconds, &[("clock", &said), ("s", &number(seconds).to_string())]);
    }
    if !half_letter.is_empty() {
        said =
            fill(&words.half_day_minute, &[("clock", &said), ("half", half(table, half_letter))]) + &final_stop(found);
    }
    Some(said)
}

/// A date in the language's words; `None` where the numbers are no date.
fn date(table: &Table, found: &Found<'_>, year_text: &str, month: &str, day: &str) -> Option<String> {
    let name = table.date.months.get((number(month) as usize).checked_sub(1)?)?;
    let said_day = table.date.days.get((number(day) as usize).checked_sub(1)?)?;
    if !found.free_before() || !found.free_after() {
        return None;
    }
    let day = format!("{said_day}{}", ending(table, found));
    let form = if year_text.is_empty() { &table.date.short } else { &table.date.full };
    let year = match year_text.len() {
        2 => year(table, &format!("20{year_text}")),
        _ => year(table, year_text),
    };
    Some(fill(form, &[("day", &day), ("month", name), ("year", &year)]))
}

/// How an ordinal ends after the word before it.
fn ending<'t>(table: &'t Table, found: &Found<'_>) -> &'t str {
    table.ordinal_dot.endings.get(&found.word_before()).unwrap_or(&table.ordinal_dot.ending)
}

/// 1984 as two numbers, where the language says it so.
fn year(table: &Table, year: &str) -> String {
    let value = number(year);
    if !(1100..2000).contains(&value) || value % 100 < 10 || table.date.year_pairs.is_empty() {
        return year.to_owned();
    }
    fill(&table.date.year_pairs, &[("a", &(value / 100).to_string()), ("b", &(value % 100).to_string())])
}

/// "am 3. Mai", "im 2. Stock".
fn ordinal_dot(table: &Table, found: &Found<'_>) -> Option<String> {
    let next = found.group(3);
    let is_month = table.date.months.iter().any(|month| month == next);
    if !found.free_before() || !(is_month || table.ordinal_dot.after.contains(&found.word_before())) {
        return None;
    }
    let word = table.date.days.get((number(found.group(1)) as usize).checked_sub(1)?)?;
    Some(format!("{word}{} {next}", ending(table, found)))
}
