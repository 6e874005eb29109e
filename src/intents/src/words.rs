//! The words of a dictionary, and how they sound.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use crate::graph::{Graph, List, Node, NodeId};

/// More ways to say a part than this and its words are taken one by one.
const MAX_FORMS: usize = 24;
/// Parts of templates of fewer characters are only words where they stand alone.
const MIN_PART: u16 = 3;

/// The words of a dictionary, and how its language sounds.
#[derive(Debug, Default)]
pub(crate) struct Words {
    pub(crate) known: HashSet<String>,
    /// Words that may stand in for an unknown one, with their sound.
    pub(crate) choices: Vec<(String, String)>,
    sounds: Vec<(String, String)>,
}

impl Words {
    pub(crate) fn new(graph: &Graph, sounds: Vec<(String, String)>) -> Self {
        let mut words = Self { sounds, ..Self::default() };
        let mut add = |text: &str| {
            for word in text.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|w| !w.is_empty()) {
                if !words.known.contains(word) {
                    words.known.insert(word.to_owned());
                }
            }
        };
        let mut forms = Forms { graph, known: HashMap::new() };
        for id in 0..graph.nodes.len() as NodeId {
            match graph.node(id) {
                Node::Text(literal) if literal.chars >= MIN_PART => add(&literal.text),
                Node::Sequence(items) => forms.said_together(items, &mut add),
                Node::Alternative(items) if forms.of(id).is_none() => {
                    items
                        .iter()
                        .filter_map(|item| forms.of(*item))
                        .for_each(|texts| texts.iter().for_each(|text| add(text)));
                }
                _ => {}
            }
        }
        for sentence in &graph.sentences {
            forms.of(sentence.root).iter().for_each(|texts| texts.iter().for_each(|text| add(text)));
        }
        for list in &graph.lists {
            match list {
                List::Values { values, .. } => values.index.iter().take(10_000).for_each(|(text, _)| add(text)),
                List::Range(range) => range.words.index.iter().for_each(|(text, _)| add(text)),
                _ => {}
            }
        }
        let mut choices: Vec<String> = words.known.iter().filter(|w| w.chars().count() > 2).cloned().collect();
        choices.sort();
        words.choices = choices.into_iter().map(|word| (words.sound(&word), word)).map(|(s, w)| (w, s)).collect();
        words
    }

    /// Whether a word is one of the dictionary or the home, or is put together from them: "twenty-onepercent".
    pub(crate) fn is_known(&self, word: &str, home: &HashSet<String>) -> bool {
        let known = |part: &str| self.known.contains(part) || home.contains(part);
        // Templates write "{area}lampe", so a word may be two.
        let of_two = |part: &str| {
            part.char_indices().skip(2).any(|(at, _)| {
                let (head, tail) = part.split_at_checked(at).unwrap_or_default();
                tail.chars().nth(1).is_some() && known(head) && self.known.contains(tail)
            })
        };
        known(word)
            || word
                .split(|c: char| !(c.is_alphabetic() || c == '\''))
                .filter(|part| !part.is_empty())
                .all(|part| known(part) || of_two(part))
    }

    /// How a word sounds, roughly: the language's replacements, then doubled letters made single.
    pub(crate) fn sound(&self, word: &str) -> String {
        let mut sound = word.to_owned();
        for (from, to) in &self.sounds {
            match from.strip_suffix('$') {
                Some(ending) => {
                    if sound.len() > ending.len()
                        && let Some(stem) = sound.strip_suffix(ending)
                    {
                        sound = format!("{stem}{to}");
                    }
                }
                None => sound = sound.replace(from.as_str(), to),
            }
        }
        let mut single = String::with_capacity(sound.len());
        for c in sound.chars() {
            if !single.ends_with(c) {
                single.push(c);
            }
        }
        single
    }
}

/// The texts that small parts of templates stand for: "colo[u]r" is two words, not three.
struct Forms<'a> {
    graph: &'a Graph,
    known: HashMap<NodeId, Option<Rc<[String]>>>,
}

impl Forms<'_> {
    /// All texts of a part; `None` where it has lists or too many of them.
    fn of(&mut self, id: NodeId) -> Option<Rc<[String]>> {
        if let Some(known) = self.known.get(&id) {
            return known.clone();
        }
        let graph = self.graph;
        let forms = match graph.node(id) {
            Node::Text(literal) => Some(vec![literal.text.to_string()].into()),
            Node::Alternative(items) if items.len() <= MAX_FORMS => {
                let each: Option<Vec<Rc<[String]>>> = items.iter().map(|item| self.of(*item)).collect();
                each.map(|each| Rc::from(each.concat())).filter(|all: &Rc<[String]>| all.len() <= MAX_FORMS)
            }
            Node::Sequence(items) => items
                .iter()
                .try_fold(vec![String::new()], |before, item| {
                    let after = self.of(*item)?;
                    (before.len() * after.len() <= MAX_FORMS).then(|| joined(&before, &after))
                })
                .map(Rc::from),
            _ => None,
        };
        self.known.insert(id, forms.clone());
        forms
    }

    /// The words of a sequence, with those that its parts make together.
    fn said_together(&mut self, items: &[NodeId], add: &mut impl FnMut(&str)) {
        // No texts are one empty text.
        let mut texts: Vec<String> = Vec::new();
        for item in items {
            let forms = self.of(*item);
            match &forms {
                Some(forms) if texts.is_empty() && forms.iter().all(|text| text.ends_with(' ')) => {
                    forms.iter().for_each(|text| add(text));
                    continue;
                }
                Some(forms) if texts.is_empty() => texts = forms.to_vec(),
                Some(forms) if forms.len() * texts.len() <= MAX_FORMS => texts = joined(&texts, forms),
                _ => {
                    texts.iter().for_each(|text| add(text));
                    texts = forms.map_or_else(Vec::new, |forms| forms.to_vec());
                }
            }
            // Nothing is joined across a space.
            if texts.iter().all(|text| text.ends_with(' ')) {
                texts.iter().for_each(|text| add(text));
                texts.clear();
            }
        }
        texts.iter().for_each(|text| add(text));
    }
}

fn joined(before: &[String], after: &[String]) -> Vec<String> {
    before.iter().flat_map(|head| after.iter().map(move |tail| format!("{head}{tail}"))).collect()
}
