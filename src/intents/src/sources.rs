//! The files of a dictionary, for messages that name file and line.

use std::cell::OnceCell;

use crate::marks::{Mark, Marks, marks};

/// One step into a file: to the value under a key, or to an item of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    Key(&'a str),
    Item(usize),
}

/// A file and a line in it, from 1; 0 where only the file is known.
pub(crate) type Place = (String, usize);

/// The texts of a dictionary's files, for messages that name file and line.
pub(crate) struct Sources<'a> {
    pub(crate) parts: &'a [(&'a str, &'a str)],
    /// Made when the first message asks for a line: most dictionaries have nothing wrong with them.
    marks: OnceCell<Vec<Marks>>,
}

impl<'a> Sources<'a> {
    pub(crate) fn new(parts: &'a [(&'a str, &'a str)]) -> Self {
        Self { parts, marks: OnceCell::new() }
    }

    /// What is known of every file, in their order.
    pub(crate) fn marks(&self) -> &[Marks] {
        self.marks.get_or_init(|| self.parts.iter().map(|(_, text)| marks(text)).collect())
    }

    /// `file:line: what`, where `path` leads in the merged files.
    pub(crate) fn place(&self, what: &str, path: &[Step<'_>]) -> String {
        match self.find(path) {
            Some((file, line)) => format!("{file}:{line}: {what}"),
            None => what.to_owned(),
        }
    }

    /// Where `path` leads in the merged files, or the last place on the way there.
    pub(crate) fn find(&self, path: &[Step<'_>]) -> Option<Place> {
        let roots = self.marks().iter().enumerate().filter_map(|(file, marks)| Some((file, marks.root.as_ref()?)));
        self.follow(roots.collect(), path)
    }

    /// The same in one file, counted from 0.
    pub(crate) fn find_in(&self, file: usize, path: &[Step<'_>]) -> Option<Place> {
        let root = self.marks().get(file)?.root.as_ref()?;
        let place = self.follow(vec![(file, root)], path);
        place.or_else(|| self.named(file, root))
    }

    fn follow(&self, mut here: Vec<(usize, &Mark)>, path: &[Step<'_>]) -> Option<Place> {
        let mut found = None;
        for step in path {
            here = match *step {
                Step::Key(key) => {
                    here.into_iter().filter_map(|(file, mark)| mark.key(key).map(|mark| (file, mark))).collect()
                }
                Step::Item(number) => item(&here, number).into_iter().collect(),
            };
            // Maps and lists of several files are put together; of anything else, the last one counts.
            let Some((file, mark)) = here.iter().find(|(_, mark)| !mark.is_leaf()).or(here.last()) else { break };
            found = self.named(*file, mark);
        }
        found
    }

    fn named(&self, file: usize, mark: &Mark) -> Option<Place> {
        let (name, _) = self.parts.get(file)?;
        Some(((*name).to_owned(), mark.line as usize))
    }

    /// Takes the place off the beginning of a message.
    pub(crate) fn split<'m>(&self, message: &'m str) -> (Option<Place>, &'m str) {
        let part = |file: &str| {
            let rest = message.strip_prefix(file)?.strip_prefix(':')?;
            let numbered = rest.split_once(": ").and_then(|(line, rest)| Some((line.parse().ok()?, rest)));
            let (line, rest) = numbered.or_else(|| Some((0, rest.strip_prefix(' ')?)))?;
            Some(((file.to_owned(), line), rest))
        };
        // One name may begin like another.
        let longest = self.parts.iter().filter_map(|(file, _)| part(file)).max_by_key(|((file, _), _)| file.len());
        match longest {
            Some((place, rest)) => (Some(place), rest),
            None => (None, message),
        }
    }
}

/// The item with this number of lists that are one behind the other.
fn item<'m>(lists: &[(usize, &'m Mark)], mut number: usize) -> Option<(usize, &'m Mark)> {
    for (file, mark) in lists {
        match mark.items().get(number) {
            Some(item) => return Some((*file, item)),
            None => number -= mark.items().len(),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_several_files_are_counted_on() {
        let sources = Sources::new(&[("a", "x: [1,\n 2]"), ("b", "y: 1\nx:\n- 3\n- 4\n"), ("c", "\ny: 2")]);
        let find = |path: &[Step<'_>]| sources.find(path);
        assert_eq!(find(&[Step::Key("x"), Step::Item(1)]), Some(("a".into(), 2)));
        assert_eq!(find(&[Step::Key("x"), Step::Item(3)]), Some(("b".into(), 4)));
        assert_eq!(find(&[Step::Key("y")]), Some(("c".into(), 2)));
        assert_eq!(find(&[Step::Key("x"), Step::Item(9)]), Some(("a".into(), 1)));
        assert_eq!(find(&[Step::Key("z")]), None);
    }

    #[test]
    fn places_are_split_off() {
        let sources = Sources::new(&[("a.yaml", ""), ("a.yaml:b", "")]);
        assert_eq!(sources.split("a.yaml:3: x: y"), (Some(("a.yaml".into(), 3)), "x: y"));
        assert_eq!(sources.split("a.yaml: x: y"), (Some(("a.yaml".into(), 0)), "x: y"));
        assert_eq!(sources.split("a.yaml:b:4: x"), (Some(("a.yaml:b".into(), 4)), "x"));
        assert_eq!(sources.split("list {a}: x"), (None, "list {a}: x"));
    }
}
