//! Servers that do the same, and which of them a connection or request goes to.

mod backend;
mod balance;
mod health;
mod retries;

pub(crate) use backend::{Backend, InUse};
pub(crate) use health::connects;
pub(crate) use retries::Retries;

use crate::connect::{Connector, Means};
use crate::net::stream::Peer;
use balance::{Candidate, Turns};
use jackfield_shared::config::{self, Balance, Health};
use jackfield_shared::drain::Drain;
use jackfield_shared::status;
use jackfield_shared::tls::Files;
use std::cell::{Cell, RefCell};
use std::hash::{BuildHasher as _, RandomState};
use std::rc::Rc;
use tokio::task::spawn_local;
use tokio::time::Instant;

/// What there is to say where there is nobody to ask.
pub(crate) const DRAINED: &str = "every one is drained (`jackfield backend enable ADDRESS` lets it in)";

/// All backends of a relay or reverse proxy, and how one is chosen.
#[derive(Debug)]
pub(crate) struct Backends {
    list: Vec<Rc<Backend>>,
    balance: Balance,
    health: Option<Health>,
    turns: RefCell<Turns>,
    /// Random numbers: what is counted, by a key of this process alone.
    chance: (RandomState, Cell<u64>),
}

impl Backends {
    /// Prepares connecting endpoints; the error says what is wrong with one.
    pub(crate) fn new(
        backends: &[config::Backend],
        balance: Balance,
        health: Option<&Health>,
        means: Means<'_>,
    ) -> Result<Self, String> {
        let drained = means.drained.cloned().unwrap_or_default();
        let backend = |(index, backend): (usize, &config::Backend)| {
            let connector = Connector::new(&backend.endpoint, means)?;
            Ok::<_, String>(Rc::new(Backend::new(
                connector,
                index,
                (backend.weight, backend.backup),
                &drained,
            )))
        };
        let list = backends.iter().enumerate().map(backend).collect::<Result<_, _>>()?;
        Ok(Self {
            list,
            balance,
            health: health.cloned(),
            turns: RefCell::default(),
            chance: (RandomState::new(), Cell::new(0)),
        })
    }

    /// Takes the files of TLS as they are now.
    pub(crate) fn renew(&self, files: &Files) -> Result<(), String> {
        self.list.iter().try_for_each(|backend| backend.connector.renew(files))
    }

    /// How they are; whose they are, is to be filled in.
    pub(crate) fn state(&self) -> Vec<status::Backend> {
        self.list.iter().map(|backend| backend.state()).collect()
    }

    /// Begins to check the backends by `check`, until draining begins.
    pub(crate) fn begin<C>(&self, drain: &Drain, check: C)
    where
        C: AsyncFn(&Backend) -> Result<(), String> + Clone + 'static,
    {
        let Some(health) = &self.health else { return };
        for backend in &self.list {
            let (backend, health, drain, check) =
                (Rc::clone(backend), health.clone(), drain.clone(), check.clone());
            spawn_local(async move {
                tokio::select! {
                    () = drain.begun() => {}
                    () = health::watch(&backend, &health, check) => {}
                }
            });
        }
    }

    /// The backends for a client, without those that somebody has taken out, in the order in which they are to be asked; `kept` is the place of the one that it is kept at,
    /// which comes first while it is up.
    pub(crate) fn order(&self, client: Peer, kept: Option<usize>) -> Vec<Rc<Backend>> {
        if let [only] = &self.list[..] {
            return if only.is_drained() { Vec::new() } else { vec![Rc::clone(only)] };
        }
        let now = Instant::now();
        let candidates: Vec<_> = self
            .list
            .iter()
            .map(|backend| Candidate {
                address: &backend.address,
                weight: backend.weight,
                backup: backend.backup,
                is_down: backend.is_drained() || backend.is_down(now),
                open: backend.open.get(),
            })
            .collect();
        let address = match client {
            Peer::Tcp(address) => Some(address.ip()),
            Peer::Unix | Peer::Onion => None,
        };
        let draw = |below: u64| {
            let (key, drawn) = &self.chance;
            drawn.set(drawn.get().wrapping_add(1));
            key.hash_one(drawn.get()) % below
        };
        let mut order = self.turns.borrow_mut().order(self.balance, &candidates, address, draw);
        let is_up = |place: &usize| candidates.get(*place).is_some_and(|candidate| !candidate.is_down);
        if let Some(kept) = kept.filter(is_up) {
            order.sort_by_key(|&place| place != kept);
        }
        let ordered = order.into_iter().filter_map(|place| self.list.get(place));
        ordered.filter(|backend| !backend.is_drained()).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::backend::AVOIDED;
    use super::*;
    use crate::connect::Drained;
    use jackfield_shared::config::{ConnectingEndpoint, UnixConnecting};
    use jackfield_shared::status::BackendState;

    fn backend(n: usize) -> config::Backend {
        ConnectingEndpoint::Unix(UnixConnecting::to(format!("/{n}").into())).into()
    }

    fn backends(count: usize) -> Backends {
        let list: Vec<_> = (0..count).map(backend).collect();
        Backends::new(&list, Balance::RoundRobin, None, Means::of(&Files::default())).unwrap()
    }

    fn order(backends: &Backends, kept: Option<usize>) -> String {
        let order = backends.order(Peer::Unix, kept).into_iter();
        order.map(|backend| backend.index.to_string()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_refused_comes_last_for_a_while() {
        let backends = backends(2);
        backends.list[0].refused("test");
        assert_eq!(order(&backends, None), "10");
        assert_eq!(order(&backends, None), "10");
        tokio::time::advance(AVOIDED).await;
        assert_eq!(order(&backends, None), "01");
        backends.list[0].refused("test");
        backends.list[0].accepted();
        backends.list[1].set_healthy(false, "test");
        assert_eq!(order(&backends, None), "01");
        backends.list[1].set_healthy(true, "test");
        assert_eq!(order(&backends, None), "10");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_somebody_has_taken_out_is_not_asked() {
        let drained = Rc::new(Drained::new(&["unix:/1".to_owned()]));
        let (files, list) = (Files::default(), (0..3).map(backend).collect::<Vec<_>>());
        let means = Means { drained: Some(&drained), ..Means::of(&files) };
        let backends = Backends::new(&list, Balance::RoundRobin, None, means).unwrap();
        assert_eq!(["02", "20", "02"].map(|_| order(&backends, Some(1))), ["02", "20", "02"]);
        assert_eq!(backends.state()[1].state, BackendState::Drained);
        // Though it be the last one.
        backends.list[0].refused("test");
        backends.list[2].refused("test");
        assert_eq!(order(&backends, None).len(), 2);
        let all = ["unix:/0", "unix:/1", "unix:/2"].map(str::to_owned);
        drained.set(all.into());
        assert_eq!(order(&backends, None), "");
        let single = Backends::new(&list[..1], Balance::Hash, None, means).unwrap();
        assert_eq!(order(&single, None), "");
        drained.set(Vec::new());
        assert_eq!((order(&single, None).as_str(), order(&backends, None).len()), ("0", 3));
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_kept_at_a_backend_goes_there_while_it_is_up() {
        let backends = backends(3);
        assert_eq!(order(&backends, Some(2)), "201");
        assert_eq!(&order(&backends, Some(2))[..1], "2");
        assert_eq!(&order(&backends, Some(7))[..1], "2", "a place that is none has no effect");
        backends.list[2].refused("test");
        assert_eq!(&order(&backends, Some(2))[2..], "2");
    }
}
