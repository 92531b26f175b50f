//! The supervisor: one actor that owns the whole state of the node. What happens (messages and ends of
//! processes, requests on the control socket, signals, timers) comes to it one at a time, so nothing is
//! locked and nothing is half done.

mod acme;
mod assemble;
mod attend;
mod caller;
mod callers;
mod calls;
mod carry_out;
mod certificates;
mod compare;
mod drained;
mod due;
mod event;
mod exit;
mod finish;
mod gather;
mod gathers;
mod group;
mod guest;
mod handover;
mod happened;
mod inform;
mod introduce;
mod keeper;
mod last_lines;
mod launch;
mod oom;
mod orphans;
mod outbox;
mod pending;
mod permit;
mod plan;
mod process;
mod publication;
mod report;
mod review;
mod secure;
mod service;
mod setup;
mod spawn;
mod spec;
mod startup;
mod timers;
mod usage;
mod watching;
mod worker;

pub(crate) use assemble::{Assembly, Setting, assemble};
pub(crate) use handover::Takeover;
pub(crate) use review::review;
pub(crate) use service::{Keeping, Service};
pub(crate) use setup::Machine;
pub(crate) use startup::Startup;
pub(crate) use worker::Worker;

use crate::control::Call;
use crate::logs::Hub;
use crate::node::{Configuration, Origin};
use crate::sockets::Given;
use crate::upgrade::{Image, unblock};
use caller::Caller;
use certificates::Certificates;
use due::Due;
use event::{Event, Source};
use gathers::Gathers;
use handover::{Handover, Upgraded, WantedImage};
use jackfield_fleet::{CallerId, Event as FleetEvent, Fleet, ProcessId, Settings, Timers, WorkerKey};
use jackfield_shared::ipc::NodeInfo;
use jackfield_shared::log::Level;
use jackfield_shared::status::NodeState;
use jackfield_worker::children::children;
use oom::OomWatch;
use pending::{Pending, shutdown_of};
use process::Process;
use rustix::process::Pid;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::future::pending;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::spawn_local;
use tokio::time::sleep_until;
use usage::Peaks;
use worker::Task;

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
    /// Sockets that the node was started with, and that somebody else has bound.
    pub given: Vec<Given>,
    /// Where the executable is: there the next release will be.
    pub executable: PathBuf,
    /// Whether the files of its configuration are watched.
    pub watches: bool,
    /// The addresses of backends that somebody has taken out.
    pub drained: BTreeSet<String>,
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

/// The actor: tells the fleet what happens, and does what that decides.
#[derive(Debug)]
pub(crate) struct Supervisor {
    node: Node,
    /// What is decided about workers and processes.
    fleet: Fleet,
    /// What processes are started with, by workers.
    workers: BTreeMap<WorkerKey, Worker>,
    /// How processes are reached.
    processes: HashMap<ProcessId, Process>,
    hub: Hub,
    /// Whether the node begins with this image of the executable.
    begins: bool,
    startup: Option<Startup>,
    /// Whether every worker was ready at some time.
    was_ready: bool,
    /// What processes were told of that, and of the end.
    told_state: NodeState,
    /// What is read and bound for a change of the node.
    pending: Option<Pending>,
    /// Clients that wait for results.
    callers: HashMap<CallerId, Caller>,
    next_caller: u64,
    /// The process whose end is being told.
    ended: Option<Arc<Source>>,
    /// The image of the executable that somebody asks for just now.
    wanted_image: Option<WantedImage>,
    /// The image that was just tried: where it is, and its release.
    tried_image: Option<(Image, PathBuf, String)>,
    /// Another image of the executable is to go on.
    handover: Option<Handover>,
    /// What there was before this image, while it is not sure to stay.
    upgraded: Option<Upgraded>,
    /// Client that waits for an upgrade that is being taken back.
    waiting: Option<Caller>,
    /// Its control connection, which outlives the image.
    connection: Option<OwnedFd>,
    /// Watches the files of TLS.
    tls_watch: Option<Task>,
    /// Watches the files of the configuration.
    configuration_watch: Option<Task>,
    /// The certificates that the node gets by itself.
    acme: Certificates,
    tickets_planned: bool,
    timers: Timers<Due>,
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
        let settings =
            Settings { parallel_starts: node.machine.cpus.count(), seed: RandomState::new().hash_one(0u8) };
        let specs = workers.iter().map(Worker::spec).collect();
        let fleet = Fleet::new(Instant::now(), settings, specs, shutdown_of(&node.configuration));
        let keys: Vec<_> = fleet.serving().map(|(key, _)| key).collect();
        Self {
            node,
            fleet,
            workers: keys.into_iter().zip(workers).collect(),
            processes: HashMap::new(),
            hub,
            begins: true,
            startup,
            was_ready: false,
            told_state: NodeState::Starting,
            pending: None,
            callers: HashMap::new(),
            next_caller: 0,
            ended: None,
            wanted_image: None,
            tried_image: None,
            handover: None,
            upgraded: None,
            waiting: None,
            connection: None,
            tls_watch: None,
            configuration_watch: None,
            acme: Certificates::default(),
            tickets_planned: false,
            timers: Timers::default(),
            service,
            gathers: Gathers::default(),
            oom: OomWatch::new(),
            peaks: Peaks::begin(),
            strangers: children().into_iter().collect(),
            events,
            incoming,
        }
    }

    /// Workers in effect, in the order of the configuration.
    fn serving(&self) -> impl Iterator<Item = (WorkerKey, &Worker)> {
        self.fleet.serving().filter_map(|(key, _)| Some((key, self.workers.get(&key)?)))
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
        if self.begins {
            self.say_hello();
            self.feed(FleetEvent::Begin);
        }
        self.watch_guests();
        self.secure();
        self.watch_configuration();
        self.is_alive(Instant::now());
        self.feed(FleetEvent::Tick);
        self.tell_manager();
        self.tell_processes();
        while self.fleet.farewell().is_none() {
            let next = self.next_due();
            tokio::select! {
                Some(event) = self.incoming.recv() => self.happened(event),
                Some(call) = calls.recv() => self.called(call),
                () = received(&mut terminate) => self.feed(FleetEvent::StopSignal("SIGTERM")),
                () = received(&mut interrupt) => self.feed(FleetEvent::StopSignal("SIGINT")),
                () = received(&mut hangup) => self.feed(FleetEvent::ReloadWanted("SIGHUP")),
                () = received(&mut upgrade) => self.upgrade(None, None),
                () = received(&mut children) => self.reap_adopted(),
                () = received(&mut ignored) => self.hub.log(Level::Info, "SIGUSR1 means nothing to the node"),
                () = at(next) => {}
            }
            let now = Instant::now();
            self.do_what_is_due(now);
            self.end_gathers(now);
            self.tell_manager();
            self.tell_processes();
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
