//! Tokens as words, and what two decodes agree on.

use whisper_rs::WhisperTokenId;

/// A word of a hypothesis: its text as it is written (with the space before it) and its tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) tokens: Vec<WhisperTokenId>,
}

impl Word {
    /// Whether both are the same word to a listener: letter case and punctuation do not count.
    fn sounds_like(&self, other: &Word) -> bool {
        self.text == other.text || spoken(&self.text).eq(spoken(&other.text))
    }

    /// Whether there is anything to say.
    fn is_spoken(&self) -> bool {
        spoken(&self.text).next().is_some()
    }
}

/// Whether both texts are the same to a listener.
pub(crate) fn sound_alike(a: &[Word], b: &[Word]) -> bool {
    let said = |words: &[Word]| -> String { words.iter().flat_map(|word| spoken(&word.text)).collect() };
    said(a) == said(b)
}

fn spoken(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase)
}

/// What tokens say.
pub(crate) trait Vocabulary {
    /// The bytes of a token; a word's first token begins with a space.
    fn text(&self, token: WhisperTokenId) -> &[u8];
}

/// Groups tokens into words. A word begins at a space; scripts written without spaces break after each character.
pub(crate) fn words(tokens: &[WhisperTokenId], vocabulary: &impl Vocabulary) -> Vec<Word> {
    let mut words: Vec<(Vec<u8>, Vec<WhisperTokenId>)> = Vec::new();
    for &token in tokens {
        let bytes = vocabulary.text(token);
        let begins = bytes.starts_with(b" ") || words.last().is_none_or(|(word, _)| stands_alone(word, bytes));
        match words.last_mut() {
            Some((word, its)) if !begins => {
                word.extend_from_slice(bytes);
                its.push(token);
            }
            _ => words.push((bytes.to_vec(), vec![token])),
        }
    }
    words
        .into_iter()
        .map(|(text, tokens)| Word { text: String::from_utf8_lossy(&text).into_owned(), tokens })
        .filter(|word| !word.text.is_empty())
        .collect()
}

/// Whether `next` begins a new word although no space says so: both sides whole characters of a script without spaces.
fn stands_alone(word: &[u8], next: &[u8]) -> bool {
    let last = std::str::from_utf8(word).ok().and_then(|word| word.chars().last());
    let first = std::str::from_utf8(next).ok().and_then(|next| next.chars().next());
    last.is_some_and(spaceless) && first.is_some_and(spaceless)
}

/// Thai to Khmer, kana, Han: scripts that put no spaces between words (Unicode block ranges).
fn spaceless(c: char) -> bool {
    matches!(c, '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
}

/// The words as one text, without spaces around it.
pub(crate) fn join(words: &[Word]) -> String {
    let text: String = words.iter().map(|word| word.text.as_str()).collect();
    text.trim().to_owned()
}

/// What is told after a decode.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// Words to append, with the space before them.
    pub(crate) text: String,
    /// What was told before is void: `text` is all of it.
    pub(crate) anew: bool,
}

/// What successive decodes of growing audio agree on. Words once agreed on stay, for they have been told to others, until two decodes of
/// all speech agree on others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Agreement {
    agreed: Vec<Word>,
    last: Option<Vec<Word>>,
    settled: bool,
}

impl Agreement {
    /// Takes the next decode's words; `whole` says that it covered all speech so far.
    ///
    /// Words heard too early may turn out wrong ("would you do" for "would you dim"). Where two decodes of all speech agree on other
    /// words than those told, these are agreed on anew; or the text would stay wrong, and never be settled.
    pub(crate) fn hear(&mut self, words: Vec<Word>, whole: bool) -> Told {
        let common = match &self.last {
            Some(last) => last.iter().zip(&words).take_while(|(a, b)| a.sounds_like(b)).count(),
            None => 0,
        };
        let confirmed = self.last.as_ref().is_some_and(|last| common == last.len() && common == words.len());
        let known = self.agreed.len();
        let consistent = known <= words.len() && self.agreed.iter().zip(&words).all(|(a, b)| a.sounds_like(b));
        let anew = confirmed && whole && !consistent;
        let mut text = String::new();
        if anew {
            self.agreed.clone_from(&words);
            text.extend(words.iter().map(|word| word.text.as_str()));
        } else if consistent && common > known {
            let new = words.get(known..common).unwrap_or_default();
            text.extend(new.iter().map(|word| word.text.as_str()));
            self.agreed.extend_from_slice(new);
        }
        self.settled = confirmed && (anew || consistent);
        self.last = Some(words);
        Told { text, anew }
    }

    /// Whether the whole last decode was confirmed by the one before it, so that the agreed text is everything heard.
    pub(crate) fn settled(&self) -> bool {
        self.settled
    }

