//! The supervisor: one actor that owns the whole state of the node. What happens (messages and ends of
//! processes, requests on the control socket, signals, deadlines) comes to it one at a time, so nothing is
//! locked and nothing is half done.

mod adopt;
mod assemble;
mod attend;
mod calls;
mod deadlines;
mod due;
mod event;
mod exit;
mod gather;
mod group;
mod guest;
mod handover;
mod heartbeat;
mod launch;
mod life;
mod oom;
mod operation;
mod order;
mod orphans;
mod permit;
mod process;
mod publication;
mod reload;
mod report;
mod rolling;
mod secure;
mod service;
mod setup;
mod slot;
mod startup;
mod state;
mod stop;
mod usage;
mod worker;
mod workers;

pub(crate) use assemble::{Assembly, Setting, assemble};
pub(crate) use handover::Takeover;
pub(crate) use service::{Keeping, Service};
pub(crate) use setup::{Machine, worker as set_up};
pub(crate) use startup::Startup;
pub(crate) use worker::Worker;

use crate::control::Call;
use crate::logs::Hub;
use crate::node::{Configuration, Origin};
use crate::sockets::Given;
use crate::upgrade::unblock;
use deadlines::Deadlines;
use due::Due;
use event::{Event, Key};
use gather::Gathers;
use handover::{Handover, Upgraded};
use jackfield_shared::config::NodeShutdown;
use jackfield_shared::ipc::NodeInfo;
use jackfield_shared::log::Level;
use jackfield_worker::children::children;
use oom::OomWatch;
use operation::{Caller, Operation};
use reload::Transition;
use rustix::process::Pid;
use std::collections::{HashMap, HashSet};
use std::future::pending;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Instant;
use stop::Phase;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::spawn_local;
use tokio::time::sleep_until;
use usage::Peaks;
use worker::Task;
use workers::{WorkerKey, Workers};

/// Events that wait. When the queue is full their senders wait, down to the worker that writes too much.
const EVENTS: usize = 1024;

/// What the node is.
#[derive(Debug)]
pub(crate) struct Node {
    /// What workers are told of it.
    pub info: NodeInfo,
    /// When the controller started.
    pub started: Instant,
    /// Where its configuration comes from.
    pub origin: Origin,
    /// What its workers are set up with.
    pub machine: Machine,
    /// The configuration in effect.
    pub configuration: Configuration,
    /// Counts the configurations that were put into effect, from 1.
    pub generation: u64,
    /// Sockets that the node was started with, and that somebody else has bound.
    pub given: Vec<Given>,
    /// Where the executable is: there the next release will be.
    pub executable: PathBuf,
    /// What is handed on to the next image of the executable.
    pub held: Held,
}

/// What the node holds beside its workers: duplicates, which keep alive what they are duplicates of.
#[derive(Debug)]
pub(crate) struct Held {
    /// The runtime directory.
    pub run_dir: PathBuf,
    /// The lock on it.
    pub lock: OwnedFd,
    /// The control socket.
    pub control: OwnedFd,
}

impl Node {
    /// When the node ends because of its workers; absent: never.
    fn shutdown(&self) -> Option<&[NodeShutdown]> {
        self.configuration.loaded.node.as_ref()?.controller.options.shutdown.as_deref()
    }
}

