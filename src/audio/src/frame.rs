//! The frame: the unit in which audio moves through Vesta.

/// Samples a second.
pub const SAMPLE_RATE: u32 = 16_000;
/// Samples in a frame.
pub const FRAME_SAMPLES: usize = 320;
/// Milliseconds in a frame.
pub const FRAME_MS: u64 = 20;

/// 20 ms of 16 kHz mono audio.
pub type Frame = [i16; FRAME_SAMPLES];

/// Cuts runs of samples of any length into frames. What does not fill a frame waits for the next run.
#[derive(Clone, Debug)]
pub struct Framer {
    /// The frame that is being filled.
    filling: Frame,
    filled: usize,
}

impl Default for Framer {
    fn default() -> Framer {
        Framer { filling: [0; FRAME_SAMPLES], filled: 0 }
    }
}

impl Framer {
    /// A framer that holds nothing yet.
    pub fn new() -> Framer {
        Framer::default()
    }

    /// The frames that `samples` complete. The samples are taken as the iterator is run: run it to its end.
    pub fn push<'a>(&'a mut self, samples: &'a [i16]) -> Frames<'a> {
        Frames { framer: self, samples }
    }

    /// The frame that is only partly filled, padded with silence; `None` where nothing waits.
    pub fn flush(&mut self) -> Option<Frame> {
        let frame = (self.filled > 0).then_some(self.filling);
        *self = Framer::default();
        frame
    }

    /// Samples that wait for the rest of their frame.
    pub fn waiting(&self) -> usize {
        self.filled
    }

    /// Takes as many samples as fit; returns the rest, and the frame where it became full.
    fn fill<'a>(&mut self, samples: &'a [i16]) -> (Option<Frame>, &'a [i16]) {
        let room = self.filling.get_mut(self.filled..).unwrap_or_default();
        let (taken, rest) = samples.split_at(room.len().min(samples.len()));
        for (place, &sample) in room.iter_mut().zip(taken) {
            *place = sample;
        }
        self.filled += taken.len();
        if self.filled < FRAME_SAMPLES {
            return (None, rest);
        }
        let full = self.filling;
        *self = Framer::default();
        (Some(full), rest)
    }
}

/// The frames that a run of samples completes; see [`Framer::push`].
#[derive(Debug)]
pub struct Frames<'a> {
    framer: &'a mut Framer,
    samples: &'a [i16],
}

impl Iterator for Frames<'_> {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        let (full, rest) = self.framer.fill(self.samples);
        self.samples = rest;
        full
    }
}

impl Drop for Frames<'_> {
    /// What the caller did not look at is thrown away frame by frame, so that the remainder stays in step with the stream.
    fn drop(&mut self) {
        while self.next().is_some() {}
    }
}
