//! The connection of a client: WebSocket or RawSocket on any connecting endpoint.

use super::inbox::{Inbox, Slot};
use super::{Error, Room, Speech};
use crate::connect::Connector;
use crate::messages::{Ending, Handler, Kind, Sender};
use crate::net::ping::AutoPing;
use crate::net::stream::Stream;
use crate::rawsocket::{self, Reply};
use crate::wamp::outbox::Outbox;
use crate::websocket::{self, Backend};
use bytes::Bytes;
use hyper::Uri;
use hyper::header::{HeaderMap, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use jackfield_shared::config::{Queue, QueuePolicy, RawsocketOptions, WebsocketOptions};
use jackfield_wamp::{Serializer, codec};
use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::task::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::task::spawn_local;

/// A connection with a router.
pub(super) struct Link {
    pub(super) outbox: Rc<Outbox>,
    pub(super) incoming: Rc<Inbox>,
    /// Why it has ended.
    pub(super) ended: oneshot::Receiver<String>,
    /// Identifies the TLS connection.
    pub(super) channel: Option<[u8; 32]>,
}

impl Link {
    /// Connects.
    pub(super) async fn open(connector: &Connector, speech: &Speech, room: &Room) -> Result<Self, Error> {
        let stream = Box::pin(connector.connect(|| None)).await?;
        let channel = stream.exporter();
        let failed = |why: String| Error::Connect(format!("{connector}: {why}"));
        let serializer = speech.serializer;
        let incoming = Rc::new(Inbox::default());
        let (told, ended) = oneshot::channel();
        let fault = Fault::default();
        let exchange = |outbox: &Rc<Outbox>| Exchange {
            outbox: Rc::clone(outbox),
            incoming: Slot(Rc::clone(&incoming)),
            fault: Rc::clone(&fault),
        };
        let Room { scratch, budget } = room.clone();
        let outbox = match &speech.websocket {
            Some(url) => {
                let backend = handshake(stream, url, serializer).await.map_err(failed)?;
                let outbox = Outbox::new(serializer, usize::MAX, queue());
                let mut exchange = exchange(&outbox);
                spawn_local(async move {
                    let options = options();
                    let terms =
                        websocket::Terms { options: &options, compression: backend.compression, debug: None };
                    let spoken =
                        websocket::speak(backend.stream, terms, &mut exchange, &scratch, &budget).await;
                    end(told, &fault, spoken.err().map(|e| e.to_string()));
                });
                outbox
            }
            None => {
                let (stream, longest) = agree(stream, serializer).await.map_err(failed)?;
                let outbox = Outbox::new(serializer, longest, queue());
                let exchange = exchange(&outbox);
                spawn_local(async move {
                    let options = RawsocketOptions::default();
                    // Crossbar.io ends a connection at a ping.
                    let ping = AutoPing::never();
                    let agreed = rawsocket::Agreed { options: &options, longest, debug: None, ping };
                    let spoken = rawsocket::exchange(stream, agreed, &scratch, &budget, exchange);
                    end(told, &fault, spoken.await.err().map(|e| e.to_string()));
                });
                outbox
            }
        };
        Ok(Self { outbox, incoming, ended, channel })
    }
}

/// Nothing that was said is ever dropped.
fn queue() -> Queue {
    Queue { policy: QueuePolicy::Close, ..Queue::default() }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.outbox.end(1000, "");
    }
}

/// Messages of any length that the budget has room for.
fn options() -> WebsocketOptions {
    WebsocketOptions { max_message_size: 0, ..WebsocketOptions::default() }
}

async fn handshake(stream: Stream, url: &str, serializer: Serializer) -> Result<Backend, String> {
    let url: Uri = url.parse().map_err(|e| format!("{url} is no URL: {e}"))?;
    let protocol = format!("wamp.2.{}", serializer.name());
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(&protocol) {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, value);
    }
    let backend = Backend::connect(stream, &url, &options(), &headers).await.map_err(|e| e.to_string())?;
    match &backend.protocol {
        Some(chosen) if chosen.as_bytes() == protocol.as_bytes() => Ok(backend),
        Some(other) => {
            let other = String::from_utf8_lossy(other.as_bytes());
            Err(format!("it speaks \"{other}\" in place of {protocol}"))
        }
        None => Err(format!("it speaks WebSocket, but not {protocol}: is there WAMP at {}?", url.path())),
    }
}

/// The handshake of RawSocket; with the longest message that the router takes.
async fn agree(mut stream: Stream, serializer: Serializer) -> Result<(Stream, usize), String> {
    let request = Reply::request(serializer.name());
    let mut reply = [0; 4];
    let told = async {
        stream.write_all(&request).await?;
        stream.read_exact(&mut reply).await
    };
    told.await.map_err(|e| format!("no answer to the handshake of RawSocket: {e}"))?;
    match Reply::parse(request, reply) {
        Reply::Accepted(longest) => Ok((stream, longest)),
        Reply::Refused(why) => Err(format!("the handshake of RawSocket is refused: {why}")),
        Reply::Malformed => Err("it does not speak RawSocket".into()),
    }
}

/// What comes and goes on the connection.
struct Exchange {
    outbox: Rc<Outbox>,
    incoming: Slot,
    fault: Fault,
}

/// What the router has done wrong.
type Fault = Rc<RefCell<Option<String>>>;

/// Says why the connection has ended, by the fault or by `why`.
fn end(told: oneshot::Sender<String>, fault: &Fault, why: Option<String>) {
    let why = fault.take().or(why).unwrap_or_else(|| "the connection was closed".into());
    // Nobody may want to know.
    let _ = told.send(why);
}

impl Handler for Exchange {
    fn message(&mut self, _: Kind, payload: &[u8], _: &mut dyn Sender) -> ControlFlow<()> {
        match codec::decode(self.outbox.serializer(), &Bytes::copy_from_slice(payload)) {
            Ok(message) => self.incoming.0.push(message),
            Err(e) => {
                let text = format!("the router has sent what is no message of WAMP: {e}");
                self.fault.borrow_mut().get_or_insert(text);
                self.outbox.end(1002, "no message of WAMP");
            }
        }
        if self.outbox.ending().is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn takes(&mut self, cx: &mut Context<'_>) -> bool {
        self.incoming.0.has_room(cx)
    }

    fn outgoing(&mut self, cx: &mut Context<'_>, sender: &mut dyn Sender) -> ControlFlow<()> {
        self.outbox.register(cx);
        let serializer = self.outbox.serializer();
        let kind = if serializer.is_text() { Kind::Text } else { Kind::Binary };
        while let Some(message) = self.outbox.pop() {
            sender.send(kind, message.encoded(serializer))?;
        }
        ControlFlow::Continue(())
    }

    fn ending(&mut self) -> Option<Ending> {
        self.outbox.ending()
    }

    fn memory(&self) -> usize {
        self.outbox.bytes() + self.incoming.0.bytes()
    }
}
