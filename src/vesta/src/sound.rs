//! Microphone and loudspeaker of this machine, through cpal.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{Device, FromSample, Sample, SampleFormat, SizedSample, Stream, SupportedStreamConfig};
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;
use vesta_audio::{Resampler, SAMPLE_RATE};

/// Blocks that may wait between the microphone and Vesta; what comes when it is full is lost and counted.
const HEARD_BLOCKS: usize = 64;
/// Blocks of a reply that may wait for the loudspeaker: minutes, at the 40 ms that a speech engine gives at a time.
const SAID_BLOCKS: usize = 8192;

/// How much later than planned a loudspeaker may be done.
const DEVICE_DELAY: Duration = Duration::from_secs(2);

/// The microphone, as 16 kHz mono.
pub(crate) struct Microphone {
    blocks: mpsc::Receiver<Vec<i16>>,
    resampler: Resampler,
    lost: Arc<AtomicUsize>,
    _stream: Stream,
}

impl Microphone {
    /// Opens the microphone whose name contains `name`, or the system's own.
    pub(crate) fn open(name: Option<&str>) -> anyhow::Result<Self> {
        let host = cpal::default_host();
        let device = match name {
            Some(name) => named(host.input_devices()?, name, "microphone")?,
            None => host
                .default_input_device()
                .ok_or_else(|| anyhow!("there is no microphone; `vesta talk --list` shows what there is"))?,
        };
        let config = device.default_input_config().context("the microphone cannot be used")?;
        let (sender, blocks) = mpsc::channel(HEARD_BLOCKS);
        let lost = Arc::new(AtomicUsize::new(0));
        let stream = match config.sample_format() {
            SampleFormat::I16 => record::<i16>(&device, &config, sender, lost.clone()),
            SampleFormat::I32 => record::<i32>(&device, &config, sender, lost.clone()),
            SampleFormat::U8 => record::<u8>(&device, &config, sender, lost.clone()),
            SampleFormat::F32 => record::<f32>(&device, &config, sender, lost.clone()),
            other => bail!("the microphone gives samples of a kind that is not supported: {other}"),
        }?;
        stream.play().context("the microphone does not start")?;
        let resampler = Resampler::new(config.sample_rate(), SAMPLE_RATE)?;
        Ok(Self { blocks, resampler, lost, _stream: stream })
    }

    /// The next samples; `None` when the microphone is gone.
    pub(crate) async fn next(&mut self) -> Option<Vec<i16>> {
        loop {
            let block = self.blocks.recv().await?;
            let lost = self.lost.swap(0, Ordering::Relaxed);
            if lost > 0 {
                tracing::warn!(lost, "the microphone gave audio faster than it was taken");
            }
            let samples = self.resampler.process(&block);
            if !samples.is_empty() {
                return Some(samples);
            }
        }
    }

    /// Forgets what was recorded and not taken yet.
    pub(crate) fn clear(&mut self) {
        while self.blocks.try_recv().is_ok() {}
    }
}

fn record<T>(
    device: &Device,
    config: &SupportedStreamConfig,
    sender: mpsc::Sender<Vec<i16>>,
    lost: Arc<AtomicUsize>,
) -> anyhow::Result<Stream>
where
    T: SizedSample,
    i32: FromSample<T>,
{
    let channels = usize::from(config.channels().max(1));
    let stream = device.build_input_stream(
        config.config(),
        move |samples: &[T], _| {
            let mono = samples.chunks(channels).map(|frame| {
                let sum: i64 = frame.iter().map(|sample| i64::from(i32::from_sample(*sample))).sum();
                ((sum / frame.len() as i64) >> 16) as i16
            });
            if sender.try_send(mono.collect()).is_err() {
                lost.fetch_add(samples.len() / channels, Ordering::Relaxed);
            }
        },
        |error| tracing::warn!(%error, "the microphone"),
        None,
    );
    stream.context("the microphone cannot be opened")
}

