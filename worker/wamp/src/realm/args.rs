//! What the realm has to know of payloads without decoding them.

use crate::{Dict, Message, Payload, Serializer, Value};

impl Message {
    /// The bytes that a message takes while it waits, about.
    #[must_use]
    pub fn size(&self) -> usize {
        let (options, uri, payload) = match self {
            Self::Publish { options, topic, payload, .. } => (options, topic.len(), payload.size()),
            Self::Call { options, procedure, payload, .. } => (options, procedure.len(), payload.size()),
            Self::Error { details, error, payload, .. } => (details, error.len(), payload.size()),
            Self::Yield { options, payload, .. }
            | Self::Event { details: options, payload, .. }
            | Self::Result { details: options, payload, .. }
            | Self::Invocation { details: options, payload, .. } => (options, 0, payload.size()),
            Self::Subscribe { options, topic: uri, .. } | Self::Register { options, procedure: uri, .. } => {
                (options, uri.len(), 0)
            }
            Self::Cancel { options, .. }
            | Self::Welcome { details: options, .. }
            | Self::Challenge { extra: options, .. } => (options, 0, 0),
            Self::Hello { realm, details } => (details, realm.as_ref().map_or(0, String::len), 0),
            Self::Authenticate { signature: text, extra: details }
            | Self::Goodbye { details, reason: text } => (details, text.len(), 0),
            Self::Abort { details, reason, payload } => (details, reason.len(), payload.size()),
            _ => return size_of::<Self>(),
        };
        size_of::<Self>() + options.size() + uri + payload
    }
}

impl Dict {
    /// The bytes that it takes, about.
    pub(crate) fn size(&self) -> usize {
        self.0.iter().map(|(key, value)| key.len() + 16 + size(value)).sum()
    }
}

impl Payload {
    /// The bytes that they take, about.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Raw { args, kwargs, .. } => args.len() + kwargs.as_ref().map_or(0, bytes::Bytes::len),
            Self::Values(values) => values.0.iter().map(size).sum::<usize>() + values.1.size(),
        }
    }

    /// Whether the arguments are not a list but one opaque value, as encrypted payloads are.
    pub(crate) fn is_opaque(&self) -> bool {
        let Self::Raw { serializer, args, .. } = self else { return false };
        let Some(&first) = args.first() else { return false };
        !match serializer {
            Serializer::Json => first == b'[' || first.is_ascii_whitespace(),
            Serializer::Msgpack => matches!(first, 0x90..=0x9F | 0xDC | 0xDD),
            Serializer::Cbor => matches!(first, 0x80..=0x9F),
        }
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::Str(text) => text.len() + 2,
        Value::Bin(bytes) => bytes.len() + 2,
        Value::List(list) => 2 + list.iter().map(size).sum::<usize>(),
        Value::Map(map) => 2 + map.iter().map(|(k, v)| size(k) + size(v)).sum::<usize>(),
        Value::Tag(_, value) => 2 + size(value),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => 8,
    }
}
