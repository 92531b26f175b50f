//! Servers that do the same, and which of them a connection or request goes to.

mod backend;
mod health;

pub(crate) use backend::{Backend, InUse};

use crate::connect::{Connector, Means};
use crate::net::stream::Peer;
use jackfield_shared::config::{Balance, ConnectingEndpoint, Health};
use jackfield_shared::drain::Drain;
use jackfield_shared::status;
use jackfield_shared::tls::Files;
use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::rc::Rc;
use tokio::task::spawn_local;
use tokio::time::Instant;

/// All backends of a relay or reverse proxy, and how one is chosen.
#[derive(Debug)]
pub(crate) struct Backends {
    list: Vec<Rc<Backend>>,
    balance: Balance,
    health: Option<Health>,
    /// Whose turn it is.
    turn: Cell<usize>,
}

impl Backends {
    /// Prepares connecting endpoints; the error says what is wrong with one.
    pub(crate) fn new(
        endpoints: &[ConnectingEndpoint],
        balance: Balance,
        health: Option<&Health>,
        means: Means<'_>,
    ) -> Result<Self, String> {
        let backend = |(index, endpoint)| {
            Ok::<_, String>(Rc::new(Backend {
                connector: Connector::new(endpoint, means)?,
                index,
                open: Cell::new(0),
                avoided: Cell::new(None),
                healthy: Cell::new(true),
                requests: Cell::default(),
                errors: Cell::default(),
                last_error: RefCell::default(),
            }))
        };
        let list = endpoints.iter().enumerate().map(backend).collect::<Result<_, _>>()?;
        Ok(Self { list, balance, health: health.cloned(), turn: Cell::new(0) })
    }

    /// Takes the files of TLS as they are now.
    pub(crate) fn renew(&self, files: &Files) -> Result<(), String> {
        self.list.iter().try_for_each(|backend| backend.connector.renew(files))
    }

    /// How they are; whose they are, is to be filled in.
    pub(crate) fn state(&self) -> Vec<status::Backend> {
        self.list.iter().map(|backend| backend.state()).collect()
    }

    /// Begins to check the backends, until draining begins.
    pub(crate) fn begin(&self, drain: &Drain) {
        let Some(health) = &self.health else { return };
        for backend in &self.list {
            let (backend, health, drain) = (Rc::clone(backend), health.clone(), drain.clone());
            spawn_local(async move {
                tokio::select! {
                    () = drain.begun() => {}
                    () = health::watch(&backend, &health) => {}
                }
            });
        }
    }

    /// The backends for a client, in the order in which they are to be asked. Those that are down come last, but
    /// they come: nothing is lost by asking when nobody else is left.
    pub(crate) fn order(&self, client: Peer) -> Vec<Rc<Backend>> {
        let now = Instant::now();
        let turn = self.turn.get();
        self.turn.set((turn + 1) % self.list.len().max(1));
        let (before, after) = self.list.split_at(turn.min(self.list.len()));
        let mut order: Vec<_> = after.iter().chain(before).cloned().collect();
        match self.balance {
            Balance::RoundRobin => {}
            Balance::LeastConnections => order.sort_by_key(|backend| backend.open.get()),
            Balance::Hash => {
                order = self.list.clone();
                let address = match client {
                    Peer::Tcp(address) => Some(address.ip()),
                    Peer::Unix | Peer::Onion => None,
                };
                order.sort_by_cached_key(|backend| Reverse(weight(address, &backend.connector)));
            }
        }
        order.sort_by_key(|backend| backend.is_down(now));
        order
    }
}

/// Rendezvous hashing: a backend that comes or goes moves only its own clients. The same in every process.
fn weight(client: Option<IpAddr>, backend: &Connector) -> u64 {
    let mut hasher = DefaultHasher::new();
    client.hash(&mut hasher);
    backend.to_string().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::backend::AVOIDED;
    use super::*;
    use jackfield_shared::config::UnixConnecting;
    use std::time::Duration;

    fn backends(balance: Balance, count: usize) -> Backends {
        let endpoint = |n| {
            let path = format!("/{n}").into();
            ConnectingEndpoint::Unix(UnixConnecting {
                path,
                timeout: Duration::ZERO,
                proxy_protocol: None,
                tls: None,
            })
        };
        let endpoints: Vec<_> = (0..count).map(endpoint).collect();
        Backends::new(&endpoints, balance, None, Means::of(&Files::default())).unwrap()
    }

    fn client(n: u8) -> Peer {
        Peer::Tcp(([127, 0, 0, n], 1000 + u16::from(n)).into())
    }

    fn order(backends: &Backends, client: Peer) -> String {
        let names = backends.order(client).into_iter().map(|b| b.connector.to_string().replace("unix:/", ""));
        names.collect()
    }

    #[tokio::test(start_paused = true)]
    async fn turns_go_round() {
        let backends = backends(Balance::RoundRobin, 3);
        let orders: Vec<_> = (0..4).map(|_| order(&backends, client(1))).collect();
        assert_eq!(orders, ["012", "120", "201", "012"]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_least_used_is_first_and_equals_take_turns() {
        let backends = backends(Balance::LeastConnections, 3);
        let first = backends.list[0].begin();
        let _second = [backends.list[1].begin(), backends.list[1].begin()];
        assert_eq!(order(&backends, client(1)), "201");
        drop(first);
        assert_eq!(order(&backends, client(1)), "201");
        assert_eq!(order(&backends, client(1)), "201");
        assert_eq!(order(&backends, client(1)), "021");
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_keeps_its_backend_whatever_its_port() {
        let three = backends(Balance::Hash, 3);
        let four = backends(Balance::Hash, 4);
        let mut used = [0; 3];
        for n in 0..=255 {
            let before = order(&three, client(n));
            assert_eq!(before, order(&three, Peer::Tcp(([127, 0, 0, n], 9).into())));
            let after = order(&four, client(n)).replace('3', "");
            assert_eq!(before, after, "only clients of the new backend move");
            used[before[..1].parse::<usize>().unwrap()] += 1;
        }
        assert!(used.iter().all(|&n| n > 50), "{used:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_refused_comes_last_for_a_while() {
        let backends = backends(Balance::RoundRobin, 2);
        backends.list[0].refused("test");
        assert_eq!(order(&backends, client(1)), "10");
        assert_eq!(order(&backends, client(1)), "10");
        tokio::time::advance(AVOIDED).await;
        assert_eq!(order(&backends, client(1)), "01");
        backends.list[0].refused("test");
        backends.list[0].accepted();
        backends.list[1].set_healthy(false, "test");
        assert_eq!(order(&backends, client(1)), "01");
        backends.list[1].set_healthy(true, "test");
        assert_eq!(order(&backends, client(1)), "01");
        assert_eq!(order(&backends, client(1)), "10");
    }
}
