//! From one sample rate to another, as a stream: band-limited, by FFT (rubato).

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Indexing, Resampler as _, WindowFunction};

/// Accepted rates in Hz, from very bad telephones to twice studio equipment.
const RATES: std::ops::RangeInclusive<u32> = 1_000..=384_000;
/// A block is at least this many samples on both sides: shorter ones would cut too much off below the band's edge.
const MIN_BLOCK: u32 = 160;

/// Why no resampler could be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResampleError {
    /// The rate is none that audio has.
    #[error("a sample rate of {0} Hz is not usable: rates from 1000 to 384000 Hz are")]
    Rate(u32),
    /// The resampling library refused.
    #[error("cannot resample from {from} to {to} Hz: {why}")]
    Library {
        /// Hz in.
        from: u32,
        /// Hz out.
        to: u32,
        /// What it said.
        why: String,
    },
}

/// Resamples a mono stream. The output is in step with the input: the filter's delay (5 ms at usual rates) is cut off at the start and made
/// up for by [`Resampler::flush`].
pub struct Resampler {
    /// `None` where both rates are the same.
    fft: Option<Box<Fft<f32>>>,
    from: u32,
    to: u32,
    waiting: Vec<f32>,
    block: Vec<f32>,
    /// Samples taken in, and given out, since the start of the stream.
    taken: u64,
    given: u64,
    /// Samples of the filter's delay that still have to be dropped.
    delay: usize,
}

impl Resampler {
    /// A resampler between these rates in Hz.
    ///
    /// # Errors
    /// [`ResampleError::Rate`] where a rate is below 1 kHz or above 384 kHz.
    pub fn new(from_hz: u32, to_hz: u32) -> Result<Resampler, ResampleError> {
        if let Some(&rate) = [from_hz, to_hz].iter().find(|rate| !RATES.contains(rate)) {
            return Err(ResampleError::Rate(rate));
        }
        let mut resampler = Resampler {
            fft: None,
            from: from_hz,
            to: to_hz,
            waiting: Vec::new(),
            block: Vec::new(),
            taken: 0,
            given: 0,
            delay: 0,
        };
        if from_hz != to_hz {
            let fft = new_fft(from_hz, to_hz)?;
            resampler.delay = fft.output_delay();
            resampler.block = vec![0.0; fft.output_frames_next()];
            resampler.fft = Some(Box::new(fft));
        }
        Ok(resampler)
    }

    /// What can be given out after taking in `samples`. Up to a block (10 ms at usual rates) waits for the next call.
    pub fn process(&mut self, samples: &[i16]) -> Vec<i16> {
        let mut out = Vec::new();
        self.process_f32(samples.iter().map(|&sample| f32::from(sample) / 32768.0), &mut out);
        out
    }

    /// [`Resampler::process`] for samples from -1 to 1; appends to `out`.
    pub fn process_f32(&mut self, samples: impl IntoIterator<Item = f32>, out: &mut Vec<i16>) {
        let before = self.waiting.len();
        self.waiting.extend(samples);
        self.taken += (self.waiting.len() - before) as u64;
        self.run(out);
    }

    /// The rest of the stream, so that the output has the input's duration. The resampler then starts a new stream.
    pub fn flush(&mut self) -> Vec<i16> {
        let mut out = Vec::new();
        let due = self.taken * u64::from(self.to) / u64::from(self.from);
        let (given_before, delay) = (self.given, self.fft.as_ref().map_or(0, |fft| fft.output_delay()));
        while self.given < due {
            let Some(fft) = &self.fft else { break };
            self.waiting.resize(fft.input_frames_next(), 0.0);
            self.run(&mut out);
        }
        out.truncate(usize::try_from(due.saturating_sub(given_before)).unwrap_or(usize::MAX));
        if let Some(fft) = &mut self.fft {
            fft.reset();
        }
        self.waiting.clear();
        (self.taken, self.given, self.delay) = (0, 0, delay);
        out
    }

    /// Turns whole waiting blocks into output.
    fn run(&mut self, out: &mut Vec<i16>) {
        let before = out.len();
        let Some(fft) = &mut self.fft else {
            out.extend(self.waiting.drain(..).map(to_i16));
            self.given += (out.len() - before) as u64;
            return;
        };
        let block_in = fft.input_frames_next();
        let block_out = fft.output_frames_next();
        let mut start = 0;
        while self.waiting.len() - start >= block_in {
            let made = InterleavedSlice::new(&self.waiting, 1, self.waiting.len()).ok().and_then(|input| {
                let mut output = InterleavedSlice::new_mut(&mut self.block, 1, block_out).ok()?;
                fft.process_into_buffer(&input, &mut output, Some(&Indexing::new().input_offset(start))).ok()
            });
            start += block_in;
            // Sizes are the library's own, so that it never refuses; if it did, silence would keep the stream in step.
            let made = made.map_or(0, |(_, made)| made);
            let fresh = self.block.iter().take(made).copied().chain(std::iter::repeat_n(0.0, block_out - made));
            let skipped = self.delay.min(block_out);
            self.delay -= skipped;
            out.extend(fresh.skip(skipped).map(to_i16));
        }
        self.waiting.drain(..start);
        self.given += (out.len() - before) as u64;
    }
}

fn new_fft(from: u32, to: u32) -> Result<Fft<f32>, ResampleError> {
    // 10 ms, or as many as give both sides their minimum.
    let block = (from / 100).max(MIN_BLOCK).max((MIN_BLOCK * from).div_ceil(to));
    let size = |rate: u32| usize::try_from(rate).unwrap_or(usize::MAX);
    Fft::new_custom(size(from), size(to), size(block), 1, 1, WindowFunction::BlackmanHarris2, FixedSync::Both)
        .map_err(|error| ResampleError::Library { from, to, why: error.to_string() })
}

fn to_i16(sample: f32) -> i16 {
    // A float-to-integer cast saturates, and turns a NaN into 0.
    (sample * 32768.0).round() as i16
}

impl std::fmt::Debug for Resampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resampler").field("from", &self.from).field("to", &self.to).finish_non_exhaustive()
    }
}
