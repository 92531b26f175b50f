//! UTF-8 that arrives in pieces: a character may be cut anywhere, and the first byte that can't be part of
//! one is found when it arrives (RFC 6455 section 8.1).

/// What is known of a text so far.
#[derive(Debug, Default)]
pub(super) struct Validator {
    cut: [u8; 4],
    len: usize,
}

impl Validator {
    /// Takes the next bytes; false when the text can't be UTF-8 any more.
    pub(super) fn push(&mut self, mut bytes: &[u8]) -> bool {
        while self.len > 0 {
            let Some((first, rest)) = bytes.split_first() else { return true };
            bytes = rest;
            self.cut[self.len] = *first;
            self.len += 1;
            match std::str::from_utf8(&self.cut[..self.len]) {
                Ok(_) => self.len = 0,
                Err(e) if e.error_len().is_some() => return false,
                Err(_) => {}
            }
        }
        match simdutf8::compat::from_utf8(bytes) {
            Ok(_) => true,
            Err(e) if e.error_len().is_some() => false,
            Err(e) => {
                let tail = &bytes[e.valid_up_to()..];
                self.cut[..tail.len()].copy_from_slice(tail);
                self.len = tail.len();
                true
            }
        }
    }

    /// Whether the text may end here; starts over.
    pub(super) fn finish(&mut self) -> bool {
        std::mem::take(&mut self.len) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_text_passes_however_it_is_cut() {
        let text = "κόσμε € 𝄞 \u{10FFFF} plain".as_bytes();
        for cut in 0..text.len() {
            for next in cut..text.len() {
                let mut v = Validator::default();
                assert!(
                    v.push(&text[..cut]) && v.push(&text[cut..next]) && v.push(&text[next..]) && v.finish()
                );
            }
        }
    }

    #[test]
    fn bad_text_fails_at_the_first_bad_byte() {
        for bad in [&b"\xc0\xaf"[..], b"\xf4\x90", b"\xed\xa0", b"\xff", b"a\x80", b"\xe2\x28"] {
            let mut v = Validator::default();
            let results: Vec<bool> = bad.iter().map(|byte| v.push(&[*byte])).collect();
            assert!(!results.last().unwrap(), "{bad:x?}");
        }
        let mut v = Validator::default();
        assert!(v.push(b"\xe2\x82") && !v.finish());
        assert!(v.push(b"next") && v.finish());
    }
}
