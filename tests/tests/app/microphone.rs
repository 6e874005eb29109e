//! Sound files for Chromium's fake microphone, which plays them from when a page opens it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use vesta_tests::speech;

/// Sentences, each after so many seconds of silence, and silence for longer than a test needs.
pub(crate) struct Microphone {
    /// The file.
    pub(crate) file: PathBuf,
    /// When each sentence is over, in seconds from the beginning.
    ends: Vec<f64>,
}

impl Microphone {
    pub(crate) fn says(folder: &Path, sentences: &[(f64, &str)]) -> Self {
        let seconds = |samples: &[i16]| samples.len() as f64 / speech::RATE as f64;
        let (mut sound, mut ends) = (Vec::new(), Vec::new());
        for &(pause, text) in sentences {
            sound.extend(speech::silence(pause));
            sound.extend(speech::speak(text));
            ends.push(seconds(&sound));
        }
        sound.extend(speech::silence(60.0));
        let file = folder.join("microphone.wav");
        let mut out = std::fs::File::create(&file).unwrap();
        vesta_audio::wav::write(&mut out, vesta_audio::SAMPLE_RATE, &sound).unwrap();
        Self { file, ends }
    }

    /// Waits until sentence `number` was said by a microphone that has just been opened. The sound itself lasts so long: nothing else tells
    /// that it is over.
    pub(crate) async fn until_said(&self, number: usize) {
        tokio::time::sleep(Duration::from_secs_f64(self.ends[number] + 0.6)).await;
    }
}
