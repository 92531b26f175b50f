//! Configurations of the simulated node.

use jackfield_fleet::{Endpoint, Kind, Links, Listener, Random, Rules, Spec};
use jackfield_shared::config::RestartPolicy;
use std::time::Duration;

/// A configuration: its workers, in order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Configuration {
    pub(crate) workers: Vec<Wanted>,
}

/// A worker of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) id: &'static str,
    pub(crate) kind: Kind,
    /// What its processes are given: another version needs other processes.
    pub(crate) version: u64,
    /// But for the processes of its realms.
    pub(crate) processes: usize,
    /// Whether it has realm slots; another version may be otherwise.
    pub(crate) has_realm: bool,
    pub(crate) policy: RestartPolicy,
    pub(crate) max_restarts: u32,
    pub(crate) after: Vec<String>,
    pub(crate) addresses: Vec<Address>,
}

/// An address.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Address {
    pub(crate) local: &'static str,
    /// Whether each process has a socket of its own.
    pub(crate) is_shared: bool,
}

const IDS: [&str; 4] = ["one", "two", "three", "guest"];
const ADDRESSES: [&str; 4] = ["tcp:80", "tcp:81", "tcp:82", "unix:/x"];

pub(crate) fn below(random: &mut Random, count: u64) -> u64 {
    random.number() % count
}

pub(crate) fn chance(random: &mut Random, percent: u64) -> bool {
    below(random, 100) < percent
}

impl Configuration {
    /// The first one.
    pub(crate) fn first(random: &mut Random) -> Self {
        let count = 1 + below(random, IDS.len() as u64) as usize;
        Self { workers: (0..count).map(|index| Wanted::new(random, index)).collect() }
    }

    /// Another one, which has something in common with this one.
    pub(crate) fn next(&self, random: &mut Random) -> Self {
        let mut next = self.clone();
        for worker in &mut next.workers {
            match below(random, 5) {
                0 => {
                    worker.version += 1;
                    worker.has_realm = worker.kind == Kind::Native && chance(random, 50);
                }
                1 if worker.kind != Kind::Publisher => worker.processes = 1 + below(random, 4) as usize,
                2 => worker.after.clear(),
                _ => {}
            }
        }
        if chance(random, 25) && next.workers.len() > 1 {
            let gone = below(random, next.workers.len() as u64) as usize;
            next.workers.remove(gone);
        }
        if chance(random, 25)
            && let Some(index) = (0..IDS.len()).find(|i| next.workers.iter().all(|w| w.id != IDS[*i]))
        {
            next.workers.push(Wanted::new(random, index));
        }
        next
    }
}

impl Wanted {
    fn new(random: &mut Random, index: usize) -> Self {
        let kind = match index {
            3 if chance(random, 20) => Kind::Publisher,
            3 if chance(random, 15) => Kind::Arti,
            3 => Kind::Guest,
            _ => Kind::Native,
        };
        let policies =
            [RestartPolicy::Always, RestartPolicy::Always, RestartPolicy::OnFailure, RestartPolicy::Never];
        let own = Address { local: ADDRESSES[index], is_shared: chance(random, 60) };
        // Two may share a port.
        let common = Address { local: ADDRESSES[0], is_shared: true };
        let addresses = match kind {
            Kind::Native if index > 0 && chance(random, 30) => vec![own, common],
            Kind::Native => vec![own],
            Kind::Guest if chance(random, 50) => vec![own],
            _ => Vec::new(),
        };
        let single = matches!(kind, Kind::Publisher | Kind::Arti);
        Self {
            id: IDS[index],
            kind,
            version: next_version(random),
            has_realm: kind == Kind::Native && chance(random, 50),
            processes: if single { 1 } else { 1 + below(random, 3) as usize },
            policy: policies[below(random, 4) as usize],
            max_restarts: [0, 2, 5][below(random, 3) as usize],
            after: if index > 0 && chance(random, 40) { vec![IDS[0].to_owned()] } else { Vec::new() },
            addresses,
        }
    }

    /// How many realm slots it has.
    fn realm_processes(&self) -> usize {
        if self.has_realm { 1 + (self.version % 3) as usize } else { 0 }
    }

    /// What the fleet is told, with the sockets there are.
    pub(crate) fn spec(&self, processes: usize, endpoints: Vec<Endpoint>) -> Spec {
        let listens = self.addresses.iter().map(|address| address.local.to_owned()).collect();
        let connects = if self.id == "two" { ["tcp:80".to_owned()].into() } else { [].into() };
        Spec {
            id: self.id.to_owned(),
            kind: self.kind,
            processes,
            rules: Rules {
                policy: self.policy,
                max_restarts: self.max_restarts,
                period: Duration::from_secs(10),
                first: Duration::from_millis(100),
                longest: Duration::from_secs(2),
            },
            drain_timeout: Duration::from_secs(5),
            kill_timeout: Duration::from_secs(1),
            ready_timeout: Duration::from_secs(60),
            watchdog: if self.kind == Kind::Guest { Duration::ZERO } else { Duration::from_secs(9) },
            realm_processes: self.realm_processes(),
            realm_watchdog: Duration::from_secs(2),
            links: Links { after: self.after.clone(), listens, connects },
            can_overlap: self.kind != Kind::Guest || !self.addresses.is_empty(),
            ready_by_running: self.kind == Kind::Guest && self.version.is_multiple_of(2),
            endpoints,
        }
    }
}

/// Binds an address for so many processes, with the sockets that the former one had.
pub(crate) fn bind(
    address: &Address,
    processes: usize,
    former: Option<&Endpoint>,
    next_inode: &mut u64,
) -> Endpoint {
    let mut new = || {
        *next_inode += 1;
        *next_inode
    };
    let kept = former.map(|endpoint| endpoint.sockets.clone()).unwrap_or_default();
    let of = |owner| kept.iter().find(|listener| listener.owner == owner).map(|listener| listener.inode);
    let mut sockets: Vec<_> = if address.is_shared {
        (0..processes)
            .map(|slot| Listener { inode: of(Some(slot)).unwrap_or_else(&mut new), owner: Some(slot) })
            .collect()
    } else {
        vec![Listener { inode: of(None).unwrap_or_else(&mut new), owner: None }]
    };
    // Who waits in the queue of one that is wanted no longer is accepted by all.
    let is_left = |listener: &&Listener| sockets.iter().all(|socket| socket.inode != listener.inode);
    let left: Vec<_> = kept.iter().filter(is_left).map(|listener| listener.inode).collect();
    sockets.extend(left.into_iter().map(|inode| Listener { inode, owner: None }));
    Endpoint {
        transport: address.local.to_owned(),
        address: address.local.to_owned(),
        local: address.local.to_owned(),
        closable: true,
        sockets,
    }
}

/// A version that no worker had before.
fn next_version(random: &mut Random) -> u64 {
    random.number() >> 1
}
