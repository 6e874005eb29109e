//! Opus (RFC 6716) both ways: what the client says straight to 16 kHz, what it hears from 24 kHz.

use bytes::Bytes;
use opus::{Application, Bitrate, Channels, Decoder, Encoder};

use crate::error::RtcError;
use crate::jitter::Piece;
use crate::playback::{FRAME_SAMPLES, RATE};

/// Samples a second of what is heard.
const HEARD_HZ: u32 = 16_000;
/// Ticks of the RTP clock in a sample of what is heard.
const TICKS: u64 = 3;
/// The longest Opus packet at 16 kHz: 120 ms.
const MAX_SAMPLES: usize = 1_920;
/// The longest silence that is passed on at once: 10 s.
const MAX_SILENCE: u64 = 160_000;
/// Speech is clear at this rate, and a reply's copies for lost frames fit in, too.
const BITS_PER_SECOND: i32 = 32_000;
/// 0 is fast, 10 is best; above this nothing is gained for speech.
const COMPLEXITY: i32 = 5;
/// An Opus packet of 20 ms at this rate is far smaller; one datagram holds it.
const MAX_PACKET: usize = 1_000;
/// Loss in percent that the encoder is told where nothing is known, and the most that it is told.
const USUAL_LOSS: i32 = 5;
const MAX_LOSS: i32 = 30;

/// Decodes what the client says.
pub struct Listener {
    decoder: Decoder,
    /// Packets that could not be decoded.
    broken: u64,
}

impl Listener {
    /// A decoder at the start of a stream.
    ///
    /// # Errors
    /// libopus refuses.
    pub fn new() -> Result<Self, RtcError> {
        let decoder = Decoder::new(HEARD_HZ, Channels::Mono).map_err(RtcError::codec)?;
        Ok(Self { decoder, broken: 0 })
    }

    /// Packets that could not be decoded so far.
    pub fn broken(&self) -> u64 {
        self.broken
    }

    /// A piece as 16 kHz mono samples. What cannot be decoded is concealed.
    pub fn hear(&mut self, piece: &Piece) -> Vec<i16> {
        match piece {
            Piece::Decode(packet) => match self.decode(packet, MAX_SAMPLES, false) {
                Some(samples) => samples,
                None => {
                    self.broken += 1;
                    let ticks = crate::jitter::opus_ticks(packet).unwrap_or(0);
                    self.decode(&[], samples(ticks), false).unwrap_or_else(|| silence(ticks))
                }
            },
            Piece::Recover { next, ticks } => {
                self.decode(next, samples(*ticks), true).unwrap_or_else(|| silence(*ticks))
            }
            Piece::Conceal { ticks } => self.decode(&[], samples(*ticks), false).unwrap_or_else(|| silence(*ticks)),
            Piece::Silence { ticks } => silence(*ticks),
        }
    }

    fn decode(&mut self, packet: &[u8], room: usize, recover: bool) -> Option<Vec<i16>> {
        let mut out = vec![0; room.min(MAX_SAMPLES)];
        let made = self.decoder.decode(packet, &mut out, recover).ok()?;
        out.truncate(made);
        Some(out)
    }
}

fn samples(ticks: u64) -> usize {
    usize::try_from(ticks / TICKS).unwrap_or(MAX_SAMPLES)
}

fn silence(ticks: u64) -> Vec<i16> {
    vec![0; usize::try_from((ticks / TICKS).min(MAX_SILENCE)).unwrap_or(0)]
}

/// Encodes what the client hears.
pub struct Speaker {
    encoder: Encoder,
}

impl Speaker {
    /// An encoder at the start of a stream.
    ///
    /// # Errors
    /// libopus refuses.
    pub fn new() -> Result<Self, RtcError> {
        let mut encoder = Encoder::new(RATE, Channels::Mono, Application::Voip).map_err(RtcError::codec)?;
        encoder.set_bitrate(Bitrate::Bits(BITS_PER_SECOND)).map_err(RtcError::codec)?;
        encoder.set_complexity(COMPLEXITY).map_err(RtcError::codec)?;
        encoder.set_inband_fec(true).map_err(RtcError::codec)?;
        encoder.set_dtx(true).map_err(RtcError::codec)?;
        encoder.set_packet_loss_perc(USUAL_LOSS).map_err(RtcError::codec)?;
        Ok(Self { encoder })
    }

    /// Tells the encoder what share of its packets is lost, from 0 to 255 (RFC 3550, 6.4.1), so that its copies are worth their bits.
    pub fn lost(&mut self, fraction: u8) {
        let percent = (i32::from(fraction) * 100 / 256).clamp(USUAL_LOSS, MAX_LOSS);
        // Refused only for values outside 0 to 100.
        let _ = self.encoder.set_packet_loss_perc(percent);
    }

    /// 20 ms of sound as an Opus packet.
    ///
    /// # Errors
    /// libopus refuses.
    pub fn say(&mut self, frame: &[i16; FRAME_SAMPLES]) -> Result<Bytes, RtcError> {
        Ok(self.encoder.encode_vec(frame, MAX_PACKET).map_err(RtcError::codec)?.into())
    }
}
