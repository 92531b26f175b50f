//! What clients of each protocol say.

use super::framing::Framing;
use bytes::Bytes;
use clap::ValueEnum;
use jackfield_wamp::{Dict, Id, Message, Payload, Serializer, Value, codec};

/// The topic and the procedure.
const URI: &str = "com.bench";

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Protocol {
    /// WAMP over WebSocket, in JSON
    WsJson,
    /// WAMP over RawSocket, in MessagePack
    RsMsgpack,
    /// NATS
    Nats,
    /// Redis' publish and subscribe
    Redis,
    /// MQTT 3.1.1, QoS 0
    Mqtt,
    /// The same bytes as RawSocket, and a program that passes them on
    Bare,
}

/// What a client is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Publishes, or calls.
    Sender,
    /// Subscribes.
    Subscriber,
    /// Registers.
    Callee,
}

/// A step of a beginning: what is said, then messages or so many bytes that are waited for.
pub(super) enum Step {
    Say(Vec<u8>),
    /// Until these bytes have come.
    Until(&'static [u8]),
    /// So many bytes.
    Bytes(usize),
    /// So many messages.
    Messages(usize),
}

impl Protocol {
    pub(super) const fn framing(self) -> Framing {
        match self {
            Self::WsJson => Framing::WebSocket,
            Self::RsMsgpack | Self::Bare => Framing::Length,
            Self::Nats => Framing::Nats,
            Self::Redis => Framing::Redis,
            Self::Mqtt => Framing::Mqtt,
        }
    }

    pub(super) const fn serializer(self) -> Serializer {
        if matches!(self, Self::WsJson) { Serializer::Json } else { Serializer::Msgpack }
    }

    const fn is_wamp(self) -> bool {
        matches!(self, Self::WsJson | Self::RsMsgpack)
    }

    /// A message of WAMP, in its frame.
    pub(super) fn framed(self, message: &Message) -> Vec<u8> {
        let mut body = Vec::new();
        codec::encode(self.serializer(), message, &mut body);
        self.frame(&body)
    }

    fn frame(self, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(body.len() + 14);
        if self == Self::WsJson {
            // Masked with zeros, which leaves the bytes as they are.
            out.push(0x81);
            match body.len() {
                length @ 0..126 => out.push(0x80 | length as u8),
                length @ 126..=0xFFFF => {
                    out.push(0x80 | 126);
                    out.extend((length as u16).to_be_bytes());
                }
                length => {
                    out.push(0x80 | 127);
                    out.extend((length as u64).to_be_bytes());
                }
            }
            out.extend([0; 4]);
        } else {
            out.extend((body.len() as u32).to_be_bytes());
        }
        out.extend_from_slice(body);
        out
    }

    /// How a client begins.
    pub(super) fn begin(self, part: Part) -> Vec<Step> {
        let mut steps = Vec::new();
        match self {
            Self::WsJson => {
                let request = "GET /ws HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                    Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\
                    Sec-WebSocket-Protocol: wamp.2.json\r\n\r\n";
                steps.extend([Step::Say(request.into()), Step::Until(b"\r\n\r\n")]);
            }
            Self::RsMsgpack => steps.extend([Step::Say(b"\x7f\xf2\0\0".into()), Step::Bytes(4)]),
            Self::Bare => {
                steps.push(Step::Say(if part == Part::Sender { b"P".into() } else { b"S".into() }));
                // It says when it knows.
                steps.push(Step::Bytes(1));
            }
            Self::Nats => {
                steps.extend([
                    Step::Until(b"\r\n"),
                    Step::Say(b"CONNECT {\"verbose\":false}\r\nPING\r\n".into()),
                ]);
                steps.push(Step::Until(b"PONG\r\n"));
                if part == Part::Subscriber {
                    steps.extend([Step::Say(b"SUB bench 1\r\nPING\r\n".into()), Step::Until(b"PONG\r\n")]);
                }
            }
            Self::Redis => {
                if part == Part::Subscriber {
                    steps.extend([
                        Step::Say(b"*2\r\n$9\r\nSUBSCRIBE\r\n$5\r\nbench\r\n".into()),
                        Step::Messages(1),
                    ]);
                }
            }
            Self::Mqtt => {
                let connect = b"\x10\x0c\0\x04MQTT\x04\x02\0\0\0\0";
                steps.extend([Step::Say(connect.into()), Step::Messages(1)]);
                if part == Part::Subscriber {
                    steps.extend([Step::Say(b"\x82\x0a\0\x01\0\x05bench\0".into()), Step::Messages(1)]);
                }
            }
        }
        if self.is_wamp() {
            steps.extend([Step::Say(self.hello()), Step::Messages(1)]);
            let message = match part {
                Part::Sender => None,
                Part::Subscriber => {
                    Some(Message::Subscribe { request: 1, options: Dict::new(), topic: URI.into() })
                }
                Part::Callee => {
                    Some(Message::Register { request: 1, options: Dict::new(), procedure: URI.into() })
                }
            };
            steps.extend(
                message.into_iter().flat_map(|message| [Step::Say(self.framed(&message)), Step::Messages(1)]),
            );
        }
        steps
    }

    pub(super) fn hello(self) -> Vec<u8> {
        let roles = ["caller", "callee", "publisher", "subscriber"]
            .into_iter()
            .fold(Dict::new(), |roles, role| roles.with(role, Value::from(Dict::new())));
        self.framed(&Message::Hello {
            realm: Some("realm1".into()),
            details: Dict::new().with("roles", roles),
        })
    }

    pub(super) fn goodbye(self) -> Vec<u8> {
        self.framed(&Message::Goodbye { details: Dict::new(), reason: "wamp.close.close_realm".into() })
    }

    /// An event with a payload of so many bytes.
    pub(super) fn event(self, payload: usize) -> Vec<u8> {
        let text = "x".repeat(payload);
        match self {
            Self::Nats => format!("PUB bench {payload}\r\n{text}\r\n").into(),
            Self::Redis => format!("*3\r\n$7\r\nPUBLISH\r\n$5\r\nbench\r\n${payload}\r\n{text}\r\n").into(),
            Self::Mqtt => {
                let mut out = vec![0x30];
                let mut left = payload + 7;
                loop {
                    let more = left > 0x7F;
                    out.push((left & 0x7F) as u8 | if more { 0x80 } else { 0 });
                    left >>= 7;
                    if !more {
                        break;
                    }
                }
                out.extend(b"\0\x05bench");
                out.extend(text.bytes());
                out
            }
            Self::WsJson | Self::RsMsgpack | Self::Bare => {
                let payload = Payload::one(text.as_str());
                let topic = URI.into();
                // Nobody answers, so the number is nobody's.
                self.framed(&Message::Publish { request: 1, options: Dict::new(), topic, payload })
            }
        }
    }

    /// A call.
    pub(super) fn call(self, request: Id, payload: &Payload) -> Vec<u8> {
        let (procedure, payload) = (URI.into(), payload.clone());
        self.framed(&Message::Call { request, options: Dict::new(), procedure, payload })
    }

    /// The answer to what came to a callee.
    pub(super) fn answer(self, bytes: &[u8]) -> Result<Vec<u8>, String> {
        if self == Self::Bare {
            return Ok(self.frame(bytes));
        }
        match codec::decode(self.serializer(), &Bytes::copy_from_slice(bytes)) {
            Ok(Message::Invocation { request, payload, .. }) => {
                Ok(self.framed(&Message::Yield { request, options: Dict::new(), payload }))
            }
            Ok(other) => Err(format!("a callee got {}", other.name())),
            Err(e) => Err(e.to_string()),
        }
    }
}
