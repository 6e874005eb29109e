//! The likeliest texts behind a prompt, found with a decoder that only knows one text at a time.
//!
//! The greedy text comes first. At each of its words the search notes what else could have followed; then it goes back to the likeliest of these
//! branches and completes it greedily, notes its branches in turn, and so on. A text never becomes likelier by growing, so a branch
//! that is already less likely than the best text by more than the margin is not followed: clear speech costs nothing beyond the greedy text.
//! Within the margin, and as far as the steps reach, these are exactly the likeliest texts; a beam would have to drag several along all the time.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

use whisper_rs::WhisperTokenId;

/// Longest phrase, in tokens, whose repetition is noticed.
const MAX_LOOP: usize = 12;
/// Branches noted at one word.
const BRANCHES: usize = 4;

/// A text decoder that can be set back.
pub(crate) trait Steps {
    /// Why it failed.
    type Error;

    /// Takes a token at this position, forgets all that came after, and gives the logits of what follows.
    fn step(&mut self, token: WhisperTokenId, position: usize) -> Result<&[f32], Self::Error>;
}

/// What may be written.
pub(crate) trait Spelling {
    /// The token that ends a text.
    fn end(&self) -> WhisperTokenId;

    /// Whether a token may stand here; `first` where nothing was written before it.
    fn may_choose(&self, id: usize, first: bool) -> bool;
}

/// How far to search.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Search {
    /// Most tokens of a text.
    pub(crate) limit: usize,
    /// Whether a text that repeats itself without end is given up.
    pub(crate) notice_loops: bool,
    /// Most texts beside the greedy one.
    pub(crate) alternatives: usize,
    /// How much less likely than the best one a text may be, as a difference of natural logarithms.
    pub(crate) margin: f32,
    /// Most decoder steps for all texts beside the greedy one.
    pub(crate) steps: usize,
}

/// A text.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Text {
    /// Its tokens, without the end.
    pub(crate) tokens: Vec<WhisperTokenId>,
    /// Natural logarithm of its probability, the end included, behind the words that were certain.
    pub(crate) log_probability: f32,
    /// How many tokens that is the product of.
    pub(crate) judged: usize,
    /// It began to repeat itself without end.
    pub(crate) looped: bool,
    /// It was written with the likeliest token each time.
    pub(crate) greedy: bool,
}

/// A text that is not complete yet.
#[derive(Clone, Debug, PartialEq)]
struct Branch {
    text: Text,
    ended: bool,
}

impl Eq for Branch {}

impl Ord for Branch {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.log_probability.total_cmp(&other.text.log_probability)
    }
}

impl PartialOrd for Branch {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A search under way.
struct Run<'a, S, V> {
    decoder: &'a mut S,
    spelling: &'a V,
    search: Search,
    /// What the decoder has taken: position by position, the prompt included.
    taken: Vec<WhisperTokenId>,
    prompt: usize,
    branches: BinaryHeap<Branch>,
    /// Steps that are left for texts beside the greedy one.
    steps: usize,
}

/// The likeliest texts behind a prompt that begin with the words that are certain, the likeliest first; at least one.
///
/// `prompt` is not empty; the decoder has taken all of it but the last token, which is also the last of `certain` where there are any.
///
/// # Errors
/// Where the decoder fails.
pub(crate) fn search<S: Steps>(
    decoder: &mut S,
    spelling: &impl Spelling,
    prompt: &[WhisperTokenId],
    certain: usize,
    search: Search,
) -> Result<Vec<Text>, S::Error> {
    let (begin, certain) = prompt.split_at(prompt.len().saturating_sub(certain));
    let taken = prompt.split_last().map(|(_, taken)| taken.to_vec()).unwrap_or_default();
    let mut run =
        Run { decoder, spelling, search, taken, prompt: begin.len(), branches: BinaryHeap::new(), steps: search.steps };
    let start = Text { tokens: certain.to_vec(), greedy: true, ..Text::default() };
    let Some(greedy) = run.complete(start, begin)? else { return Ok(vec![Text::default()]) };
    let (mut best, looped) = (greedy.log_probability, greedy.looped);
    let mut texts = vec![greedy];
    while let Some(Branch { text, ended }) = run.branches.pop() {
        if looped || texts.len() > search.alternatives || text.log_probability < best - search.margin {
            break;
        }
        let text = if ended { Some(text) } else { run.complete(text, begin)? };
        if let Some(text) = text.filter(|text| !text.looped && text.log_probability >= best - search.margin) {
            best = best.max(text.log_probability);
            texts.push(text);
        }
    }
    texts.sort_by(|a, b| b.log_probability.total_cmp(&a.log_probability));
    texts.retain(|text| text.log_probability >= best - search.margin);
    Ok(texts)
}

