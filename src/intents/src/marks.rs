//! The lines of a file's keys and items, by its structure: what is written is read as the dictionary reads it, so
//! comments, quotes, escapes and folded lines cannot mislead.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use serde_saphyr::granit_parser::{self, Event, Parser, ScalarStyle};

/// JSON allows longer keys than YAML's thousand characters.
const LONGEST_KEY: usize = 1 << 20;

/// A key with its value, or an item of a list.
#[derive(Debug, Clone)]
pub(crate) struct Mark {
    /// Its line, from 1.
    pub(crate) line: u32,
    inside: Inside,
}

#[derive(Debug, Clone)]
enum Inside {
    Nothing,
    // Shared, because aliases repeat what they stand for and can multiply it.
    Map(Rc<BTreeMap<Box<str>, Mark>>),
    List(Rc<Vec<Mark>>),
}

impl Mark {
    pub(crate) fn is_leaf(&self) -> bool {
        matches!(self.inside, Inside::Nothing)
    }

    pub(crate) fn key(&self, key: &str) -> Option<&Mark> {
        match &self.inside {
            Inside::Map(entries) => entries.get(key),
            _ => None,
        }
    }

    /// The items of a list; none of anything else.
    pub(crate) fn items(&self) -> &[Mark] {
        match &self.inside {
            Inside::List(items) => items,
            _ => &[],
        }
    }
}

/// A key that is there twice in one map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Twice {
    pub(crate) key: String,
    pub(crate) first: u32,
    pub(crate) second: u32,
}

/// What is known of one file.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    pub(crate) root: Option<Mark>,
    pub(crate) twice: Vec<Twice>,
}

/// Reads YAML or JSON; of a file that breaks off, what stands before that.
pub(crate) fn marks(text: &str) -> Marks {
    let mut options = granit_parser::Options::default();
    options.emit_comments = false;
    options.simple_key_max_lookahead = LONGEST_KEY;
    let mut builder = Builder::default();
    for next in Parser::new_from_str_with_options(text.trim_start_matches('\u{feff}'), options) {
        let Ok((event, span)) = next else { break };
        builder.take(&event, u32::try_from(span.start.line()).unwrap_or(u32::MAX));
        if builder.marks.root.is_some() {
            break;
        }
    }
    while !builder.open.is_empty() {
        builder.close();
    }
    builder.marks
}

/// A map or list whose end was not yet read.
struct Open {
    line: u32,
    anchor: usize,
    kind: Kind,
}

enum Kind {
    Map {
        entries: BTreeMap<Box<str>, Mark>,
        key: Option<Key>,
        merged: Vec<Mark>,
    },
    List {
        items: Vec<Mark>,
        /// The values of a list of the dictionary: there can be a million, and nobody asks what is inside of one.
        values: bool,
    },
    /// Not looked into.
    Skipped,
}

struct Key {
    text: Box<str>,
    line: u32,
    is_merge: bool,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, Inside>,
    marks: Marks,
}

