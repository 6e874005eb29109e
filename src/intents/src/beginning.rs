//! With what the text of a part can begin: most parts are ruled out by one look at the next byte.

/// The bytes that the text of a part can begin with, white space aside.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Beginning {
    bytes: [u64; 4],
    /// Its values change at run time.
    pub(crate) anything: bool,
    /// It may match nothing at all.
    pub(crate) empty: bool,
}

impl Beginning {
    pub(crate) const ANYTHING: Self = Self { bytes: [0; 4], anything: true, empty: false };

    pub(crate) fn add(&mut self, byte: u8) {
        if let Some(bits) = self.bytes.get_mut(usize::from(byte >> 6)) {
            *bits |= 1 << (byte & 63);
        }
    }

    pub(crate) fn add_text(&mut self, text: &str) {
        match text.trim_start().bytes().next() {
            Some(byte) => self.add(byte),
            None => self.empty = true,
        }
    }

    pub(crate) fn join(&mut self, other: Self) {
        for (mine, theirs) in self.bytes.iter_mut().zip(other.bytes) {
            *mine |= theirs;
        }
        self.anything |= other.anything;
        self.empty |= other.empty;
    }

    /// Whether a text that begins with this byte can be its text; [`Self::empty`] is another matter.
    pub(crate) fn allows(&self, byte: u8) -> bool {
        self.anything || self.bytes.get(usize::from(byte >> 6)).is_some_and(|bits| bits & (1 << (byte & 63)) != 0)
    }
}
