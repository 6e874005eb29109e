//! Where the engines come from: programs that lie beside this one, or services elsewhere.

use std::path::PathBuf;

use vesta_engines::{Source, WorkerCommand};
use vesta_models::{AudioCtx, Kind, Models};

use crate::commands::{self, Setting};

/// Where speech to text comes from.
pub(crate) fn speech_to_text(setting: &Setting) -> Source {
    let config = &setting.config.stt;
    if let Some(uri) = &config.uri {
        return remote(uri, "[stt] uri");
    }
    let program = match vesta_engines::find_program("vesta-stt-whisper", None) {
        Ok(program) => program,
        Err(error) => return Source::Missing(error.to_string()),
    };
    let model = match commands::speech_model(setting) {
        Ok(model) => model,
        Err(error) => return Source::Missing(format!("{error:#}")),
    };
    let mut args = vec!["--uri".into(), format!("tcp://{}", config.listen).into()];
    if let Some(path) = &model.path {
        args.extend(["--model".into(), path.clone().into_os_string()]);
    }
    args.extend(["--name".into(), model.name.clone().into()]);
    args.extend(model.flags().into_iter().map(Into::into));
    let spoken = config.language.clone().unwrap_or_else(|| setting.config.language.clone());
    args.extend(["--language".into(), spoken.into()]);
    if config.threads > 0 {
        args.extend(["--threads".into(), config.threads.to_string().into()]);
    }
    Source::Local(WorkerCommand { program, args, env: Vec::new() })
}

/// Where text to speech comes from.
pub(crate) fn text_to_speech(setting: &Setting) -> Source {
    let config = &setting.config.tts;
    if let Some(uri) = &config.uri {
        return remote(uri, "[tts] uri");
    }
    let program = match vesta_engines::find_program("vesta-tts-piper", None) {
        Ok(program) => program,
        Err(error) => return Source::Missing(error.to_string()),
    };
    let mut args = vec!["--uri".into(), format!("tcp://{}", config.listen).into()];
    args.extend(["--voices".into(), setting.folder.models().into_os_string()]);
    args.extend(["--language".into(), setting.config.language.clone().into()]);
    let chosen = Models::open(setting.folder.path()).ok().and_then(|models| models.chosen(Kind::Tts).ok().flatten());
    if let Some(voice) = config.voice.clone().or_else(|| chosen.map(|voice| voice.name)) {
        args.extend(["--voice".into(), voice.into()]);
    }
    Source::Local(WorkerCommand { program, args, env: Vec::new() })
}

fn remote(uri: &str, key: &str) -> Source {
    match uri.parse() {
        Ok(uri) => Source::Remote(uri),
        Err(error) => Source::Missing(format!("{key}: {error}")),
    }
}

/// The file of a model and how it wants to be called.
pub(crate) struct SpeechModel {
    /// Name in the manifest.
    pub name: String,
    /// Its file; the built-in model has none.
    pub path: Option<PathBuf>,
    /// How much audio context the model needs for how much audio.
    pub audio_ctx: Option<AudioCtx>,
}

impl SpeechModel {
    fn flags(&self) -> Vec<String> {
        // The built-in model was trained to tell commands from everything else, and says so before its first word: of 400
        // commands none was above 0.3, of 100 noises all were. Of 300 commands it was less sure than -0.17 of none; of 426
        // clips of other talk it was surer than -0.3 of seven.
        let guard = (self.name == commands::BUILT_IN_MODEL)
            .then(|| ["--no-speech-alone", "0.3", "--sure-logprob", "-0.3"].map(str::to_owned));
        let Some(rule) = &self.audio_ctx else { return Vec::new() };
        let rule = [
            ("--ctx-per-second", rule.per_second.to_string()),
            ("--ctx-extra", rule.extra.to_string()),
            ("--ctx-multiple", rule.multiple.to_string()),
            ("--ctx-min", rule.min.to_string()),
        ]
        .into_iter()
        .flat_map(|(flag, value)| [flag.to_owned(), value]);
        rule.chain(guard.into_iter().flatten()).collect()
    }
}
