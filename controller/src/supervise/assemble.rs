//! From a configuration to workers that can be started: set up, and everything bound that they listen on.

use super::setup::{Machine, arti as set_up_arti, publisher, worker as set_up};
use super::worker::{Work, Worker};
use crate::entry::private_directory;
use crate::node::{Configuration, RUN};
use crate::node_key;
use crate::onion::{self, Order};
use crate::python::{Around, wait_for_authenticators};
use crate::sockets::{Adjustment, ArtiSocket, BindError, Binder, Bound, Given, Wanted};
use jackfield_shared::config::{
    self, ListenPort, Listener, ListeningEndpoint, Path as ConfigPath, Processes,
};
use jackfield_shared::ipc::{MAX_FDS, OnionService};
use std::path::Path;
use std::rc::Rc;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How often an address is tried that somebody is about to leave.
const STEP: Duration = Duration::from_millis(10);

/// Where workers are to run, and what runs there already.
#[derive(Debug)]
pub(crate) struct Setting<'a> {
    /// The node directory.
    pub base: &'a Path,
    /// What they are set up with.
    pub machine: &'a Machine,
    /// The workers in effect.
    pub former: Vec<Former<'a>>,
    /// Sockets that the node was started with.
    pub given: &'a [Given],
    /// Until when addresses are waited for that others have.
    pub deadline: Option<Instant>,
}

/// A worker in effect.
#[derive(Debug)]
pub(crate) struct Former<'a> {
    /// Its id.
    pub id: &'a str,
    /// What it listens on.
    pub bound: &'a [Bound],
    /// How many processes somebody wanted it to have, in place of what the configuration said.
    pub scaled: Option<u16>,
    /// Where the node's Arti answers, if it has to do with that.
    pub arti: Option<Rc<ArtiSocket>>,
    /// What the configuration said; absent: what it says now.
    pub processes: Option<Processes>,
}

impl<'a> Former<'a> {
    /// This worker.
    pub(super) fn of(worker: &'a Worker) -> Self {
        let processes = Some(worker.common().processes);
        let (bound, arti) = (worker.bound.as_slice(), worker.arti.clone());
        Self { id: worker.id(), bound, scaled: worker.scaled, arti, processes }
    }
}

/// The workers of a configuration, with no process yet.
#[derive(Debug)]
pub(crate) struct Assembly {
    /// Workers, in the order of the configuration.
    pub workers: Vec<Worker>,
    /// What is to be undone if they don't come into effect.
    pub adjustments: Vec<Adjustment>,
    /// What there is to say in the log.
    pub remarks: Vec<onion::Remark>,
}

/// Sets up all workers that are not disabled and binds their endpoints.
///
/// # Errors
/// Everything that can't be had, each with its place in the configuration; then nothing has changed.
pub(crate) fn assemble(
    configuration: &Configuration,
    setting: &Setting<'_>,
) -> Result<Assembly, Vec<String>> {
    let mut assembler = Assembler {
        configuration,
        setting,
        binder: Binder::new(
            setting.former.iter().flat_map(|worker| worker.bound).collect(),
            setting.given,
            setting.base.join(RUN),
            &configuration.names,
        ),
        errors: Vec::new(),
        remarks: Vec::new(),
    };
    let mut workers = assembler.workers();
    let orders = assembler.bind(&mut workers);
    let arti = assembler.arti(&workers);
    let Assembler { binder, errors, remarks, .. } = assembler;
    if !errors.is_empty() {
        binder.give_up();
        return Err(errors);
    }
    let mut workers: Vec<_> = workers.into_iter().map(|(_, worker)| worker).collect();
    let (mut by_daemon, mut by_arti) = (Vec::new(), Vec::new());
    for order in orders {
        match order {
            Order::Daemon(service) => by_daemon.push(*service),
            Order::Arti(service) => by_arti.push(service),
        }
    }
    if !by_daemon.is_empty() {
        let publisher = publisher(by_daemon, &workers, setting.base);
        workers.push(publisher);
    }
    if let Some(Arti { settings, socket }) = arti {
        for worker in workers.iter_mut().filter(|worker| worker.connects_through_arti()) {
            worker.arti.clone_from(&socket);
        }
        let mut arti = set_up_arti(settings, by_arti, &workers, setting.base);
        arti.arti = socket;
        workers.push(arti);
    }
    let mut bounds: Vec<_> = workers.iter_mut().flat_map(|worker| &mut worker.bound).collect();
    let adjustments = binder.finish(&mut bounds);
    Ok(Assembly { workers, adjustments, remarks })
}

