//! Why an address can't be had, and what to do about it.

use super::holder::Holder;
use jackfield_shared::config::ListeningEndpoint;
use rustix::io::Errno;
use std::fmt;
use std::io;

/// Why an endpoint can't listen.
#[derive(Debug)]
pub(crate) struct BindError {
    /// The address, like `tcp://127.0.0.1:8080`.
    pub address: String,
    /// What is wrong with it, and what to do.
    pub reason: String,
    /// Whether somebody else has the address, who may be about to leave it.
    pub in_use: bool,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen on {}: {}", self.address, self.reason)
    }
}

impl BindError {
    pub(super) fn new(address: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { address: address.into(), reason: reason.into(), in_use: false }
    }

    /// Only endpoints that are local sockets are bound here.
    pub(super) fn not_a_socket(endpoint: &ListeningEndpoint) -> Self {
        let kind = match endpoint {
            ListeningEndpoint::Tcp(_) => "tcp",
            ListeningEndpoint::Unix(_) => "unix",
            ListeningEndpoint::Onion(_) => "onion",
            ListeningEndpoint::Twisted(_) => "twisted",
        };
        Self::new(kind, "this type of endpoint is not built yet")
    }

    /// A failed call for a TCP address.
    pub(super) fn tcp(address: String, port: u16, error: &io::Error) -> Self {
        let in_use = error.kind() == io::ErrorKind::AddrInUse;
        let reason = match Errno::from_io_error(error) {
            Some(Errno::ADDRINUSE) => match Holder::of_tcp_port(port) {
                Some(holder) => format!("the address is in use by {holder}; stop it, or choose another port"),
                None => "the address is in use by another program (`ss -ltnp` shows it); stop it, or choose another port".into(),
            },
            Some(Errno::ACCESS) => format!(
                "this user may not use port {port}; choose a port from 1024, or allow it: \
                 `setcap cap_net_bind_service=+ep` on the executable, or sysctl \
                 net.ipv4.ip_unprivileged_port_start={port}"
            ),
            Some(Errno::ADDRNOTAVAIL) => "this machine does not have the address (see `ip address`)".into(),
            Some(Errno::AFNOSUPPORT) => "this machine does not speak this version of IP".into(),
            Some(Errno::MFILE) => "no descriptors are left in the controller (see `ulimit -n`)".into(),
            _ => error.to_string(),
        };
        Self { address, reason, in_use }
    }
}