/// The loudspeaker.
pub(crate) struct Loudspeaker {
    blocks: mpsc::Sender<Vec<i16>>,
    rate: u32,
    resampler: Option<(u32, Resampler)>,
    waiting: Arc<AtomicUsize>,
    flush: Arc<AtomicBool>,
    drained: Arc<Notify>,
    _stream: Stream,
}

impl Loudspeaker {
    /// Opens the loudspeaker whose name contains `name`, or the system's own.
    pub(crate) fn open(name: Option<&str>) -> anyhow::Result<Self> {
        let host = cpal::default_host();
        let device = match name {
            Some(name) => named(host.output_devices()?, name, "loudspeaker")?,
            None => host
                .default_output_device()
                .ok_or_else(|| anyhow!("there is no loudspeaker; `vesta talk --list` shows what there is"))?,
        };
        let config = device.default_output_config().context("the loudspeaker cannot be used")?;
        let (blocks, receiver) = mpsc::channel(SAID_BLOCKS);
        let (waiting, flush) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let drained = Arc::new(Notify::new());
        let source = Source {
            receiver,
            queue: VecDeque::new(),
            waiting: waiting.clone(),
            flush: flush.clone(),
            drained: drained.clone(),
        };
        let stream = match config.sample_format() {
            SampleFormat::I16 => play::<i16>(&device, &config, source),
            SampleFormat::I32 => play::<i32>(&device, &config, source),
            SampleFormat::U8 => play::<u8>(&device, &config, source),
            SampleFormat::F32 => play::<f32>(&device, &config, source),
            other => bail!("the loudspeaker takes samples of a kind that is not supported: {other}"),
        }?;
        stream.play().context("the loudspeaker does not start")?;
        Ok(Self { blocks, rate: config.sample_rate(), resampler: None, waiting, flush, drained, _stream: stream })
    }

    /// Plays samples after those that wait.
    pub(crate) fn play(&mut self, rate: u32, samples: &[i16]) {
        if self.resampler.as_ref().is_none_or(|(from, _)| *from != rate) {
            self.resampler = Resampler::new(rate, self.rate).ok().map(|resampler| (rate, resampler));
        }
        let Some((_, resampler)) = &mut self.resampler else {
            tracing::warn!(rate, "audio of a rate that cannot be played");
            return;
        };
        self.flush.store(false, Ordering::Release);
        let block = resampler.process(samples);
        self.queue(block);
    }

    /// Plays what the resampler still holds: the reply is complete.
    pub(crate) fn finish(&mut self) {
        if let Some((_, mut resampler)) = self.resampler.take() {
            let rest = resampler.flush();
            self.queue(rest);
        }
    }

    fn queue(&self, block: Vec<i16>) {
        let samples = block.len();
        self.waiting.fetch_add(samples, Ordering::AcqRel);
        if self.blocks.try_send(block).is_err() {
            self.waiting.fetch_sub(samples, Ordering::AcqRel);
            tracing::warn!(samples, "a reply is too long for the loudspeaker's queue; a part of it is not heard");
        }
    }

    /// Falls silent at once.
    pub(crate) fn stop(&mut self) {
        self.flush.store(true, Ordering::Release);
        self.resampler = None;
    }

    /// Whether something is still to be heard.
    pub(crate) fn is_speaking(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }

    /// Waits until everything was heard. The sound system holds some of it itself, so a little silence goes after it. `false` where the
    /// loudspeaker stopped taking sound.
    pub(crate) async fn played(&self) -> bool {
        self.queue(vec![0; self.rate as usize / 5]);
        let rest = Duration::from_secs_f64(self.waiting.load(Ordering::Acquire) as f64 / f64::from(self.rate.max(1)));
        let drained = async {
            loop {
                let drained = self.drained.notified();
                if !self.is_speaking() {
                    return;
                }
                drained.await;
            }
        };
        // A loudspeaker that was pulled out drains nothing.
        let played = timeout(rest + DEVICE_DELAY, drained).await.is_ok();
        if !played {
            tracing::warn!("the loudspeaker stopped taking audio");
        }
        played
    }
}

