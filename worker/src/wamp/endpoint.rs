//! Where WAMP clients connect: what a transport speaks, and how its clients authenticate.

use super::build;
use super::cookies::Cookies;
use super::longpoll::Polled;
use super::outbox::Outbox;
use super::peer::{OPENING, Peer};
use super::router::{Connecting, Router};
use super::subprotocol::Subprotocol;
use crate::net::stream;
use hyper::header::{HeaderMap, HeaderValue};
use jackfield_shared::config::{Queue, RawsocketWamp, WebsocketSection};
use jackfield_wamp::auth::{Connection, Methods};
use jackfield_wamp::codec::Batch;
use jackfield_wamp::{Dict, Id, Serializer};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

/// Where WAMP clients connect.
pub(crate) struct Endpoint {
    router: Rc<Router>,
    methods: Rc<Methods>,
    serializers: Vec<Serializer>,
    cookies: Option<Rc<Cookies>>,
    queue: Queue,
    /// The longest message that is sent to a WebSocket client.
    longest: usize,
    opening: Duration,
    /// Whether a WebSocket client has to name a subprotocol of WAMP.
    required: bool,
}

/// Who connects.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Who {
    pub(crate) peer: stream::Peer,
    /// Whether the connection is encrypted.
    pub(crate) secure: bool,
}

/// What is agreed on with a WebSocket client.
#[derive(Debug)]
pub(crate) struct Handshake {
    subprotocol: Subprotocol,
    /// The name of the subprotocol, for the answer.
    pub(crate) protocol: Option<HeaderValue>,
    cookie: Option<String>,
    /// Sets a new cookie.
    pub(crate) set_cookie: Option<HeaderValue>,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("serializers", &self.serializers).finish_non_exhaustive()
    }
}

impl Endpoint {
    /// WAMP over WebSocket; the error says what is not built, or is wrong.
    pub(crate) fn websocket(
        section: &WebsocketSection,
        router: Option<&Rc<Router>>,
    ) -> Result<Rc<Self>, String> {
        let cookies = section.cookie.as_ref().map(Cookies::new).transpose()?;
        let options = &section.options;
        let longest = match options.max_message_size {
            0 => usize::MAX,
            most => most as usize,
        };
        Ok(Rc::new(Self {
            router: router.cloned().ok_or("WAMP is routed by router workers only")?,
            methods: Rc::new(build::methods(section.auth.as_ref())?),
            serializers: build::serializers(section.serializers.as_deref())?,
            cookies: cookies.map(Rc::new),
            queue: section.queue.clone(),
            longest,
            opening: if options.open_handshake_timeout.is_zero() {
                OPENING
            } else {
                options.open_handshake_timeout
            },
            required: options.require_websocket_subprotocol,
        }))
    }

    /// WAMP over RawSocket; the error says what is not built, or is wrong.
    pub(crate) fn rawsocket(
        section: &RawsocketWamp,
        router: Option<&Rc<Router>>,
    ) -> Result<Rc<Self>, String> {
        Ok(Rc::new(Self {
            router: router.cloned().ok_or("WAMP is routed by router workers only")?,
            methods: Rc::new(build::methods(section.auth.as_ref())?),
            serializers: build::serializers(section.serializers.as_deref())?,
            cookies: None,
            queue: section.queue.clone(),
            longest: usize::MAX,
            opening: OPENING,
            required: true,
        }))
    }

    /// WAMP over HTTP long-polling, with `queue` for each client; the error says what is wrong.
    pub(super) fn longpoll(queue: Queue, router: Option<&Rc<Router>>) -> Result<Self, String> {
        Ok(Self {
            router: router.cloned().ok_or("WAMP is routed by router workers only")?,
            methods: Rc::new(build::methods(None)?),
            serializers: build::serializers(None)?,
            cookies: None,
            queue,
            longest: usize::MAX,
            opening: OPENING,
            required: true,
        })
    }

    /// Agrees with a WebSocket client on what is spoken; absent: on nothing.
    pub(crate) fn handshake(&self, headers: &HeaderMap) -> Option<Handshake> {
        let (subprotocol, protocol) = match Subprotocol::choose(headers, &self.serializers) {
            Some((subprotocol, name)) => (subprotocol, Some(name)),
            None if self.required => return None,
            None => {
                let serializer = self.serializers.iter().copied().min()?;
                (Subprotocol { serializer, batched: false }, None)
            }
        };
        let (cookie, set_cookie) = match self.cookies.as_ref().map(|cookies| cookies.of(headers)) {
            Some((cookie, set_cookie)) => (Some(cookie), set_cookie),
            None => (None, None),
        };
        Some(Handshake { subprotocol, protocol, cookie, set_cookie })
    }

    /// Serves the messages of a WebSocket client.
    pub(crate) fn open_websocket(&self, handshake: Handshake, who: Who) -> Peer {
        let Handshake { subprotocol: Subprotocol { serializer, batched }, cookie, .. } = handshake;
        let batch = batched.then(|| Batch::of(serializer));
        self.open(serializer, batch, self.longest, cookie, "websocket", who)
    }

    /// Serves the messages of a RawSocket client, which takes messages of up to `longest` bytes.
    pub(crate) fn open_rawsocket(&self, serializer: &str, longest: usize, who: Who) -> Peer {
        // The handshake has let no other through.
        let serializer = Serializer::named(serializer).unwrap_or(Serializer::Json);
        self.open(serializer, None, longest, None, "rawsocket", who)
    }

    /// Connects a client by long-polling that speaks one of these subprotocols; absent: none is spoken here.
    pub(super) fn open_longpoll<'a>(
        &self,
        names: impl Iterator<Item = &'a str>,
        who: Who,
    ) -> Option<(Polled, &'a str)> {
        let (Subprotocol { serializer, batched }, name) = Subprotocol::of_names(names, &self.serializers)?;
        let (id, outbox) = self.connect(serializer, self.longest, None, "longpoll", who);
        let batch = batched.then(|| Batch::of(serializer));
        Some((Polled::new(id, Rc::clone(&self.router), outbox, batch), name))
    }

    fn open(
        &self,
        serializer: Serializer,
        batch: Option<Batch>,
        longest: usize,
        cookie: Option<String>,
        framing: &str,
        who: Who,
    ) -> Peer {
        let (id, outbox) = self.connect(serializer, longest, cookie, framing, who);
        Peer::new(id, Rc::clone(&self.router), outbox, batch, self.opening)
    }

    fn connect(
        &self,
        serializer: Serializer,
        longest: usize,
        cookie: Option<String>,
        framing: &str,
        who: Who,
    ) -> (Id, Rc<Outbox>) {
        let peer = who.peer.to_string();
        let transport = Dict::new()
            .with("channel_type", if who.secure { "tls" } else { "tcp" })
            .with("channel_framing", framing)
            .with("channel_serializer", serializer.name())
            .with("peer", peer.as_str())
            .with("is_secure", who.secure);
        let cookies = self.cookies.as_ref();
        let connection = Connection {
            serializer,
            transport,
            node: self.router.told().clone().with("x_cb_peer", peer),
            cookie: cookies.zip(cookie.as_ref()).and_then(|(cookies, value)| cookies.stands_for(value)),
            cookie_value: None,
            certificate: None,
            channel: None,
        };
        let outbox = Outbox::new(serializer, longest, self.queue.clone());
        let id = self.router.connected(Connecting {
            connection,
            outbox: Rc::clone(&outbox),
            methods: Rc::clone(&self.methods),
            rawsocket: framing == "rawsocket",
            cookie: cookies.cloned().zip(cookie),
        });
        (id, outbox)
    }
}
