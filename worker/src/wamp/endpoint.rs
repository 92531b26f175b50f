//! Where WAMP clients connect: what a transport speaks, and how its clients authenticate.

use super::build;
use super::cookies::Cookies;
use super::guard::Guard;
use super::line::Line;
use super::outbox::Outbox;
use super::peer::{OPENING, Peer};
use super::polled::Polled;
use super::router::{Connecting, Router};
use super::subprotocol::Subprotocol;
use crate::net::facts::{Facts, Shown};
use crate::net::stream;
use hyper::header::{HeaderMap, HeaderValue};
use jackfield_shared::config::{
    self, Auth, Cookie, LongpollService, MqttOptions, MqttSection, Queue, RawsocketWamp, WebsocketSection,
};
use jackfield_shared::drain::Drain;
use jackfield_wamp::auth::{Anonymous, Connection, Methods, Source};
use jackfield_wamp::codec::Batch;
use jackfield_wamp::{Dict, Id, Serializer, Value};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Where WAMP clients connect.
pub(crate) struct Endpoint {
    router: Rc<Router>,
    methods: Rc<Methods>,
    serializers: Vec<Serializer>,
    cookies: Option<Rc<Cookies>>,
    guard: Option<Rc<Guard>>,
    queue: Queue,
    /// The longest message that is sent to a WebSocket client.
    longest: usize,
    opening: Duration,
    /// Whether a WebSocket client has to name a subprotocol of WAMP.
    required: bool,
}

