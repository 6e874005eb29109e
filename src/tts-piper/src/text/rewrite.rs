//! Replaces what a pattern finds, with a look at what stands before and after it.

use regex::{Captures, Regex};

/// A found place with its surroundings.
pub(crate) struct Found<'t> {
    pub(crate) groups: Captures<'t>,
    pub(crate) before: &'t str,
    pub(crate) after: &'t str,
}

impl<'t> Found<'t> {
    /// A group's text; empty where it took no part.
    pub(crate) fn group(&self, n: usize) -> &'t str {
        self.groups.get(n).map_or("", |group| group.as_str())
    }

    /// Neither a word nor a longer number goes on to the left.
    pub(crate) fn free_before(&self) -> bool {
        let mut last = self.before.chars().rev();
        match last.next() {
            None => true,
            Some(c) if c.is_alphanumeric() || c == '_' => false,
            Some('.' | ',' | ':' | '/' | '-') => !last.next().is_some_and(|c| c.is_ascii_digit()),
            Some(_) => true,
        }
    }

    /// Neither a word nor a longer number goes on to the right.
    pub(crate) fn free_after(&self) -> bool {
        let mut next = self.after.chars();
        match next.next() {
            None => true,
            Some(c) if c.is_alphanumeric() || c == '_' => false,
            Some('.' | ',' | ':' | '/' | '-') => !next.next().is_some_and(|c| c.is_ascii_digit()),
            Some(_) => true,
        }
    }

    /// The word before, in lower case.
    pub(crate) fn word_before(&self) -> String {
        let word = self.before.split_whitespace().next_back().unwrap_or_default();
        word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase()
    }
}

/// Every place that `pattern` finds, replaced by what `with` says; `None` leaves it.
pub(crate) fn rewrite(pattern: &Regex, text: &str, mut with: impl FnMut(&Found<'_>) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut done = 0;
    for groups in pattern.captures_iter(text) {
        let Some(whole) = groups.get(0) else { continue };
        let (Some(before), Some(after)) = (text.get(..whole.start()), text.get(whole.end()..)) else { continue };
        let found = Found { groups, before, after };
        if let Some(replacement) = with(&found) {
            out.push_str(text.get(done..whole.start()).unwrap_or_default());
            out.push_str(&replacement);
            done = whole.end();
        }
    }
    out.push_str(text.get(done..).unwrap_or_default());
    out
}

/// `template` with `{key}` replaced.
pub(crate) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(template.to_owned(), |text, (key, value)| text.replace(&format!("{{{key}}}"), value))
}

/// An alternation of literal texts, the longest first, so that "km/h" wins over "km".
pub(crate) fn any_of<'a>(forms: impl IntoIterator<Item = &'a str>) -> String {
    let mut forms: Vec<&str> = forms.into_iter().collect();
    forms.sort_by_key(|form| std::cmp::Reverse(form.chars().count()));
    let escaped: Vec<String> = forms.into_iter().map(regex::escape).collect();
    escaped.join("|")
}
