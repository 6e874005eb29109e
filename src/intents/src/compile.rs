//! From templates to a graph that the matcher walks: rules resolved, equal parts shared, sentences in a tree of common
//! beginnings.

mod list;

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::graph::{
    Block, Class, Graph, List, ListId, ListUse, Literal, Node, NodeId, Range, SentenceTemplate, SlotId, SpokenNumbers,
};
use crate::index::IndexBuilder;
use crate::list::{Fractions, RawRange};
use crate::load::{LoadError, shorten, template_error};
use crate::numbers::{MAX_TEXTS_OF_RANGE, NumberWords, Spelt};
use crate::raw::{Raw, RawBlock, block_path, within};
use crate::sources::Sources;
use crate::sources::Step::{self, Item, Key};
use crate::template::{self, Expr, ListRef};
use crate::text::{fold, strip_unspaced};

/// Parts nested deeper than this after expanding rules are refused.
const MAX_DEPTH: u16 = 200;
/// More numbers than this in one range get no number words.
const MAX_NUMBER_WORDS: u64 = 20_000;
/// Parts of parts are put side by side up to this many; beyond, rules that double each other would grow without end.
const MAX_FLAT: usize = 128;
/// More parts in any order than this are refused: the orders multiply.
const MAX_PERMUTATION: usize = 10;
/// More distinct parts than this in one dictionary are refused.
const MAX_NODES: usize = 4_000_000;
const TOO_DEEP: &str = "rules are nested too deep once they are expanded; make them flatter";
/// What is wrong with a rule that is no text.
pub(crate) const NO_BODY: &str = "the body must be a text; put quotes around it";

/// Compiles a merged dictionary.
pub(crate) fn compile(raw: &mut Raw, sources: &Sources<'_>) -> Result<Graph, LoadError> {
    let mut rules = HashMap::new();
    for (name, body) in &raw.rules {
        rules.insert(name.clone(), rule(name, &[Key("expansion_rules"), Key(name)], body, sources)?);
    }
    let mut compiler = Compiler {
        graph: Graph::default(),
        ignore_whitespace: raw.settings.ignore_whitespace,
        ids: HashMap::new(),
        depth: Vec::new(),
        slot_ids: HashMap::new(),
        sources,
        numbers: std::mem::take(&mut raw.numbers),
        spoken: Vec::new(),
        spelt: Spelt::new(),
        rules,
        lists: std::mem::take(&mut raw.lists),
        list_ids: HashMap::new(),
        rule_ids: HashMap::new(),
        local: Local::default(),
        open: Vec::new(),
    };
    for (intent, definition) in std::mem::take(&mut raw.intents) {
        for block in definition.data {
            compiler.block(&intent, block)?;
        }
    }
    let Compiler { mut graph, slot_ids, .. } = compiler;
    graph.command_slots = raw.command_slots.iter().filter_map(|slot| slot_ids.get(slot).copied()).collect();
    graph.nodes.shrink_to_fit();
    graph.has_last_resorts = graph.blocks.iter().any(Block::is_last_resort);
    graph.has_keywords = graph.blocks.iter().any(|block| block.required_keywords.is_some());
    graph.note_beginnings();
    Ok(graph)
}

fn rule(name: &str, path: &[Step<'_>], body: &Value, sources: &Sources<'_>) -> Result<Arc<Expr>, LoadError> {
    let what = format!("expansion rule <{name}>");
    let Some(text) = body.as_str() else {
        return Err(LoadError::Shape { place: sources.place(&what, path), message: NO_BODY.into() });
    };
    template::parse(text).map(Arc::new).map_err(|error| template_error(&what, path, text, error, sources))
}

/// What a block of sentences brings of its own.
#[derive(Default)]
struct Local {
    intent: String,
    block: usize,
    rules: HashMap<String, Arc<Expr>>,
    lists: Map<String, Value>,
    list_ids: HashMap<String, ListId>,
    rule_ids: HashMap<String, NodeId>,
}

impl Local {
    fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.lists.is_empty()
    }
}

struct Compiler<'a> {
    graph: Graph,
    ignore_whitespace: bool,
    ids: HashMap<Node, NodeId>,
    depth: Vec<u16>,
    slot_ids: HashMap<String, SlotId>,
    sources: &'a Sources<'a>,
    numbers: NumberWords,
    spoken: Vec<(RawRange, Arc<SpokenNumbers>)>,
    spelt: Spelt,
    rules: HashMap<String, Arc<Expr>>,
    lists: Map<String, Value>,
    list_ids: HashMap<String, ListId>,
    rule_ids: HashMap<String, NodeId>,
    local: Local,
    /// Rules and lists that are being compiled: a second visit is a circle.
    open: Vec<String>,
}