/// Who connects.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    pub(crate) peer: stream::Peer,
    /// What TLS tells of the client; absent: the connection is not encrypted.
    pub(crate) tls: Option<Arc<Facts>>,
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
    /// What all have in common; the error says what is not built, or is wrong.
    fn new(
        router: Option<&Rc<Router>>,
        auth: Option<&Auth>,
        serializers: Option<&[config::Serializer]>,
        cookie: Option<&Cookie>,
        queue: Queue,
    ) -> Result<Self, String> {
        let router = router.cloned().ok_or("WAMP is routed by router workers only")?;
        let cookies = cookie.map(|cookie| Cookies::new(cookie, &mut router.stores().borrow_mut()));
        Ok(Self {
            methods: Rc::new(build::methods(auth)?),
            serializers: build::serializers(serializers)?,
            cookies: cookies.transpose()?.map(Rc::new),
            guard: auth.and_then(|auth| Guard::new(&auth.failed_logins)).map(Rc::new),
            queue,
            longest: usize::MAX,
            opening: OPENING,
            required: true,
            router,
        })
    }

    /// WAMP over WebSocket; the error says what is not built, or is wrong.
    pub(crate) fn websocket(
        section: &WebsocketSection,
        router: Option<&Rc<Router>>,
    ) -> Result<Rc<Self>, String> {
        let WebsocketSection { options, auth, serializers, cookie, queue, .. } = section;
        let common =
            Self::new(router, auth.as_ref(), serializers.as_deref(), cookie.as_ref(), queue.clone())?;
        Ok(Rc::new(Self {
            longest: match options.max_message_size {
                0 => usize::MAX,
                most => most as usize,
            },
            opening: if options.open_handshake_timeout.is_zero() {
                OPENING
            } else {
                options.open_handshake_timeout
            },
            required: options.require_websocket_subprotocol,
            ..common
        }))
    }

    /// WAMP over RawSocket; the error says what is not built, or is wrong.
    pub(crate) fn rawsocket(
        section: &RawsocketWamp,
        router: Option<&Rc<Router>>,
    ) -> Result<Rc<Self>, String> {
        let RawsocketWamp { auth, serializers, queue, .. } = section;
        Self::new(router, auth.as_ref(), serializers.as_deref(), None, queue.clone()).map(Rc::new)
    }

    /// WAMP for clients of MQTT; the error says what is not built, or is wrong.
    pub(crate) fn mqtt(section: &MqttSection, router: Option<&Rc<Router>>) -> Result<Rc<Self>, String> {
        let MqttOptions { auth, role, .. } = &section.options;
        let common = Self::new(router, auth.as_ref(), None, None, section.queue.clone())?;
        let role = role.clone().filter(|_| auth.is_none());
        let anonymous = role.map(|role| Source::Static(Anonymous { realm: None, role, authid: None }));
        let methods = match anonymous {
            None => common.methods,
            Some(anonymous) => Rc::new(Methods { anonymous: Some(anonymous), ..Methods::default() }),
        };
        Ok(Rc::new(Self { methods, ..common }))
    }

    /// Connects a client whose messages are made of another protocol's.
    pub(crate) fn open_line(&self, framing: &str, who: Who) -> Line {
        let (id, outbox) = self.connect(Serializer::Cbor, self.longest, None, framing, who);
        Line::new(id, Rc::clone(&self.router), outbox)
    }

    /// WAMP over HTTP long-polling, with `queue` for each client; the error says what is wrong.
    pub(super) fn longpoll(
        service: &LongpollService,
        queue: Queue,
        router: Option<&Rc<Router>>,
    ) -> Result<Self, String> {
        let LongpollService { auth, serializers, cookie, .. } = service;
        Self::new(router, auth.as_ref(), serializers.as_deref(), cookie.as_ref(), queue)
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
        let (cookie, set_cookie) = self.cookie(headers);
        Some(Handshake { subprotocol, protocol, cookie, set_cookie })
    }

    /// The client's cookie, and what sets it if it is new.
    fn cookie(&self, headers: &HeaderMap) -> (Option<String>, Option<HeaderValue>) {
        match self.cookies.as_ref().map(|cookies| cookies.of(headers)) {
            Some((cookie, set_cookie)) => (Some(cookie), set_cookie),
            None => (None, None),
        }
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
        headers: &HeaderMap,
        who: Who,
        drain: Drain,
    ) -> Option<(Polled, &'a str, Option<HeaderValue>)> {
        let (Subprotocol { serializer, batched }, name) = Subprotocol::of_names(names, &self.serializers)?;
        let (cookie, set_cookie) = self.cookie(headers);
        let (id, outbox) = self.connect(serializer, self.longest, cookie, "longpoll", who);
        let batch = batched.then(|| Batch::of(serializer));
        Some((Polled::new(id, Rc::clone(&self.router), outbox, batch, drain), name, set_cookie))
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
        Peer::new(id, Rc::clone(&self.router), outbox, batch, framing == "rawsocket", self.opening)
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
        let secure = who.tls.is_some();
        let certificate = who.tls.as_ref().and_then(|tls| tls.certificate.as_ref());
        let mut transport = Dict::new()
            .with("channel_type", if secure { "tls" } else { "tcp" })
            .with("channel_framing", framing)
            .with("channel_serializer", serializer.name())
            .with("peer", peer.as_str())
            .with("is_secure", secure);
        if let Some(certificate) = certificate {
            transport.push("peer_cert", described(certificate));
        }
        let cookies = self.cookies.as_ref();
        let connection = Connection {
            serializer,
            transport,
            node: self.router.told().clone().with("x_cb_peer", peer),
            cookie: cookies.zip(cookie.as_ref()).and_then(|(cookies, value)| cookies.stands_for(value)),
            cookie_value: None,
            certificate: certificate.map(|certificate| certificate.sha1.clone()),
            channel: who.tls.as_ref().and_then(|tls| tls.exporter),
        };
        let outbox = Outbox::new(serializer, longest, self.queue.clone());
        let guard = self.guard.as_ref().and_then(|guard| Some((Rc::clone(guard), guard.counts(who.peer)?)));
        let id = self.router.connected(Connecting {
            connection,
            outbox: Rc::clone(&outbox),
            methods: Rc::clone(&self.methods),
            cookie: cookies.cloned().zip(cookie),
            guard,
        });
        (id, outbox)
    }
}

/// A client's certificate as authenticators are told of it, with the keys that Crossbar.io's are.
fn described(certificate: &Shown) -> Dict {
    let name = |parts: &[(String, String)]| {
        let parts =
            parts.iter().fold(Dict::new(), |dict, (key, value)| dict.with(key.as_str(), value.as_str()));
        Value::from(parts)
    };
    Dict::new()
        .with("sha1", certificate.sha1.as_str())
        .with("sha256", certificate.sha256.as_str())
        .with("serial", certificate.serial.as_str())
        .with("not_before", certificate.not_before.as_str())
        .with("not_after", certificate.not_after.as_str())
        .with("subject", name(&certificate.subject))
        .with("issuer", name(&certificate.issuer))
}
