//! What had to be changed on sockets in use before it is clear that the next configuration comes into effect.

use super::Socket;
use super::unix::Access;
use socket2::SockRef;
use std::rc::Rc;

/// A change that is undone if the configuration it is for doesn't come into effect.
#[derive(Debug)]
pub(crate) enum Adjustment {
    /// The socket was made one of several on its address (SO_REUSEPORT).
    Sharing(Rc<Socket>),
    /// Others may connect to a Unix socket than these before.
    Access(Access),
}

impl Adjustment {
    /// Makes it as it was. What fails here harms nobody: the socket serves as before.
    pub(crate) fn undo(self) {
        match self {
            Self::Sharing(socket) => drop(SockRef::from(&socket.fd()).set_reuse_port(false)),
            Self::Access(before) => drop(before.set()),
        }
    }
}
