//! Seeded chance.

/// SplitMix64 (G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014): a few lines, the
/// same on every machine, good enough for weather.
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from `low` up to, not including, `high`.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        // The upper 53 bits fill a double's mantissa.
        let unit = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        low + unit * (high - low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_inside_the_bounds() {
        let (mut a, mut b) = (Rng::new(7), Rng::new(7));
        let numbers: Vec<f64> = (0..1_000).map(|_| a.between(-1.0, 2.0)).collect();
        assert!(numbers.iter().all(|number| (-1.0..2.0).contains(number)));
        assert!(numbers.iter().any(|number| *number < -0.9) && numbers.iter().any(|number| *number > 1.9));
        assert_eq!(numbers, (0..1_000).map(|_| b.between(-1.0, 2.0)).collect::<Vec<_>>());
    }
}
