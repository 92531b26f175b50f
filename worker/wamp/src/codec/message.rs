//! The list of a message: its number, its fields, its arguments.

use super::transcode::{elements, write_payload};
use super::{Error, Read, Shape, Write, cbor, json, msgpack};
use crate::message::name;
use crate::{Dict, Id, MAX_ID, Message, Payload, Serializer, Value, kind};
use bytes::Bytes;
use std::ops::Range;

/// Reads a message.
///
/// # Errors
///
/// The bytes are not what the serializer writes, or the list is no message of the specification.
pub fn decode(serializer: Serializer, bytes: &Bytes) -> Result<Message, Error> {
    match serializer {
        Serializer::Json => Fields::<json::Reader<'_>>::of(serializer, bytes)?.message(),
        Serializer::Msgpack => Fields::<msgpack::Reader<'_>>::of(serializer, bytes)?.message(),
        Serializer::Cbor => Fields::<cbor::Reader<'_>>::of(serializer, bytes)?.message(),
    }
}

/// Appends a message.
pub fn encode(serializer: Serializer, message: &Message, out: &mut Vec<u8>) {
    match serializer {
        Serializer::Json => write(message, serializer, &mut json::Writer::default(), out),
        Serializer::Msgpack => write(message, serializer, &mut msgpack::Writer, out),
        Serializer::Cbor => write(message, serializer, &mut cbor::Writer, out),
    }
}

/// Appends a message without its arguments, for processes of one node.
pub(crate) fn encode_head(message: &Message, out: &mut Vec<u8>) {
    write_list(message, Serializer::Msgpack, &mut msgpack::Writer, false, out);
}

/// The elements of a message, one after the other.
struct Fields<'a, R> {
    serializer: Serializer,
    bytes: &'a Bytes,
    reader: R,
    /// For errors.
    name: &'static str,
    /// Whether the list has ended.
    ended: bool,
}

