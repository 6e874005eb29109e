//! Which voice speaks: what was asked for where it is installed, else the nearest that is, and what to say about the difference.

use std::sync::Arc;

use vesta_wyoming::Voice;

use crate::espeak::VoiceEntry;
use crate::piper::voices::PiperVoice;
use crate::text::base;

/// How eSpeak NG's voices are called outside: `espeak-ng/en-gb`.
pub(crate) const ESPEAK_PREFIX: &str = "espeak-ng/";
/// Speeds that both engines speak intelligibly; 1.0 is normal.
pub(crate) const SPEEDS: std::ops::RangeInclusive<f32> = 0.5..=2.5;
/// Language codes that eSpeak NG knows under another name.
const ALIASES: [(&str, &str); 5] = [("zh", "cmn"), ("no", "nb"), ("iw", "he"), ("tl", "fil"), ("in", "id")];

/// What the worker was told at its start.
#[derive(Debug, Clone, Default)]
pub(crate) struct Defaults {
    pub(crate) voice: Option<String>,
    pub(crate) language: Option<String>,
    pub(crate) speed: f32,
}

/// Who speaks a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chosen {
    pub(crate) engine: Engine,
    /// 1.0 is normal.
    pub(crate) speed: f32,
    /// Tag of the language in which the text is read out.
    pub(crate) language: String,
    /// Where this is not what was asked for, and why.
    pub(crate) notes: Vec<String>,
}

/// What makes the sound.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Engine {
    Piper {
        voice: Arc<PiperVoice>,
        speaker: i64,
    },
    /// A voice of eSpeak NG, with its variant ("en-gb+f3").
    Espeak {
        voice: String,
    },
}

impl Chosen {
    /// The voice's name as `info` lists it.
    pub(crate) fn voice_name(&self) -> String {
        match &self.engine {
            Engine::Piper { voice, .. } => voice.name.clone(),
            Engine::Espeak { voice } => format!("{ESPEAK_PREFIX}{voice}"),
        }
    }
}

/// The voices to choose from. Piper's are those that can be used now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choice<'a> {
    pub(crate) piper: &'a [Arc<PiperVoice>],
    pub(crate) espeak: &'a [VoiceEntry],
    /// Variants of eSpeak NG's voices, which serve as their speakers.
    pub(crate) variants: &'a [String],
    pub(crate) defaults: &'a Defaults,
}

