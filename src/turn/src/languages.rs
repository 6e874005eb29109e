//! In which language somebody is heard, understood and answered: the person's own where it is known and there, else the household's.
//!
//! The household's language is loaded with the house; those of its people are loaded when somebody first needs them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use vesta_engines::{EngineState, SpeechToText};

use crate::Assistant;
use crate::understand::{Guess, Language, Meaning, Scene};

/// Languages of people that are kept. A household does not speak more; a client that tries all there are fills no memory and keeps nobody
/// from their own.
const MOST: usize = 16;

/// Reads the sentences of a language by its tag; `None` where there are none.
type Load = dyn Fn(&str) -> Option<Language> + Send + Sync;

/// The languages of people that do not speak the household's.
pub struct OtherLanguages {
    load: Arc<Load>,
    /// By tag; `None` where there are no sentences.
    known: Mutex<HashMap<String, Option<Arc<Language>>>>,
}

impl OtherLanguages {
    /// Languages that `load` reads by their tag (BCP 47). It may take long and is not called on a thread that serves others.
    pub fn new(load: impl Fn(&str) -> Option<Language> + Send + Sync + 'static) -> Self {
        Self { load: Arc::new(load), known: Mutex::default() }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, Option<Arc<Language>>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for OtherLanguages {
    /// None at all.
    fn default() -> Self {
        Self::new(|_| None)
    }
}

/// A language without its region: `de` of `de-AT`.
pub(crate) fn base(tag: &str) -> &str {
    tag.split(['-', '_']).next().unwrap_or(tag)
}

/// Whether two tags name one language, of whatever regions.
pub(crate) fn same(a: &str, b: &str) -> bool {
    base(a).eq_ignore_ascii_case(base(b))
}

impl Assistant {
    /// Loads a person's language, if it is not the household's and not there yet. Until then, and where there are no sentences of it, the
    /// household's serves in its place.
    pub async fn learn(&self, tag: Option<&str>) {
        let parts = &self.parts;
        let Some(tag) = tag.filter(|tag| !same(tag, parts.language.tag())) else { return };
        {
            if parts.others.known().contains_key(tag) {
                return;
            }
        }
        let (load, wanted) = (parts.others.load.clone(), tag.to_owned());
        match tokio::task::spawn_blocking(move || load(&wanted)).await {
            Ok(language) => {
                let mut known = parts.others.known();
                make_room(&mut known);
                known.entry(tag.to_owned()).or_insert_with(|| language.map(Arc::new));
            }
            Err(error) => tracing::error!(%error, tag, "a language could not be loaded"),
        }
    }

    /// The language in which somebody is answered who speaks `tag` (BCP 47).
    pub fn language(&self, tag: Option<&str>) -> Arc<Language> {
        let parts = &self.parts;
        let own = tag.filter(|tag| !same(tag, parts.language.tag()));
        let known = own.and_then(|tag| parts.others.known().get(tag).cloned().flatten());
        known.unwrap_or_else(|| parts.language.clone())
    }

    /// The languages in which somebody is understood who speaks `tag`: their own, then the household's, which names its devices.
    pub(crate) fn languages(&self, tag: Option<&str>) -> Vec<Arc<Language>> {
        let own = self.language(tag);
        let household = &self.parts.language;
        let languages = if Arc::ptr_eq(&own, household) { vec![own] } else { vec![own, household.clone()] };
        for language in &languages {
            language.know_lists(&self.chores.lists.borrow());
        }
        languages
    }

    /// The language that is to be recognised where somebody speaks whose language is `tag`, as the engine names it.
    pub fn spoken(&self, tag: Option<&str>) -> String {
        let parts = &self.parts;
        let own = tag.filter(|tag| !same(tag, parts.language.tag()) && recognises(&parts.stt, tag));
        match own {
            Some(tag) => base(tag).to_owned(),
            None => parts.settings.speech_language.clone().unwrap_or_else(|| parts.language.tag().to_owned()),
        }
    }

    /// What a text means word for word to somebody who speaks `tag`.
    pub(crate) fn understand(&self, text: &str, tag: Option<&str>, scene: &Scene) -> Option<Meaning> {
        let home = self.parts.home.snapshot();
        self.languages(tag).iter().find_map(|language| language.understand(text, &home, scene.clone()))
    }

    /// As [`Assistant::understand`], with words repaired that were perhaps misheard. A sentence that fits word for word in any of the
    /// languages goes before a repair in another.
    pub(crate) fn guess(&self, text: &str, tag: Option<&str>, scene: &Scene) -> Guess {
        let home = self.parts.home.snapshot();
        let languages = self.languages(tag);
        let fits = |language: &&Arc<Language>| language.understand(text, &home, scene.clone()).is_some();
        if languages.len() > 1
            && let Some(language) = languages.iter().find(fits)
        {
            return language.guess(text, &home, scene.clone());
        }
        let mut unsure = Guess::Nothing;
        for language in &languages {
            match (language.guess(text, &home, scene.clone()), &unsure) {
                (Guess::Meaning(meaning), _) => return Guess::Meaning(meaning),
                (guess, Guess::Nothing) => unsure = guess,
                _ => {}
            }
        }
        unsure
    }
}

/// Forgets a language where there are too many, first one that has no sentences. Who speaks it has it loaded again.
fn make_room(known: &mut HashMap<String, Option<Arc<Language>>>) {
    while known.len() >= MOST {
        let empty = known.iter().find(|(_, language)| language.is_none());
        let Some(tag) = empty.or_else(|| known.iter().next()).map(|(tag, _)| tag.clone()) else { return };
        known.remove(&tag);
    }
}

/// Whether the speech engine says that it understands a language. One that is not there yet says nothing: the household's is then safer.
fn recognises(stt: &SpeechToText, tag: &str) -> bool {
    match &*stt.engine().state().borrow() {
        EngineState::Ready { info, .. } => {
            let models = info.info.asr.iter().flat_map(|program| &program.models);
            models.flat_map(|model| &model.languages).any(|known| same(known, tag))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_without_sentences_make_room_for_languages() {
        let dictionary = vesta_intents::Dictionary::load(&[("de.yaml", "language: de\nintents: {}")]).unwrap();
        let mut known = HashMap::from([("de".to_owned(), Some(Arc::new(Language::new("de", dictionary))))]);
        known.extend((1..MOST).map(|number| (format!("x-{number}"), None)));
        for _ in 1..MOST {
            make_room(&mut known);
            assert!(known.len() < MOST && known.contains_key("de"));
            known.insert(format!("y-{}", known.len()), None);
        }
    }
}
