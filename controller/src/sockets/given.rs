//! Sockets that somebody has bound for the node.

use super::name::Name;
use super::{Bound, Local, Socket, private_port, tcp, unix};
use crate::systemd::is_kept;
use rustix::net::sockopt::socket_acceptconn;
use socket2::SockRef;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;

/// A listening socket that the node was started with.
#[derive(Debug)]
pub(crate) struct Given {
    /// Its place among them, from 0.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// It, as an endpoint that belongs to nobody yet.
    pub(super) bound: Bound,
}

/// Why a descriptor is none that connections can be accepted from.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GivenError {
    /// It is something else, or not listening.
    #[error("it is no socket that listens")]
    NotListening,
    /// It listens at an address of another family.
    #[error("its address is neither one of IP nor a path")]
    Address,
    /// The kernel does not tell.
    #[error("{0}")]
    System(#[from] io::Error),
}

impl Given {
    /// A socket of this place and name.
    ///
    /// # Errors
    /// When it is none that connections can be accepted from.
    pub(crate) fn new(fd: OwnedFd, index: usize, name: &str) -> Result<Self, GivenError> {
        if !socket_acceptconn(&fd).map_err(io::Error::from)? {
            return Err(GivenError::NotListening);
        }
        let own = SockRef::from(&fd).local_addr()?;
        let (address, local) = match (own.as_socket(), own.as_pathname()) {
            (Some(at), _) => (tcp::text(at), Local::Tcp(at)),
            (None, Some(path)) => (unix::address(path), Local::Unix(path.into())),
            (None, None) => return Err(GivenError::Address),
        };
        // A socket that the node has made itself is the node's to remove.
        let path = own.as_pathname().filter(|_| is_kept(name));
        let file = path.and_then(|path| Name::of(path).ok()).map(Rc::new);
        let shared = SockRef::from(&fd).reuse_port().unwrap_or(false);
        let socket = Socket::new(fd)?;
        let bound = Bound {
            worker: String::new(),
            transport: name.to_owned(),
            address,
            onion: None,
            shared,
            is_chosen: false,
            endpoint: private_port(),
            local,
            own: Vec::new(),
            common: vec![socket],
            name: file,
        };
        Ok(Self { index, name: name.to_owned(), bound })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &str {
        &self.bound.address
    }

    /// The socket.
    pub(crate) fn sockets(&self) -> impl Iterator<Item = &Rc<Socket>> {
        self.bound.common.iter()
    }

    /// Its inode.
    pub(crate) fn inodes(&self) -> impl Iterator<Item = u64> {
        self.bound.common.iter().map(|socket| socket.inode)
    }

    /// Whether the service manager has it from somebody else than the node.
    pub(crate) fn is_foreign(&self) -> bool {
        !is_kept(&self.name)
    }
}
