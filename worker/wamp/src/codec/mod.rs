//! Messages from and to bytes.
//!
//! Only the head of a message is decoded. The bounds of its arguments are found by skimming over them, in linear time
//! and to a limited depth, and the bytes go on as they are (see [`Payload`](crate::Payload)).

mod batch;
mod cbor;
mod error;
mod json;
mod message;
mod msgpack;
mod serial;
mod transcode;

pub use batch::{Batch, Unbatched, append as append_to_batch};
pub use error::{Error, MAX_DEPTH, Unfit};
pub(crate) use message::encode_head;
pub use message::{decode, encode};
pub(crate) use serial::{Read, Shape, Write};
pub use transcode::decode_value;

use crate::{Serializer, Value};

/// Appends one value.
pub fn encode_value(serializer: Serializer, value: &Value, out: &mut Vec<u8>) {
    match serializer {
        Serializer::Json => json::Writer::default().value(value, out),
        Serializer::Msgpack => msgpack::Writer.value(value, out),
        Serializer::Cbor => cbor::Writer.value(value, out),
    }
}

/// A value as a text of JSON.
#[must_use]
pub fn json_text(value: &Value) -> String {
    let mut text = Vec::new();
    json::Writer::default().value(value, &mut text);
    String::from_utf8(text).unwrap_or_default()
}
