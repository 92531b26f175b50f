//! Every listening socket of the node. They belong to the controller, which binds them all before any worker
//! starts, keeps them, and gives duplicates to the processes: a process may end, but the queue of
//! connections that are not accepted yet waits unharmed.

mod error;
mod holder;
pub(crate) mod short_path;
mod tcp;
mod unix;

pub(crate) use error::BindError;

use jackfield_shared::config::{ListenPort, ListeningEndpoint, TcpListening};
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use unix::Name;

/// Connections that may wait: all of an onion service come from one process, the tor daemon.
const PRIVATE_BACKLOG: u32 = 1024;

/// The listener behind an onion service that names none: a port of 127.0.0.1 that the kernel chooses.
fn private() -> ListeningEndpoint {
    ListeningEndpoint::Tcp(TcpListening {
        port: ListenPort::Port(0),
        version: None,
        interface: "127.0.0.1".into(),
        backlog: PRIVATE_BACKLOG,
        shared: false,
        user_timeout: None,
        max_connections: None,
        keepalive: None,
        nodelay: true,
        proxy_protocol: None,
        tls: None,
    })
}

/// An endpoint that is bound.
#[derive(Debug)]
pub(crate) struct Bound {
    /// Id of the worker.
    pub worker: String,
    /// Id of the transport, unique in the worker.
    pub transport: String,
    /// Where it listens: `tcp://127.0.0.1:8080`.
    pub address: String,
    /// Address and port of the onion service that it is behind, `xyz….onion:80`.
    pub onion: Option<String>,
    /// Whether each process has a socket of its own.
    pub shared: bool,
    sockets: Vec<OwnedFd>,
    // Removes the socket's name from the file system.
    _name: Option<Name>,
}

impl Bound {
    /// Binds and listens: one socket for each of so many processes if the endpoint is `shared`, else one for
    /// all.
    ///
    /// # Errors
    /// When the address can't be had.
    pub(crate) fn bind(
        worker: &str,
        transport: &str,
        endpoint: &ListeningEndpoint,
        processes: u16,
    ) -> Result<Self, BindError> {
        let endpoint = match endpoint {
            ListeningEndpoint::Onion(onion) => &onion.target.as_deref().cloned().unwrap_or_else(private),
            other => other,
        };
        let (address, shared, sockets, name) = match endpoint {
            ListeningEndpoint::Tcp(tcp) => {
                let (address, sockets) = tcp::bind(tcp, processes)?;
                (address, tcp.shared, sockets, None)
            }
            ListeningEndpoint::Unix(unix) => {
                let (socket, name) = unix::bind(unix)?;
                (unix::address(&unix.path), false, vec![socket], Some(name))
            }
            other => return Err(BindError::not_a_socket(other)),
        };
        let (worker, transport) = (worker.to_owned(), transport.to_owned());
        Ok(Self { worker, transport, address, onion: None, shared, sockets, _name: name })
    }

    /// Sets on the listening sockets what connections inherit from them, where nobody of ours accepts.
    ///
    /// # Errors
    /// As setsockopt(2).
    pub(crate) fn set_for_guest(&self, endpoint: &ListeningEndpoint) -> io::Result<()> {
        let ListeningEndpoint::Tcp(tcp) = endpoint else { return Ok(()) };
        for socket in self.sockets.iter().map(SockRef::from) {
            socket.set_tcp_nodelay(tcp.nodelay)?;
            if let Some(time) = tcp.keepalive {
                socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(time))?;
            }
        }
        Ok(())
    }

    /// The socket that the process with this index accepts from.
    pub(crate) fn socket(&self, process: u16) -> Option<BorrowedFd<'_>> {
        let index = if self.shared { usize::from(process) } else { 0 };
        self.sockets.get(index).map(|socket| socket.as_fd())
    }

    /// Inode of each socket and the index of the process it belongs to, if it belongs to one.
    ///
    /// # Errors
    /// As fstat(2).
    pub(crate) fn inodes(&self) -> io::Result<Vec<(u64, Option<u16>)>> {
        let numbered = self.sockets.iter().zip(0u16..);
        numbered
            .map(|(socket, index)| Ok((rustix::fs::fstat(socket)?.st_ino, self.shared.then_some(index))))
            .collect()
    }
}
