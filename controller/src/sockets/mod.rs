//! Every listening socket of the node. They belong to the controller, which binds them all before any worker
//! starts, keeps them, and gives duplicates to the processes: a process may end, but the queue of
//! connections that are not accepted yet waits unharmed.

mod adjust;
mod binder;
mod error;
mod given;
mod holder;
mod inherited;
mod link;
mod name;
mod place;
mod tcp;
mod unix;
mod wanted;

pub(crate) use adjust::Adjustment;
pub(crate) use binder::Binder;
pub(crate) use error::BindError;
pub(crate) use given::{Given, GivenError};
pub(crate) use inherited::{announced, take as take_inherited};
pub(crate) use link::{LinkParts, LinkSocket, Links, clear_links};
pub(crate) use unix::await_locks;
pub(crate) use wanted::Wanted;

use crate::accounts::Accounts;
use jackfield_shared::config::{ListeningEndpoint, OnionListening, TcpListening, UnixListening};
use jackfield_shared::congestion;
use name::Name;
use rustix::fs::{Mode, OFlags, open};
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Connections that may wait: all of an onion service come from one process, the tor daemon or Arti.
const PRIVATE_BACKLOG: u32 = 1024;

/// A listening socket.
#[derive(Debug)]
pub(crate) struct Socket {
    fd: OwnedFd,
    /// Its inode: what it is known by, to the processes and in the status.
    pub inode: u64,
}

impl Socket {
    /// A socket that listens.
    ///
    /// # Errors
    /// As fstat(2).
    pub(crate) fn new(fd: OwnedFd) -> io::Result<Rc<Self>> {
        let inode = rustix::fs::fstat(&fd)?.st_ino;
        Ok(Rc::new(Self { fd, inode }))
    }

    /// The descriptor.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// What sockets are bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Local {
    /// An address and a port.
    Tcp(SocketAddr),
    /// A path.
    Unix(PathBuf),
}

/// The listener behind an onion service that names none. A tor daemon, which may run as another user, is given a port of
/// 127.0.0.1 that the kernel chooses; Arti, a Unix socket that nobody else can connect to.
fn private(worker: &str, transport: &str, onion: &OnionListening, run_dir: &Path) -> ListeningEndpoint {
    if onion.tor_control_endpoint.is_none() {
        let path = run_dir.join(format!("onion-{worker}-{transport}.sock"));
        return ListeningEndpoint::Unix(private_socket(path, 0o600));
    }
    private_port()
}

fn private_port() -> ListeningEndpoint {
    ListeningEndpoint::Tcp(TcpListening { backlog: PRIVATE_BACKLOG, ..TcpListening::at("127.0.0.1", 0) })
}

fn private_socket(path: PathBuf, mode: u32) -> UnixListening {
    UnixListening { backlog: PRIVATE_BACKLOG, mode, ..UnixListening::at(path) }
}

/// The Unix socket at which the node's Arti answers as a SOCKS proxy. It outlives every Arti.
#[derive(Debug)]
pub(crate) struct ArtiSocket {
    listening: OwnedFd,
    place: OwnedFd,
    // Removes the socket's name from the file system.
    name: Name,
}

