//! Where an endpoint is to listen, and whether sockets that are there already will do.

use super::wanted::Wanted;
use super::{BindError, Bound, Local, private, tcp};
use crate::names::Names;
use jackfield_shared::config::{ListenPort, ListeningEndpoint, TcpListening, UnixListening};
use std::net::SocketAddr;
use std::path::Path;

/// Where an endpoint is to listen.
pub(super) enum Place {
    /// On a port of this address.
    Tcp(TcpListening, SocketAddr),
    /// At a path.
    Unix(UnixListening),
}

impl Place {
    /// Of this endpoint; private sockets are in the runtime directory.
    ///
    /// # Errors
    /// When its address isn't known on this machine.
    pub(super) fn of(
        endpoint: &ListeningEndpoint,
        wanted: &Wanted<'_>,
        (run_dir, names): (&Path, &Names),
    ) -> Result<Self, BindError> {
        match endpoint {
            ListeningEndpoint::Onion(onion) => {
                let private = || private(wanted.worker, wanted.transport, onion, run_dir);
                Self::of(&onion.target.as_deref().cloned().unwrap_or_else(private), wanted, (run_dir, names))
            }
            ListeningEndpoint::Tcp(tcp) => Ok(Self::Tcp(tcp.clone(), tcp::interface(tcp, names)?)),
            ListeningEndpoint::Unix(unix) => Ok(Self::Unix(unix.clone())),
            ListeningEndpoint::Twisted(_) => Err(BindError::not_a_socket(endpoint)),
        }
    }

    /// Whether sockets of this endpoint are where this one wants to listen.
    pub(super) fn suits(&self, former: &Bound, wanted: &Wanted<'_>) -> bool {
        match (self, &former.local) {
            (Self::Unix(unix), Local::Unix(path)) => is_same_path(&unix.path, path),
            (Self::Tcp(tcp, ip), Local::Tcp(at)) => {
                at.ip() == ip.ip()
                    && match tcp.port {
                        // Chosen by the kernel: nobody else knows it.
                        ListenPort::Port(0) => former.is_chosen && former.belongs_to(wanted),
                        ListenPort::Port(port) => at.port() == port,
                        ListenPort::Range(first, last) => {
                            (first..=last).contains(&at.port()) && former.belongs_to(wanted)
                        }
                    }
            }
            _ => false,
        }
    }
}

/// Whether both are the same place, which need not be written in the same way.
fn is_same_path(one: &Path, other: &Path) -> bool {
    let directory = |path: &Path| path.parent().and_then(|parent| parent.canonicalize().ok());
    one == other
        || (one.file_name() == other.file_name()
            && directory(one).is_some_and(|one| Some(one) == directory(other)))
}