impl<'a, R: Read<'a>> Fields<'a, R> {
    fn of(serializer: Serializer, bytes: &'a Bytes) -> Result<Self, Error> {
        let mut reader = R::new(bytes)?;
        reader.begin()?;
        Ok(Self { serializer, bytes, reader, name: "a message", ended: false })
    }

    fn message(mut self) -> Result<Message, Error> {
        let number = self
            .required("its number")?
            .as_u64()
            .ok_or(Error::unfit("the number of the message is no integer"))?;
        self.name = name(number).ok_or_else(|| Error::unfit(format!("there is no message {number}")))?;
        let message = match number {
            kind::HELLO => {
                let realm = match self.required("the realm")? {
                    Value::Null => None,
                    Value::Str(realm) => Some(realm),
                    other => return Err(self.unlike("the realm", "a string", &other)),
                };
                Message::Hello { realm, details: self.dict("the details")? }
            }
            kind::WELCOME => {
                Message::Welcome { session: self.id("the session")?, details: self.dict("the details")? }
            }
            kind::ABORT => Message::Abort {
                details: self.dict("the details")?,
                reason: self.text("the reason")?,
                payload: self.payload(false)?,
            },
            kind::CHALLENGE => {
                Message::Challenge { method: self.text("the method")?, extra: self.dict("the extra")? }
            }
            kind::AUTHENTICATE => Message::Authenticate {
                signature: self.text("the signature")?,
                extra: self.dict("the extra")?,
            },
            kind::GOODBYE => {
                Message::Goodbye { details: self.dict("the details")?, reason: self.text("the reason")? }
            }
            kind::ERROR => {
                let request_type = self.id("the type of the request")?;
                let request = self.id("the request")?;
                let details = self.dict("the details")?;
                let error = self.text("the error")?;
                let payload = self.payload(is_opaque(&details))?;
                Message::Error { request_type, request, details, error, payload }
            }
            kind::PUBLISH => {
                let (request, options) = self.request()?;
                let topic = self.text("the topic")?;
                let payload = self.payload(is_opaque(&options))?;
                Message::Publish { request, options, topic, payload }
            }
            kind::PUBLISHED => Message::Published {
                request: self.id("the request")?,
                publication: self.id("the publication")?,
            },
            kind::SUBSCRIBE => {
                let (request, options) = self.request()?;
                Message::Subscribe { request, options, topic: self.text("the topic")? }
            }
            kind::SUBSCRIBED => Message::Subscribed {
                request: self.id("the request")?,
                subscription: self.id("the subscription")?,
            },
            kind::UNSUBSCRIBE => Message::Unsubscribe {
                request: self.id("the request")?,
                subscription: self.id("the subscription")?,
            },
            kind::UNSUBSCRIBED => {
                Message::Unsubscribed { request: self.id("the request")?, details: self.optional_dict()? }
            }
            kind::EVENT => {
                let subscription = self.id("the subscription")?;
                let publication = self.id("the publication")?;
                let details = self.dict("the details")?;
                let payload = self.payload(is_opaque(&details))?;
                Message::Event { subscription, publication, details, payload }
            }
            kind::CALL => {
                let (request, options) = self.request()?;
                let procedure = self.text("the procedure")?;
                let payload = self.payload(is_opaque(&options))?;
                Message::Call { request, options, procedure, payload }
            }
            kind::CANCEL => {
                let (request, options) = self.request()?;
                Message::Cancel { request, options }
            }
            kind::RESULT => {
                let (request, details) = self.request()?;
                let payload = self.payload(is_opaque(&details))?;
                Message::Result { request, details, payload }
            }
            kind::REGISTER => {
                let (request, options) = self.request()?;
                Message::Register { request, options, procedure: self.text("the procedure")? }
            }
            kind::REGISTERED => Message::Registered {
                request: self.id("the request")?,
                registration: self.id("the registration")?,
            },
            kind::UNREGISTER => Message::Unregister {
                request: self.id("the request")?,
                registration: self.id("the registration")?,
            },
            kind::UNREGISTERED => {
                Message::Unregistered { request: self.id("the request")?, details: self.optional_dict()? }
            }
            kind::INVOCATION => {
                let request = self.id("the request")?;
                let registration = self.id("the registration")?;
                let details = self.dict("the details")?;
                let payload = self.payload(is_opaque(&details))?;
                Message::Invocation { request, registration, details, payload }
            }
            kind::INTERRUPT => {
                let (request, options) = self.request()?;
                Message::Interrupt { request, options }
            }
            // YIELD; `name` knows no others.
            _ => {
                let (request, options) = self.request()?;
                let payload = self.payload(is_opaque(&options))?;
                Message::Yield { request, options, payload }
            }
        };
        if self.more()? {
            return Err(Error::unfit(format!("{} has an element too many", self.name)));
        }
        self.reader.end()?;
        Ok(message)
    }

    fn more(&mut self) -> Result<bool, Error> {
        self.ended = self.ended || !self.reader.more()?;
        Ok(!self.ended)
    }

    fn unlike(&self, what: &str, expected: &str, found: &Value) -> Error {
        Error::unfit(format!("{}: {what} is {}, expected {expected}", self.name, found.describe()))
    }

    fn required(&mut self, what: &str) -> Result<Value, Error> {
        if !self.more()? {
            return Err(Error::unfit(format!("{} ends before {what}", self.name)));
        }
        self.reader.value()
    }

    fn id(&mut self, what: &str) -> Result<Id, Error> {
        let value = self.required(what)?;
        match value.as_id() {
            Some(id) if id <= MAX_ID => Ok(id),
            Some(_) => Err(Error::unfit(format!("{}: {what} is above 2^53", self.name))),
            None => Err(self.unlike(what, "an integer from 0 to 2^53", &value)),
        }
    }

    fn text(&mut self, what: &str) -> Result<String, Error> {
        match self.required(what)? {
            Value::Str(text) => Ok(text),
            other => Err(self.unlike(what, "a string", &other)),
        }
    }

    fn dict(&mut self, what: &str) -> Result<Dict, Error> {
        let value = self.required(what)?;
        let Value::Map(_) = &value else { return Err(self.unlike(what, "a dictionary", &value)) };
        value.into_dict().ok_or_else(|| Error::unfit(format!("{}: a key of {what} is no string", self.name)))
    }

    fn request(&mut self) -> Result<(Id, Dict), Error> {
        Ok((self.id("the request")?, self.dict("the options")?))
    }

    fn optional_dict(&mut self) -> Result<Option<Dict>, Error> {
        if !self.more()? {
            return Ok(None);
        }
        Ok(self.reader.value()?.into_dict())
    }

    /// The arguments, whose bounds are found only. `opaque`: they may be one value that is passed through.
    fn payload(&mut self, opaque: bool) -> Result<Payload, Error> {
        if !self.more()? {
            return Ok(Payload::None);
        }
        let (args, shape) = self.reader.skim()?;
        // The reference drops what is empty, and clients see no difference.
        let is_empty = |raw: &Range<usize>| R::is_empty(&self.bytes[raw.clone()]);
        let args_absent = shape == Shape::Null || shape == Shape::List && is_empty(&args);
        if !(args_absent || shape == Shape::List || opaque && matches!(shape, Shape::Text | Shape::Bytes)) {
            return Err(Error::unfit(format!("{}: the arguments are no list", self.name)));
        }
        let mut kwargs = None;
        if self.more()? {
            let (found, shape) = self.reader.skim()?;
            match shape {
                Shape::Null => {}
                Shape::Map if R::is_empty(&self.bytes[found.clone()]) => {}
                Shape::Map => kwargs = Some(self.bytes.slice(found)),
                _ => {
                    return Err(Error::unfit(format!(
                        "{}: the keyword arguments are no dictionary",
                        self.name
                    )));
                }
            }
        }
        let args = match (args_absent, &kwargs) {
            (true, None) => return Ok(Payload::None),
            (true, Some(_)) => Bytes::from_static(if self.serializer == Serializer::Json {
                b"[]"
            } else if self.serializer == Serializer::Msgpack {
                b"\x90"
            } else {
                b"\x80"
            }),
            (false, _) => self.bytes.slice(args),
        };
        Ok(Payload::Raw { serializer: self.serializer, args, kwargs })
    }
}

