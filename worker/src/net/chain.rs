//! Relays that lead back to themselves, by names that nobody could see through at the start: each connection would be
//! carried round until no descriptors are left.

use crate::net::stream::Stream;
use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;

/// The process's own ends of connections to backends, each with the relays that a connection has come through to get
/// there.
#[derive(Debug, Default)]
pub(crate) struct Chains(RefCell<HashMap<SocketAddr, Vec<usize>>>);

impl Chains {
    /// The relays of this process that a client has come through.
    pub(crate) fn before(&self, client: &Stream) -> Vec<usize> {
        let chains = self.0.borrow();
        if chains.is_empty() {
            return Vec::new();
        }
        client.remote().and_then(|address| chains.get(&address).cloned()).unwrap_or_default()
    }

    /// Keeps in mind, until the guard is dropped, that a connection to a backend was made for these relays.
    pub(crate) fn remember(&self, backend: &Stream, relays: Vec<usize>) -> Link<'_> {
        let address = backend.local();
        if let Some(address) = address {
            self.0.borrow_mut().insert(address, relays);
        }
        Link { chains: self, address }
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
    address: Option<SocketAddr>,
}

impl Drop for Link<'_> {
    fn drop(&mut self) {
        if let Some(address) = &self.address {
            self.chains.0.borrow_mut().remove(address);
        }
    }
}
