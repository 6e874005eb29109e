//! Web and e-mail addresses, file paths and identifiers, as a person would read them out.

use regex::{Captures, Regex};

use super::language::Table;

/// The patterns, compiled once.
#[derive(Debug)]
pub(crate) struct Addresses {
    url: Regex,
    mail: Regex,
    identifier: Regex,
    at: String,
    dot: String,
}

impl Addresses {
    pub(crate) fn new(table: &Table) -> Result<Self, regex::Error> {
        let word = |key: &str, otherwise: &str| table.word(key).unwrap_or(otherwise).to_owned();
        Ok(Self {
            url: Regex::new(r#"(?i)\b(?:(?:https?|ftp|wss?|mqtts?|tcp)://|mailto:|www\.)[^\s<>"]+"#)?,
            mail: Regex::new(r"\b([A-Za-z0-9._%+-]+)@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)\b")?,
            identifier: Regex::new(r"\b[\p{L}\d]+(?:[._-][\p{L}\d]+)*_[\p{L}\d]+(?:[._-][\p{L}\d]+)*\b")?,
            at: word("at", "@"),
            dot: word("dot", "."),
        })
    }

    /// Only the host of a web address is worth hearing; the dots are said.
    pub(crate) fn apply(&self, text: &str) -> String {
        let text =
            self.url.replace_all(text, |found: &Captures<'_>| self.host(found.get(0).map_or("", |m| m.as_str())));
        let text = self.mail.replace_all(&text, |found: &Captures<'_>| {
            let part = |n: usize| found.get(n).map_or(String::new(), |m| self.dots(m.as_str()));
            format!("{} {} {}", part(1), self.at, part(2))
        });
        let text = self.identifier.replace_all(&text, |found: &Captures<'_>| {
            found.get(0).map_or(String::new(), |m| m.as_str().replace(['_', '.'], " "))
        });
        text.into_owned()
    }

    fn host(&self, url: &str) -> String {
        let trimmed = url.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '\'']);
        let tail = url.get(trimmed.len()..).unwrap_or_default();
        let rest = trimmed.split_once("://").map_or(trimmed, |(_, rest)| rest);
        let is_mail = rest.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("mailto:"));
        if is_mail {
            return format!("{}{tail}", rest.get(7..).unwrap_or_default());
        }
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        let host = host.strip_prefix("www.").unwrap_or(host);
        let host = host.split_once(':').map_or(host, |(host, _)| host);
        format!("{}{tail}", self.dots(host))
    }

    fn dots(&self, text: &str) -> String {
        text.replace('.', &format!(" {} ", self.dot)).replace('_', " ")
    }
}
