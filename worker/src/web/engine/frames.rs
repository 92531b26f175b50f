//! Where the frames of HTTP/2 end (RFC 9113, section 4.1): a head, or another frame, that is begun and never completed is
//! seen by nobody else.

/// What begins a connection (section 3.4).
const PREFACE: usize = 24;
const HEADER: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// What of a client's frames has come.
#[derive(Debug)]
pub(in crate::web) struct Frames {
    /// Bytes of the preface, or of a frame's payload, that are still to come.
    left: usize,
    header: [u8; HEADER],
    /// Bytes of the next header that have come.
    at: usize,
    /// Whether the payload at hand is content, for which there are other limits.
    is_content: bool,
    /// Whether a head goes on with the next frame.
    in_head: bool,
    /// How many have ended: heads, and other frames.
    ended: u64,
}

impl Frames {
    pub(in crate::web) const fn new() -> Self {
        Self { left: PREFACE, header: [0; HEADER], at: 0, is_content: false, in_head: false, ended: 0 }
    }

    /// Takes what has come.
    pub(in crate::web) fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.left > 0 {
                let skipped = self.left.min(bytes.len());
                self.left -= skipped;
                bytes = &bytes[skipped..];
                if self.left == 0 {
                    self.end();
                }
                continue;
            }
            let count = (HEADER - self.at).min(bytes.len());
            self.header[self.at..self.at + count].copy_from_slice(&bytes[..count]);
            self.at += count;
            bytes = &bytes[count..];
            if self.at < HEADER {
                return;
            }
            let [a, b, c, kind, flags, ..] = self.header;
            self.at = 0;
            self.left = u32::from_be_bytes([0, a, b, c]) as usize;
            self.is_content = kind == DATA;
            match kind {
                HEADERS | CONTINUATION => self.in_head = flags & END_HEADERS == 0,
                _ => {}
            }
            if self.left == 0 {
                self.end();
            }
        }
    }

    fn end(&mut self) {
        self.is_content = false;
        if !self.in_head {
            self.ended += 1;
        }
    }

    /// The number of the head or frame that has begun and not ended, if it is not one of content.
    pub(in crate::web) fn unfinished(&self) -> Option<u64> {
        let begun = self.at > 0 || self.left > 0 || self.in_head;
        (begun && !self.is_content).then_some(self.ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, length: usize) -> Vec<u8> {
        let [.., a, b, c] = length.to_be_bytes();
        let mut bytes = vec![a, b, c, kind, flags, 0, 0, 0, 1];
        bytes.resize(HEADER + length, 0xFF);
        bytes
    }

    #[test]
    fn what_has_begun_is_known_wherever_it_is_cut() {
        let bytes = [
            vec![b'P'; PREFACE],
            frame(4, 0, 6),
            frame(HEADERS, END_HEADERS, 20),
            frame(DATA, 0, 300),
            frame(HEADERS, 0, 10),
            frame(CONTINUATION, 0, 0),
            frame(CONTINUATION, END_HEADERS, 7),
        ]
        .concat();
        let mut frames = Frames::new();
        assert_eq!(frames.unfinished(), Some(0), "the preface");
        let mut seen = vec![];
        for byte in &bytes {
            frames.feed(&[*byte]);
            seen.push(frames.unfinished());
        }
        // Ends: preface, SETTINGS, head, content, head in three frames.
        let ends: Vec<_> =
            seen.iter().enumerate().filter(|(_, s)| s.is_none()).map(|(at, _)| at + 1).collect();
        let (settings, head, content) = (PREFACE + 15, PREFACE + 15 + 29, PREFACE + 15 + 29 + 309);
        let mut expected = vec![PREFACE, settings, head];
        expected.extend(head + HEADER..=content);
        expected.push(bytes.len());
        assert_eq!(ends, expected);
        let mut whole = Frames::new();
        whole.feed(&bytes);
        assert_eq!((whole.unfinished(), whole.ended), (None, frames.ended));
        whole.feed(&frame(HEADERS, 0, 1));
        assert_eq!(whole.unfinished(), Some(frames.ended), "a head that goes on");
    }
}
