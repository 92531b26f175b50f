//! Numbers that look random and follow from a seed (the SplitMix64 generator).

/// A generator.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The generator with this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to below 1.
    pub fn fraction(&mut self) -> f64 {
        (self.number() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_and_another_one_others() {
        let some = |seed| {
            std::iter::repeat_with({
                let mut r = Random::new(seed);
                move || r.number()
            })
            .take(9)
        };
        assert!(some(1).eq(some(1)));
        assert!(some(1).zip(some(2)).all(|(one, other)| one != other));
        let mut random = Random::new(7);
        assert!((0..1000).all(|_| (0.0..1.0).contains(&random.fraction())));
    }
}
