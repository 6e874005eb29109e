//! The files of a dictionary, for messages that name file and line.

/// The texts of a dictionary's files, for messages that name file and line.
pub(crate) struct Sources<'a> {
    pub(crate) parts: &'a [(&'a str, &'a str)],
}

impl Sources<'_> {
    /// `file:line` of the first place where `text` stands, and `what` it is about.
    pub(crate) fn place(&self, what: &str, text: &str) -> String {
        match self.find(text) {
            Some((file, line)) => format!("{file}:{line}: {what}"),
            None => what.to_owned(),
        }
    }

    pub(crate) fn find(&self, text: &str) -> Option<(String, usize)> {
        let first_line = text.trim().lines().next().unwrap_or_default();
        if first_line.is_empty() {
            return None;
        }
        let escaped = serde_json::to_string(first_line).unwrap_or_default();
        let escaped = escaped.trim_matches('"');
        self.parts.iter().find_map(|(file, content)| {
            let at = content.find(first_line).or_else(|| content.find(escaped))?;
            let line = content.get(..at).map_or(1, |before| before.matches('\n').count() + 1);
            Some(((*file).to_owned(), line))
        })
    }

    /// File and line of the last place where `text` stands: of what is there twice, the second.
    pub(crate) fn find_last(&self, text: &str) -> Option<(String, usize)> {
        let escaped = serde_json::to_string(text).unwrap_or_default();
        let escaped = escaped.trim_matches('"');
        self.parts.iter().rev().find_map(|(file, content)| {
            let at = content.rfind(text).or_else(|| content.rfind(escaped))?;
            let line = content.get(..at).map_or(1, |before| before.matches('\n').count() + 1);
            Some(((*file).to_owned(), line))
        })
    }

    /// File and line where `key` is defined under `section`, in YAML or JSON.
    pub(crate) fn find_key(&self, section: &str, key: &str) -> Option<(String, usize)> {
        let is_key = |line: &str, key: &str| {
            let line = line.trim_start().trim_start_matches('"');
            line.strip_prefix(key).is_some_and(|rest| rest.trim_start_matches('"').trim_start().starts_with(':'))
        };
        self.parts.iter().find_map(|(file, content)| {
            let mut inside = false;
            for (number, line) in content.lines().enumerate() {
                if inside && is_key(line, key) {
                    return Some(((*file).to_owned(), number + 1));
                }
                inside |= is_key(line, section);
            }
            None
        })
    }
}
