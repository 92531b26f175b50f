//! Serializers by their names on the wire.

/// How messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Serializer {
    /// JSON (RFC 8259).
    Json,
    /// MessagePack, with the types str and bin.
    Msgpack,
    /// CBOR (RFC 8949).
    Cbor,
}

impl Serializer {
    /// All of them, in the order of their numbers in RawSocket.
    pub const ALL: [Self; 3] = [Self::Json, Self::Msgpack, Self::Cbor];

    /// Its name in configurations and in WebSocket subprotocols (`wamp.2.NAME`).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Msgpack => "msgpack",
            Self::Cbor => "cbor",
        }
    }

    /// The one with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|serializer| serializer.name() == name)
    }

    /// Whether WebSocket carries it in text messages.
    #[must_use]
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Json)
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}
