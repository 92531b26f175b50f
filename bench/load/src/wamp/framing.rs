//! Where a message of each protocol ends. Everything that comes is looked at.

/// How messages are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// A kind, and a length of three bytes: RawSocket, and the bare program.
    Length,
    WebSocket,
    Nats,
    Redis,
    Mqtt,
}

/// A whole message at the beginning of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Bytes of it.
    pub(super) length: usize,
    /// Where its payload begins.
    pub(super) payload: usize,
    /// Whether it is one of those that are counted, and no word between client and server.
    pub(super) counts: bool,
}

impl Framing {
    pub(super) fn find(self, bytes: &[u8]) -> Option<Found> {
        let (head, length, counts) = match self {
            Self::Length => {
                let [kind, a, b, c] = *bytes.first_chunk()?;
                (4, u32::from_be_bytes([0, a, b, c]) as usize, kind == 0)
            }
            Self::WebSocket => {
                let [first, second] = *bytes.first_chunk()?;
                let (head, length) = match second & 0x7F {
                    126 => (4, usize::from(u16::from_be_bytes(*bytes.get(2..4)?.first_chunk()?))),
                    127 => (10, u64::from_be_bytes(*bytes.get(2..10)?.first_chunk()?) as usize),
                    length => (2, usize::from(length)),
                };
                (head, length, matches!(first & 0x0F, 1 | 2))
            }
            Self::Nats => {
                let line = line(bytes)?;
                if line.starts_with(b"MSG ") {
                    let last = line.rsplit(|byte| *byte == b' ').next()?;
                    (line.len() + 2, number(last)? + 2, true)
                } else {
                    (line.len() + 2, 0, false)
                }
            }
            Self::Redis => return redis(bytes),
            Self::Mqtt => {
                let (mut length, mut head) = (0, 1);
                loop {
                    let byte = usize::from(*bytes.get(head)?);
                    length |= (byte & 0x7F) << (7 * (head - 1));
                    head += 1;
                    if byte & 0x80 == 0 {
                        break;
                    }
                }
                (head, length, bytes[0] >> 4 == 3)
            }
        };
        let whole = head + length;
        (bytes.len() >= whole).then_some(Found { length: whole, payload: head, counts })
    }
}

fn line(bytes: &[u8]) -> Option<&[u8]> {
    bytes.windows(2).position(|pair| pair == b"\r\n").map(|end| &bytes[..end])
}

fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// An array of texts is an event; a number answers PUBLISH.
fn redis(bytes: &[u8]) -> Option<Found> {
    let first = line(bytes)?;
    let mut at = first.len() + 2;
    if first.first() != Some(&b'*') {
        return Some(Found { length: at, payload: 1, counts: false });
    }
    let mut is_event = false;
    for index in 0..number(&first[1..])? {
        let head = line(&bytes[at..])?;
        at += head.len() + 2;
        if head.first() == Some(&b'$') {
            let length = number(&head[1..])?;
            is_event |= index == 0 && bytes.get(at..at + length)? == b"message";
            at += length + 2;
            if bytes.len() < at {
                return None;
            }
        }
    }
    Some(Found { length: at, payload: 0, counts: is_event })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_end_where_they_say() {
        for (framing, bytes, payload, counts) in [
            (Framing::Length, &b"\0\0\0\x02hi"[..], 4, true),
            (Framing::Length, b"\x01\0\0\x02hi", 4, false),
            (Framing::WebSocket, b"\x81\x02hi", 2, true),
            (Framing::WebSocket, b"\x82\x7e\0\x02hi", 4, true),
            (Framing::WebSocket, b"\x89\x00", 2, false),
            (Framing::Nats, b"MSG bench 1 2\r\nhi\r\n", 15, true),
            (Framing::Nats, b"PING\r\n", 6, false),
            (Framing::Redis, b"*3\r\n$7\r\nmessage\r\n$1\r\nb\r\n$2\r\nhi\r\n", 0, true),
            (Framing::Redis, b"*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:1\r\n", 0, false),
            (Framing::Redis, b":1\r\n", 1, false),
            (Framing::Mqtt, b"\x30\x03\0\x01b", 2, true),
            (Framing::Mqtt, b"\xd0\x00", 2, false),
        ] {
            let more = [bytes, b"more"].concat();
            let found = Some(Found { length: bytes.len(), payload, counts });
            assert_eq!(framing.find(&more), found, "{}", bytes.escape_ascii());
            for end in 0..bytes.len() {
                assert_eq!(framing.find(&bytes[..end]), None, "{}", bytes[..end].escape_ascii());
            }
        }
    }
}