/// Whether the payload is one value that the router can't read.
fn is_opaque(options: &Dict) -> bool {
    options.0.iter().any(|(key, _)| key == "enc_algo" || key == "ppt_scheme")
}

/// A field of a message that is written.
enum Field<'a> {
    Id(Id),
    Text(&'a str),
    Null,
    Dict(&'a Dict),
}

fn write<W: Write>(message: &Message, serializer: Serializer, writer: &mut W, out: &mut Vec<u8>) {
    write_list(message, serializer, writer, true, out);
}

/// `whole`: with the arguments.
fn write_list<W: Write>(
    message: &Message,
    serializer: Serializer,
    writer: &mut W,
    whole: bool,
    out: &mut Vec<u8>,
) {
    use Field::{Dict as D, Id as I, Text as T};
    let none = Payload::None;
    let mut list = |fields: &[Field<'_>], payload: &Payload| {
        let payload = if whole { payload } else { &none };
        writer.list(1 + fields.len() + elements(payload), out);
        writer.element(out);
        writer.uint(message.kind(), out);
        for field in fields {
            writer.element(out);
            match field {
                Field::Id(id) => writer.uint(*id, out),
                Field::Text(text) => writer.text(text, out),
                Field::Null => writer.value(&Value::Null, out),
                Field::Dict(dict) if dict.is_empty() => writer.value(&Value::Map(Vec::new()), out),
                Field::Dict(dict) => writer.value(&(*dict).clone().into(), out),
            }
        }
        write_payload(payload, serializer, writer, out);
        writer.end(out);
    };
    match message {
        Message::Hello { realm, details } => {
            list(&[realm.as_deref().map_or(Field::Null, T), D(details)], &none);
        }
        Message::Welcome { session, details } => list(&[I(*session), D(details)], &none),
        Message::Abort { details, reason, payload } => list(&[D(details), T(reason)], payload),
        Message::Challenge { method, extra } => list(&[T(method), D(extra)], &none),
        Message::Authenticate { signature, extra } => list(&[T(signature), D(extra)], &none),
        Message::Goodbye { details, reason } => list(&[D(details), T(reason)], &none),
        Message::Error { request_type, request, details, error, payload } => {
            list(&[I(*request_type), I(*request), D(details), T(error)], payload);
        }
        Message::Publish { request, options, topic, payload } => {
            list(&[I(*request), D(options), T(topic)], payload);
        }
        Message::Published { request, publication: id }
        | Message::Subscribed { request, subscription: id }
        | Message::Unsubscribe { request, subscription: id }
        | Message::Registered { request, registration: id }
        | Message::Unregister { request, registration: id } => list(&[I(*request), I(*id)], &none),
        Message::Subscribe { request, options, topic: uri }
        | Message::Register { request, options, procedure: uri } => {
            list(&[I(*request), D(options), T(uri)], &none);
        }
        Message::Unsubscribed { request, details } | Message::Unregistered { request, details } => {
            match details {
                None => list(&[I(*request)], &none),
                Some(details) => list(&[I(*request), D(details)], &none),
            }
        }
        Message::Event { subscription: first, publication: second, details, payload }
        | Message::Invocation { request: first, registration: second, details, payload } => {
            list(&[I(*first), I(*second), D(details)], payload);
        }
        Message::Call { request, options, procedure, payload } => {
            list(&[I(*request), D(options), T(procedure)], payload);
        }
        Message::Cancel { request, options } | Message::Interrupt { request, options } => {
            list(&[I(*request), D(options)], &none);
        }
        Message::Result { request, details, payload }
        | Message::Yield { request, options: details, payload } => {
            list(&[I(*request), D(details)], payload);
        }
    }
}
