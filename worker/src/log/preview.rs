//! Bytes of a peer, as they may stand in a log.

use std::fmt;

/// Bytes shown; the rest is left out.
const SHOWN: usize = 64;

/// Shows the first of its bytes, with everything escaped that isn't printable ASCII.
pub(crate) struct Preview<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Preview<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = if self.0.len() > SHOWN { "…" } else { "" };
        write!(f, "\"{}\"{rest}", self.0[..self.0.len().min(SHOWN)].escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_cannot_write_into_the_log() {
        assert_eq!(Preview(b"a\n\x1b[1m\"").to_string(), r#""a\n\x1b[1m\"""#);
        assert_eq!(Preview(&[b'x'; 65]).to_string().len(), 64 + 2 + '…'.len_utf8());
    }
}