/// What the worker with Arti is set up with.
struct Arti {
    settings: config::Tor,
    /// Where it is to answer as a SOCKS proxy, if somebody asks it.
    socket: Option<Rc<ArtiSocket>>,
}

struct Assembler<'a> {
    configuration: &'a Configuration,
    setting: &'a Setting<'a>,
    binder: Binder<'a>,
    errors: Vec<String>,
    remarks: Vec<onion::Remark>,
}

impl Assembler<'_> {
    fn failed(&mut self, path: &ConfigPath, reason: impl std::fmt::Display) {
        self.errors.push(format!("{}: {path}: {reason}", self.configuration.loaded.place_of(path)));
    }

    fn workers(&mut self) -> Vec<(ConfigPath, Worker)> {
        let mut workers = Vec::new();
        let node = self.configuration.loaded.node.iter();
        for (index, config) in node.flat_map(|node| node.workers.iter().enumerate()) {
            let path = ConfigPath::default().key("workers").index(index);
            let listeners = config.listeners().len();
            if config.disabled() {
                continue;
            }
            // Others are the way to Arti, the way to the realms, and whose turn it is to route them.
            if listeners > MAX_FDS - 3 {
                let most = MAX_FDS - 3;
                self.failed(&path, format!("{listeners} listening sockets; a worker has {most} at most"));
                continue;
            }
            let mut own = config.clone();
            let node = self.configuration.loaded.node.as_ref();
            if let Some(node) = node {
                wait_for_authenticators(&mut own, node);
            }
            let around = node.map(Around::of).unwrap_or_default();
            let accounts = &self.configuration.names.accounts;
            match set_up(own, &around, self.setting.base, (self.setting.machine, accounts)) {
                Ok((mut worker, host)) => {
                    self.take_key(&mut worker, &path);
                    self.keep_scale(&mut worker, config);
                    worker.set_tls_files(worker.tls_files_of(&self.configuration.tls.files));
                    workers.push((path.clone(), worker));
                    workers.extend(host.map(|host| (path, host)));
                }
                Err((key, reason)) => self.failed(&path.key(key), reason),
            }
        }
        workers
    }

    /// Gives the node's key to a worker that proves by it whose it is.
    fn take_key(&mut self, worker: &mut Worker, path: &ConfigPath) {
        let id = self.configuration.loaded.node.as_ref().and_then(|node| node.controller.id.as_deref());
        let Some(config) = worker.config() else { return };
        let part = node_key::needs(config).unwrap_or_default();
        match node_key::load(config, self.setting.base, id, &mut self.remarks) {
            Ok(key) => worker.node_key = key,
            Err(e) => self.failed(&path.key(part), e),
        }
    }

    /// A number of processes that somebody has asked for holds until the configuration says another one.
    fn keep_scale(&self, worker: &mut Worker, config: &config::Worker) {
        let former = self.setting.former.iter().find(|former| former.id == config.id);
        if let Some(former) = former
            && former.processes.is_none_or(|processes| processes == config.common.processes)
            && let Some(count) = former.scaled
        {
            worker.scaled = Some(count);
            worker.processes = count.into();
        }
    }

    fn bind(&mut self, workers: &mut [(ConfigPath, Worker)]) -> Vec<Order> {
        for (_, worker) in &*workers {
            worker.listeners().iter().for_each(|listener| self.binder.reserve(&wanted(worker, listener)));
        }
        let mut orders = Vec::new();
        for (path, worker) in workers {
            let mut bounds = Vec::new();
            for (index, listener) in worker.listeners().iter().enumerate() {
                let endpoint = endpoint_path(path, worker, index);
                let mut bound = match self.patiently(&wanted(worker, listener)) {
                    Ok(bound) => bound,
                    Err(e) => {
                        self.failed(&address_path(&endpoint, listener.endpoint), e);
                        continue;
                    }
                };
                if let ListeningEndpoint::Onion(onion) = listener.endpoint {
                    match onion::service(onion, &bound, &mut self.remarks) {
                        Ok(order) => {
                            let OnionService { address, port, .. } = order.service();
                            bound.onion = Some(format!("{address}:{port}"));
                            orders.push(order);
                        }
                        Err((key, reason)) => self.failed(&endpoint.key(key), reason),
                    }
                }
                bounds.push(bound);
            }
            worker.bound = bounds;
        }
        orders
    }

    /// What the embedded Arti needs, if something needs Arti.
    fn arti(&mut self, workers: &[(ConfigPath, Worker)]) -> Option<Arti> {
        let node = self.configuration.loaded.node.as_ref()?;
        if !config::endpoints_of_node(node).any(|(_, endpoint)| endpoint.arti().is_some()) {
            return None;
        }
        let settings = node.controller.tor.clone();
        if let Err(e) = private_directory(&settings.state_directory) {
            let path = ConfigPath::default().key("controller").key("tor").key("state_directory");
            let directory = settings.state_directory.display();
            self.failed(&path, format!("{directory}: Arti's state can't be kept there: {e}"));
        }
        if !workers.iter().any(|(_, worker)| worker.connects_through_arti()) {
            return Some(Arti { settings, socket: None });
        }
        let kept = self.setting.former.iter().find_map(|former| former.arti.clone());
        let socket = kept.map_or_else(|| ArtiSocket::bind(&self.setting.base.join(RUN)).map(Rc::new), Ok);
        match socket {
            Ok(socket) => Some(Arti { settings, socket: Some(socket) }),
            Err(e) => {
                self.failed(&ConfigPath::default().key("controller").key("tor"), e);
                None
            }
        }
    }

    /// Binds; waits for addresses that somebody is about to leave.
    fn patiently(&mut self, wanted: &Wanted<'_>) -> Result<Bound, BindError> {
        loop {
            match self.binder.bind(wanted) {
                Err(e) if e.in_use && self.setting.deadline.is_some_and(|end| Instant::now() < end) => {
                    sleep(STEP);
                }
                result => return result,
            }
        }
    }
}

