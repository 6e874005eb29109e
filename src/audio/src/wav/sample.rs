//! One sample of any encoding as a number from -1 to 1.

use super::Encoding;

/// The sample in these bytes, of which there are [`Encoding::bytes`]. Floating-point samples outside the range are clipped, and those that
/// are no numbers are silence.
pub fn decode(encoding: Encoding, bytes: &[u8]) -> f32 {
    match (encoding, bytes) {
        (Encoding::Unsigned8, &[byte]) => (f32::from(byte) - 128.0) / 128.0,
        (Encoding::Signed(2), &[low, high]) => f32::from(i16::from_le_bytes([low, high])) / 32768.0,
        (Encoding::Signed(3), &[low, middle, high]) => {
            (i32::from_le_bytes([0, low, middle, high]) >> 8) as f32 / 8_388_608.0
        }
        (Encoding::Signed(4), &[a, b, c, d]) => i32::from_le_bytes([a, b, c, d]) as f32 / 2_147_483_648.0,
        (Encoding::Float32, &[a, b, c, d]) => clip(f32::from_le_bytes([a, b, c, d])),
        (Encoding::Float64, &[a, b, c, d, e, f, g, h]) => clip(f64::from_le_bytes([a, b, c, d, e, f, g, h]) as f32),
        (Encoding::ALaw, &[byte]) => f32::from(a_law(byte)) / 32768.0,
        (Encoding::MuLaw, &[byte]) => f32::from(mu_law(byte)) / 32768.0,
        _ => 0.0,
    }
}

fn clip(sample: f32) -> f32 {
    if sample.is_nan() { 0.0 } else { sample.clamp(-1.0, 1.0) }
}

/// ITU-T G.711 A-law, scaled to 16 bits.
fn a_law(byte: u8) -> i16 {
    let code = byte ^ 0x55;
    let (exponent, mantissa) = ((code >> 4) & 7, i16::from(code & 15));
    let magnitude = match exponent {
        0 => (mantissa << 4) + 8,
        exponent => ((mantissa << 4) + 0x108) << (exponent - 1),
    };
    if code & 0x80 == 0 { -magnitude } else { magnitude }
}

/// ITU-T G.711 µ-law, scaled to 16 bits.
fn mu_law(byte: u8) -> i16 {
    let code = !byte;
    let (exponent, mantissa) = ((code >> 4) & 7, i16::from(code & 15));
    let magnitude = (((mantissa << 3) + 0x84) << exponent) - 0x84;
    if code & 0x80 == 0 { magnitude } else { -magnitude }
}
