//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Parser;
use vesta_wyoming::Uri;

use crate::choose::SPEEDS;

/// Text-to-speech worker: speaks the Wyoming protocol, with Piper voices and, where there is none, with eSpeak NG.
///
/// When it is ready it prints one line of JSON with its address. It ends when its standard input ends, or on SIGTERM.
#[derive(Debug, Parser)]
#[command(name = "vesta-tts-piper", version, max_term_width = 100)]
pub(crate) struct Arguments {
    /// Where to listen: tcp://host:port (port 0: a free one) or unix:///path.
    #[arg(long, default_value = "tcp://127.0.0.1:0", value_name = "URI")]
    pub(crate) uri: Uri,

    /// A folder with Piper voices (NAME.onnx and NAME.onnx.json, in folders of their own if you like); may be given several times.
    #[arg(long, value_name = "DIR")]
    pub(crate) voices: Vec<PathBuf>,

    /// The voice that speaks unless a request names another: a Piper voice's name, or espeak-ng/NAME.
    #[arg(long, value_name = "NAME")]
    pub(crate) voice: Option<String>,

    /// The language of requests that name none [default: that of the default voice].
    #[arg(long, value_name = "TAG")]
    pub(crate) language: Option<String>,

    /// How fast to speak unless a request says otherwise: 0.5 to 2.5, 1 being normal.
    #[arg(long, default_value_t = 1.0, value_parser = speed)]
    pub(crate) speed: f32,

    /// The folder with eSpeak NG's data (it holds `phontab`) [default: looked for in the usual places].
    #[arg(long, value_name = "DIR")]
    pub(crate) espeak_data: Option<PathBuf>,

    /// The ONNX Runtime library that Piper voices need [default: the one that script/setup installed, or the system's].
    #[arg(long, env = "ORT_DYLIB_PATH", value_name = "PATH")]
    pub(crate) onnxruntime: Option<OsString>,

    /// Threads for one clause of a Piper voice [default: the cores, at most 4].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: Option<u16>,

    /// Longest text of one request, in characters.
    #[arg(long, default_value_t = 20_000, value_name = "COUNT")]
    pub(crate) max_chars: usize,

    /// Go on when standard input ends: for a worker that no other program supervises.
    #[arg(long)]
    pub(crate) detached: bool,
}

impl Arguments {
    /// The library that was named; an empty variable names none.
    pub(crate) fn onnxruntime(&self) -> Option<PathBuf> {
        self.onnxruntime.as_ref().filter(|path| !path.is_empty()).map(PathBuf::from)
    }
}

fn speed(text: &str) -> Result<f32, String> {
    let speed: f32 = text.parse().map_err(|_| "write a number such as 1.2".to_owned())?;
    if SPEEDS.contains(&speed) {
        Ok(speed)
    } else {
        Err(format!("use {} to {}, 1 being normal", SPEEDS.start(), SPEEDS.end()))
    }
}