impl ArtiSocket {
    /// Binds it in the runtime directory. Nobody else can enter that, so the socket's own mode lets everybody connect: a
    /// process that runs as another user connects by [`place`](Self::place).
    ///
    /// # Errors
    /// When it can't be had.
    pub(crate) fn bind(run_dir: &Path) -> Result<Self, BindError> {
        let endpoint = private_socket(run_dir.join("arti.sock"), 0o666);
        let (listening, name) = unix::bind(&endpoint, &Accounts::default())?;
        let place = open(&endpoint.path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
        let place = place.map_err(|e| BindError::new(unix::address(&endpoint.path), e.to_string()))?;
        Ok(Self { listening, place, name })
    }

    /// One that was bound by another image: its path, what listens, its place, and device and inode of its name.
    pub(crate) fn restore(path: &Path, listening: OwnedFd, place: OwnedFd, name: (u64, u64)) -> Self {
        Self { listening, place, name: Name::restore(path, name) }
    }

    /// What listens, its place, its path, and device and inode of its name.
    pub(crate) fn parts(&self) -> (&OwnedFd, &OwnedFd, &Path, (u64, u64)) {
        (&self.listening, &self.place, self.name.path(), self.name.file())
    }

    /// Its name is removed with it from now on, also if another image has made it.
    pub(crate) fn keep_name(&self) {
        self.name.keep();
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
    /// Whether the kernel has chosen the port.
    is_chosen: bool,
    endpoint: ListeningEndpoint,
    local: Local,
    /// The sockets of single processes, by their index.
    own: Vec<Rc<Socket>>,
    /// The sockets that all processes accept from.
    common: Vec<Rc<Socket>>,
    // Removes the socket's name from the file system with the last endpoint that has it.
    name: Option<Rc<Name>>,
}

impl Bound {
    /// One that was bound by another image: worker, transport and address, whether it is shared and its port chosen by
    /// the kernel, its own sockets and the common ones, device and inode of its name.
    pub(crate) fn restore(
        (worker, transport, address): (&str, &str, &str),
        (shared, is_chosen): (bool, bool),
        local: Local,
        (own, common): (Vec<Rc<Socket>>, Vec<Rc<Socket>>),
        name: Option<(u64, u64)>,
    ) -> Self {
        let (worker, transport, address) = (worker.to_owned(), transport.to_owned(), address.to_owned());
        let name = match (&local, name) {
            (Local::Unix(path), Some(file)) => Some(Rc::new(Name::restore(path, file))),
            _ => None,
        };
        Self {
            worker,
            transport,
            address,
            onion: None,
            shared,
            is_chosen,
            endpoint: private_port(),
            local,
            own,
            common,
            name,
        }
    }

    /// Its own sockets, and the common ones.
    pub(crate) fn parts(&self) -> (&[Rc<Socket>], &[Rc<Socket>]) {
        (&self.own, &self.common)
    }

    /// What the configuration says of it.
    pub(crate) fn endpoint(&self) -> &ListeningEndpoint {
        &self.endpoint
    }

    /// The same with what the configuration says of it.
    pub(crate) fn with_endpoint(self, endpoint: ListeningEndpoint) -> Self {
        Self { endpoint, ..self }
    }

    /// What it is bound to.
    pub(crate) fn local(&self) -> &Local {
        &self.local
    }

    /// Whether the kernel has chosen its port.
    pub(crate) fn is_chosen(&self) -> bool {
        self.is_chosen
    }

    /// Device and inode of its name, if it is a Unix socket.
    pub(crate) fn name_in_file_system(&self) -> Option<(u64, u64)> {
        self.name.as_ref().map(|name| name.file())
    }

    /// Whether it may be closed and be bound again later.
    pub(crate) fn is_closable(&self) -> bool {
        let is_ours = matches!(self.endpoint, ListeningEndpoint::Tcp(_) | ListeningEndpoint::Unix(_));
        is_ours && !self.is_chosen && self.onion.is_none()
    }

    /// Closes its sockets, so that nobody can connect, unless somebody else has bound them or knows them by what the kernel
    /// has chosen; whether there were any.
    pub(crate) fn close(&mut self) -> bool {
        if !self.is_closable() || self.is_closed() {
            return false;
        }
        self.own.clear();
        self.common.clear();
        self.name = None;
        true
    }

    /// Whether its sockets were closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.own.is_empty() && self.common.is_empty()
    }

    /// The path of a Unix socket whose name was removed or replaced, so that nobody can connect to it.
    pub(crate) fn lost_name(&self) -> Option<&Path> {
        self.name.as_ref().filter(|name| !name.is_there()).map(|name| name.path())
    }

    /// Its name is removed with it from now on, also if another image has made it.
    pub(crate) fn keep_name(&self) {
        if let Some(name) = &self.name {
            name.keep();
        }
    }

    /// Lets two processes exchange their own sockets.
    pub(crate) fn exchange(&mut self, one: usize, other: usize) {
        if one.max(other) < self.own.len() {
            self.own.swap(one, other);
        }
    }

    /// The sockets that the process with this index accepts from.
    pub(crate) fn sockets(&self, process: usize) -> impl Iterator<Item = &Rc<Socket>> {
        self.own.get(process).into_iter().chain(&self.common)
    }

    /// Every socket, and the index of the process it belongs to, if it belongs to one.
    pub(crate) fn listeners(&self) -> impl Iterator<Item = (&Rc<Socket>, Option<u16>)> {
        let own = self.own.iter().zip(0u16..).map(|(socket, index)| (socket, Some(index)));
        own.chain(self.common.iter().map(|socket| (socket, None)))
    }

    /// Lets the own socket of the process with this index listen, if it doesn't.
    ///
    /// # Errors
    /// As listen(2).
    pub(crate) fn listen(&self, process: usize) -> io::Result<()> {
        let (Some(socket), ListeningEndpoint::Tcp(tcp)) = (self.own.get(process), &self.endpoint) else {
            return Ok(());
        };
        let option = SockRef::from(&socket.fd);
        if !option.is_listener()? {
            option.listen(tcp.backlog.try_into().unwrap_or(i32::MAX))?;
        }
        Ok(())
    }

    /// Lets connections go to the other sockets of a shared address: that of the process with this index does not listen
    /// until that starts again, and who waits in its queue is refused. For one that nobody can accept from.
    ///
    /// # Errors
    /// As shutdown(2).
    pub(crate) fn rest(&self, process: usize) -> io::Result<()> {
        let Some(socket) = self.own.get(process) else { return Ok(()) };
        let option = SockRef::from(&socket.fd);
        if option.is_listener()? { option.shutdown(Shutdown::Read) } else { Ok(()) }
    }

    /// Gives up the sockets that were those of single processes before and belong to all now: for processes that can't be
    /// given any more.
    pub(crate) fn give_up_queues_of(&mut self, former: &Self) {
        self.common.retain(|socket| !former.own.iter().any(|own| own.inode == socket.inode));
    }

    /// To be called when the endpoint comes into effect: sockets beside others on their address begin to listen, and
    /// what can be set on kept ones is set, which has been as the configuration said that they come from.
    ///
    /// # Errors
    /// As listen(2) and setsockopt(2).
    pub(crate) fn settle(&self) -> io::Result<()> {
        let is_shared = self.shared || self.listeners().count() > 1;
        for (socket, _) in self.listeners() {
            let option = SockRef::from(&socket.fd);
            let backlog = match &self.endpoint {
                ListeningEndpoint::Tcp(tcp) => {
                    // What connections inherit (tcp(7)).
                    option.set_tcp_user_timeout(tcp.user_timeout)?;
                    option.set_tcp_nodelay(tcp.nodelay)?;
                    match tcp.keepalive.filter(|time| !time.is_zero()) {
                        Some(time) => option.set_tcp_keepalive(&TcpKeepalive::new().with_time(time))?,
                        None => option.set_keepalive(false)?,
                    }
                    option.set_reuse_port(is_shared)?;
                    if let Local::Tcp(at) = self.local {
                        let wanted = tcp.congestion_control.as_deref();
                        congestion::choose_again(&socket.fd, at.ip(), wanted)?;
                    }
                    tcp.backlog
                }
                ListeningEndpoint::Unix(unix) => unix.backlog,
                ListeningEndpoint::Onion(_) => continue,
                // Somebody else has set its options.
                ListeningEndpoint::Twisted(_) => {
                    if matches!(self.local, Local::Tcp(_)) {
                        option.set_tcp_nodelay(true)?;
                    }
                    continue;
                }
            };
            option.listen(backlog.try_into().unwrap_or(i32::MAX))?;
        }
        Ok(())
    }
}
