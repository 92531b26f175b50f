//! A listening socket that the controller has bound.

use super::stream::{Peer, Stream};
use rustix::io::Errno;
use rustix::net::{SocketFlags, acceptfrom_with};
use socket2::{Domain, SockRef, TcpKeepalive};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// A listening socket registered with the runtime. Dropping it takes it out of the runtime's epoll instance
/// before its descriptor is closed: other processes hold the same socket, so that closing alone would not.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// Registers a socket that listens already.
    ///
    /// # Errors
    /// When it does not listen, or can't be registered.
    pub(crate) fn new(fd: OwnedFd) -> io::Result<Self> {
        if !SockRef::from(&fd).is_listener()? {
            return Err(io::Error::other("the socket does not listen yet"));
        }
        let domain = SockRef::from(&fd).domain()?;
        if domain == Domain::UNIX {
            let listener = std::os::unix::net::UnixListener::from(fd);
            listener.set_nonblocking(true)?;
            return Ok(Self::Unix(UnixListener::from_std(listener)?));
        }
        let listener = std::net::TcpListener::from(fd);
        listener.set_nonblocking(true)?;
        Ok(Self::Tcp(TcpListener::from_std(listener)?))
    }

    /// The next connection that waits in the queue, if there is one.
    pub(crate) fn accept_now(&self) -> io::Result<Option<(Stream, Peer)>> {
        let fd = match self {
            Self::Tcp(listener) => listener.as_fd(),
            Self::Unix(listener) => listener.as_fd(),
        };
        // Asked of the kernel: what the runtime knows of the socket may be older than the newest connection.
        let (fd, from) = match acceptfrom_with(fd, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
            Ok(accepted) => accepted,
            Err(Errno::AGAIN) => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        Ok(Some(match (self, from.and_then(|from| SocketAddr::try_from(from).ok())) {
            (Self::Tcp(_), Some(from)) => (Stream::Tcp(TcpStream::from_std(fd.into())?), Peer::Tcp(from)),
            _ => (Stream::Unix(UnixStream::from_std(fd.into())?), Peer::Unix),
        }))
    }

    /// The next connection, without waiting in the kernel.
    pub(crate) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Stream, Peer)>> {
        Poll::Ready(match self {
            Self::Tcp(listener) => {
                ready!(listener.poll_accept(cx)).map(|(stream, from)| (Stream::Tcp(stream), Peer::Tcp(from)))
            }
            Self::Unix(listener) => {
                ready!(listener.poll_accept(cx)).map(|(stream, _)| (Stream::Unix(stream), Peer::Unix))
            }
        })
    }
}

/// Sets TCP_NODELAY and, where `keepalive` is given, SO_KEEPALIVE with probes after so much silence.
pub(crate) fn set_tcp_options(
    socket: &impl AsFd,
    nodelay: bool,
    keepalive: Option<Duration>,
) -> io::Result<()> {
    let fd = socket.as_fd();
    let socket = SockRef::from(&fd);
    socket.set_tcp_nodelay(nodelay)?;
    if let Some(idle) = keepalive.filter(|idle| !idle.is_zero()) {
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(idle))?;
    }
    Ok(())
}
