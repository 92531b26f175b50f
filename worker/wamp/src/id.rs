//! Ids of sessions, subscriptions, registrations, publications and requests.

use std::fmt;

/// An id: an integer from 1 to [`MAX_ID`] (WAMP specification, "IDs").
pub type Id = u64;

/// The largest id, 2^53: the largest integer that every float of 64 bits counts exactly to.
pub const MAX_ID: Id = 1 << 53;

/// Writes random bytes.
type Fill = Box<dyn FnMut(&mut [u8])>;

/// Bytes that are drawn at a time.
const BATCH: usize = 512;

/// A source of random ids. Its bytes come from a function that is passed in, so that a test can use a seed.
pub struct Ids {
    fill: Fill,
    bytes: Box<[u8; BATCH]>,
    used: usize,
}

impl Ids {
    /// Makes ids of the bytes that `fill` writes.
    #[must_use]
    pub fn new(fill: impl FnMut(&mut [u8]) + 'static) -> Self {
        Self { fill: Box::new(fill), bytes: Box::new([0; BATCH]), used: BATCH }
    }

    /// Makes ids that are the same for the same seed (for tests and simulations).
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        let mut state = seed;
        Self::new(move |bytes| {
            for chunk in bytes.chunks_mut(8) {
                // SplitMix64 (Steele, Lea, Flood 2014).
                state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
                let mut z = state;
                z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
                z ^= z >> 31;
                chunk.copy_from_slice(&z.to_le_bytes()[..chunk.len()]);
            }
        })
    }

    /// A random number of 64 bits.
    pub fn random(&mut self) -> u64 {
        u64::from_le_bytes(self.bytes())
    }

    /// A random id from 1 to [`MAX_ID`].
    pub fn id(&mut self) -> Id {
        self.random() % MAX_ID + 1
    }

    /// A random number from 0 to `bound` - 1; 0 where `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        if bound == 0 { 0 } else { (self.random() % bound as u64) as usize }
    }

    /// Random bytes, fit for nonces where the source is.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        const { assert!(N <= BATCH) };
        if self.used + N > BATCH {
            (self.fill)(&mut self.bytes[..]);
            self.used = 0;
        }
        let mut bytes = [0; N];
        bytes.copy_from_slice(&self.bytes[self.used..self.used + N]);
        self.used += N;
        bytes
    }
}

impl fmt::Debug for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ids")
    }
}