impl<S: Steps, V: Spelling> Run<'_, S, V> {
    /// Writes a text to its end, always the likeliest token next; `None` where the steps do not suffice.
    fn complete(&mut self, mut text: Text, begin: &[WhisperTokenId]) -> Result<Option<Text>, S::Error> {
        let greedy = text.greedy;
        if !self.go_to(&text.tokens, begin, greedy)? {
            return Ok(None);
        }
        while text.tokens.len() < self.search.limit {
            if !greedy && !self.spend(1) {
                return Ok(None);
            }
            let last = text.tokens.last().or(begin.last()).copied().unwrap_or_default();
            let position = (self.prompt + text.tokens.len()).saturating_sub(1);
            self.taken.truncate(position);
            self.taken.push(last);
            let first = text.tokens.is_empty();
            let row = self.decoder.step(last, position)?;
            let choices = Choices::of(row, |id| self.spelling.may_choose(id, first));
            let spread = if self.search.alternatives > 0 { 2.0 * self.search.margin } else { 0.0 };
            let others = choices.others(row, spread, |id| self.spelling.may_choose(id, first));
            for (token, log_probability) in others {
                let mut branch = Text { greedy: false, ..text.clone() };
                branch.log_probability += log_probability;
                branch.judged += 1;
                let ended = token == self.spelling.end();
                if !ended {
                    branch.tokens.push(token);
                }
                self.branches.push(Branch { text: branch, ended });
            }
            text.log_probability += choices.log_probability(row, choices.best);
            text.judged += 1;
            if choices.best == self.spelling.end() {
                break;
            }
            text.tokens.push(choices.best);
            if self.search.notice_loops && repeats(&text.tokens) {
                text.looped = true;
                break;
            }
        }
        Ok(Some(text))
    }

    /// Sets the decoder back to where a text leaves what it has taken, and lets it take the rest, all but the last token.
    fn go_to(&mut self, tokens: &[WhisperTokenId], begin: &[WhisperTokenId], greedy: bool) -> Result<bool, S::Error> {
        let all: Vec<WhisperTokenId> = begin.iter().chain(tokens).copied().collect();
        let known = self.taken.iter().zip(&all).take_while(|(taken, wanted)| taken == wanted).count();
        let Some((_, before)) = all.split_last() else { return Ok(true) };
        for (position, &token) in before.iter().enumerate().skip(known) {
            if !greedy && !self.spend(1) {
                return Ok(false);
            }
            self.taken.truncate(position);
            self.taken.push(token);
            self.decoder.step(token, position)?;
        }
        Ok(true)
    }

    fn spend(&mut self, steps: usize) -> bool {
        let left = self.steps.checked_sub(steps);
        self.steps = left.unwrap_or(0);
        left.is_some()
    }
}

/// The best token of a row that may be chosen, and what the row's numbers mean as probabilities.
pub(crate) struct Choices {
    pub(crate) best: WhisperTokenId,
    best_logit: f32,
    /// Logarithm of the sum of the exponentials of all logits.
    log_sum: f32,
}

