//! What the realm has to know of payloads without decoding them.

use crate::{Payload, Serializer, Value};

impl Payload {
    /// The bytes that they take, about.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Raw { args, kwargs, .. } => args.len() + kwargs.as_ref().map_or(0, bytes::Bytes::len),
            Self::Values(values) => {
                values.0.iter().map(size).sum::<usize>()
                    + values.1.0.iter().map(|(k, v)| k.len() + size(v)).sum::<usize>()
            }
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
