//! A stretch of audio that is decoded in one piece.

use std::sync::{Arc, Mutex, PoisonError};

use vesta_audio::FRAME_SAMPLES;

/// Audio that grows while decoders read it: each decode takes what is there when it begins.
#[derive(Clone, Debug, Default)]
pub(crate) struct Audio(Arc<Mutex<Vec<i16>>>);

impl Audio {
    /// A copy of everything so far.
    pub(crate) fn copy(&self) -> Vec<i16> {
        self.with(|samples| samples.clone())
    }

    fn with<T>(&self, work: impl FnOnce(&mut Vec<i16>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One frame's figures.
#[derive(Clone, Copy, Debug)]
struct Mark {
    voiced: bool,
    /// Sum of the squared samples.
    energy: f64,
}

/// A stretch of the stream: its audio, and where in it somebody spoke. All lengths are samples at 16 kHz.
#[derive(Debug, Default)]
pub(crate) struct Window {
    audio: Audio,
    /// Where in the stream it begins.
    start: usize,
    marks: Vec<Mark>,
    first_voiced: Option<usize>,
    voiced_end: usize,
}

impl Window {
    /// An empty window that begins at this sample of the stream.
    pub(crate) fn at(start: usize) -> Window {
        Window { start, ..Window::default() }
    }

    /// Adds a frame; the last one of a stream may be shorter.
    pub(crate) fn push(&mut self, frame: &[i16], voiced: bool) {
        let energy = frame.iter().map(|&sample| f64::from(sample) * f64::from(sample)).sum();
        let begin = self.len();
        self.audio.with(|samples| samples.extend_from_slice(frame));
        self.marks.push(Mark { voiced, energy });
        if voiced {
            self.first_voiced.get_or_insert(begin);
            self.voiced_end = begin + frame.len();
        }
    }

    /// The audio, shared.
    pub(crate) fn audio(&self) -> Audio {
        self.audio.clone()
    }

    /// Samples in the window.
    pub(crate) fn len(&self) -> usize {
        self.audio.with(|samples| samples.len())
    }

    /// Where in the stream the window begins.
    pub(crate) fn start(&self) -> usize {
        self.start
    }

    /// Where somebody first spoke.
    pub(crate) fn first_voiced(&self) -> Option<usize> {
        self.first_voiced
    }

    /// Where somebody last spoke; 0 where nobody did.
    pub(crate) fn voiced_end(&self) -> usize {
        self.voiced_end
    }

    /// How long nobody has spoken now.
    pub(crate) fn silence(&self) -> usize {
        self.len() - self.voiced_end
    }

    /// Milliseconds of voice within the first `covers` samples.
    pub(crate) fn voiced_ms(&self, covers: usize) -> u64 {
        let frames = self.marks.iter().take(covers.div_ceil(FRAME_SAMPLES)).filter(|mark| mark.voiced).count();
        frames as u64 * vesta_audio::FRAME_MS
    }

    /// Forgets audio from before anybody spoke, all but the last `keep` samples. Only while nobody has spoken.
    pub(crate) fn forget_silence(&mut self, keep: usize) {
        let frames = self.len().saturating_sub(keep) / FRAME_SAMPLES;
        if self.first_voiced.is_some() || frames == 0 {
            return;
        }
        self.audio.with(|samples| drop(samples.drain(..frames * FRAME_SAMPLES)));
        self.marks.drain(..frames.min(self.marks.len()));
        self.start += frames * FRAME_SAMPLES;
    }

    /// Where the window is best cut in two: in the middle of the quietest 200 ms of its last `within` samples.
    pub(crate) fn quietest(&self, within: usize) -> usize {
        const QUIET: usize = 10;
        let first = self.marks.len().saturating_sub(within / FRAME_SAMPLES);
        let energy = |run: &[Mark]| run.iter().map(|mark| mark.energy).sum::<f64>();
        self.marks
            .windows(QUIET)
            .enumerate()
            .skip(first)
            .min_by(|(_, a), (_, b)| energy(a).total_cmp(&energy(b)))
            .map_or(self.len(), |(frame, _)| (frame + QUIET / 2) * FRAME_SAMPLES)
    }

    /// Cuts the window at a sample; the rest becomes a window of its own.
    pub(crate) fn split(&mut self, at: usize) -> Window {
        let at = at.min(self.len()) / FRAME_SAMPLES * FRAME_SAMPLES;
        let marks = self.marks.split_off((at / FRAME_SAMPLES).min(self.marks.len()));
        let tail = self.audio.with(|samples| samples.split_off(at));
        let mut rest = Window::at(self.start + at);
        for (frame, mark) in tail.chunks(FRAME_SAMPLES).zip(marks) {
            rest.push(frame, mark.voiced);
        }
        if self.voiced_end > at {
            let voiced = self.marks.iter().rposition(|mark| mark.voiced);
            self.voiced_end = voiced.map_or(0, |frame| (frame + 1) * FRAME_SAMPLES);
            self.first_voiced = self.first_voiced.filter(|&first| first < at);
        }
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(level: i16) -> Vec<i16> {
        vec![level; FRAME_SAMPLES]
    }

    fn window(voices: &[bool]) -> Window {
        let mut window = Window::at(0);
        for &voiced in voices {
            window.push(&frame(if voiced { 1000 } else { 1 }), voiced);
        }
        window
    }

    #[test]
    fn it_knows_where_somebody_spoke() {
        let window = window(&[false, true, true, false]);
        assert_eq!(window.first_voiced(), Some(FRAME_SAMPLES));
        assert_eq!(window.voiced_end(), 3 * FRAME_SAMPLES);
        assert_eq!(window.silence(), FRAME_SAMPLES);
        assert_eq!(window.voiced_ms(2 * FRAME_SAMPLES), 20);
        assert_eq!(window.voiced_ms(usize::MAX), 40);
    }

    #[test]
    fn silence_before_speech_is_forgotten_and_the_clock_goes_on() {
        let mut silent = window(&[false; 10]);
        silent.forget_silence(3 * FRAME_SAMPLES);
        assert_eq!((silent.len(), silent.start()), (3 * FRAME_SAMPLES, 7 * FRAME_SAMPLES));
        let mut spoken = window(&[false, true, false, false]);
        spoken.forget_silence(0);
        assert_eq!(spoken.len(), 4 * FRAME_SAMPLES);
    }

    #[test]
    fn it_is_cut_where_it_is_quietest_and_nothing_is_lost() {
        let voices: Vec<bool> = (0..100).map(|frame| !(60..72).contains(&frame)).collect();
        let mut first = window(&voices);
        let total = first.copy_for_test();
        let cut = first.quietest(80 * FRAME_SAMPLES);
        assert!((60 * FRAME_SAMPLES..72 * FRAME_SAMPLES).contains(&cut), "{cut}");
        let rest = first.split(cut);
        assert_eq!(first.voiced_end(), 60 * FRAME_SAMPLES);
        assert_eq!(rest.start(), cut);
        assert!(rest.first_voiced().is_some());
        assert_eq!([first.copy_for_test(), rest.copy_for_test()].concat(), total);
    }

    impl Window {
        fn copy_for_test(&self) -> Vec<i16> {
            self.audio.copy()
        }
    }
}
