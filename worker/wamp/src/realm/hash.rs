//! Hash tables whose keys are ids.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};

/// A table by ids. Clients choose the ids of requests, so the hash has a secret.
pub type IdMap<T> = HashMap<u64, T, IdHash>;

/// Makes hashers of one table.
#[derive(Clone, Copy, Debug, Default)]
pub struct IdHash(u64);

impl IdHash {
    /// With this secret, which is random.
    #[must_use]
    pub const fn new(secret: u64) -> Self {
        Self(secret)
    }

    /// An empty table.
    #[must_use]
    pub fn map<T>(self) -> IdMap<T> {
        HashMap::with_hasher(self)
    }
}

impl BuildHasher for IdHash {
    type Hasher = IdHasher;

    fn build_hasher(&self) -> IdHasher {
        IdHasher(self.0)
    }
}

/// Folds the product of the id and a constant of 64 bits.
#[derive(Debug)]
pub struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(byte.into());
        }
    }

    fn write_u64(&mut self, value: u64) {
        let product = u128::from(self.0 ^ value) * 0x9E37_79B9_7F4A_7C15;
        self.0 = (product >> 64) as u64 ^ product as u64;
    }
}
