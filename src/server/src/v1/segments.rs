//! A recording cut where nobody speaks, so that each piece has a beginning and an end in time.

use vesta_audio::{
    Endpoint, EndpointConfig, Endpointer, FRAME_MS, FRAME_SAMPLES, Frame, Framer, SAMPLE_RATE, Said, Vad, VadConfig,
};

/// Audio from before and after the speech that belongs to a piece, in milliseconds.
const MARGIN_MS: u64 = 300;
/// The silence that cuts, and the longest piece.
const SILENCE_MS: u64 = 700;
const LONGEST_MS: u64 = 25_000;

/// A piece of a recording in which somebody speaks, in samples of 16 kHz.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    /// The first sample.
    pub(crate) start: usize,
    /// The sample after the last one.
    pub(crate) end: usize,
}

impl Segment {
    /// When it begins and ends, in seconds.
    pub(crate) fn seconds(self) -> (f64, f64) {
        let seconds = |samples: usize| samples as f64 / f64::from(SAMPLE_RATE);
        (seconds(self.start), seconds(self.end))
    }
}

/// The pieces of a 16 kHz recording. Where nobody seems to speak, a short recording is one piece: quiet speech is for the recogniser
/// to judge.
pub(crate) fn segments(samples: &[i16]) -> Vec<Segment> {
    let config = EndpointConfig {
        complete_ms: SILENCE_MS,
        unknown_ms: SILENCE_MS,
        nothing_ms: SILENCE_MS,
        open_ms: SILENCE_MS,
        max_utterance_ms: LONGEST_MS,
        no_speech_timeout_ms: 0,
        ..EndpointConfig::default()
    };
    let (mut framer, mut vad) = (Framer::new(), Vad::new(VadConfig::default()));
    let mut endpointer = Endpointer::new(config);
    let (mut now_ms, mut from_ms) = (0, 0);
    let mut began_ms = None;
    let mut pieces: Vec<Segment> = Vec::new();
    let mut push = |from_ms: u64, to_ms: u64| {
        let at = |ms: u64| (ms as usize * SAMPLE_RATE as usize / 1000).min(samples.len());
        let before = pieces.last().map_or(0, |piece| piece.end);
        let start = at(from_ms.saturating_sub(MARGIN_MS)).max(before);
        let piece = Segment { start, end: at(to_ms + MARGIN_MS) };
        if piece.end > piece.start {
            pieces.push(piece);
        }
    };
    let mut hear = |frame: Frame| {
        let speech = vad.push(&frame);
        now_ms += FRAME_MS;
        match endpointer.push(speech, Said::Unknown) {
            Some(Endpoint::SpeechStarted { at_ms }) => began_ms = Some(from_ms + at_ms),
            Some(Endpoint::Ended { speech_end_ms, .. }) => {
                if let Some(began_ms) = began_ms.take() {
                    push(began_ms, from_ms + speech_end_ms);
                }
                endpointer = Endpointer::new(config);
                from_ms = now_ms;
            }
            _ => {}
        }
    };
    framer.push(samples).for_each(&mut hear);
    framer.flush().into_iter().for_each(&mut hear);
    if let Some(began_ms) = began_ms {
        push(began_ms, now_ms);
    }
    let short = samples.len() <= SAMPLE_RATE as usize * LONGEST_MS as usize / 1000;
    if pieces.is_empty() && short && samples.len() >= FRAME_SAMPLES {
        pieces.push(Segment { start: 0, end: samples.len() });
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_recording_in_which_nobody_seems_to_speak_is_one_piece() {
        let quiet = vec![3i16; 32_000];
        assert_eq!(segments(&quiet), [Segment { start: 0, end: 32_000 }]);
        assert_eq!(segments(&vec![0i16; 16_000 * 60]), []);
        assert_eq!(segments(&[]), []);
    }
}
