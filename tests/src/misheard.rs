//! Simulated mistakes of speech recognition: one in a sentence.

use std::collections::HashMap;

use crate::program::root;

/// How one mistake is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    /// One letter of a word of at least four is another one, missing, doubled, or swapped with its neighbour.
    Letter,
    /// A word is written as another one that sounds alike (`tests/data/sounds-alike-en.txt`).
    Word,
}

/// Makes mistakes, the same ones every time.
#[derive(Debug)]
pub struct Misheard {
    alike: HashMap<String, Vec<String>>,
    state: u64,
}

impl Misheard {
    /// English mistakes.
    ///
    /// # Panics
    /// The list of words that sound alike is missing.
    pub fn english() -> Self {
        let text = std::fs::read_to_string(root().join("tests/data/sounds-alike-en.txt")).expect("the list is there");
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let entry = |line: &str| {
            let (word, others) = line.split_once(':')?;
            Some((word.trim().to_owned(), others.split(',').map(|other| other.trim().to_owned()).collect()))
        };
        Self { alike: lines.filter_map(entry).collect(), state: 0x9e37_79b9_7f4a_7c15 }
    }

    /// The sentence in lower case with one mistake in it; `None` where it has no word for such a mistake.
    pub fn hear(&mut self, sentence: &str, mistake: Mistake) -> Option<String> {
        let mut words: Vec<String> = sentence.to_lowercase().split(' ').map(str::to_owned).collect();
        let fits = |word: &String| match mistake {
            Mistake::Letter => word.chars().count() > 3 && word.chars().all(char::is_alphabetic),
            Mistake::Word => self.alike.contains_key(word),
        };
        let places: Vec<usize> = (0..words.len()).filter(|at| fits(&words[*at])).collect();
        if places.is_empty() {
            return None;
        }
        let at = places[self.below(places.len())];
        words[at] = match mistake {
            Mistake::Letter => self.letter(&words[at]),
            Mistake::Word => {
                let chosen = self.below(self.alike[&words[at]].len());
                self.alike[&words[at]][chosen].clone()
            }
        };
        Some(words.join(" "))
    }

    fn letter(&mut self, word: &str) -> String {
        let mut letters: Vec<char> = word.chars().collect();
        let place = self.below(letters.len() - 1);
        match self.below(4) {
            0 => letters[place] = char::from(b'a' + self.below(26) as u8),
            1 => {
                letters.remove(place);
            }
            2 => letters.insert(place, letters[place]),
            _ => letters.swap(place, place + 1),
        }
        letters.into_iter().collect()
    }

    /// A number from 0 to below `n` (xorshift, Marsaglia 2003).
    fn below(&mut self, n: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        ((self.state >> 11) % n.max(1) as u64) as usize
    }
}
