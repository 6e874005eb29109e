//! The template language: `(a|b)` alternatives, `[optional]`, `{list:slot}`, `<rule>`, `(a;b)` any order, `\` escapes.

use crate::text::normalize;

/// Templates nested deeper than this are refused: nobody writes them, and unbounded depth would exhaust the stack.
pub const MAX_NESTING: usize = 64;

/// A parsed template.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    /// Literal text with its white space; empty where an optional part is left out.
    Text(String),
    Sequence(Vec<Expr>),
    Alternative(Vec<Expr>),
    Permutation(Vec<Expr>),
    List(ListRef),
    Rule(String),
}

/// `{list:slot}`, `{list}`, `{list:@capture}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ListRef {
    pub(crate) list: String,
    pub(crate) slot: String,
    pub(crate) capture: bool,
    /// White space follows the reference: a wildcard must then end with a word.
    pub(crate) end_of_word: bool,
}

/// What is wrong with a template, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A bracket that is never closed.
    #[error("`{open}` at character {at} is never closed; add `{close}`")]
    Unclosed {
        /// The opening bracket.
        open: char,
        /// The bracket that is missing.
        close: char,
        /// Its position in characters, from 1.
        at: usize,
    },
    /// A closing bracket without its opening one.
    #[error("`{found}` at character {at} closes nothing; remove it or write `\\{found}`")]
    Unexpected {
        /// The bracket found.
        found: char,
        /// Its position in characters, from 1.
        at: usize,
    },
    /// `()`, `[]`, `{}` or `<>`.
    #[error("nothing inside the brackets that open at character {at}")]
    Empty {
        /// Position in characters, from 1.
        at: usize,
    },
    /// `|` and `;` in one group.
    #[error("`|` and `;` are mixed in the group at character {at}; put one of them into its own parentheses")]
    Mixed {
        /// Position in characters, from 1.
        at: usize,
    },
    /// Too deep.
    #[error(
        "brackets are nested more than {MAX_NESTING} deep at character {at}; use expansion rules or shorten the template"
    )]
    TooDeep {
        /// Position in characters, from 1.
        at: usize,
    },
    /// No text at all.
    #[error("the template is empty")]
    Blank,
}

/// Whether a list value is written in the template language.
pub(crate) fn is_template(text: &str) -> bool {
    text.contains(['(', ')', '{', '}', '<', '>', '[', ']', '|', '@'])
}

/// Parses a whole sentence template.
///
/// # Errors
/// [`TemplateError`] with the position of what cannot be read.
pub(crate) fn parse(text: &str) -> Result<Expr, TemplateError> {
    let chars: Vec<char> = text.trim().chars().collect();
    if chars.is_empty() {
        return Err(TemplateError::Blank);
    }
    let mut parser = Parser { chars, at: 0, depth: 0 };
    let expr = parser.group(None, 0)?;
    // A group around the whole sentence adds nothing.
    if let Expr::Sequence(items) = &expr
        && let [only @ (Expr::Sequence(_) | Expr::Alternative(_) | Expr::Permutation(_))] = items.as_slice()
    {
        return Ok(only.clone());
    }
    Ok(expr)
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    depth: usize,
}

