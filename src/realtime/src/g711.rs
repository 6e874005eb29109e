//! G.711: 64 kbit/s speech in 8-bit samples, u-law and A-law (ITU-T Recommendation G.711).
//!
//! Both laws are piecewise linear: a sign, three bits that say in which of eight segments the level lies, and four that say where in
//! it. Each segment is twice as wide as the one below.

/// Added to a u-law level so that every segment begins at a power of two.
const BIAS: i32 = 0x84;
/// The loudest u-law level.
const CLIP: i32 = 32_635;

/// One sample to u-law.
pub fn to_ulaw(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let level = i32::from(sample).abs().min(CLIP) + BIAS;
    // The highest bit of the level, from 7 to 14, is the segment.
    let segment = 31 - level.leading_zeros() as i32 - 7;
    let step = (level >> (segment + 3)) & 0x0f;
    !(sign | (segment << 4) | step) as u8
}

/// One sample from u-law: the middle of its step.
pub fn from_ulaw(code: u8) -> i16 {
    let code = i32::from(!code);
    let (segment, step) = ((code >> 4) & 7, code & 0x0f);
    let level = (((step << 3) + BIAS) << segment) - BIAS;
    (if code & 0x80 == 0 { level } else { -level }) as i16
}

/// One sample to A-law.
pub fn to_alaw(sample: i16) -> u8 {
    // A-law has 13 bits. Negative levels begin one below zero, so that both signs have as many.
    let sample = i32::from(sample) >> 3;
    let (sign, level) = if sample < 0 { (0, -sample - 1) } else { (0x80, sample) };
    let level = level.min(0x0fff);
    let segment = (32 - (level >> 5).leading_zeros() as i32).max(0);
    let step = if segment < 2 { level >> 1 } else { level >> segment } & 0x0f;
    ((sign | (segment << 4) | step) as u8) ^ 0x55
}

/// One sample from A-law: the middle of its step.
pub fn from_alaw(code: u8) -> i16 {
    let code = i32::from(code ^ 0x55);
    let (segment, step) = ((code >> 4) & 7, code & 0x0f);
    let level = match segment {
        0 => (step << 4) + 8,
        _ => ((step << 4) + 0x108) << (segment - 1),
    };
    (if code & 0x80 == 0 { -level } else { level }) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The decision tables of G.711 by their formula: the decoded levels rise, are symmetric, and double their distance at
    /// each segment.
    #[test]
    fn decoded_levels_are_those_of_the_recommendation() {
        // Table 2a and 1a, scaled to 16 bits: first and last level of the positive side.
        assert_eq!((from_ulaw(0xff), from_ulaw(0x80)), (0, 32_124));
        assert_eq!((from_alaw(0xd5), from_alaw(0xaa)), (8, 32_256));
        for segment in 0..8u8 {
            for step in 0..16u8 {
                let code = !((segment << 4) | step);
                let expected = ((2 * i32::from(step) + 33) << segment) - 33;
                assert_eq!(i32::from(from_ulaw(code)), 4 * expected, "u-law segment {segment} step {step}");
                assert_eq!(from_ulaw(code & 0x7f), -from_ulaw(code));
                let code = (0x80 | (segment << 4) | step) ^ 0x55;
                let (step, shift) = (i32::from(step), i32::from(segment.max(1)) - 1);
                let expected = if segment == 0 { 2 * step + 1 } else { (2 * step + 33) << shift };
                assert_eq!(i32::from(from_alaw(code)), 8 * expected, "A-law segment {segment} step {step}");
                assert_eq!(from_alaw(code ^ 0x80), -from_alaw(code));
            }
        }
    }

    #[test]
    fn every_code_comes_back_as_itself() {
        for code in 0..=255u8 {
            // Minus zero is zero.
            let same = if code == 0x7f { 0xff } else { code };
            assert_eq!(to_ulaw(from_ulaw(code)), same, "u-law {code:#x}");
            assert_eq!(to_alaw(from_alaw(code)), code, "A-law {code:#x}");
        }
    }

    #[test]
    fn every_sample_goes_to_the_nearest_level_of_its_segment() {
        for sample in i16::MIN..=i16::MAX {
            let wide = |level: i16| (i32::from(level) - i32::from(sample)).abs();
            let size = i32::from(sample).abs();
            // Half a step of its segment, and what clipping takes at the very top.
            assert!(wide(from_ulaw(to_ulaw(sample))) <= (size / 32 + 8).max(4) + 4, "u-law {sample}");
            assert!(wide(from_alaw(to_alaw(sample))) <= (size / 32 + 8).max(8), "A-law {sample}");
        }
    }
}
