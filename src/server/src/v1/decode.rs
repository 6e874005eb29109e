//! Audio files to 16 kHz mono samples.

use std::io::Cursor;

use symphonia::core::codecs::audio::well_known::CODEC_ID_OPUS;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;
use vesta_audio::{Resampler, SAMPLE_RATE};

/// Longest recording that is taken, in samples: an hour.
const MAX_SAMPLES: usize = SAMPLE_RATE as usize * 3600;
/// Opus is decoded at this rate, whatever was encoded.
const OPUS_RATE: u32 = 48_000;
/// Most samples in a packet of Opus: 120 ms.
const OPUS_PACKET: usize = 5760;

/// Decodes a file: WAV, MP3, FLAC, Ogg (Vorbis, Opus), MP4/M4A (AAC, ALAC), Matroska/WebM (Opus, Vorbis, …).
///
/// # Errors
/// What is wrong with the file, in words for whoever sent it.
pub(crate) fn decode(file: Vec<u8>) -> Result<Vec<i16>, String> {
    let source = MediaSourceStream::new(Box::new(Cursor::new(file)), MediaSourceStreamOptions::default());
    let mut format = symphonia::default::get_probe()
        .probe(&Hint::new(), source, FormatOptions::default(), MetadataOptions::default())
        .map_err(|error| {
            format!("the file is no audio that can be read ({error}); send wav, mp3, flac, ogg, m4a or webm")
        })?;
    let track = format.default_track(TrackType::Audio).ok_or("the file has no audio track")?;
    let (id, parameters) = (track.id, track.codec_params.as_ref().and_then(|parameters| parameters.audio()).cloned());
    let parameters = parameters.ok_or("the file does not say how its audio is encoded")?;
    let decoder = Decoder::new(&parameters)?;
    run(&mut *format, id, decoder, &parameters)
}

fn run(
    format: &mut dyn FormatReader,
    track: u32,
    mut decoder: Decoder,
    parameters: &AudioCodecParameters,
) -> Result<Vec<i16>, String> {
    let mut out = Output::default();
    let mut skip = skipped_opus(parameters);
    loop {
        let packet = match format.next_packet() {
            Ok(Some(packet)) => packet,
            // What was there of a file that breaks off is good.
            Ok(None) | Err(Error::IoError(_) | Error::ResetRequired) => break,
            Err(error) => return Err(format!("the file is damaged ({error})")),
        };
        if packet.track_id != track {
            continue;
        }
        let Some((rate, mut mono)) = decoder.decode(&packet)? else { continue };
        let left_out = skip.min(mono.len());
        mono.drain(..left_out);
        skip -= left_out;
        out.push(rate, mono)?;
    }
    out.finish()
}

/// Samples at the start of Opus that are not meant to be heard (RFC 7845, section 4.2).
fn skipped_opus(parameters: &AudioCodecParameters) -> usize {
    let head = parameters.extra_data.as_deref().filter(|_| parameters.codec == CODEC_ID_OPUS);
    match head.and_then(|head| head.get(10..12)) {
        Some([low, high]) => usize::from(u16::from_le_bytes([*low, *high])),
        _ => 0,
    }
}

enum Decoder {
    Opus { decoder: opus::Decoder, samples: Vec<f32> },
    Other { decoder: Box<dyn AudioDecoder>, samples: Vec<f32> },
}

impl Decoder {
    fn new(parameters: &AudioCodecParameters) -> Result<Self, String> {
        if parameters.codec == CODEC_ID_OPUS {
            // Two channels are mixed to one by the decoder itself.
            let decoder = opus::Decoder::new(OPUS_RATE, opus::Channels::Mono).map_err(|error| error.to_string())?;
            return Ok(Self::Opus { decoder, samples: vec![0.0; OPUS_PACKET] });
        }
        let decoder = symphonia::default::get_codecs()
            .make_audio_decoder(parameters, &AudioDecoderOptions::default())
            .map_err(|error| format!("the file's audio is encoded in a way that cannot be read ({error})"))?;
        Ok(Self::Other { decoder, samples: Vec::new() })
    }

    /// The rate and the mono samples of a packet; `None` for one that is damaged.
    fn decode(&mut self, packet: &Packet) -> Result<Option<(u32, Vec<f32>)>, String> {
        match self {
            Self::Opus { decoder, samples } => Ok(match decoder.decode_float(&packet.data, samples, false) {
                Ok(count) => {
                    // The last packet may be longer than the recording.
                    let surplus = usize::try_from(packet.trim_end.get()).unwrap_or_default();
                    let count = count.saturating_sub(surplus);
                    Some((OPUS_RATE, samples.iter().take(count).copied().collect()))
                }
                Err(_) => None,
            }),
            Self::Other { decoder, samples } => match decoder.decode(packet) {
                Ok(audio) => {
                    let (rate, channels) = (audio.spec().rate(), audio.spec().channels().count().max(1));
                    samples.resize(audio.samples_interleaved(), 0.0);
                    audio.copy_to_slice_interleaved(&mut *samples);
                    let mono = samples.chunks(channels).map(|frame| frame.iter().sum::<f32>() / channels as f32);
                    Ok(Some((rate, mono.collect())))
                }
                Err(Error::DecodeError(_) | Error::IoError(_)) => Ok(None),
                Err(error) => Err(format!("the file cannot be decoded ({error})")),
            },
        }
    }
}

/// Collects samples at the ear's rate.
#[derive(Default)]
struct Output {
    rate: u32,
    resampler: Option<Resampler>,
    samples: Vec<i16>,
}

impl Output {
    fn push(&mut self, rate: u32, mono: Vec<f32>) -> Result<(), String> {
        if rate != self.rate || self.resampler.is_none() {
            if let Some(mut before) = self.resampler.take() {
                self.samples.extend(before.flush());
            }
            self.resampler = Some(Resampler::new(rate, SAMPLE_RATE).map_err(|error| error.to_string())?);
            self.rate = rate;
        }
        if let Some(resampler) = &mut self.resampler {
            resampler.process_f32(mono, &mut self.samples);
        }
        if self.samples.len() > MAX_SAMPLES {
            return Err("the recording is longer than an hour; send it in pieces".to_owned());
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<i16>, String> {
        if let Some(mut resampler) = self.resampler.take() {
            self.samples.extend(resampler.flush());
        }
        Ok(self.samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_audio_is_refused_in_words() {
        for file in [Vec::new(), b"hello".to_vec(), b"RIFF\x10\0\0\0WAVEfmt ".to_vec(), vec![0xff; 100_000]] {
            let error = decode(file).unwrap_err();
            assert!(error.contains("file"), "{error}");
        }
    }
}