    /// The words agreed on.
    pub(crate) fn agreed(&self) -> &[Word] {
        &self.agreed
    }

    /// What is to be appended to the agreed text so that it becomes the final one; nothing where it cannot be reached by appending.
    pub(crate) fn rest(&self, words: &[Word]) -> String {
        let known = self.agreed.len();
        let consistent = known <= words.len() && self.agreed.iter().zip(words).all(|(a, b)| a.sounds_like(b));
        let rest = words.get(known..).filter(|_| consistent).unwrap_or_default();
        rest.iter().map(|word| word.text.as_str()).collect()
    }
}

/// Whether a text says the same phrase of up to eight words four times or more in a row (a single word: six times).
pub(crate) fn repetitive(words: &[Word]) -> bool {
    let said: Vec<&Word> = words.iter().filter(|word| word.is_spoken()).collect();
    (1..=8).any(|length| {
        let times = if length == 1 { 6 } else { 4 };
        said.windows(length * times).any(|run| {
            let mut phrases = run.chunks(length);
            let Some(first) = phrases.next() else { return false };
            phrases.all(|phrase| phrase.iter().zip(first).all(|(a, b)| a.sounds_like(b)))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Table([&'static [u8]; 6]);

    impl Vocabulary for Table {
        fn text(&self, token: WhisperTokenId) -> &[u8] {
            self.0[token as usize]
        }
    }

    fn said(text: &str) -> Vec<Word> {
        text.split_whitespace().map(|word| Word { text: format!(" {word}"), tokens: vec![1] }).collect()
    }

    #[test]
    fn tokens_become_words_at_spaces_and_between_characters_without_them() {
        let vocabulary = Table([b" turn", b" li", b"ght", "明".as_bytes(), "天".as_bytes(), &"天".as_bytes()[..2]]);
        let texts =
            |tokens: &[i32]| -> Vec<String> { words(tokens, &vocabulary).into_iter().map(|word| word.text).collect() };
        assert_eq!(texts(&[0, 1, 2]), [" turn", " light"]);
        assert_eq!(texts(&[3, 4]), ["明", "天"]);
        assert_eq!(words(&[3, 5], &vocabulary).len(), 1, "half a character is never cut off");
    }

    #[test]
    fn only_what_two_decodes_agree_on_is_told() {
        let mut agreement = Agreement::default();
        assert_eq!(agreement.hear(said("turn on the kit"), false).text, "");
        assert_eq!(agreement.hear(said("Turn on the kitchen"), false).text, " Turn on the");
        assert!(!agreement.settled());
        assert_eq!(agreement.hear(said("turn on the kitchen light"), true).text, " kitchen");
        assert_eq!(agreement.hear(said("turn on the kitchen light."), true).text, " light.");
        assert!(agreement.settled());
        assert_eq!(join(agreement.agreed()), "Turn on the kitchen light.");
    }

    #[test]
    fn nothing_is_settled_while_the_words_told_are_contradicted() {
        let mut agreement = Agreement::default();
        agreement.hear(said("turn on"), false);
        agreement.hear(said("turn on"), false);
        assert!(agreement.settled());
        agreement.hear(said("turn off the light"), false);
        assert_eq!(agreement.hear(said("turn off the light"), false), Told::default());
        assert!(!agreement.settled());
        assert_eq!(agreement.rest(&said("turn off the light")), "");
        assert_eq!(agreement.rest(&said("turn on the light")), " the light");
    }

    #[test]
    fn two_decodes_of_all_speech_overrule_what_was_told() {
        let mut agreement = Agreement::default();
        agreement.hear(said("would you do"), false);
        assert_eq!(agreement.hear(said("would you do the"), false).text, " would you do");
        agreement.hear(said("would you dim the lamp"), true);
        assert!(!agreement.settled());
        let told = agreement.hear(said("would you dim the lamp"), true);
        assert_eq!(told, Told { text: " would you dim the lamp".to_owned(), anew: true });
        assert!(agreement.settled());
        assert_eq!(agreement.hear(said("would you dim the lamp please"), true), Told::default());
        assert_eq!(agreement.hear(said("would you dim the lamp please"), true).text, " please");
    }

    #[test]
    fn two_empty_decodes_settle_on_nothing() {
        let mut agreement = Agreement::default();
        agreement.hear(Vec::new(), true);
        assert!(!agreement.settled());
        agreement.hear(Vec::new(), true);
        assert!(agreement.settled());
    }

    #[test]
    fn repetition_is_told_from_emphasis() {
        assert!(repetitive(&said("no no no no no no")));
        assert!(!repetitive(&said("no no no")));
        assert!(repetitive(&said("well thank you thank you thank you thank you")));
        assert!(!repetitive(&said("turn on the light and turn on the fan")));
    }
}
