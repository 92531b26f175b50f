//! A connection, whatever it runs on.

use super::facts::{self, Facts};
use jackfield_shared::drain::Drain;
use rustix::fd::{AsFd, BorrowedFd};
use rustix::net::{RecvFlags, getpeername, getsockname, recv};
use socket2::SockRef;
use std::fmt;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::{TlsStream, client, server};

/// A byte stream to a peer.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    /// TLS on one of the others.
    Tls(Box<Tls>),
}

/// The address of a connection's other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Tcp(SocketAddr),
    /// A process of this machine; clients of Unix sockets have no address worth telling.
    Unix,
    /// Somebody who came through Tor to an onion service; nobody knows more.
    Onion,
}

impl Peer {
    /// Whether what is sent to it stays on this machine, by its address.
    pub(crate) fn is_near(self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().is_loopback(),
            Self::Unix | Self::Onion => true,
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix => f.write_str("unix"),
            Self::Onion => f.write_str("onion"),
        }
    }
}

macro_rules! each {
    ($self:expr, $stream:ident => $e:expr) => {
        match $self {
            Self::Tcp($stream) => $e,
            Self::Unix($stream) => $e,
            Self::Tls(tls) => {
                let $stream = tls.stream();
                $e
            }
        }
    };
}

/// What concerns the socket. Bytes on it are bytes of the stream only where that is [plain](Stream::is_plain).
impl Stream {
    /// Whether what is written is what is sent.
    pub(crate) const fn is_plain(&self) -> bool {
        !matches!(self, Self::Tls(_))
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
            Self::Tls(stream) => stream.below().fd(),
        }
    }

    /// Sets TCP_NODELAY; without effect on a Unix socket.
    pub(crate) fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        match self {
            Self::Tcp(stream) if stream.nodelay()? != nodelay => stream.set_nodelay(nodelay),
            Self::Tls(stream) => stream.below().set_nodelay(nodelay),
            Self::Tcp(_) | Self::Unix(_) => Ok(()),
        }
    }

    pub(crate) fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_read_ready(cx),
            Self::Unix(stream) => stream.poll_read_ready(cx),
            Self::Tls(stream) => stream.below().poll_read_ready(cx),
        }
    }

    pub(crate) fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_write_ready(cx),
            Self::Unix(stream) => stream.poll_write_ready(cx),
            Self::Tls(stream) => stream.below().poll_write_ready(cx),
        }
    }

    /// Receives what is there, from the socket, without waiting.
    pub(crate) fn receive(&self, bytes: &mut [u8], flags: RecvFlags) -> io::Result<usize> {
        self.try_io(Interest::READABLE, || Ok(recv(self.fd(), bytes, flags)?.0))
    }

    /// What was agreed on to be spoken (ALPN, RFC 7301), if anything.
    pub(crate) fn protocol(&self) -> Option<&[u8]> {
        match self {
            Self::Tls(stream) => stream.protocol(),
            Self::Tcp(_) | Self::Unix(_) => None,
        }
    }

    /// What TLS tells of the client of a connection that was accepted; absent: there is none.
    pub(crate) fn facts(&self) -> Option<Arc<Facts>> {
        match self {
            Self::Tls(stream) => stream.facts().cloned(),
            Self::Tcp(_) | Self::Unix(_) => None,
        }
    }

    /// What only the two ends of a TLS connection know (`tls-exporter`); absent: there is none to be relied on.
    pub(crate) fn exporter(&self) -> Option<[u8; 32]> {
        match self {
            Self::Tls(stream) => stream.exporter(),
            Self::Tcp(_) | Self::Unix(_) => None,
        }
    }

    /// Lets closing it reset the connection, instead of ending it as if all were well.
    pub(crate) fn reset_when_closed(&self) {
        let fd = self.fd();
        // Without effect on a Unix socket, and on one that is reset already.
        let _ = SockRef::from(&fd).set_linger(Some(Duration::ZERO));
    }

    /// The address that the peer has connected to; `None` for Unix sockets.
    pub(crate) fn local(&self) -> Option<SocketAddr> {
        SocketAddr::try_from(getsockname(self.fd()).ok()?).ok()
    }

    /// The address that it is connected to; `None` for Unix sockets.
    pub(crate) fn remote(&self) -> Option<SocketAddr> {
        SocketAddr::try_from(getpeername(self.fd()).ok()??).ok()
    }

    /// Does a system call on the descriptor; an error of kind `WouldBlock` ends its readiness.
    pub(crate) fn try_io<T>(
        &self,
        interest: Interest,
        call: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        match self {
            Self::Tcp(stream) => stream.try_io(interest, call),
            Self::Unix(stream) => stream.try_io(interest, call),
            Self::Tls(stream) => stream.below().try_io(interest, call),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        each!(self.get_mut(), stream => Pin::new(stream).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self.get_mut(), stream => Pin::new(stream).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), stream => Pin::new(stream).poll_shutdown(cx))
    }
}

/// TLS on another stream.
#[derive(Debug)]
pub(crate) struct Tls {
    stream: TlsStream<Stream>,
    /// Of a connection that was accepted.
    accepted: Option<Accepted>,
}

#[derive(Debug)]
struct Accepted {
    drain: Drain,
    facts: Arc<Facts>,
}

impl Tls {
    /// A connection that we have accepted.
    pub(crate) fn accepted(stream: server::TlsStream<Stream>, facts: Facts, drain: Drain) -> Self {
        let accepted = Accepted { drain, facts: Arc::new(facts) };
        Self { stream: TlsStream::Server(stream), accepted: Some(accepted) }
    }

    /// A connection that we have made.
    pub(crate) fn connected(stream: client::TlsStream<Stream>) -> Self {
        Self { stream: TlsStream::Client(stream), accepted: None }
    }

    /// What is said.
    pub(crate) fn stream(&mut self) -> &mut TlsStream<Stream> {
        &mut self.stream
    }

    /// What it is said on.
    pub(crate) fn below(&self) -> &Stream {
        self.stream.get_ref().0
    }

    /// What it tells of the client of a connection that was accepted.
    pub(crate) fn facts(&self) -> Option<&Arc<Facts>> {
        self.accepted.as_ref().map(|accepted| &accepted.facts)
    }

    /// What only the two ends know (`tls-exporter`).
    pub(crate) fn exporter(&self) -> Option<[u8; 32]> {
        match &self.stream {
            TlsStream::Server(stream) => facts::exporter(stream.get_ref().1),
            TlsStream::Client(stream) => facts::exporter(stream.get_ref().1),
        }
    }

    /// The protocol that was negotiated by ALPN.
    pub(crate) fn protocol(&self) -> Option<&[u8]> {
        self.stream.get_ref().1.alpn_protocol()
    }

    /// Tells the client that we close, as far as its socket takes that at once: otherwise our end can't be told from
    /// an attack that cuts connections off (RFC 8446, section 6.1).
    fn say_goodbye(&mut self) -> io::Result<()> {
        let TlsStream::Server(stream) = &mut self.stream else { return Ok(()) };
        let (socket, connection) = stream.get_mut();
        connection.send_close_notify();
        let mut bytes = Vec::new();
        while connection.wants_write() {
            connection.write_tls(&mut bytes)?;
        }
        socket.try_io(Interest::WRITABLE, || Ok(rustix::io::write(socket.fd(), &bytes)?))?;
        Ok(())
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        // Only where the end is our decision: after a fault the client had better see that something is missing.
        if self.accepted.as_ref().is_some_and(|accepted| accepted.drain.is_closing()) {
            let _ = self.say_goodbye();
        }
    }
}