impl Builder {
    fn take(&mut self, event: &Event<'_>, line: u32) {
        match event {
            Event::Scalar(text, style, anchor, _) => {
                if let Some(Open { kind: Kind::Map { key: key @ None, .. }, .. }) = self.open.last_mut() {
                    let is_merge = *style == ScalarStyle::Plain && text == "<<";
                    *key = Some(Key { text: text.as_ref().into(), line, is_merge });
                } else {
                    self.put(Mark { line, inside: Inside::Nothing }, *anchor);
                }
            }
            Event::SequenceStart(_, anchor, _) => {
                let parent = self.open.last().map(|open| &open.kind);
                let values = matches!(parent, Some(Kind::Map { key: Some(key), .. }) if &*key.text == "values");
                self.start(line, *anchor, Kind::List { items: Vec::new(), values });
            }
            Event::MappingStart(_, anchor, _) => {
                let kind = Kind::Map { entries: BTreeMap::new(), key: None, merged: Vec::new() };
                self.start(line, *anchor, kind);
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => {
                let inside = self.anchors.get(anchor).cloned().unwrap_or(Inside::Nothing);
                self.put(Mark { line, inside }, 0);
            }
            _ => {}
        }
    }

    fn start(&mut self, line: u32, anchor: usize, kind: Kind) {
        let skipped = match self.open.last().map(|open| &open.kind) {
            Some(Kind::List { values, .. }) => *values,
            Some(Kind::Map { key, .. }) => key.is_none(),
            Some(Kind::Skipped) => true,
            None => false,
        };
        self.open.push(Open { line, anchor, kind: if skipped { Kind::Skipped } else { kind } });
    }

    fn close(&mut self) {
        let Some(Open { line, anchor, kind }) = self.open.pop() else { return };
        let inside = match kind {
            Kind::Skipped => Inside::Nothing,
            Kind::List { items, .. } => Inside::List(Rc::new(items)),
            Kind::Map { mut entries, merged, .. } => {
                for other in merged.iter().flat_map(|mark| std::iter::once(mark).chain(mark.items())) {
                    if let Inside::Map(more) = &other.inside {
                        for (key, mark) in more.iter() {
                            entries.entry(key.clone()).or_insert_with(|| mark.clone());
                        }
                    }
                }
                Inside::Map(Rc::new(entries))
            }
        };
        self.put(Mark { line, inside }, anchor);
    }

    fn put(&mut self, mut mark: Mark, anchor: usize) {
        if anchor != 0 {
            self.anchors.insert(anchor, mark.inside.clone());
        }
        match self.open.last_mut().map(|open| &mut open.kind) {
            None => self.marks.root = Some(mark),
            Some(Kind::Skipped) => {}
            Some(Kind::List { items, .. }) => items.push(mark),
            Some(Kind::Map { entries, key, merged }) => match key.take() {
                // A map or an alias as the key: nothing that a dictionary has.
                None => *key = Some(Key { text: "".into(), line: mark.line, is_merge: false }),
                Some(key) if key.is_merge => merged.push(mark),
                Some(Key { text, line, .. }) => {
                    mark.line = line;
                    if let Some(first) = entries.get(&text) {
                        let twice = Twice { key: text.to_string(), first: first.line, second: line };
                        self.marks.twice.push(twice);
                    }
                    entries.insert(text, mark);
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, keys: &[&str]) -> Option<u32> {
        let marks = marks(text);
        keys.iter().try_fold(marks.root.as_ref()?, |mark, key| mark.key(key)).map(|mark| mark.line)
    }

    #[test]
    fn aliases_and_merges_lead_to_where_it_is_written() {
        let text = "x: &base\n  slots: {}\n  own: 1\nl: &l [a,\n  b]\ny:\n  <<: *base\n  own: 2\nz: *l\n";
        assert_eq!(line(text, &["y", "slots"]), Some(2));
        assert_eq!(line(text, &["y", "own"]), Some(8));
        let marks = marks(text);
        let items = marks.root.as_ref().and_then(|root| root.key("z")).map(Mark::items).unwrap_or_default();
        assert_eq!(items.iter().map(|item| item.line).collect::<Vec<_>>(), [4, 5]);
    }

    #[test]
    fn json_with_tabs_and_escapes() {
        assert_eq!(line("{\n\t\"a\\u0062\": {\n\t\t\"c\":1},\r\n\"\\ud83d\\ude00\":2}", &["ab", "c"]), Some(3));
        assert_eq!(line("{\n\t\"a\": 1,\r\n\"\\ud83d\\ude00\":2}", &["\u{1f600}"]), Some(3));
    }

    #[test]
    fn what_stands_before_a_fault_is_known() {
        assert_eq!(line("a: 1\nb:\n  c: 2\nd: [1, 2\n", &["b", "c"]), Some(3));
    }

    #[test]
    fn keys_that_are_there_twice() {
        let twice = marks("a: 1\nb: {c: 1,\n  c: 2}\na: 2\n").twice;
        let wanted = [("c", 2, 3), ("a", 1, 4)];
        assert_eq!(twice.iter().map(|t| (t.key.as_str(), t.first, t.second)).collect::<Vec<_>>(), wanted);
    }
}