impl Choice<'_> {
    /// The voice for a request.
    pub(crate) fn choose(&self, asked: Option<&Voice>) -> Chosen {
        let mut notes = Vec::new();
        let empty = Voice::default();
        let asked = asked.unwrap_or(&empty);
        let speed = self.speed(asked.speed, &mut notes);
        let speaker = asked.speaker.as_deref().filter(|speaker| !speaker.is_empty());
        let name = asked.name.as_deref().filter(|name| !name.is_empty());
        let language = asked.language.as_deref().filter(|language| !language.is_empty());

        if let Some(name) = name {
            if let Some(engine) = self.named(name, speaker, &mut notes) {
                return self.finish(engine, speed, notes);
            }
            notes.push(format!("no voice {name:?} is installed"));
        }
        // A voice's name tells its language: "de_DE-thorsten-medium".
        let hint = name.and_then(|name| name.split('-').next()).filter(|hint| self.espeak_for(hint).is_some());
        let wanted = language.or(hint);
        let engine = match wanted {
            Some(language) => self.for_language(language, speaker, &mut notes),
            None => self.default_engine(speaker, &mut notes),
        };
        self.finish(engine, speed, notes)
    }

    /// The voice where nothing is asked for.
    pub(crate) fn default_engine(&self, speaker: Option<&str>, notes: &mut Vec<String>) -> Engine {
        if let Some(name) = self.defaults.voice.as_deref() {
            if let Some(engine) = self.named(name, speaker, notes) {
                return engine;
            }
            notes.push(format!("the default voice {name:?} is not installed"));
        }
        match (&self.defaults.language, self.piper.first()) {
            (Some(language), _) => self.for_language(language, speaker, notes),
            (None, Some(_)) if self.default_hint().is_some() => {
                let hint = self.default_hint().unwrap_or_default();
                self.for_language(&hint, speaker, notes)
            }
            (None, Some(first)) => piper(first, speaker, notes),
            (None, None) => self.for_language(&self.default_hint().unwrap_or_else(|| "en".to_owned()), speaker, notes),
        }
    }

    /// The language of the default voice that is not installed.
    fn default_hint(&self) -> Option<String> {
        let hint = self.defaults.voice.as_deref()?.split('-').next()?;
        self.espeak_for(hint).map(|_| hint.to_owned())
    }

    fn named(&self, name: &str, speaker: Option<&str>, notes: &mut Vec<String>) -> Option<Engine> {
        if let Some(voice) = self.piper.iter().find(|voice| voice.name.eq_ignore_ascii_case(name)) {
            return Some(piper(voice, speaker, notes));
        }
        let bare = name.strip_prefix(ESPEAK_PREFIX).or_else(|| name.strip_prefix("espeak-ng:")).unwrap_or(name);
        let (bare, variant) = bare.split_once('+').map_or((bare, None), |(bare, variant)| (bare, Some(variant)));
        let entry = self.espeak.iter().find(|entry| entry.name.eq_ignore_ascii_case(bare))?;
        Some(self.espeak(entry, variant.or(speaker), notes))
    }

    fn for_language(&self, language: &str, speaker: Option<&str>, notes: &mut Vec<String>) -> Engine {
        let exact = |voice: &&Arc<PiperVoice>| same(&voice.language, language);
        let related = |voice: &&Arc<PiperVoice>| base(&voice.language) == base(language);
        let preferred = self.defaults.voice.as_deref();
        let preferred =
            self.piper.iter().filter(|voice| preferred.is_some_and(|name| voice.name.eq_ignore_ascii_case(name)));
        let found = preferred
            .filter(related)
            .chain(self.piper.iter().filter(exact))
            .chain(self.piper.iter().filter(related))
            .next();
        if let Some(voice) = found {
            return piper(voice, speaker, notes);
        }
        if let Some(entry) = self.espeak_for(language) {
            if !self.piper.is_empty() {
                notes.push(format!("no Piper voice for {language:?} is installed"));
            }
            return self.espeak(entry, speaker, notes);
        }
        notes.push(format!("no voice speaks {language:?}"));
        match self.espeak_for("en").or(self.espeak.first()) {
            Some(entry) => self.espeak(entry, speaker, notes),
            None => Engine::Espeak { voice: "en".to_owned() },
        }
    }

    /// eSpeak NG's voice of a language: the accent asked for, else the best of the language.
    fn espeak_for(&self, language: &str) -> Option<&VoiceEntry> {
        let plain = base(language);
        let alias = ALIASES.iter().find(|(code, _)| *code == plain).map_or(plain.as_str(), |(_, name)| name);
        let speaks = |entry: &&VoiceEntry, tag: &str| entry.languages.iter().any(|known| same(known, tag));
        let named = self.espeak.iter().find(|entry| same(&entry.name, language));
        named
            .or_else(|| self.espeak.iter().find(|entry| speaks(entry, language)))
            .or_else(|| self.espeak.iter().find(|entry| same(&entry.name, alias)))
            .or_else(|| self.espeak.iter().find(|entry| speaks(entry, alias)))
            .or_else(|| self.espeak.iter().find(|entry| entry.languages.iter().any(|known| base(known) == alias)))
    }

    fn espeak(&self, entry: &VoiceEntry, variant: Option<&str>, notes: &mut Vec<String>) -> Engine {
        let known = variant.and_then(|variant| self.variants.iter().find(|known| known.eq_ignore_ascii_case(variant)));
        if let (Some(variant), None) = (variant, known) {
            notes.push(format!("eSpeak NG has no speaker {variant:?} (it has variants such as f1, f2, m1, m2)"));
        }
        let voice = known.map_or_else(|| entry.name.clone(), |known| format!("{}+{known}", entry.name));
        Engine::Espeak { voice }
    }

    fn speed(&self, asked: Option<f32>, notes: &mut Vec<String>) -> f32 {
        let speed = asked.unwrap_or(self.defaults.speed);
        if SPEEDS.contains(&speed) {
            return speed;
        }
        let nearest = if speed.is_nan() { 1.0 } else { speed.clamp(*SPEEDS.start(), *SPEEDS.end()) };
        notes.push(format!("speed {speed} is outside {} to {}: {nearest} is used", SPEEDS.start(), SPEEDS.end()));
        nearest
    }

    fn finish(&self, engine: Engine, speed: f32, mut notes: Vec<String>) -> Chosen {
        let language = match &engine {
            Engine::Piper { voice, .. } => voice.language.clone(),
            Engine::Espeak { voice } => {
                let name = voice.split('+').next().unwrap_or_default();
                let entry = self.espeak.iter().find(|entry| entry.name == name);
                entry.and_then(|entry| entry.languages.first()).cloned().unwrap_or_else(|| name.to_owned())
            }
        };
        let mut chosen = Chosen { engine, speed, language, notes: Vec::new() };
        if !notes.is_empty() {
            notes.push(format!("{} speaks", chosen.voice_name()));
        }
        chosen.notes = notes;
        chosen
    }

    /// eSpeak NG in the place of a Piper voice that failed.
    pub(crate) fn instead_of(&self, chosen: &Chosen, why: &str) -> Chosen {
        let mut notes = vec![format!("{} cannot speak: {why}", chosen.voice_name())];
        let entry = self.espeak_for(&chosen.language).or_else(|| self.espeak_for("en"));
        let engine =
            entry.map_or(Engine::Espeak { voice: "en".to_owned() }, |entry| self.espeak(entry, None, &mut notes));
        notes.extend(chosen.notes.iter().cloned());
        self.finish(engine, chosen.speed, notes)
    }
}

