//! What the worker says about itself.

use vesta_wyoming::{Artifact, Attribution, Info, TtsProgram, TtsSpeaker, TtsVoice};

use crate::choose::ESPEAK_PREFIX;
use crate::speech::{Installed, Speech};

/// The program's name in `info` and in the handshake.
pub(crate) const NAME: &str = "tts-piper";

/// The answer to `describe`: Piper's voices first, then eSpeak NG's, and which of them speaks when nothing is asked for.
pub(crate) fn info(speech: &Speech) -> Info {
    speech.search();
    let installed = speech.installed();
    let about = Artifact {
        name: NAME.to_owned(),
        attribution: attribution("Vesta", ""),
        installed: true,
        description: Some(summary(speech, &installed)),
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
    };
    let mut voices = piper_voices(&installed);
    voices.extend(espeak_voices(speech));
    let program = TtsProgram { about, voices, supports_synthesize_streaming: true };
    Info { tts: vec![program], ..Info::default() }
}

/// One sentence on who speaks.
pub(crate) fn summary(speech: &Speech, installed: &Installed) -> String {
    let default = speech.choose(None).voice_name();
    let broken = match installed.bad.as_slice() {
        [] => String::new(),
        bad => {
            let reasons: Vec<String> = bad.iter().map(|bad| format!("{}: {}", bad.name, bad.why)).collect();
            format!(" Unusable: {}.", reasons.join("; "))
        }
    };
    let voices = installed.voices.len();
    let engines = match voices {
        0 => "No Piper voice is installed: eSpeak NG speaks every language.".to_owned(),
        1 => "One Piper voice; eSpeak NG speaks the other languages.".to_owned(),
        _ => format!("{voices} Piper voices; eSpeak NG speaks the other languages."),
    };
    format!("{engines} Default voice: {default}.{broken}")
}

/// The languages that can be spoken, without their regions.
pub(crate) fn languages(speech: &Speech) -> Vec<String> {
    let installed = speech.installed();
    let piper = installed.voices.iter().map(|voice| crate::text::base(&voice.language));
    let espeak =
        speech.espeak_voices().iter().filter_map(|voice| voice.languages.first()).map(|tag| crate::text::base(tag));
    let all: std::collections::BTreeSet<String> = piper.chain(espeak).collect();
    all.into_iter().collect()
}

fn piper_voices(installed: &Installed) -> Vec<TtsVoice> {
    let usable = installed.voices.iter().map(|voice| TtsVoice {
        about: Artifact {
            name: voice.name.clone(),
            attribution: attribution("Piper", "https://github.com/rhasspy/piper"),
            installed: true,
            description: Some(format!("{} (Piper)", voice.description)),
            version: None,
        },
        languages: vec![voice.language.clone()],
        speakers: (!voice.speakers.is_empty()).then(|| {
            let mut speakers: Vec<_> = voice.speakers.iter().collect();
            speakers.sort_by_key(|(_, number)| **number);
            speakers.into_iter().map(|(name, _)| TtsSpeaker { name: name.clone() }).collect()
        }),
    });
    let unusable = installed.bad.iter().map(|bad| TtsVoice {
        about: Artifact {
            name: bad.name.clone(),
            installed: false,
            description: Some(bad.why.clone()),
            ..Artifact::default()
        },
        languages: Vec::new(),
        speakers: None,
    });
    usable.chain(unusable).collect()
}

fn espeak_voices(speech: &Speech) -> Vec<TtsVoice> {
    let voices = speech.espeak_voices().iter().map(|voice| TtsVoice {
        about: Artifact {
            name: format!("{ESPEAK_PREFIX}{}", voice.name),
            attribution: attribution("eSpeak NG", "https://github.com/espeak-ng/espeak-ng"),
            installed: true,
            description: Some(format!("{} (eSpeak NG)", voice.title)),
            version: None,
        },
        languages: voice.languages.first().cloned().into_iter().collect(),
        speakers: None,
    });
    voices.collect()
}

fn attribution(name: &str, url: &str) -> Attribution {
    Attribution { name: name.to_owned(), url: url.to_owned() }
}