/// What the loudspeaker's callback draws from.
struct Source {
    receiver: mpsc::Receiver<Vec<i16>>,
    queue: VecDeque<i16>,
    waiting: Arc<AtomicUsize>,
    flush: Arc<AtomicBool>,
    drained: Arc<Notify>,
}

impl Source {
    fn next(&mut self) -> i16 {
        if self.queue.is_empty()
            && let Ok(block) = self.receiver.try_recv()
        {
            self.queue.extend(block);
        }
        match self.queue.pop_front() {
            Some(sample) => {
                self.waiting.fetch_sub(1, Ordering::AcqRel);
                sample
            }
            None => 0,
        }
    }

    fn drop_if_told(&mut self) {
        if self.flush.load(Ordering::Acquire) {
            while let Ok(block) = self.receiver.try_recv() {
                self.queue.extend(block);
            }
            self.waiting.fetch_sub(self.queue.len(), Ordering::AcqRel);
            self.queue.clear();
        }
    }
}

fn play<T>(device: &Device, config: &SupportedStreamConfig, mut source: Source) -> anyhow::Result<Stream>
where
    T: SizedSample + FromSample<i16>,
{
    let channels = usize::from(config.channels().max(1));
    let stream = device.build_output_stream(
        config.config(),
        move |samples: &mut [T], _| {
            source.drop_if_told();
            for frame in samples.chunks_mut(channels) {
                frame.fill(T::from_sample(source.next()));
            }
            if source.waiting.load(Ordering::Acquire) == 0 {
                source.drained.notify_waiters();
            }
        },
        |error| tracing::warn!(%error, "the loudspeaker"),
        None,
    );
    stream.context("the loudspeaker cannot be opened")
}

fn named(devices: impl Iterator<Item = Device>, part: &str, kind: &str) -> anyhow::Result<Device> {
    let part = part.to_lowercase();
    let mut found = devices.filter(|device| label(device).to_lowercase().contains(&part));
    found
        .next()
        .ok_or_else(|| anyhow!("there is no {kind} with '{part}' in its name; `vesta talk --list` shows what there is"))
}

fn label(device: &Device) -> String {
    device.description().map_or_else(|_| "unknown".to_owned(), |description| description.name().to_owned())
}

/// Names of the microphones and the loudspeakers.
pub(crate) fn list() -> anyhow::Result<(Vec<String>, Vec<String>)> {
    let host = cpal::default_host();
    let microphones = host.input_devices()?.map(|device| label(&device)).collect();
    let loudspeakers = host.output_devices()?.map(|device| label(&device)).collect();
    Ok((microphones, loudspeakers))
}

/// What came of trying a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tried {
    /// There is none.
    None,
    /// It gives or takes sound. Its name.
    Works(String),
    /// It is there and does not work.
    Fails {
        /// Its name.
        name: String,
        /// What happened.
        why: String,
    },
}

/// Records a moment from the system's own microphone.
pub(crate) async fn try_microphone() -> Tried {
    let Some(device) = cpal::default_host().default_input_device() else { return Tried::None };
    let heard = async {
        let mut microphone = Microphone::open(None)?;
        match timeout(DEVICE_DELAY, microphone.next()).await {
            Ok(Some(_)) => Ok(()),
            Ok(None) => bail!("it stopped at once"),
            Err(_) => bail!("it opens, and gives nothing within {} s", DEVICE_DELAY.as_secs()),
        }
    };
    tried(&device, heard.await)
}

/// Plays a moment of silence through the system's own loudspeaker.
pub(crate) async fn try_loudspeaker() -> Tried {
    let Some(device) = cpal::default_host().default_output_device() else { return Tried::None };
    let played = async {
        let loudspeaker = Loudspeaker::open(None)?;
        if !loudspeaker.played().await {
            bail!("it opens, and takes no sound within {} s", DEVICE_DELAY.as_secs());
        }
        Ok(())
    };
    tried(&device, played.await)
}

fn tried(device: &Device, result: anyhow::Result<()>) -> Tried {
    match result {
        Ok(()) => Tried::Works(label(device)),
        Err(error) => Tried::Fails { name: label(device), why: format!("{error:#}") },
    }
}
