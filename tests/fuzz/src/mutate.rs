//! Changes to bytes, by a seed.

/// Numbers that are the same for the same seed (splitmix64).
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// The numbers of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    /// The next number, below `end`; 0 if that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.number() % end.max(1) as u64).unwrap_or_default()
    }
}

/// Numbers that formats are often wrong about.
const EDGES: [&[u8]; 8] =
    [b"\0", b"\x7f", b"\x80", b"\xff", b"\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\xff", b"4294967296"];

/// Some changes to `bytes`: of bits, bytes, pieces left out, doubled, moved, and taken from `other`.
#[must_use]
pub fn mutate(bytes: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(5) {
        let (at, len) = (random.below(bytes.len()), bytes.len());
        let end = at + random.below((len - at).min(64) + 1);
        match random.below(8) {
            0 if at < len => bytes[at] ^= 1 << random.below(8),
            1 if at < len => bytes[at] = random.number() as u8,
            2 => drop(bytes.drain(at..end)),
            3 => bytes.truncate(at),
            4 => {
                let piece = bytes[at..end].to_vec();
                let to = random.below(len + 1);
                bytes.splice(to..to, piece);
            }
            5 => drop(bytes.splice(at..end, EDGES[random.below(EDGES.len())].iter().copied())),
            6 => {
                let from = random.below(other.len());
                let piece = &other[from..from + random.below((other.len() - from).min(64) + 1)];
                bytes.splice(at..at, piece.iter().copied());
            }
            _ => bytes.insert(at, random.number() as u8),
        }
    }
    bytes
}