impl Choices {
    /// Reads a row of logits.
    pub(crate) fn of(row: &[f32], may_choose: impl Fn(usize) -> bool) -> Choices {
        let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = row.iter().map(|logit| (logit - max).exp()).sum();
        let mut best = (0, f32::NEG_INFINITY);
        for (id, &logit) in row.iter().enumerate() {
            if logit > best.1 && may_choose(id) {
                best = (id, logit);
            }
        }
        Choices {
            best: WhisperTokenId::try_from(best.0).unwrap_or_default(),
            best_logit: best.1,
            log_sum: max + sum.ln(),
        }
    }

    /// Natural logarithm of a token's probability.
    pub(crate) fn log_probability(&self, row: &[f32], token: WhisperTokenId) -> f32 {
        let logit = usize::try_from(token).ok().and_then(|id| row.get(id)).copied();
        logit.map_or(f32::NEG_INFINITY, |logit| logit - self.log_sum)
    }

    /// The next best tokens, at most `spread` below the best, with the logarithms of their probabilities.
    fn others(&self, row: &[f32], spread: f32, may_choose: impl Fn(usize) -> bool) -> Vec<(WhisperTokenId, f32)> {
        if spread <= 0.0 {
            return Vec::new();
        }
        let least = self.best_logit - spread;
        let mut others: Vec<(WhisperTokenId, f32)> = row
            .iter()
            .enumerate()
            .filter(|&(id, &logit)| logit >= least && may_choose(id))
            .filter_map(|(id, &logit)| Some((WhisperTokenId::try_from(id).ok()?, logit - self.log_sum)))
            .filter(|&(token, _)| token != self.best)
            .collect();
        others.sort_by(|a, b| b.1.total_cmp(&a.1));
        others.truncate(BRANCHES);
        others
    }
}

