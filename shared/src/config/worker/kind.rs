//! What the rest of the program asks a worker, whatever it is.

use super::super::diagnostic::Path;
use super::super::endpoint::ConnectingEndpoint;
use super::super::transport::Transport;
use super::{GuestSocket, NativeOptions};

/// A kind of worker: each answers for itself.
pub trait Works {
    /// Its options, if it runs our own code or components; `None` for guests.
    fn options(&self) -> Option<&NativeOptions> {
        None
    }

    /// The transports that it listens on.
    fn transports(&self) -> &[Transport] {
        &[]
    }

    /// The same, to be changed.
    fn transports_mut(&mut self) -> &mut [Transport] {
        &mut []
    }

    /// Where one of them is; `at` is where the worker is.
    fn transport_path(&self, at: &Path, index: usize) -> Path {
        at.key("transports").index(index)
    }

    /// The sockets that it is given to accept from by itself.
    fn sockets(&self) -> &[GuestSocket] {
        &[]
    }

    /// The same, to be changed.
    fn sockets_mut(&mut self) -> &mut [GuestSocket] {
        &mut []
    }

    /// The endpoints that it connects to, apart from those of its transports, each with its place; `at` is where the worker is.
    fn connections(&self, _at: &Path) -> Vec<(Path, &ConnectingEndpoint)> {
        Vec::new()
    }

    /// Whether it brings clients of WAMP of its own, which may be authenticators for others.
    fn has_clients_of_wamp(&self) -> bool {
        false
    }

    /// Sets what only the kernel or the controller look at to its defaults, apart from endpoints.
    fn forget_the_rest(&mut self) {}
}