/// The actor.
#[derive(Debug)]
pub(crate) struct Supervisor {
    node: Node,
    workers: Workers,
    hub: Hub,
    startup: Option<Startup>,
    phase: Phase,
    /// The change of the node that is under way.
    transition: Option<Transition>,
    /// Workers that start when it is their turn.
    to_start: Vec<WorkerKey>,
    /// Workers that start when those before them have ended.
    successors: Vec<(WorkerKey, Option<WorkerKey>)>,
    /// Somebody wanted a reload when there could be none.
    reload_wanted: bool,
    /// Another image of the executable is to go on.
    handover: Option<Handover>,
    /// What there was before this image, while it is not sure to stay.
    upgraded: Option<Upgraded>,
    /// Who waits for an upgrade,
    waiting: Option<Caller>,
    /// and the connection to them.
    connection: Option<OwnedFd>,
    /// Whether processes have come or gone since it was last looked who accepts from which socket.
    listeners_changed: bool,
    /// Watches the files of TLS.
    tls_watch: Option<Task>,
    tickets_planned: bool,
    /// Where each process is: its worker, index of its slot.
    places: HashMap<Key, (WorkerKey, usize)>,
    next_key: u64,
    deadlines: Deadlines<Due>,
    operations: Vec<Operation>,
    /// Whoever has started the node and wants to know how it is.
    service: Option<Service>,
    gathers: Gathers,
    oom: OomWatch,
    peaks: Peaks,
    /// Children that this process had before it was the controller.
    strangers: HashSet<Pid>,
    events: mpsc::Sender<Event>,
    incoming: mpsc::Receiver<Event>,
}

/// How the node ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Whether it ended as it was told to, and not for a fault.
    pub well: bool,
    /// The hub, for last words.
    pub hub: Hub,
}

impl Supervisor {
    /// A supervisor of workers that have no processes yet.
    pub(crate) fn new(
        node: Node,
        workers: Vec<Worker>,
        hub: Hub,
        startup: Option<Startup>,
        service: Option<Service>,
    ) -> Self {
        let (events, incoming) = mpsc::channel(EVENTS);
        Self {
            node,
            workers: Workers::new(workers),
            hub,
            startup,
            phase: Phase::Running,
            transition: None,
            to_start: Vec::new(),
            successors: Vec::new(),
            reload_wanted: false,
            handover: None,
            upgraded: None,
            waiting: None,
            connection: None,
            listeners_changed: false,
            tls_watch: None,
            tickets_planned: false,
            places: HashMap::new(),
            next_key: 0,
            deadlines: Deadlines::default(),
            operations: Vec::new(),
            service,
            gathers: Gathers::default(),
            oom: OomWatch::new(),
            peaks: Peaks::default(),
            strangers: children().into_iter().collect(),
            events,
            incoming,
        }
    }

    /// Runs the node to its end. Must be called in a local runtime, in the main thread: workers die with the
    /// thread that spawned them.
    ///
    /// # Errors
    /// When signals can't be handled.
    pub(crate) async fn run(mut self, mut calls: mpsc::Receiver<Call>) -> io::Result<Ended> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let mut upgrade = signal(SignalKind::user_defined2())?;
        let mut children = signal(SignalKind::child())?;
        // Whoever takes this one for a question is not answered by the end of the node.
        let mut ignored = signal(SignalKind::user_defined1())?;
        // An image that has taken over finds them blocked.
        unblock()?;
        spawn_local(self.hub.clone().attend());
        if self.upgraded.is_none() {
            self.say_hello();
            self.start_all();
        }
        self.watch_guests();
        self.secure();
        self.is_alive(Instant::now());
        self.advance();
        while !self.is_over() {
            let next = self.deadlines.next();
            tokio::select! {
                Some(event) = self.incoming.recv() => self.happened(event),
                Some(call) = calls.recv() => self.called(call),
                () = received(&mut terminate) => self.stop_by_signal("SIGTERM"),
                () = received(&mut interrupt) => self.stop_by_signal("SIGINT"),
                () = received(&mut hangup) => self.reload_by_signal(),
                () = received(&mut upgrade) => self.upgrade(None, None),
                () = received(&mut children) => self.reap_adopted(),
                () = received(&mut ignored) => self.hub.log(Level::Info, "SIGUSR1 means nothing to the node"),
                () = at(next) => {}
            }
            self.do_what_is_due(Instant::now());
            self.advance();
            self.hand_over().await;
        }
        let well = self.say_goodbye().await;
        Ok(Ended { well, hub: self.hub })
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time.into()).await,
        None => pending().await,
    }
}

async fn received(signal: &mut Signal) {
    // `None` means that no more can come.
    if signal.recv().await.is_none() {
        pending::<()>().await;
    }
}