/// A sentence's place for messages.
struct At<'a> {
    what: &'a str,
    path: &'a [Step<'a>],
}

impl Compiler<'_> {
    fn place(&self, at: &At<'_>) -> String {
        self.sources.place(at.what, at.path)
    }

    fn block(&mut self, intent: &str, raw: RawBlock) -> Result<(), LoadError> {
        let what = format!("intent {intent}");
        let path = block_path(intent, raw.number);
        let mut rules = HashMap::new();
        for (name, body) in &raw.expansion_rules {
            let path = within(&path, &[Key("expansion_rules"), Key(name)]);
            rules.insert(name.clone(), rule(name, &path, body, self.sources)?);
        }
        self.local =
            Local { intent: intent.to_owned(), block: raw.number, rules, lists: raw.lists, ..Local::default() };
        let number = self.graph.blocks.len() as u32;
        self.graph.blocks.push(Block {
            intent: intent.to_owned(),
            slots: raw.slots,
            response: raw.response,
            requires: raw.requires_context,
            excludes: raw.excludes_context,
            metadata: raw.metadata,
            required_keywords: raw.required_keywords,
        });

        let mut sentences = Vec::with_capacity(raw.sentences.len());
        for (item, text) in raw.sentences.into_iter().enumerate() {
            let expr = template::parse(&text).map_err(|error| {
                let path = within(&path, &[Key("sentences"), Item(item)]);
                template_error(&what, &path, &text, error, self.sources)
            })?;
            sentences.push((self.order(&expr), item, text, expr));
        }
        // Templates with wildcards: those with more literal text first.
        sentences.sort_by_key(|(order, ..)| *order);
        for (_, item, text, expr) in sentences {
            let [intents, intent, data, block] = path;
            let at = At { what: &what, path: &[intents, intent, data, block, Key("sentences"), Item(item)] };
            let root = self.expr(&expr, &at, 0)?;
            let class = self.class(&expr);
            let sentence = self.graph.sentences.len() as u32;
            self.graph.sentences.push(SentenceTemplate { block: number, text, root });
            self.plant(class, root, sentence, number);
        }
        Ok(())
    }

    /// Whether a list takes any words. What a block brings of its own does not count, as in the reference.
    fn is_wildcard(&self, list: &str) -> bool {
        self.lists
            .get(list)
            .is_some_and(|d| d.get("wildcard").and_then(Value::as_bool) == Some(true) && d.get("values").is_none())
    }

    fn order(&self, expr: &Expr) -> i64 {
        let mut wildcard = false;
        expr.visit_lists(&mut |list| {
            wildcard |=
                self.lists.get(&list.list).and_then(|d| d.get("wildcard")).and_then(Value::as_bool) == Some(true);
        });
        if wildcard { -(expr.text_count() as i64) } else { 0 }
    }

    fn class(&self, expr: &Expr) -> Class {
        let Expr::Sequence(items) = expr else { return Class::Plain };
        let wild = |item: Option<&Expr>| matches!(item, Some(Expr::List(l)) if self.is_wildcard(&l.list));
        match items.as_slice() {
            [only] if wild(Some(only)) => Class::WildcardOnly,
            [_] => Class::Plain,
            _ if wild(items.first()) => Class::WildcardFirst,
            _ if wild(items.last()) => Class::WildcardLast,
            _ => Class::Plain,
        }
    }

    fn intern(&mut self, node: Node, at: &At<'_>) -> Result<NodeId, LoadError> {
        if let Some(id) = self.ids.get(&node) {
            return Ok(*id);
        }
        if self.graph.nodes.len() >= MAX_NODES {
            return Err(self.too_large(at, "the dictionary has too many different parts; split it"));
        }
        let children: &[NodeId] = match &node {
            Node::Sequence(items) | Node::Alternative(items) | Node::Permutation(items) => items,
            _ => &[],
        };
        let below = children.iter().filter_map(|c| self.depth.get(*c as usize)).max().copied().unwrap_or(0);
        let below = match &node {
            Node::List(list) => below.max(self.list_depth(list.list)),
            _ => below,
        };
        if below >= MAX_DEPTH {
            return Err(self.too_large(at, TOO_DEEP));
        }
        let literal = match &node {
            Node::List(_) => false,
            _ => children.iter().all(|c| self.graph.is_literal(*c)),
        };
        let id = self.graph.nodes.len() as NodeId;
        self.graph.nodes.push(node.clone());
        self.graph.literal.push(literal);
        self.depth.push(below + 1);
        self.ids.insert(node, id);
        Ok(id)
    }

    fn list_depth(&self, list: ListId) -> u16 {
        match self.graph.lists.get(list as usize) {
            Some(List::Values { nodes, .. }) => {
                nodes.values().filter_map(|n| self.depth.get(*n as usize)).max().copied().unwrap_or(0)
            }
            _ => 0,
        }
    }

    /// Calls itself for what is inside: its parts are apart, so that each call needs little room.
    fn expr(&mut self, expr: &Expr, at: &At<'_>, nesting: usize) -> Result<NodeId, LoadError> {
        if nesting > usize::from(MAX_DEPTH) {
            return Err(self.too_large(at, TOO_DEEP));
        }
        match expr {
            Expr::Text(text) => self.text(text, at),
            Expr::Sequence(items) => self.sequence(items, at, nesting),
            Expr::Alternative(items) => self.alternative(items, at, nesting),
            Expr::Permutation(items) => self.permutation(items, at, nesting),
            Expr::List(list) => self.list_use(list, at),
            Expr::Rule(name) => self.rule(name, at, nesting),
        }
    }

    fn too_large(&self, at: &At<'_>, message: &str) -> LoadError {
        LoadError::TooLarge { place: self.place(at), message: message.to_owned() }
    }

    fn sequence(&mut self, items: &[Expr], at: &At<'_>, nesting: usize) -> Result<NodeId, LoadError> {
        let mut parts = Vec::with_capacity(items.len());
        for item in items {
            let id = self.expr(item, at, nesting + 1)?;
            match self.graph.node(id) {
                Node::Sequence(inner) if parts.len() + inner.len() <= MAX_FLAT => parts.extend_from_slice(inner),
                _ => parts.push(id),
            }
        }
        match parts.as_slice() {
            [] => self.intern(Node::Never, at),
            [only] => Ok(*only),
            _ => self.intern(Node::Sequence(parts.into()), at),
        }
    }

    fn alternative(&mut self, items: &[Expr], at: &At<'_>, nesting: usize) -> Result<NodeId, LoadError> {
        let mut parts = Vec::with_capacity(items.len());
        for item in items {
            let id = self.expr(item, at, nesting + 1)?;
            match self.graph.node(id) {
                Node::Alternative(inner) if parts.len() + inner.len() <= MAX_FLAT => parts.extend_from_slice(inner),
                Node::Never => {}
                _ => parts.push(id),
            }
        }
        let mut seen = std::collections::HashSet::new();
        parts.retain(|part| seen.insert(*part));
        match parts.as_slice() {
            [] => self.intern(Node::Never, at),
            [only] => Ok(*only),
            _ => self.intern(Node::Alternative(parts.into()), at),
        }
    }

    fn permutation(&mut self, items: &[Expr], at: &At<'_>, nesting: usize) -> Result<NodeId, LoadError> {
        if items.len() > MAX_PERMUTATION {
            let message = format!("more than {MAX_PERMUTATION} parts in any order; use fewer `;`");
            return Err(self.too_large(at, &message));
        }
        let parts = items.iter().map(|i| self.expr(i, at, nesting + 1)).collect::<Result<Vec<_>, _>>()?;
        self.intern(Node::Permutation(parts.into()), at)
    }

    fn text(&mut self, text: &str, at: &At<'_>) -> Result<NodeId, LoadError> {
        let folded = fold(text);
        let folded = if self.ignore_whitespace { strip_unspaced(&folded) } else { folded };
        let chars = folded.trim().chars().count();
        let lead = folded.len() - folded.trim_start().len();
        let (Ok(chars), Ok(lead)) = (u16::try_from(chars), u16::try_from(lead)) else {
            let message = format!(
                "a word has {} characters without a space; at most {} can be matched, so shorten it or take it apart",
                folded.chars().count(),
                u16::MAX
            );
            return Err(self.too_large(at, &message));
        };
        self.intern(Node::Text(Literal { text: folded.into(), lead, chars }), at)
    }

    fn rule(&mut self, name: &str, at: &At<'_>, nesting: usize) -> Result<NodeId, LoadError> {
        let known = if self.local.is_empty() { &self.rule_ids } else { &self.local.rule_ids };
        if let Some(id) = known.get(name) {
            return Ok(*id);
        }
        let body = self.local.rules.get(name).or_else(|| self.rules.get(name)).cloned();
        let Some(body) = body else {
            return Err(LoadError::UnknownRule { place: self.place(at), name: name.to_owned() });
        };
        self.enter(format!("<{name}>"), at)?;
        let id = self.expr(&body, at, nesting + 1)?;
        self.open.pop();
        let known = if self.local.is_empty() { &mut self.rule_ids } else { &mut self.local.rule_ids };
        known.insert(name.to_owned(), id);
        Ok(id)
    }

    fn enter(&mut self, name: String, at: &At<'_>) -> Result<(), LoadError> {
        if let Some(start) = self.open.iter().position(|open| *open == name) {
            let mut path = self.open.get(start..).unwrap_or_default().to_vec();
            path.push(name.clone());
            return Err(LoadError::Circular { place: self.place(at), name, path: shorten(&path.join(" → ")) });
        }
        if self.open.len() >= usize::from(MAX_DEPTH) {
            let message = "rules and lists are nested too deep once they are expanded; make them flatter";
            return Err(self.too_large(at, message));
        }
        self.open.push(name);
        Ok(())
    }

    fn list_use(&mut self, list: &ListRef, at: &At<'_>) -> Result<NodeId, LoadError> {
        let id = self.list(&list.list, at)?;
        let next = self.graph.slots.len() as SlotId;
        let slot = *self.slot_ids.entry(list.slot.clone()).or_insert(next);
        if slot == next {
            self.graph.slots.push(list.slot.clone());
        }
        let used = ListUse { list: id, slot, capture: list.capture, end_of_word: list.end_of_word };
        self.intern(Node::List(used), at)
    }

    fn range(&mut self, raw: RawRange) -> List {
        let words = self.spoken_numbers(&raw);
        List::Range(Range { raw, words })
    }

    /// The number words of a range; ranges with the same numbers share them.
    fn spoken_numbers(&mut self, range: &RawRange) -> Arc<SpokenNumbers> {
        let parts = if range.fractions.is_some() { 10 } else { 1 };
        if !range.words || self.numbers.is_empty() || range.steps() > MAX_NUMBER_WORDS / parts {
            return Arc::default();
        }
        let same = |other: &RawRange| {
            (other.from, other.to, other.step, other.fractions) == (range.from, range.to, range.step, range.fractions)
        };
        if let Some((_, spoken)) = self.spoken.iter().find(|(other, _)| same(other)) {
            return Arc::clone(spoken);
        }
        let tenths: &[u64] = match range.fractions {
            None => &[0],
            Some(Fractions::Halves) => &[0, 5],
            Some(Fractions::Tenths) => &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        };
        let mut left = MAX_TEXTS_OF_RANGE;
        let mut numbers = Vec::new();
        let mut texts: Vec<(String, u32)> = Vec::new();
        for step in 0..=range.steps() {
            let whole = range.from.saturating_add(range.step.saturating_mul(step as i64));
            for tenth in tenths {
                let (spellings, sign) = match u64::try_from(whole) {
                    Ok(positive) => (self.numbers.tenths(positive, *tenth, &mut self.spelt, &mut left), 1.0),
                    Err(_) => (self.numbers.negative(whole.unsigned_abs(), *tenth, &mut self.spelt, &mut left), -1.0),
                };
                let number = whole as f64 + sign * *tenth as f64 / 10.0;
                // "Minus ten point five" is below minus ten.
                if number < range.from as f64 {
                    continue;
                }
                for spelling in spellings {
                    let folded = fold(&spelling);
                    let broken = folded.replace(['-', '_'], " ");
                    if broken != folded {
                        texts.push((broken, numbers.len() as u32));
                    }
                    texts.push((folded, numbers.len() as u32));
                }
                numbers.push(number);
            }
        }
        texts.sort();
        texts.dedup();
        let mut index = IndexBuilder::default();
        for (text, number) in &texts {
            index.add(text, *number);
        }
        let index = index.build();
        let spoken = Arc::new(SpokenNumbers { index, numbers });
        self.spoken.push((range.clone(), Arc::clone(&spoken)));
        spoken
    }

    /// Adds a sentence to the tree of its class.
    fn plant(&mut self, class: Class, root: NodeId, sentence: u32, block: u32) {
        let items: Box<[NodeId]> = match self.graph.node(root) {
            // A longer one is walked as a whole: the tree is walked by recursion.
            Node::Sequence(items) if items.len() <= MAX_FLAT => items.clone(),
            _ => Box::new([root]),
        };
        if let Some(tree) = self.graph.trees.get_mut(class as usize) {
            tree.plant(&items, sentence, block);
        }
    }
}