pub(super) fn wanted<'a>(worker: &'a Worker, listener: &Listener<'a>) -> Wanted<'a> {
    let processes = worker.processes;
    Wanted { worker: worker.id(), transport: listener.id, endpoint: listener.endpoint, processes }
}

/// Where the configuration has the endpoint of a worker's transport.
fn endpoint_path(worker_path: &ConfigPath, worker: &Worker, index: usize) -> ConfigPath {
    let transport = match &worker.work {
        Work::Serve(config) => config.kind.kind().transport_path(worker_path, index),
        Work::Guest(_) => worker_path.key("listen").index(index),
        _ => worker_path.key("transports").index(index),
    };
    transport.key("endpoint")
}

/// Where it says the endpoint's address.
fn address_path(path: &ConfigPath, endpoint: &ListeningEndpoint) -> ConfigPath {
    match endpoint {
        ListeningEndpoint::Tcp(tcp) => match tcp.port {
            ListenPort::Port(_) => path.key("port"),
            ListenPort::Range(..) => path.key("portrange"),
        },
        ListeningEndpoint::Unix(_) => path.key("path"),
        ListeningEndpoint::Onion(onion) => match onion.target.as_deref() {
            Some(target) => address_path(&path.key("target"), target),
            None => path.clone(),
        },
        ListeningEndpoint::Twisted(_) => path.key("server_string"),
    }
}
