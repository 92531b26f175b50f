//! What a connection goes through before its transport: the PROXY protocol's header, then the TLS handshake. Each
//! connection in a task of its own and within a time limit, so that a client that stalls holds up nobody.

use crate::log::{Also, Throttle};
use crate::net::access::Access;
use crate::net::close::close;
use crate::net::connection::Connection;
use crate::net::per_client::{Admission, PerClient};
use crate::net::proxy_protocol::{self, Header, Networks, Parser};
use crate::net::stream::{Peer, Stream};
use crate::tls::{self, Acceptor, Challenges};
use crate::web::without_tls;
use jackfield_shared::config::{ListeningEndpoint, ProxyProtocol, ProxyProtocolAccept, Transport};
use jackfield_shared::drain::LAST_WORD;
use jackfield_shared::tls::Files;
use rustix::net::RecvFlags;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::task::spawn_local;
use tokio::time::timeout;
use tracing::{debug, warn};

/// Why a connection does not come to its transport.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("TLS: {}", tls::explain(.0))]
    Tls(io::Error),
    #[error("TLS: the handshake was not complete within {} s", .0.as_secs_f64())]
    Late(Duration),
    #[error("PROXY protocol: {0}")]
    Proxy(#[from] proxy_protocol::Error),
    #[error("PROXY protocol: no complete header came within {} s", .0.as_secs_f64())]
    NoHeader(Duration),
    #[error("PROXY protocol: {0}")]
    Io(#[from] io::Error),
    /// Was reported where others see it, too.
    #[error("PROXY protocol: the peer is not in a network whose word is taken (`trusted`)")]
    Untrusted,
}

/// How often it is reported that a connection came from a network that is not trusted.
const REPORT: Duration = Duration::from_secs(10);

/// From whom the PROXY protocol is taken, and how.
#[derive(Debug)]
struct Proxy {
    accept: ProxyProtocolAccept,
    /// Absent for Unix sockets, which have permissions.
    trusted: Option<Networks>,
    untrusted: Throttle,
}

/// What stands before a transport.
#[derive(Debug)]
pub(crate) struct Front {
    proxy: Option<Proxy>,
    tls: Option<Acceptor>,
    access: Option<Access>,
    clients: Option<Rc<PerClient>>,
    /// Whether the transport speaks HTTP, so that people may come without TLS.
    is_web: bool,
    limit: Duration,
}

impl Front {
    /// What the transport's endpoint asks for, if it asks for anything; the error says what can't be had.
    pub(crate) fn new(
        transport: &Transport,
        files: &Files,
        tickets: Option<&tls::Tickets>,
        challenges: &Rc<Challenges>,
    ) -> Result<Option<Rc<Self>>, String> {
        let section = transport.endpoint.tls();
        let tls = section
            .map(|section| Acceptor::new(section, transport, files, tickets, challenges))
            .transpose()?;
        let proxy = Proxy::of(&transport.endpoint);
        let is_web = transport.kind.kind().speaks_http();
        let (access, clients) = match &transport.endpoint {
            ListeningEndpoint::Tcp(tcp) => {
                (Access::new(tcp.allow.as_deref(), &tcp.deny), tcp.clients.as_ref().map(PerClient::new))
            }
            _ => (None, None),
        };
        let is_needed = tls.is_some() || proxy.is_some() || access.is_some() || clients.is_some();
        Ok(is_needed.then(|| Rc::new(Self { proxy, tls, access, clients, is_web, limit: limit(transport) })))
    }

    /// Takes the files of TLS as they are now.
    pub(crate) fn renew(&self, files: &Files) -> Result<(), String> {
        self.tls.as_ref().map_or(Ok(()), |tls| tls.renew(files))
    }

    /// Lets a connection through, in a task of its own, to `then`.
    pub(crate) fn spawn(self: &Rc<Self>, connection: Connection, then: impl FnOnce(Connection) + 'static) {
        // Whose address the PROXY protocol tells is looked at when it has.
        if self.proxy.is_none() && self.refuses(&connection) {
            return;
        }
        let front = Rc::clone(self);
        spawn_local(async move {
            let (drain, open, peer) =
                (connection.drain.clone(), Rc::clone(&connection.open), connection.peer);
            let passed = tokio::select! {
                passed = front.pass(connection) => passed,
                () = drain.begun_for(LAST_WORD) => {
                    return debug!("{peer}: closed, because the process ends and the client has not said all");
                }
            };
            match passed {
                Ok(Some(connection)) => then(connection),
                Ok(None) => {}
                Err(e) => {
                    open.failed();
                    debug!("{peer}: {e}");
                }
            }
        });
    }

    /// Resets a connection whose client may not come, or has too many of them; true: it has.
    fn refuses(&self, connection: &Connection) -> bool {
        let Connection { peer, open, .. } = connection;
        let why = if self.access.as_ref().is_some_and(|access| !access.permits(*peer)) {
            "its network may not connect (`allow`, `deny`)"
        } else {
            match self.clients.as_ref().map(|clients| clients.admit(*peer)) {
                None | Some(Admission::Yes(None)) => return false,
                Some(Admission::Yes(Some(share))) => {
                    open.count(share, false);
                    return false;
                }
                // Who speaks HTTP can be told.
                Some(Admission::OneTooMany(share)) if self.is_web => {
                    open.count(share, true);
                    return false;
                }
                Some(Admission::OneTooMany(_) | Admission::FarTooMany) => {
                    "it has too many connections (`clients.max_connections`)"
                }
            }
        };
        connection.stream.reset_when_closed();
        open.refused();
        debug!("{peer}: reset: {why}");
        true
    }

    /// Nothing: it was refused.
    async fn pass(&self, mut connection: Connection) -> Result<Option<Connection>, Error> {
        if let Some(proxy) = &self.proxy {
            proxy.check(connection.peer)?;
            let header = timeout(self.limit, proxy.receive(&connection.stream)).await;
            if let Some(ends) = header.map_err(|_| Error::NoHeader(self.limit))?? {
                connection.peer = Peer::Tcp(ends.from);
                connection.to = Some(ends.to);
            }
            if self.refuses(&connection) {
                return Ok(None);
            }
        }
        if let Some(tls) = &self.tls {
            let Connection { mut stream, peer, to, drain, open } = connection;
            let accepted = timeout(self.limit, async {
                if self.is_web
                    && let Some(answer) = to_plain_http(&stream).await?
                {
                    stream.write_all(answer.as_bytes()).await?;
                    close(&mut stream).await?;
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "the client speaks HTTP without it",
                    ));
                }
                tls.accept(stream, &drain).await
            });
            let stream = accepted.await.map_err(|_| Error::Late(self.limit))?.map_err(Error::Tls)?;
            return Ok(stream.map(|stream| Connection { stream, peer, to, drain, open }));
        }
        Ok(Some(connection))
    }
}

