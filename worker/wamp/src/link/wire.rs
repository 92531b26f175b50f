//! What frames of a link are made of.

use super::error::Error;
use crate::realm::{ClientFeatures, Joining, LastingKey};
use crate::{Dict, Message, Payload, Serializer, Value, codec};
use bytes::{Buf, Bytes};

/// The longest frame, in bytes: a message of the longest kind with room for its head.
pub(super) const MOST: usize = 1 << 30;

pub(super) fn put_number(number: u64, out: &mut Vec<u8>) {
    let mut rest = number;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

pub(super) fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_number(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Zero for none, else the number and one.
pub(super) fn put_maybe(number: Option<u64>, out: &mut Vec<u8>) {
    put_number(number.map_or(0, |number| number + 1), out);
}

pub(super) fn put_key(key: LastingKey, out: &mut Vec<u8>) {
    let (kind, id) = match key {
        LastingKey::Retained(id) => (1, id),
        LastingKey::Past(id) => (2, id),
        LastingKey::Topic(id) => (3, id),
        LastingKey::Session(id) => (4, id),
    };
    out.push(kind);
    put_number(id, out);
}

pub(super) fn put_dict(dict: &Dict, out: &mut Vec<u8>) {
    let mut bytes = Vec::new();
    codec::encode_value(Serializer::Msgpack, &dict.clone().into(), &mut bytes);
    put_bytes(&bytes, out);
}

pub(super) fn put_maybe_dict(dict: Option<&Dict>, out: &mut Vec<u8>) {
    out.push(dict.is_some().into());
    if let Some(dict) = dict {
        put_dict(dict, out);
    }
}

pub(super) fn put_payload(payload: &Payload, out: &mut Vec<u8>) {
    let mut put = |serializer: Serializer, args: &[u8], kwargs: Option<&[u8]>| {
        out.push(1 + serializer.index() as u8 + if kwargs.is_some() { 4 } else { 0 });
        put_bytes(args, out);
        if let Some(kwargs) = kwargs {
            put_bytes(kwargs, out);
        }
    };
    match payload {
        Payload::None => out.push(0),
        Payload::Raw { serializer, args, kwargs } => put(*serializer, args, kwargs.as_deref()),
        Payload::Values(values) => {
            let (mut args, mut kwargs) = (Vec::new(), Vec::new());
            codec::encode_value(Serializer::Msgpack, &Value::List(values.0.clone()), &mut args);
            if !values.1.is_empty() {
                codec::encode_value(Serializer::Msgpack, &values.1.clone().into(), &mut kwargs);
            }
            put(Serializer::Msgpack, &args, (!kwargs.is_empty()).then_some(&kwargs));
        }
    }
}

pub(super) fn put_message(message: &Message, out: &mut Vec<u8>) {
    let start = out.len();
    // Heads are short: one byte for the length nearly always does.
    out.push(0);
    codec::encode_head(message, out);
    let length = out.len() - start - 1;
    if length < 0x80 {
        out[start] = length as u8;
    } else {
        let head = out.split_off(start + 1);
        out.pop();
        put_bytes(&head, out);
    }
    put_payload(message.payload().unwrap_or(&Payload::None), out);
}

pub(super) fn put_joining(joining: &Joining, out: &mut Vec<u8>) {
    put_number(joining.session, out);
    for text in [&joining.authid, &joining.authrole, &joining.authmethod, &joining.authprovider] {
        put_bytes(text.as_bytes(), out);
    }
    put_maybe_dict(joining.authextra.as_ref(), out);
    put_dict(&joining.transport, out);
    let features = bits(&joining.features).into_iter().enumerate();
    out.push(features.fold(0, |all, (at, has)| all | u8::from(has) << at));
}

const fn bits(features: &ClientFeatures) -> [bool; 8] {
    let ClientFeatures {
        callee_canceling: a,
        callee_timeout: b,
        callee_progressive_results: c,
        callee_revocation: d,
        callee_progressive_invocations: e,
        caller_canceling: f,
        caller_progressive_results: g,
        subscriber_revocation: h,
    } = *features;
    [a, b, c, d, e, f, g, h]
}

/// Reads what the functions above have written.
pub(super) struct Read(pub(super) Bytes);

impl Read {
    pub(super) fn number(&mut self) -> Result<u64, Error> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Error::Malformed)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Error> {
        self.0.try_get_u8().map_err(|_| Error::Malformed)
    }

    pub(super) fn bytes(&mut self) -> Result<Bytes, Error> {
        let length = usize::try_from(self.number()?).map_err(|_| Error::Malformed)?;
        if length > self.0.len() {
            return Err(Error::Malformed);
        }
        Ok(self.0.split_to(length))
    }

    pub(super) fn maybe(&mut self) -> Result<Option<u64>, Error> {
        Ok(self.number()?.checked_sub(1))
    }

    pub(super) fn text(&mut self) -> Result<String, Error> {
        String::from_utf8(self.bytes()?.into()).map_err(|_| Error::Malformed)
    }

    pub(super) fn dict(&mut self) -> Result<Dict, Error> {
        let bytes = self.bytes()?;
        let value = codec::decode_value(Serializer::Msgpack, &bytes).map_err(|_| Error::Malformed)?;
        value.into_dict().ok_or(Error::Malformed)
    }

    pub(super) fn maybe_dict(&mut self) -> Result<Option<Dict>, Error> {
        Ok(if self.byte()? == 0 { None } else { Some(self.dict()?) })
    }

    pub(super) fn payload(&mut self) -> Result<Payload, Error> {
        let kind = self.byte()?;
        if kind == 0 {
            return Ok(Payload::None);
        }
        let serializer = *Serializer::ALL.get(usize::from((kind - 1) & 3)).ok_or(Error::Malformed)?;
        let args = self.bytes()?;
        let kwargs = if kind > 4 { Some(self.bytes()?) } else { None };
        Ok(Payload::Raw { serializer, args, kwargs })
    }

    pub(super) fn message(&mut self) -> Result<Message, Error> {
        let head = self.bytes()?;
        let mut message = codec::decode(Serializer::Msgpack, &head).map_err(|_| Error::Malformed)?;
        let payload = self.payload()?;
        if let Some(own) = message.payload_mut() {
            *own = payload;
        }
        Ok(message)
    }

    pub(super) fn joining(&mut self) -> Result<Joining, Error> {
        let session = self.number()?;
        let (authid, authrole) = (self.text()?, self.text()?);
        let (authmethod, authprovider) = (self.text()?, self.text()?);
        let (authextra, transport) = (self.maybe_dict()?, self.dict()?);
        let bits = self.byte()?;
        let [a, b, c, d, e, f, g, h] = std::array::from_fn(|at| bits & 1 << at != 0);
        let features = ClientFeatures {
            callee_canceling: a,
            callee_timeout: b,
            callee_progressive_results: c,
            callee_revocation: d,
            callee_progressive_invocations: e,
            caller_canceling: f,
            caller_progressive_results: g,
            subscriber_revocation: h,
        };
        Ok(Joining { session, authid, authrole, authmethod, authprovider, authextra, transport, features })
    }

    pub(super) fn key(&mut self) -> Result<LastingKey, Error> {
        let (kind, id) = (self.byte()?, self.number()?);
        Ok(match kind {
            1 => LastingKey::Retained(id),
            2 => LastingKey::Past(id),
            3 => LastingKey::Topic(id),
            4 => LastingKey::Session(id),
            _ => return Err(Error::Malformed),
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Begins a frame; [`end_frame`] is to be called with what is returned.
pub(super) fn begin_frame(kind: u8, out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0, 0, 0, 0, kind]);
    start
}

pub(super) fn end_frame(start: usize, out: &mut [u8]) {
    let length = (out.len() - start - 4) as u32;
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

/// Takes the next whole frame: its kind and its content. None: it has not come whole.
pub(super) fn take_frame(input: &mut bytes::BytesMut) -> Result<Option<(u8, Read)>, Error> {
    let Some(length) = input.first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_le_bytes(*length) as usize;
    if length == 0 || length > MOST {
        return Err(Error::Malformed);
    }
    if input.len() < 4 + length {
        input.reserve(4 + length - input.len());
        return Ok(None);
    }
    let mut frame = input.split_to(4 + length).freeze();
    frame.advance(4);
    let kind = frame.get_u8();
    Ok(Some((kind, Read(frame))))
}
