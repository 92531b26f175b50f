//! Every listening socket of the node. They belong to the controller, which binds them all before any worker
//! starts, keeps them, and gives duplicates to the processes: a process may end, but the queue of
//! connections that are not accepted yet waits unharmed.

mod error;
mod holder;
mod tcp;
mod unix;

pub(crate) use error::BindError;

use jackfield_shared::config::{ListenPort, ListeningEndpoint, OnionListening, TcpListening, UnixListening};
use rustix::fs::{Mode, OFlags, open};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use unix::Name;

/// Connections that may wait: all of an onion service come from one process, the tor daemon or Arti.
const PRIVATE_BACKLOG: u32 = 1024;

/// The listener behind an onion service that names none. A tor daemon, which may run as another user, is given a port of
/// 127.0.0.1 that the kernel chooses; Arti, a Unix socket that nobody else can connect to.
fn private(worker: &str, transport: &str, onion: &OnionListening, run_dir: &Path) -> ListeningEndpoint {
    if onion.tor_control_endpoint.is_none() {
        let path = run_dir.join(format!("onion-{worker}-{transport}.sock"));
        return ListeningEndpoint::Unix(private_socket(path, 0o600));
    }
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

fn private_socket(path: PathBuf, mode: u32) -> UnixListening {
    UnixListening {
        path,
        backlog: PRIVATE_BACKLOG,
        mode,
        owner: None,
        group: None,
        max_connections: None,
        proxy_protocol: None,
        tls: None,
    }
}

/// The Unix socket at which the node's Arti answers as a SOCKS proxy.
#[derive(Debug)]
pub(crate) struct ArtiSocket {
    listening: OwnedFd,
    place: OwnedFd,
    // Removes the socket's name from the file system.
    _name: Name,
}

impl ArtiSocket {
    /// Binds it in the runtime directory. Nobody else can enter that, so the socket's own mode lets everybody connect: a
    /// process that runs as another user connects by [`place`](Self::place).
    ///
    /// # Errors
    /// When it can't be had.
    pub(crate) fn bind(run_dir: &Path) -> Result<Self, BindError> {
        let endpoint = private_socket(run_dir.join("arti.sock"), 0o666);
        let (listening, name) = unix::bind(&endpoint)?;
        let place = open(&endpoint.path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
        let place = place.map_err(|e| BindError::new(unix::address(&endpoint.path), e.to_string()))?;
        Ok(Self { listening, place, _name: name })
    }

    /// What Arti accepts from.
    ///
    /// # Errors
    /// When there are no descriptors left.
    pub(crate) fn listening(&self) -> io::Result<OwnedFd> {
        self.listening.try_clone()
    }

    /// The socket's place in the file system (O_PATH of open(2)), which connecting takes.
    ///
    /// # Errors
    /// When there are no descriptors left.
    pub(crate) fn place(&self) -> io::Result<OwnedFd> {
        self.place.try_clone()
    }
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
    /// all. Private sockets are made in the runtime directory.
    ///
    /// # Errors
    /// When the address can't be had.
    pub(crate) fn bind(
        worker: &str,
        transport: &str,
        endpoint: &ListeningEndpoint,
        processes: u16,
        run_dir: &Path,
    ) -> Result<Self, BindError> {
        let endpoint = match endpoint {
            ListeningEndpoint::Onion(onion) => {
                let target = onion.target.as_deref().cloned();
                &target.unwrap_or_else(|| private(worker, transport, onion, run_dir))
            }
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
