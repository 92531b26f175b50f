//! The accept loop of one listener.

use super::listener::Listener;
use super::per_client::Share;
use super::pressure::Pressure;
use super::stream::{Peer, Stream};
use crate::log::{Also, Throttle};
use jackfield_shared::drain::Drain;
use jackfield_shared::ipc::ListenerCounters;
use jackfield_shared::status::Connections;
use rustix::io::Errno;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::time::Duration;
use tracing::{error, warn};

/// How often a reached limit or a failing accept(2) is reported.
const REPORT: Duration = Duration::from_secs(10);
/// How long to wait after an error that says nothing of when it will be over.
const AFTER_ERROR: Duration = Duration::from_secs(1);

/// How many connections a transport has and may have in this process, over all of its listeners.
#[derive(Debug)]
pub(crate) struct Capacity {
    open: Cell<u64>,
    most: u64,
    throttle: Throttle,
}

impl Capacity {
    pub(crate) fn new(most: u64) -> Rc<Self> {
        Rc::new(Self { open: Cell::new(0), most, throttle: Throttle::new(REPORT) })
    }
}

/// What is counted on the listeners of one transport.
#[derive(Debug)]
pub(crate) struct Tally {
    transport: String,
    connections: Cell<Connections>,
}

impl Tally {
    pub(crate) fn new(transport: String) -> Rc<Self> {
        Rc::new(Self { transport, connections: Cell::default() })
    }

    pub(crate) fn counters(&self) -> ListenerCounters {
        ListenerCounters { transport: self.transport.clone(), connections: self.connections.get() }
    }

    fn change(&self, change: impl FnOnce(&mut Connections)) {
        let mut connections = self.connections.get();
        change(&mut connections);
        self.connections.set(connections);
    }
}

/// An open connection: counted until it is dropped.
#[derive(Debug)]
pub(crate) struct Open {
    tally: Rc<Tally>,
    capacity: Rc<Capacity>,
    pressure: Rc<Pressure>,
    /// Whether its client has more connections than it may.
    one_too_many: Cell<bool>,
    /// Its share of those that its client may have.
    share: RefCell<Option<Box<Share>>>,
}

impl Open {
    /// What was counted on its transport.
    pub(crate) fn counters(&self) -> ListenerCounters {
        self.tally.counters()
    }

    /// Counts it among those of its client, of which it may be one too many.
    pub(crate) fn count(&self, share: Share, one_too_many: bool) {
        self.share.replace(Some(Box::new(share)));
        self.one_too_many.set(one_too_many);
    }

    /// Whether its client has more connections than it may.
    pub(crate) fn is_one_too_many(&self) -> bool {
        self.one_too_many.get()
    }

    /// The client may not come from where it is, or has too many connections.
    pub(crate) fn refused(&self) {
        self.tally.change(|c| c.refused += 1);
    }

    /// The client said something that nobody can make out.
    pub(crate) fn failed(&self) {
        self.tally.change(|c| c.failed += 1);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.tally.change(|c| c.open -= 1);
        self.capacity.open.set(self.capacity.open.get() - 1);
        self.pressure.freed();
    }
}

/// A listener and what belongs to it.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) listener: Listener,
    /// Where it listens, for people.
    pub(crate) address: String,
    /// Whether an onion service is behind it: then all connections come from tor.
    pub(crate) is_onion: bool,
    pub(crate) tally: Rc<Tally>,
    pub(crate) capacity: Rc<Capacity>,
    pub(crate) pressure: Rc<Pressure>,
    /// Whether nobody will accept from it when this process has ended.
    pub(crate) retired: Rc<Cell<bool>>,
}

impl Endpoint {
    /// Accepts connections and gives them to `serve` until draining begins. `serve` must not wait.
    pub(crate) async fn run(self, drain: Drain, serve: impl Fn(Stream, Peer, Open)) {
        tokio::select! {
            biased;
            () = drain.begun() => {}
            () = self.accept(&serve) => {}
        }
        if self.retired.get() {
            self.empty(&serve);
        }
    }

    /// Takes what waits in the queue: who connected before the end is served.
    fn empty(&self, serve: impl Fn(Stream, Peer, Open)) {
        loop {
            match self.listener.accept_now() {
                Ok(Some((stream, peer))) => {
                    if let Some(open) = self.admit(&stream) {
                        serve(stream, peer, open);
                    }
                }
                Err(e) if is_of_the_client(&e) => {}
                Ok(None) => return,
                Err(e) => return warn!("{}: the rest of the queue can't be accepted: {e}", self.address),
            }
        }
    }

    async fn accept(&self, serve: impl Fn(Stream, Peer, Open)) {
        let failing = Throttle::new(REPORT);
        loop {
            match poll_fn(|cx| self.listener.poll_accept(cx)).await {
                Ok((stream, peer)) => {
                    self.pressure.accepted(&self.address);
                    if let Some(open) = self.admit(&stream) {
                        serve(stream, peer, open);
                    }
                    while let Err(e) = self.listener.pass().await {
                        self.failed(&failing, &e).await;
                    }
                }
                // The client went away, or a firewall turned it down, between connect(2) and accept(2).
                Err(e) if is_of_the_client(&e) => {}
                Err(e) => match Pressure::lacking(&e) {
                    Some(lacking) => self.pressure.wait(&self.address, &lacking).await,
                    None => self.failed(&failing, &e).await,
                },
            }
        }
    }

    /// Says why nothing is accepted, and waits for a while.
    async fn failed(&self, failing: &Throttle, error: &io::Error) {
        if failing.pass().is_some() {
            error!("{}: can't accept connections: {error}", self.address);
        }
        tokio::time::sleep(AFTER_ERROR).await;
    }

    /// Counts a connection; at the limit it is reset instead.
    fn admit(&self, stream: &Stream) -> Option<Open> {
        let Capacity { open, most, throttle } = &*self.capacity;
        if open.get() >= *most {
            self.tally.change(|c| {
                c.accepted += 1;
                c.refused += 1;
            });
            // It is not left in TIME_WAIT.
            stream.reset_when_closed();
            if let Some(held_back) = throttle.pass() {
                warn!(
                    "{}: {most} connections are open (`max_connections`): new ones are refused{}",
                    self.address,
                    Also(held_back)
                );
            }
            return None;
        }
        open.set(open.get() + 1);
        self.tally.change(|c| {
            c.accepted += 1;
            c.open += 1;
        });
        Some(Open {
            tally: Rc::clone(&self.tally),
            capacity: Rc::clone(&self.capacity),
            pressure: Rc::clone(&self.pressure),
            one_too_many: Cell::new(false),
            share: RefCell::new(None),
        })
    }
}

/// Errors of accept(2) that are about one connection, which is gone.
fn is_of_the_client(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(
            Errno::CONNABORTED
                | Errno::PERM
                | Errno::PROTO
                | Errno::INTR
                | Errno::NETDOWN
                | Errno::NOPROTOOPT
                | Errno::HOSTDOWN
                | Errno::NONET
                | Errno::HOSTUNREACH
                | Errno::OPNOTSUPP
                | Errno::NETUNREACH
                | Errno::TIMEDOUT
        )
    )
}