fn same(a: &str, b: &str) -> bool {
    a.replace('_', "-").eq_ignore_ascii_case(&b.replace('_', "-"))
}

fn piper(voice: &Arc<PiperVoice>, speaker: Option<&str>, notes: &mut Vec<String>) -> Engine {
    let number = speaker.and_then(|speaker| {
        let by_name =
            voice.speakers.iter().find(|(name, _)| name.eq_ignore_ascii_case(speaker)).map(|(_, number)| *number);
        by_name.or_else(|| speaker.parse().ok().filter(|number| (0..i64::from(voice.speaker_count)).contains(number)))
    });
    if let (Some(speaker), None) = (speaker, number) {
        let names: Vec<&str> = voice.speakers.keys().take(8).map(String::as_str).collect();
        let known =
            if names.is_empty() { "it has one speaker".to_owned() } else { format!("it has {}", names.join(", ")) };
        notes.push(format!("{} has no speaker {speaker:?} ({known})", voice.name));
    }
    Engine::Piper { voice: Arc::clone(voice), speaker: number.unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::piper::voices::Phonemes;

    fn voice(name: &str, language: &str) -> Arc<PiperVoice> {
        Arc::new(PiperVoice {
            name: name.to_owned(),
            model: "x.onnx".into(),
            config: "x.json".into(),
            language: language.to_owned(),
            kind: Phonemes::Espeak(language.to_lowercase()),
            rate: 22_050,
            speakers: BTreeMap::from([("anna".to_owned(), 0), ("Bert".to_owned(), 1)]),
            speaker_count: 2,
            description: String::new(),
            length_scale: 1.0,
        })
    }

    fn entry(name: &str, languages: &[&str]) -> VoiceEntry {
        VoiceEntry {
            title: name.to_owned(),
            name: name.to_owned(),
            languages: languages.iter().map(|l| (*l).to_owned()).collect(),
        }
    }

    fn ask(name: Option<&str>, language: Option<&str>, speaker: Option<&str>) -> Voice {
        let own = |text: Option<&str>| text.map(str::to_owned);
        Voice { name: own(name), language: own(language), speaker: own(speaker), speed: None }
    }

    #[test]
    fn the_nearest_installed_voice_speaks() {
        let espeak = [
            entry("en-gb", &["en-gb", "en"]),
            entry("en-us", &["en-us", "en-r"]),
            entry("de", &["de"]),
            entry("fr", &["fr-fr", "fr"]),
            entry("cmn", &["cmn", "zh-cmn", "zh"]),
            entry("pl", &["pl"]),
        ];
        let variants = ["f3".to_owned()];
        let all = [voice("de_DE-one-low", "de_DE"), voice("en_GB-two-low", "en_GB"), voice("en_US-three-low", "en_US")];
        let defaults = Defaults { voice: Some("en_US-three-low".to_owned()), language: None, speed: 1.0 };
        let none = Defaults { speed: 1.0, ..Defaults::default() };
        let cases: [(&[_], &Defaults, Voice, &str, bool); 16] = [
            (&all, &none, ask(Some("en_GB-two-low"), None, None), "en_GB-two-low", false),
            (&all, &none, ask(Some("EN_gb-TWO-low"), Some("de"), None), "en_GB-two-low", false),
            (&all, &defaults, ask(None, None, None), "en_US-three-low", false),
            (&all, &defaults, ask(None, Some("en"), None), "en_US-three-low", false),
            (&all, &none, ask(None, Some("en-US"), None), "en_US-three-low", false),
            (&all, &none, ask(None, Some("de_AT"), None), "de_DE-one-low", false),
            (&all, &none, ask(None, None, None), "de_DE-one-low", false),
            (&all, &none, ask(None, Some("pl"), None), "espeak-ng/pl", true),
            (&all, &none, ask(Some("fr_FR-none-low"), None, None), "espeak-ng/fr", true),
            (&all, &none, ask(Some("espeak-ng/en-gb"), None, None), "espeak-ng/en-gb", false),
            (&[], &none, ask(None, None, None), "espeak-ng/en-gb", false),
            (&[], &none, ask(None, Some("zh_CN"), None), "espeak-ng/cmn", false),
            (&[], &defaults, ask(None, None, None), "espeak-ng/en-us", true),
            (&[], &none, ask(None, Some("xx"), None), "espeak-ng/en-gb", true),
            (&[], &none, ask(Some("espeak-ng/en-us"), None, Some("f3")), "espeak-ng/en-us+f3", false),
            (&[], &none, ask(None, None, Some("nobody")), "espeak-ng/en-gb", true),
        ];
        for (piper, defaults, asked, expected, noted) in cases {
            let choice = Choice { piper, espeak: &espeak, variants: &variants, defaults };
            let chosen = choice.choose(Some(&asked));
            assert_eq!(chosen.voice_name(), expected, "{asked:?}");
            assert_eq!(!chosen.notes.is_empty(), noted, "{asked:?}: {:?}", chosen.notes);
        }
    }

    #[test]
    fn speakers_and_speeds() {
        let all = [voice("en_US-three-low", "en_US")];
        let defaults = Defaults { speed: 1.2, ..Defaults::default() };
        let choice = Choice { piper: &all, espeak: &[], variants: &[], defaults: &defaults };
        let speaker = |asked: &str| match choice.choose(Some(&ask(None, None, Some(asked)))) {
            Chosen { engine: Engine::Piper { speaker, .. }, notes, .. } => (speaker, notes.is_empty()),
            other => panic!("{other:?}"),
        };
        assert_eq!(speaker("bert"), (1, true));
        assert_eq!(speaker("1"), (1, true));
        assert_eq!(speaker("2"), (0, false));
        assert_eq!(speaker("zoe"), (0, false));
        let speed = |speed: Option<f32>| choice.choose(Some(&Voice { speed, ..Voice::default() })).speed;
        assert!((speed(None) - 1.2).abs() < 1e-6);
        assert!((speed(Some(2.0)) - 2.0).abs() < 1e-6);
        assert!((speed(Some(100.0)) - 2.5).abs() < 1e-6);
        assert!((speed(Some(f32::NAN)) - 1.0).abs() < 1e-6);
    }
}
