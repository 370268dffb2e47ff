//! Numbers that look random and follow from a seed.

/// A generator of the xorshift64* kind: the same seed gives the same numbers on every system.
///
/// # Source
/// Vigna, An experimental exploration of Marsaglia's xorshift generators, scrambled (2016), §3.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Begins the sequence of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        // Spread over all bits, and never 0, where the generator would stay.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A whole number from 0 to below `end`.
    ///
    /// # Panics
    /// When `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.bits() >> 16) as usize % end
    }

    /// A number from -1 to below 1.
    pub fn number(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1_u32 << 23) as f32 - 1.0
    }

    /// A matrix of shape `(n_rows, dim)`, row-major, of numbers from -1 to below 1.
    pub fn vectors(&mut self, n_rows: usize, dim: usize) -> Vec<f32> {
        (0..n_rows * dim).map(|_| self.number()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_sequence() {
        assert_eq!(Random::new(7).vectors(3, 4), Random::new(7).vectors(3, 4));
        assert_ne!(Random::new(7).vectors(3, 4), Random::new(8).vectors(3, 4));
    }

    #[test]
    fn numbers_fill_their_range() {
        let numbers = Random::new(0).vectors(1000, 1);
        assert!(numbers.iter().all(|number| (-1.0..1.0).contains(number)));
        let mean = numbers.iter().sum::<f32>() / 1000.0;
        assert!(mean.abs() < 0.1, "{mean}");
    }
}
