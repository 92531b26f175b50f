//! Relays that lead back to themselves, by names that nobody could see through at the start: each connection would be
//! carried round until no descriptors are left.

use crate::net::stream::Stream;
use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;

/// Both addresses of a connection: of who has connected, and of where it was accepted. One of them alone says nothing: the
/// kernel gives a port to many connections of one machine, as long as they go to different addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Ends {
    from: SocketAddr,
    to: SocketAddr,
}

impl Ends {
    /// IPv4 has two ways to be written (RFC 4291 section 2.5.5.2).
    fn new(from: Option<SocketAddr>, to: Option<SocketAddr>) -> Option<Self> {
        let plain = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
        Some(Self { from: plain(from?), to: plain(to?) })
    }

    fn of_client(client: &Stream) -> Option<Self> {
        Self::new(client.remote(), client.local())
    }

    fn of_backend(backend: &Stream) -> Option<Self> {
        Self::new(backend.local(), backend.remote())
    }
}

/// The process's own connections to backends, each with the relays that a connection has come through to get there.
#[derive(Debug, Default)]
pub(crate) struct Chains(RefCell<HashMap<Ends, Vec<usize>>>);

impl Chains {
    /// The relays of this process that a client has come through.
    pub(crate) fn before(&self, client: &Stream) -> Vec<usize> {
        if self.0.borrow().is_empty() { Vec::new() } else { self.relays(Ends::of_client(client)) }
    }

    fn relays(&self, ends: Option<Ends>) -> Vec<usize> {
        ends.and_then(|ends| self.0.borrow().get(&ends).cloned()).unwrap_or_default()
    }

    /// Keeps in mind, until the guard is dropped, that a connection to a backend was made for these relays.
    pub(crate) fn remember(&self, backend: &Stream, relays: Vec<usize>) -> Link<'_> {
        self.link(Ends::of_backend(backend), relays)
    }

    fn link(&self, ends: Option<Ends>, relays: Vec<usize>) -> Link<'_> {
        if let Some(ends) = ends {
            self.0.borrow_mut().insert(ends, relays);
        }
        Link { chains: self, ends }
    }
}

/// Whether `backend` is a connection to where `client` has come in: the other processes of the worker accept there, too,
/// and know nothing of this one's.
pub(crate) fn is_where_it_came_in(client: &Stream, backend: &Stream) -> bool {
    client.local().is_some_and(|address| backend.remote() == Some(address))
}

/// A connection to a backend.
#[derive(Debug)]
pub(crate) struct Link<'a> {
    chains: &'a Chains,
    ends: Option<Ends>,
}

impl Drop for Link<'_> {
    fn drop(&mut self) {
        if let Some(ends) = &self.ends {
            self.chains.0.borrow_mut().remove(ends);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_with_a_port_that_a_connection_to_a_backend_has_too_is_no_loop() {
        let ends = |from: &str, to: &str| Ends::new(from.parse().ok(), to.parse().ok());
        let chains = Chains::default();
        let link = chains.link(ends("127.0.0.1:40000", "127.0.0.9:80"), vec![7]);
        for (from, to, relays) in [
            ("127.0.0.1:40000", "127.0.0.9:80", vec![7]),
            ("[::ffff:127.0.0.1]:40000", "[::ffff:127.0.0.9]:80", vec![7]),
            ("127.0.0.1:40000", "127.0.0.1:8080", vec![]),
            ("127.0.0.1:40000", "127.0.0.9:81", vec![]),
            ("127.0.0.1:40001", "127.0.0.9:80", vec![]),
        ] {
            assert_eq!(chains.relays(ends(from, to)), relays, "{from} {to}");
        }
        // One of two connections with the same port ends; the other stays known.
        drop(chains.link(ends("127.0.0.1:40000", "127.0.0.8:80"), vec![8]));
        assert_eq!(chains.relays(ends("127.0.0.1:40000", "127.0.0.9:80")), [7]);
        drop(link);
        assert!(chains.0.borrow().is_empty());
    }
}
