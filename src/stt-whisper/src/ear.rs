//! From a client's audio chunks to frames of 16 kHz mono, each with the detector's word on it.

use vesta_audio::{Frame, Framer, ResampleError, Resampler, SAMPLE_RATE, Vad, VadConfig};
use vesta_wyoming::AudioFormat;

/// Probability from which a frame begins speech, and above which it continues it.
const BEGINS: f32 = 0.5;
const CONTINUES: f32 = 0.35;

/// Why audio cannot be heard.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EarError {
    /// Numbers that no audio has.
    #[error("audio of {} Hz, {} bytes a sample and {} channels cannot be heard; send PCM, best 16000 Hz, 2 bytes, 1 channel", .0.rate, .0.width, .0.channels)]
    Format(AudioFormat),
    /// A rate that cannot be resampled.
    #[error(transparent)]
    Rate(#[from] ResampleError),
}

/// One stream's audio. Chunks may begin and end anywhere, within a sample too.
pub(crate) struct Ear {
    format: Option<AudioFormat>,
    resampler: Option<Resampler>,
    /// Bytes that wait for the rest of their sample.
    remainder: Vec<u8>,
    framer: Framer,
    vad: Vad,
    voiced: bool,
}

impl Ear {
    /// An ear for a new stream.
    pub(crate) fn new() -> Ear {
        Ear {
            format: None,
            resampler: None,
            remainder: Vec::new(),
            framer: Framer::new(),
            vad: Vad::new(VadConfig::default()),
            voiced: false,
        }
    }

    /// Takes a chunk; hands on the frames that it completes, and whether they are voiced.
    ///
    /// # Errors
    /// Where the format is none that audio has.
    pub(crate) fn hear(
        &mut self,
        format: AudioFormat,
        bytes: &[u8],
        mut frame: impl FnMut(&[i16], bool),
    ) -> Result<(), EarError> {
        if self.format != Some(format) {
            self.change_format(format, &mut frame)?;
        }
        self.remainder.extend_from_slice(bytes);
        let whole = self.remainder.len() / format.frame_bytes() * format.frame_bytes();
        let samples = format.to_mono(self.remainder.get(..whole).unwrap_or_default());
        self.remainder.drain(..whole);
        let samples = match &mut self.resampler {
            Some(resampler) => resampler.process(&samples),
            None => samples,
        };
        self.frames(&samples, frame);
        Ok(())
    }

    /// Hands on what is left at the end of the stream; the last frame may be short.
    pub(crate) fn flush(&mut self, mut frame: impl FnMut(&[i16], bool)) {
        if let Some(resampler) = &mut self.resampler {
            let rest = resampler.flush();
            self.frames(&rest, &mut frame);
        }
        let waiting = self.framer.waiting();
        if let Some(last) = self.framer.flush() {
            let voiced = self.is_voiced(&last);
            frame(last.get(..waiting).unwrap_or_default(), voiced);
        }
    }

    fn change_format(&mut self, format: AudioFormat, frame: &mut impl FnMut(&[i16], bool)) -> Result<(), EarError> {
        if !format.is_plausible() {
            return Err(EarError::Format(format));
        }
        if let Some(mut resampler) = self.resampler.take() {
            let rest = resampler.flush();
            self.frames(&rest, frame);
        }
        self.remainder.clear();
        if format.rate != SAMPLE_RATE {
            self.resampler = Some(Resampler::new(format.rate, SAMPLE_RATE)?);
        }
        self.format = Some(format);
        Ok(())
    }

    fn frames(&mut self, samples: &[i16], mut sink: impl FnMut(&[i16], bool)) {
        let frames: Vec<Frame> = self.framer.push(samples).collect();
        for frame in frames {
            let voiced = self.is_voiced(&frame);
            sink(&frame, voiced);
        }
    }

    fn is_voiced(&mut self, frame: &Frame) -> bool {
        let threshold = if self.voiced { CONTINUES } else { BEGINS };
        self.voiced = self.vad.push(frame) >= threshold;
        self.voiced
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(rate: u32, seconds: f32) -> Vec<i16> {
        let samples = (rate as f32 * seconds) as usize;
        (0..samples).map(|n| ((n as f32 / rate as f32 * 440.0 * std::f32::consts::TAU).sin() * 8000.0) as i16).collect()
    }

    fn heard(format: AudioFormat, bytes: &[u8], chunk: usize) -> Vec<i16> {
        let mut ear = Ear::new();
        let mut all = Vec::new();
        for part in bytes.chunks(chunk) {
            ear.hear(format, part, |frame, _| all.extend_from_slice(frame)).unwrap();
        }
        ear.flush(|frame, _| all.extend_from_slice(frame));
        all
    }

    #[test]
    fn chunks_may_be_cut_within_a_sample() {
        let samples = tone(16_000, 0.5);
        let bytes = AudioFormat::pcm16(&samples);
        assert_eq!(heard(AudioFormat::SPEECH, &bytes, 333), samples);
    }

    #[test]
    fn any_rate_width_and_number_of_channels_gives_the_same_duration() {
        for rate in [8_000, 22_050, 44_100, 48_000] {
            let samples = tone(rate, 1.0);
            let stereo: Vec<i16> = samples.iter().flat_map(|&sample| [sample, sample]).collect();
            let format = AudioFormat { rate, width: 2, channels: 2 };
            let out = heard(format, &AudioFormat::pcm16(&stereo), 1000);
            assert!((out.len() as i64 - 16_000).abs() <= 2, "{rate} Hz became {} samples", out.len());
            let loudest = out.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
            assert!((7500..8600).contains(&loudest), "{rate} Hz became {loudest} loud");
        }
    }

    #[test]
    fn an_impossible_format_is_refused_with_advice() {
        let format = AudioFormat { rate: 0, width: 2, channels: 1 };
        let error = Ear::new().hear(format, &[0; 64], |_, _| {}).unwrap_err();
        assert!(error.to_string().contains("16000 Hz"), "{error}");
    }
}
