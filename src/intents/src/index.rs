//! Which of many texts are a prefix of what comes next: a sorted table, searched by narrowing.
//!
//! A table instead of a tree of nodes: a million values cost their bytes and twelve bytes each.

/// Sorted texts, each with a number.
#[derive(Debug, Default, Clone)]
pub(crate) struct TextIndex {
    pool: Vec<u8>,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    start: u32,
    len: u32,
    value: u32,
}

/// Collects texts for a [`TextIndex`].
#[derive(Debug, Default)]
pub(crate) struct IndexBuilder {
    pool: Vec<u8>,
    entries: Vec<Entry>,
}

impl IndexBuilder {
    /// Adds a folded text; blank ones are left out: they would match everywhere.
    pub(crate) fn add(&mut self, text: &str, value: u32) {
        if text.trim().is_empty() {
            return;
        }
        let start = self.pool.len() as u32;
        self.pool.extend_from_slice(text.as_bytes());
        self.entries.push(Entry { start, len: text.len() as u32, value });
    }

    pub(crate) fn build(self) -> TextIndex {
        let Self { mut pool, mut entries } = self;
        // Equal texts keep their given order: the first one wins ties.
        entries.sort_unstable_by(|a, b| key(&pool, a).cmp(key(&pool, b)).then(a.value.cmp(&b.value)));
        pool.shrink_to_fit();
        entries.shrink_to_fit();
        TextIndex { pool, entries }
    }
}

impl TextIndex {
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Calls `hit(length in bytes, number)` for every text that `rest` starts with, shortest first.
    pub(crate) fn prefixes_of(&self, rest: &[u8], mut hit: impl FnMut(usize, u32)) {
        let mut range = self.entries.as_slice();
        let mut depth = 0;
        loop {
            // Texts that end here sort before all longer ones.
            let ended = range.iter().take_while(|e| e.len as usize == depth).count();
            let (done, longer) = range.split_at(ended);
            if depth > 0 {
                for entry in done {
                    hit(depth, entry.value);
                }
            }
            let Some(next) = rest.get(depth) else { return };
            if longer.is_empty() {
                return;
            }
            if let [only] = longer {
                if rest.starts_with(key(&self.pool, only)) {
                    hit(only.len as usize, only.value);
                }
                return;
            }
            let at = |e: &Entry| key(&self.pool, e).get(depth).copied().unwrap_or(0);
            let low = longer.partition_point(|e| at(e) < *next);
            let tail = longer.get(low..).unwrap_or_default();
            let high = tail.partition_point(|e| at(e) <= *next);
            range = tail.get(..high).unwrap_or_default();
            if range.is_empty() {
                return;
            }
            depth += 1;
        }
    }

    /// Numbers of the texts that start with `prefix` and are longer.
    pub(crate) fn longer_than<'a>(&'a self, prefix: &'a [u8]) -> impl Iterator<Item = u32> + 'a {
        let low = self.entries.partition_point(|e| key(&self.pool, e) < prefix);
        self.entries
            .get(low..)
            .unwrap_or_default()
            .iter()
            .take_while(move |e| key(&self.pool, e).starts_with(prefix))
            .filter(move |e| e.len as usize > prefix.len())
            .map(|e| e.value)
    }

    /// All texts with their numbers, sorted by text.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, u32)> {
        self.entries.iter().map(|e| (std::str::from_utf8(key(&self.pool, e)).unwrap_or_default(), e.value))
    }
}

fn key<'a>(pool: &'a [u8], entry: &Entry) -> &'a [u8] {
    let start = entry.start as usize;
    pool.get(start..start + entry.len as usize).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_all_prefixes_and_continuations() {
        let texts = ["light", "light bulb", "lamp", "l", "light"];
        let mut builder = IndexBuilder::default();
        for (i, text) in texts.iter().enumerate() {
            builder.add(text, i as u32);
        }
        let index = builder.build();
        let mut hits = Vec::new();
        index.prefixes_of(b"light bulbs on", |len, value| hits.push((len, value)));
        assert_eq!(hits, [(1, 3), (5, 0), (5, 4), (10, 1)]);
        hits.clear();
        index.prefixes_of(b"", |len, value| hits.push((len, value)));
        assert!(hits.is_empty());
        assert_eq!(index.longer_than(b"lig").collect::<Vec<_>>(), [0, 4, 1]);
        assert_eq!(index.longer_than(b"light").collect::<Vec<_>>(), [1]);
    }
}