/// How the parts of the group that is being read hang together.
enum Kind {
    Sequence,
    Alternative,
    Permutation,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    /// Reads up to `close`, or to the end of the text for the outermost group.
    fn group(&mut self, close: Option<char>, opened_at: usize) -> Result<Expr, TemplateError> {
        if self.depth > MAX_NESTING {
            return Err(TemplateError::TooDeep { at: opened_at });
        }
        let mut kind = Kind::Sequence;
        let mut parts: Vec<Expr> = Vec::new();
        let mut current: Vec<Expr> = Vec::new();
        let first = self.at;
        loop {
            let Some(c) = self.peek() else {
                if let Some(close) = close {
                    let open = if close == ')' { '(' } else { '[' };
                    return Err(TemplateError::Unclosed { open, close, at: opened_at });
                }
                break;
            };
            match c {
                '(' => {
                    let item = self.nested(')')?;
                    current.push(item);
                }
                '[' => {
                    let item = match self.nested(']')? {
                        Expr::Alternative(mut items) => {
                            items.push(Expr::Text(String::new()));
                            Expr::Alternative(items)
                        }
                        other => Expr::Alternative(vec![other, Expr::Text(String::new())]),
                    };
                    current.push(item);
                }
                '{' => {
                    let item = self.list()?;
                    current.push(item);
                }
                '<' => {
                    let name = self.delimited('<', '>')?;
                    current.push(Expr::Rule(name));
                }
                '|' => {
                    self.at += 1;
                    match kind {
                        Kind::Sequence => {
                            kind = Kind::Alternative;
                            parts.push(Expr::Sequence(std::mem::take(&mut current)));
                        }
                        Kind::Alternative => parts.push(Expr::Sequence(std::mem::take(&mut current))),
                        Kind::Permutation => {
                            parts.push(Expr::Sequence(std::mem::take(&mut current)));
                            parts = vec![Expr::Permutation(std::mem::take(&mut parts))];
                            kind = Kind::Alternative;
                        }
                    }
                }
                ';' => {
                    self.at += 1;
                    match kind {
                        Kind::Sequence => kind = Kind::Permutation,
                        Kind::Permutation => {}
                        Kind::Alternative => return Err(TemplateError::Mixed { at: opened_at.max(1) }),
                    }
                    parts.push(Expr::Sequence(std::mem::take(&mut current)));
                }
                ')' | ']' if close == Some(c) => {
                    if self.at == first {
                        return Err(TemplateError::Empty { at: opened_at });
                    }
                    self.at += 1;
                    break;
                }
                ')' | ']' | '}' | '>' => return Err(TemplateError::Unexpected { found: c, at: self.at + 1 }),
                _ => {
                    let item = self.word();
                    current.push(item);
                }
            }
        }
        Ok(match kind {
            Kind::Sequence => Expr::Sequence(current),
            Kind::Alternative => {
                parts.push(Expr::Sequence(current));
                Expr::Alternative(parts)
            }
            Kind::Permutation => {
                parts.push(Expr::Sequence(current));
                for part in &mut parts {
                    if let Expr::Sequence(items) = part {
                        items.insert(0, Expr::Text(" ".into()));
                        items.push(Expr::Text(" ".into()));
                    }
                }
                Expr::Permutation(parts)
            }
        })
    }

    fn nested(&mut self, close: char) -> Result<Expr, TemplateError> {
        self.at += 1;
        self.depth += 1;
        let opened_at = self.at;
        let expr = self.group(Some(close), opened_at)?;
        self.depth -= 1;
        Ok(expr)
    }

    /// A word with the white space that follows it.
    fn word(&mut self) -> Expr {
        let start = self.at;
        let mut text = String::new();
        let mut separated = false;
        while let Some(c) = self.peek() {
            if c == '\\' {
                if separated {
                    break;
                }
                self.at += 1;
                match self.peek() {
                    Some(escaped) => text.push(escaped),
                    None => text.push('\\'),
                }
                self.at += 1;
                continue;
            }
            if self.at > start && c == ' ' {
                separated = true;
            } else if separated || matches!(c, '|' | ';' | '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>') {
                break;
            }
            text.push(c);
            self.at += 1;
        }
        Expr::Text(normalize(&text))
    }

    fn delimited(&mut self, open: char, close: char) -> Result<String, TemplateError> {
        let opened_at = self.at + 1;
        self.at += 1;
        let mut inside = String::new();
        let mut depth = 1;
        while let Some(c) = self.peek() {
            self.at += 1;
            if c == '\\' {
                if let Some(escaped) = self.peek() {
                    inside.push(escaped);
                    self.at += 1;
                }
                continue;
            }
            if c == close {
                depth -= 1;
                if depth == 0 {
                    if inside.is_empty() {
                        return Err(TemplateError::Empty { at: opened_at });
                    }
                    return Ok(inside);
                }
            } else if c == open {
                depth += 1;
            }
            inside.push(c);
        }
        Err(TemplateError::Unclosed { open, close, at: opened_at })
    }