/// Whether the text ends in a phrase said over and over: a single token eight times, a longer phrase four times.
fn repeats(written: &[WhisperTokenId]) -> bool {
    (1..=MAX_LOOP).any(|length| {
        let times = if length == 1 { 8 } else { 4 };
        let tail: VecDeque<_> = written.rchunks(length).take(times).collect();
        tail.len() == times && tail.iter().all(|chunk| Some(chunk) == tail.front())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: WhisperTokenId = 0;
    const START: WhisperTokenId = 9;

    /// A decoder whose next token depends on the text so far, by a table of texts and their probabilities.
    struct Table {
        texts: Vec<(Vec<WhisperTokenId>, f32)>,
        taken: Vec<WhisperTokenId>,
        row: Vec<f32>,
        steps: usize,
    }

    impl Table {
        fn new(texts: &[(&[WhisperTokenId], f32)]) -> Table {
            let texts = texts.iter().map(|(text, probability)| ([text, &[END][..]].concat(), *probability)).collect();
            Table { texts, taken: Vec::new(), row: vec![f32::NEG_INFINITY; 10], steps: 0 }
        }
    }

    impl Steps for Table {
        type Error = std::convert::Infallible;

        fn step(&mut self, token: WhisperTokenId, position: usize) -> Result<&[f32], Self::Error> {
            assert!(position <= self.taken.len(), "nothing is passed over");
            self.taken.truncate(position);
            self.taken.push(token);
            self.steps += 1;
            let written = &self.taken[1..];
            let mut sums = [0.0; 10];
            for (text, probability) in self.texts.iter().filter(|(text, _)| text.starts_with(written)) {
                if let Some(&next) = text.get(written.len()) {
                    sums[next as usize] += probability;
                }
            }
            self.row = sums.iter().map(|sum: &f32| sum.ln()).collect();
            Ok(&self.row)
        }
    }

    struct Anything;

    impl Spelling for Anything {
        fn end(&self) -> WhisperTokenId {
            END
        }

        fn may_choose(&self, _: usize, _: bool) -> bool {
            true
        }
    }

    const WIDE: Search = Search { limit: 8, notice_loops: true, alternatives: 10, margin: 5.0, steps: 100 };

    fn found(table: &mut Table, search: Search) -> Vec<(Vec<WhisperTokenId>, f32)> {
        let texts = super::search(table, &Anything, &[START], 0, search).unwrap();
        texts.into_iter().map(|text| (text.tokens, text.log_probability.exp())).collect()
    }

    #[test]
    fn all_texts_come_in_the_order_of_their_probability_even_where_greed_goes_astray() {
        // Greedily: 1 (0.6 in all), then 2 (0.35). The likeliest text begins with 3.
        let mut table =
            Table::new(&[(&[1, 2], 0.35), (&[1, 4, 5], 0.25), (&[3, 2], 0.38), (&[3], 0.02), (&[7, 7, 7], 0.000_01)]);
        let found = found(&mut table, WIDE);
        let texts: Vec<&[WhisperTokenId]> = found.iter().map(|(text, _)| text.as_slice()).collect();
        assert_eq!(texts, [&[3, 2][..], &[1, 2], &[1, 4, 5], &[3]]);
        for ((_, probability), expected) in found.iter().zip([0.38, 0.35, 0.25, 0.02]) {
            assert!((probability - expected).abs() < 1e-5, "{probability} is not {expected}");
        }
    }

    #[test]
    fn a_clear_text_costs_no_more_than_itself() {
        let mut table = Table::new(&[(&[1, 2, 3], 0.999), (&[1, 2, 4], 0.001)]);
        assert_eq!(found(&mut table, Search { margin: 3.0, ..WIDE }).len(), 1);
        assert_eq!(table.steps, 4, "three words and the end");
    }

    #[test]
    fn the_search_ends_with_its_steps_or_its_number_of_texts() {
        let texts: [(&[WhisperTokenId], f32); 3] = [(&[1, 2, 3], 0.4), (&[1, 2, 4], 0.35), (&[2, 2, 4], 0.25)];
        assert_eq!(found(&mut Table::new(&texts), Search { alternatives: 0, ..WIDE }).len(), 1);
        assert_eq!(found(&mut Table::new(&texts), Search { alternatives: 1, ..WIDE }).len(), 2);
        let mut table = Table::new(&texts);
        let found = found(&mut table, Search { steps: 2, ..WIDE });
        assert_eq!(found.len(), 2, "the second text shares all but its last word and the end: {found:?}");
        assert_eq!(table.steps, 6);
    }

    #[test]
    fn what_is_certain_stays() {
        let mut table = Table::new(&[(&[1, 2], 0.9), (&[3, 4], 0.06), (&[3, 5], 0.04)]);
        table.step(START, 0).unwrap();
        let texts = search(&mut table, &Anything, &[START, 3], 1, WIDE).unwrap();
        let texts: Vec<&[WhisperTokenId]> = texts.iter().map(|text| text.tokens.as_slice()).collect();
        assert_eq!(texts, [&[3, 4][..], &[3, 5]]);
    }

    #[test]
    fn repetition_is_noticed_and_emphasis_is_not() {
        assert!(repeats(&[7; 8]));
        assert!(!repeats(&[7; 7]));
        assert!(repeats(&[9, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3]));
        assert!(!repeats(&[1, 2, 3, 1, 2, 3, 1, 2, 3]));
        assert!(!repeats(&[]));
    }

    #[test]
    fn a_row_is_read_as_probabilities() {
        let row = [0.0, (3.0f32).ln(), 0.0];
        let all = Choices::of(&row, |_| true);
        assert_eq!(all.best, 1);
        assert!((all.log_probability(&row, 1).exp() - 0.6).abs() < 1e-6);
        assert_eq!(Choices::of(&row, |id| id != 1).best, 0);
        assert_eq!(all.log_probability(&row, 99), f32::NEG_INFINITY);
        let others = all.others(&row, 2.0, |id| id != 2);
        assert_eq!(others.len(), 1);
        assert!((others[0].1.exp() - 0.2).abs() < 1e-6);
        assert!(all.others(&row, 1.0, |_| true).is_empty(), "ln 3 is above 1");
    }
}
