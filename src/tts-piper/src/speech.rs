//! The voices of this worker behind one door: chooses who speaks and turns clauses into samples.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::mpsc;
use vesta_wyoming::Voice;

use crate::choose::{Choice, Chosen, Defaults, Engine};
use crate::espeak::{Espeak, EspeakError, VoiceEntry};
use crate::piper::voices::{BadVoice, Phonemes, PiperVoice, search};
use crate::piper::{Order, Piper, PiperError};
use crate::text::{Language, Languages, TableError};

/// What the worker speaks with. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Speech {
    espeak: Espeak,
    piper: Piper,
    folders: Arc<Vec<PathBuf>>,
    installed: Arc<RwLock<Installed>>,
    defaults: Arc<Defaults>,
    languages: Arc<Languages>,
}

/// The Piper voices of the folders, as they were last looked at.
#[derive(Debug, Default, Clone)]
pub(crate) struct Installed {
    /// Those that can be used.
    pub(crate) voices: Vec<Arc<PiperVoice>>,
    /// Those that cannot, with the reason.
    pub(crate) bad: Vec<BadVoice>,
}

/// Why nothing can be said.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SpeechError {
    /// eSpeak NG failed, which is the last resort.
    #[error(transparent)]
    Espeak(#[from] EspeakError),
    /// A defect of the program's own tables.
    #[error(transparent)]
    Table(#[from] TableError),
}

/// A clause's samples as they are made.
#[derive(Debug)]
pub(crate) struct Sound {
    /// Samples a second.
    pub(crate) rate: u32,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Whole(Option<Vec<i16>>),
    Pieces(mpsc::Receiver<Result<Vec<i16>, EspeakError>>),
}

impl Sound {
    /// The next samples; `None` at the end.
    ///
    /// # Errors
    /// When the engine fails in the middle.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<i16>>, SpeechError> {
        match &mut self.source {
            Source::Whole(samples) => Ok(samples.take()),
            Source::Pieces(pieces) => Ok(pieces.recv().await.transpose()?),
        }
    }
}

impl Speech {
    /// Brings the engines together and looks for voices.
    pub(crate) fn new(espeak: Espeak, piper: Piper, folders: Vec<PathBuf>, defaults: Defaults) -> Self {
        let speech = Self {
            espeak,
            piper,
            folders: Arc::new(folders),
            installed: Arc::default(),
            defaults: Arc::new(defaults),
            languages: Arc::default(),
        };
        speech.search();
        speech
    }

    /// Looks into the folders again. A voice that failed stays out until its file is gone.
    pub(crate) fn search(&self) {
        let found = search(&self.folders);
        let mut installed = self.installed.write().unwrap_or_else(PoisonError::into_inner);
        let failed =
            |voice: &PiperVoice| installed.bad.iter().find(|bad| bad.name == voice.name && bad.failed).cloned();
        let (mut voices, mut bad) = (Vec::new(), found.bad);
        for voice in found.voices {
            match failed(&voice) {
                Some(known) => bad.push(known),
                None => voices.push(Arc::new(voice)),
            }
        }
        *installed = Installed { voices, bad };
    }

    /// The Piper voices as they were last looked at.
    pub(crate) fn installed(&self) -> Installed {
        self.installed.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// eSpeak NG's voices.
    pub(crate) fn espeak_voices(&self) -> &[VoiceEntry] {
        self.espeak.voices()
    }

    /// eSpeak NG's sample rate.
    pub(crate) fn espeak_rate(&self) -> u32 {
        self.espeak.rate()
    }

    /// Where eSpeak NG's data is read from.
    pub(crate) fn espeak_data(&self) -> &str {
        self.espeak.data()
    }

    /// Who speaks a request. A voice or language that is not known yet may have been installed meanwhile: the folders are looked at
    /// again before the next best speaks.
    pub(crate) fn choose(&self, asked: Option<&Voice>) -> Chosen {
        let chosen = self.pick(asked);
        if chosen.notes.is_empty() {
            return chosen;
        }
        self.search();
        self.pick(asked)
    }

    fn pick(&self, asked: Option<&Voice>) -> Chosen {
        let installed = self.installed();
        self.choice(&installed).choose(asked)
    }

    fn choice<'a>(&'a self, installed: &'a Installed) -> Choice<'a> {
        Choice {
            piper: &installed.voices,
            espeak: self.espeak.voices(),
            variants: self.espeak.variants(),
            defaults: &self.defaults,
        }
    }

    /// The words of a language.
    ///
    /// # Errors
    /// A defect of the program's own tables.
    pub(crate) fn language(&self, tag: &str) -> Result<Arc<Language>, SpeechError> {
        Ok(self.languages.get(tag)?)
    }

    /// Makes the voice that speaks by default ready (its words, its dictionary, its weights), so that the first sentence need not wait
    /// for it.
    ///
    /// # Errors
    /// When nothing can speak.
    pub(crate) async fn warm_up(&self) -> Result<(), SpeechError> {
        let mut chosen = self.choose(None);
        self.language(&chosen.language)?.say("1");
        let mut sound = self.speak(&mut chosen, "1").await?;
        while sound.next().await?.is_some() {}
        Ok(())
    }

    /// Speaks a clause. Where the Piper voice fails, `chosen` becomes eSpeak NG's voice of the language, for this clause and the
    /// request's later ones.
    ///
    /// # Errors
    /// When eSpeak NG fails too.
    pub(crate) async fn speak(&self, chosen: &mut Chosen, text: &str) -> Result<Sound, SpeechError> {
        if let Engine::Piper { voice, speaker } = &chosen.engine {
            let (voice, speaker) = (Arc::clone(voice), *speaker);
            match self.speak_piper(&voice, speaker, chosen.speed, text).await {
                Ok(samples) => return Ok(Sound { rate: voice.rate, source: Source::Whole(Some(samples)) }),
                Err(error) => {
                    if matches!(error, PiperError::Voice(_)) {
                        self.mark_bad(&voice.name, &error.to_string());
                    }
                    let installed = self.installed();
                    *chosen = self.choice(&installed).instead_of(chosen, &error.to_string());
                }
            }
        }
        let name = match &chosen.engine {
            Engine::Espeak { voice } => voice.clone(),
            Engine::Piper { .. } => "en".to_owned(),
        };
        let pieces = self.espeak.speak(text.to_owned(), name, chosen.speed).await?;
        Ok(Sound { rate: self.espeak.rate(), source: Source::Pieces(pieces) })
    }

    async fn speak_piper(
        &self,
        voice: &Arc<PiperVoice>,
        speaker: i64,
        speed: f32,
        text: &str,
    ) -> Result<Vec<i16>, PiperError> {
        let phonemes = match &voice.kind {
            Phonemes::Espeak(name) => {
                let phonemes = self.espeak.phonemes(text.to_owned(), name.clone()).await;
                phonemes.map_err(|error| PiperError::Voice(error.to_string()))?
            }
            Phonemes::Text => text.to_lowercase(),
        };
        self.piper.speak(Order { voice: Arc::clone(voice), phonemes, speaker, speed }).await
    }

    fn mark_bad(&self, name: &str, why: &str) {
        tracing::warn!(voice = name, why, "a Piper voice cannot be used; eSpeak NG speaks in its place");
        let mut installed = self.installed.write().unwrap_or_else(PoisonError::into_inner);
        installed.voices.retain(|voice| voice.name != name);
        if !installed.bad.iter().any(|bad| bad.name == name) {
            installed.bad.push(BadVoice { name: name.to_owned(), why: why.to_owned(), failed: true });
        }
    }
}
