//! A listening socket that the controller has bound.

use super::stream::{Peer, Stream};
use super::turns;
use rustix::io::Errno;
use rustix::net::{SocketFlags, acceptfrom_with};
use socket2::{Domain, SockRef, TcpKeepalive};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::net::unix::pipe::Receiver;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::yield_now;

/// A listening socket registered with the runtime. Dropping it takes it out of the runtime's epoll instance
/// before its descriptor is closed: other processes hold the same socket, so that closing alone would not.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
    /// Others accept from it, too, and all take turns.
    Common {
        /// An epoll instance with the socket in it. Of the types by which the runtime waits for a descriptor, that of pipes is
        /// the one that asks nothing else of it.
        queue: Receiver,
        socket: OwnedFd,
    },
}

impl Listener {
    /// Registers a socket that listens already. Others accept from it, too, if it is `common`: then they take turns. Where the
    /// kernel doesn't know how, whoever is first takes what has come.
    ///
    /// # Errors
    /// When it does not listen, or can't be registered.
    pub(crate) fn new(socket: OwnedFd, common: bool) -> io::Result<Self> {
        if !SockRef::from(&socket).is_listener()? {
            return Err(io::Error::other("the socket does not listen yet"));
        }
        SockRef::from(&socket).set_nonblocking(true)?;
        if common && let Ok(queue) = turns::queue(&socket) {
            return Ok(Self::Common { queue: Receiver::from_owned_fd_unchecked(queue)?, socket });
        }
        if SockRef::from(&socket).domain()? == Domain::UNIX {
            return Ok(Self::Unix(UnixListener::from_std(socket.into())?));
        }
        Ok(Self::Tcp(TcpListener::from_std(socket.into())?))
    }

    /// The next connection that waits in the queue, if there is one.
    pub(crate) fn accept_now(&self) -> io::Result<Option<(Stream, Peer)>> {
        let socket = match self {
            Self::Tcp(listener) => listener.as_fd(),
            Self::Unix(listener) => listener.as_fd(),
            Self::Common { socket, .. } => socket.as_fd(),
        };
        // Asked of the kernel: what the runtime knows of the socket may be older than the newest connection.
        let (fd, from) = match acceptfrom_with(socket, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
            Ok(accepted) => accepted,
            Err(Errno::AGAIN) => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        Ok(Some(match from.and_then(|from| SocketAddr::try_from(from).ok()) {
            Some(from) => (Stream::Tcp(TcpStream::from_std(fd.into())?), Peer::Tcp(from)),
            None => (Stream::Unix(UnixStream::from_std(fd.into())?), Peer::Unix),
        }))
    }

    /// The next connection, without waiting in the kernel.
    ///
    /// The runtime's own listeners are left to it: it reads from what it has accepted before it waits for it, which saves a
    /// wake-up for each connection and can't be asked for by others.
    pub(crate) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Stream, Peer)>> {
        let queue = match self {
            Self::Tcp(listener) => {
                let (stream, from) = ready!(listener.poll_accept(cx))?;
                return Poll::Ready(Ok((Stream::Tcp(stream), Peer::Tcp(from))));
            }
            Self::Unix(listener) => {
                let (stream, _) = ready!(listener.poll_accept(cx))?;
                return Poll::Ready(Ok((Stream::Unix(stream), Peer::Unix)));
            }
            Self::Common { queue, .. } => queue,
        };
        loop {
            ready!(queue.poll_read_ready(cx))?;
            let accepted = queue.try_io(|| self.accept_now()?.ok_or(io::ErrorKind::WouldBlock.into()));
            if !matches!(&accepted, Err(e) if e.kind() == io::ErrorKind::WouldBlock) {
                return Poll::Ready(accepted);
            }
        }
    }

    /// Lets other processes go first, if there are some, and whatever else this one has to do.
    ///
    /// # Errors
    /// When the kernel has no memory for it; then nothing is waited for any longer.
    pub(crate) async fn pass(&self) -> io::Result<()> {
        if let Self::Common { queue, socket } = self {
            turns::pass(queue, socket)?;
            yield_now().await;
        }
        Ok(())
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