impl Proxy {
    fn of(endpoint: &ListeningEndpoint) -> Option<Self> {
        let (accept, trusted) = match endpoint {
            ListeningEndpoint::Tcp(tcp) => {
                let ProxyProtocol { version, trusted } = tcp.proxy_protocol.as_ref()?;
                (*version, Some(Networks::new(trusted)))
            }
            ListeningEndpoint::Unix(unix) => (unix.proxy_protocol?, None),
            ListeningEndpoint::Onion(_) | ListeningEndpoint::Twisted(_) => return None,
        };
        Some(Self { accept, trusted, untrusted: Throttle::new(REPORT) })
    }

    /// Whether the peer may speak for others.
    fn check(&self, peer: Peer) -> Result<(), Error> {
        let (Some(trusted), Peer::Tcp(address)) = (&self.trusted, peer) else { return Ok(()) };
        if trusted.contain(address.ip()) {
            return Ok(());
        }
        if let Some(more) = self.untrusted.pass() {
            warn!("{peer}: closed: {}{}", Error::Untrusted, Also(more));
        }
        Err(Error::Untrusted)
    }

    /// Takes the header from the stream, and not a byte more.
    async fn receive(&self, stream: &Stream) -> Result<Header, Error> {
        let mut parser = Parser::new(self.accept);
        let mut bytes = [0; 256];
        loop {
            poll_fn(|cx| stream.poll_read_ready(cx)).await?;
            let count = match stream.receive(&mut bytes, RecvFlags::PEEK) {
                Ok(0) => return Err(proxy_protocol::Error::Missing.into()),
                Ok(count) => count,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => continue,
                Err(e) => return Err(e.into()),
            };
            let (taken, header) = parser.feed(&bytes[..count])?;
            stream.receive(&mut bytes[..taken], RecvFlags::empty())?;
            if let Some(header) = header {
                return Ok(header);
            }
        }
    }
}

/// The answer to a client that has begun to speak HTTP, where a handshake of TLS begins with a byte that is no letter.
async fn to_plain_http(stream: &Stream) -> io::Result<Option<String>> {
    loop {
        poll_fn(|cx| stream.poll_read_ready(cx)).await?;
        let mut bytes = [0; 1024];
        match stream.receive(&mut bytes, RecvFlags::PEEK) {
            Ok(count) => {
                let part = &bytes[..count];
                return Ok(part.first().is_some_and(u8::is_ascii_uppercase).then(|| without_tls(part)));
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
    }
}

/// What a client gets for the handshake of its transport holds for what comes before, too.
fn limit(transport: &Transport) -> Duration {
    transport.kind.kind().handshake_timeout()
}
