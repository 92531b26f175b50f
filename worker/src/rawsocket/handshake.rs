//! RawSocket's opening handshake (WAMP specification, "RawSocket Transport"): four bytes each way.

use std::fmt;

/// The first byte of a RawSocket connection, in both directions.
pub(crate) const MAGIC: u8 = 0x7F;

/// The least a length nibble can say, as a power of two.
const LEAST_EXPONENT: u32 = 9;
/// The most a length nibble can say, as a power of two.
const MOST_EXPONENT: u32 = 24;

/// Serializers by their number in the handshake; 0 means none and is illegal.
const SERIALIZERS: [(u8, &str); 4] = [(1, "json"), (2, "msgpack"), (3, "cbor"), (4, "ubjson")];

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// The longest message the client takes, in bytes.
    pub(crate) most: usize,
    /// Number of the serializer it will use.
    serializer: u8,
}

/// Why a handshake fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The serializer is none that is spoken here.
    Serializer(u8),
    /// One of the bytes that are reserved for later versions isn't zero.
    Reserved([u8; 2]),
    /// RawSocket isn't spoken here.
    NotServed,
}

impl Refusal {
    /// The four bytes that tell the client; the connection is closed after them.
    pub(crate) const fn reply(self) -> [u8; 4] {
        let code = match self {
            // Where RawSocket isn't served, no serializer is.
            Self::Serializer(_) | Self::NotServed => 1,
            Self::Reserved(_) => 3,
        };
        [MAGIC, code << 4, 0, 0]
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serializer(number) => {
                write!(f, "the client asks for serializer {number}, which isn't spoken here")
            }
            Self::Reserved(bytes) => {
                write!(f, "reserved bytes of the handshake are {bytes:02x?}, expected zeros")
            }
            Self::NotServed => f.write_str("RawSocket isn't served here"),
        }
    }
}

/// What a server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// It takes messages of up to so many bytes.
    Accepted(usize),
    /// It does not, for this reason.
    Refused(&'static str),
    /// It does not speak RawSocket.
    Malformed,
}

impl Reply {
    /// What a client says first, and takes messages of 16 MiB.
    pub(crate) fn request(serializer: &str) -> [u8; 4] {
        let number =
            SERIALIZERS.iter().find(|(_, name)| *name == serializer).map_or(0, |(number, _)| *number);
        [MAGIC, 0xF0 | number, 0, 0]
    }

    /// Reads the answer to that.
    pub(crate) fn parse(request: [u8; 4], reply: [u8; 4]) -> Self {
        match reply {
            [MAGIC, nibbles, 0, 0] if nibbles & 0x0F == 0 => Self::Refused(match nibbles >> 4 {
                1 => "it does not speak this serializer",
                2 => "it takes no messages as long as ours",
                3 => "it finds reserved bits in our handshake",
                4 => "it has as many connections as it may have",
                _ => "it gives a reason that the specification does not know",
            }),
            [MAGIC, nibbles, 0, 0] if nibbles & 0x0F == request[1] & 0x0F => {
                Self::Accepted(1 << (u32::from(nibbles >> 4) + LEAST_EXPONENT))
            }
            _ => Self::Malformed,
        }
    }
}

impl Request {
    /// Reads what follows [`MAGIC`].
    pub(crate) fn parse([nibbles, reserved @ ..]: [u8; 3]) -> Result<Self, Refusal> {
        if reserved != [0, 0] {
            return Err(Refusal::Reserved(reserved));
        }
        let serializer = nibbles & 0x0F;
        if SERIALIZERS.iter().all(|(number, _)| *number != serializer) {
            return Err(Refusal::Serializer(serializer));
        }
        Ok(Self { most: 1 << (u32::from(nibbles >> 4) + LEAST_EXPONENT), serializer })
    }

    /// The four bytes that accept the request and say that messages of up to `most` bytes are taken: as a
    /// power of two, so never more than that.
    pub(crate) const fn reply(self, most: u32) -> [u8; 4] {
        let exponent = match most.checked_ilog2() {
            Some(exponent) if exponent > MOST_EXPONENT => MOST_EXPONENT,
            Some(exponent) if exponent > LEAST_EXPONENT => exponent,
            _ => LEAST_EXPONENT,
        };
        [MAGIC, ((exponent - LEAST_EXPONENT) as u8) << 4 | self.serializer, 0, 0]
    }

    /// What to answer where its serializer isn't wanted.
    pub(crate) const fn refusal(self) -> Refusal {
        Refusal::Serializer(self.serializer)
    }

    /// The serializer's name.
    pub(crate) fn serializer(self) -> &'static str {
        SERIALIZERS.iter().find(|(number, _)| *number == self.serializer).map_or("none", |(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_powers_of_two_from_512_to_16_mebibytes() {
        for (nibble, most) in [(0x01, 512), (0x71, 65536), (0xF1, 16 << 20)] {
            let request = Request::parse([nibble, 0, 0]).unwrap();
            assert_eq!((request.most, request.serializer()), (most, "json"));
        }
        let request = Request::parse([0xF2, 0, 0]).unwrap();
        for (most, nibble) in [(512, 0x02), (1000, 0x02), (1024, 0x12), (65536, 0x72), (16 << 20, 0xF2)] {
            assert_eq!(request.reply(most), [0x7F, nibble, 0, 0], "{most}");
        }
    }

    #[test]
    fn a_client_reads_what_servers_answer() {
        let asked = Reply::request("msgpack");
        assert_eq!(asked, [0x7F, 0xF2, 0, 0]);
        assert_eq!(Reply::parse(asked, [0x7F, 0x12, 0, 0]), Reply::Accepted(1024));
        assert!(matches!(Reply::parse(asked, [0x7F, 0x10, 0, 0]), Reply::Refused(_)));
        for wrong in [[0x7F, 0xF1, 0, 0], *b"HTTP", [0x7F, 0xF2, 1, 0]] {
            assert_eq!(Reply::parse(asked, wrong), Reply::Malformed);
        }
    }

    #[test]
    fn refusals_have_the_codes_of_the_specification() {
        assert_eq!(Request::parse([0xF0, 0, 0]), Err(Refusal::Serializer(0)));
        assert_eq!(Request::parse([0xF5, 0, 0]), Err(Refusal::Serializer(5)));
        assert_eq!(Request::parse([0xF1, 0, 1]), Err(Refusal::Reserved([0, 1])));
        assert_eq!(Refusal::Serializer(5).reply(), [0x7F, 0x10, 0, 0]);
        assert_eq!(Refusal::Reserved([1, 0]).reply(), [0x7F, 0x30, 0, 0]);
    }
}