    fn list(&mut self) -> Result<Expr, TemplateError> {
        let inside = self.delimited('{', '}')?;
        let end_of_word = self.peek().is_some_and(char::is_whitespace);
        let (list, slot, capture) = match inside.split_once(':') {
            Some((list, slot)) => match slot.strip_prefix('@') {
                Some(capture) => (list, capture, true),
                None => (list, slot, false),
            },
            None => match inside.strip_prefix('@') {
                Some(name) => (name, name, true),
                None => (inside.as_str(), inside.as_str(), false),
            },
        };
        Ok(Expr::List(ListRef { list: list.into(), slot: slot.into(), capture, end_of_word }))
    }
}

impl Expr {
    /// The number of literal parts, without those of rules: the order of templates with wildcards depends on it.
    pub(crate) fn text_count(&self) -> usize {
        match self {
            Expr::Text(_) => 1,
            Expr::Sequence(items) | Expr::Alternative(items) | Expr::Permutation(items) => {
                items.iter().map(Expr::text_count).sum()
            }
            Expr::List(_) | Expr::Rule(_) => 0,
        }
    }

    /// Calls `visit` for every reference to a list outside of rules.
    pub(crate) fn visit_lists<'a>(&'a self, visit: &mut impl FnMut(&'a ListRef)) {
        match self {
            Expr::List(list) => visit(list),
            Expr::Sequence(items) | Expr::Alternative(items) | Expr::Permutation(items) => {
                for item in items {
                    item.visit_lists(visit);
                }
            }
            Expr::Text(_) | Expr::Rule(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(t: &str) -> Expr {
        Expr::Text(t.into())
    }

    #[test]
    fn words_keep_their_trailing_space() {
        assert_eq!(parse("turn on the").unwrap(), Expr::Sequence(vec![text("turn "), text("on "), text("the")]));
    }

    #[test]
    fn optional_is_an_alternative_with_nothing() {
        let expected =
            Expr::Sequence(vec![text("light"), Expr::Alternative(vec![Expr::Sequence(vec![text("s")]), text("")])]);
        assert_eq!(parse("light[s]").unwrap(), expected);
        let Expr::Alternative(items) = parse("[a|b]").unwrap() else { panic!("not an alternative") };
        assert_eq!(items.len(), 3);
    }

    #[test]
    fn lists_rename_and_capture() {
        let Expr::Sequence(items) = parse("{a:b} {@c}x").unwrap() else { panic!("not a sequence") };
        let lists: Vec<_> = items
            .iter()
            .filter_map(|i| {
                if let Expr::List(l) = i {
                    Some((l.list.as_str(), l.slot.as_str(), l.capture, l.end_of_word))
                } else {
                    None
                }
            })
            .collect();
        assert_eq!(lists, [("a", "b", false, true), ("c", "c", true, false)]);
    }

    #[test]
    fn permutations_are_spaced() {
        let Expr::Permutation(items) = parse("(a;b)").unwrap() else { panic!("not a permutation") };
        assert_eq!(items[0], Expr::Sequence(vec![text(" "), text("a"), text(" ")]));
    }

    #[test]
    fn errors_name_the_place() {
        assert_eq!(parse("turn (on"), Err(TemplateError::Unclosed { open: '(', close: ')', at: 6 }));
        assert_eq!(parse("turn on)"), Err(TemplateError::Unexpected { found: ')', at: 8 }));
        assert_eq!(parse("a () b"), Err(TemplateError::Empty { at: 3 }));
        assert_eq!(parse("  "), Err(TemplateError::Blank));
        assert!(matches!(parse("(a|b;c)"), Err(TemplateError::Mixed { .. })));
        let deep = "(".repeat(1000) + "a" + &")".repeat(1000);
        assert!(matches!(parse(&deep), Err(TemplateError::TooDeep { .. })));
        assert_eq!(parse(r"a \(b\)").unwrap(), Expr::Sequence(vec![text("a "), text("(b)")]));
    }
}
