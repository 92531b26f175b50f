//! Arguments from one serializer into another.

use super::{Error, Read, Write, cbor, json, json_text, msgpack};
use crate::{Dict, Payload, Serializer, Value};

/// How many elements of a message's list the payload takes.
pub(crate) fn elements(payload: &Payload) -> usize {
    match payload {
        Payload::None => 0,
        Payload::Raw { kwargs, .. } => 1 + usize::from(kwargs.is_some()),
        Payload::Values(values) => 1 + usize::from(!values.1.is_empty()),
    }
}

/// Appends the elements of the payload. Bytes of the same serializer are copied, others are transcoded.
pub(crate) fn write_payload<W: Write>(payload: &Payload, to: Serializer, writer: &mut W, out: &mut Vec<u8>) {
    match payload {
        Payload::None => {}
        Payload::Raw { serializer, args, kwargs } => {
            for raw in std::iter::once(args).chain(kwargs) {
                writer.element(out);
                if *serializer == to {
                    out.extend_from_slice(raw);
                } else {
                    // Skimming has read it before, so it can be read.
                    writer.value(&value(*serializer, raw).unwrap_or(Value::Null), out);
                }
            }
        }
        Payload::Values(values) => {
            let (args, kwargs) = &**values;
            writer.element(out);
            // A list is written as one value, so that the outer one stays in the writer.
            writer.value(&Value::List(args.clone()), out);
            if !kwargs.is_empty() {
                writer.element(out);
                writer.value(&kwargs.clone().into(), out);
            }
        }
    }
}

/// Decodes bytes that are one value and nothing else.
///
/// # Errors
///
/// The bytes are not what the serializer writes, or are nested too deep.
pub fn decode_value(serializer: Serializer, bytes: &[u8]) -> Result<Value, Error> {
    fn whole<'a>(mut reader: impl Read<'a>) -> Result<Value, Error> {
        let value = reader.value()?;
        reader.end().map(|()| value)
    }
    match serializer {
        Serializer::Json => whole(json::Reader::new(bytes)?),
        Serializer::Msgpack => whole(msgpack::Reader::new(bytes)?),
        Serializer::Cbor => whole(cbor::Reader::new(bytes)?),
    }
}

/// Decodes one value.
fn value(serializer: Serializer, raw: &[u8]) -> Result<Value, Error> {
    match serializer {
        Serializer::Json => json::Reader::new(raw)?.value(),
        Serializer::Msgpack => msgpack::Reader::new(raw)?.value(),
        Serializer::Cbor => cbor::Reader::new(raw)?.value(),
    }
}

impl Payload {
    /// The list of the arguments and the map of the keyword arguments in JSON; absent: there are none.
    #[must_use]
    pub fn to_json(&self) -> (Option<String>, Option<String>) {
        if let Self::Raw { serializer: Serializer::Json, args, kwargs } = self
            && args.first() == Some(&b'[')
        {
            let text = |raw: &bytes::Bytes| String::from_utf8_lossy(raw).into_owned();
            let some = |raw: &&bytes::Bytes| !json::Reader::is_empty(raw);
            return (Some(args).filter(some).map(text), kwargs.as_ref().filter(some).map(text));
        }
        // Skimming has read them, so they can be read, but for keys that are no strings.
        let (args, kwargs) = self.decode().unwrap_or_default();
        let args = (!args.is_empty()).then(|| json_text(&Value::List(args)));
        (args, (!kwargs.is_empty()).then(|| json_text(&kwargs.into())))
    }

    /// Decodes the arguments. Those that are passed through (`enc_algo`) are one argument.
    ///
    /// # Errors
    ///
    /// Keyword arguments whose keys are no strings.
    pub fn decode(&self) -> Result<(Vec<Value>, Dict), Error> {
        match self {
            Self::None => Ok((Vec::new(), Dict::new())),
            Self::Values(values) => Ok((**values).clone()),
            Self::Raw { serializer, args, kwargs } => {
                let args = match value(*serializer, args)? {
                    Value::List(list) => list,
                    other => vec![other],
                };
                let kwargs = kwargs.as_ref().map(|raw| value(*serializer, raw)).transpose()?;
                let kwargs = match kwargs {
                    None => Dict::new(),
                    Some(map) => map
                        .into_dict()
                        .ok_or_else(|| Error::unfit("the keyword arguments have a key that is no string"))?,
                };
                Ok((args, kwargs))
            }
        }
    }
}
