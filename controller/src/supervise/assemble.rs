//! From a configuration to workers that can be started: set up, and everything bound that they listen on.

use super::setup::{Machine, publisher, worker as set_up};
use super::worker::{Work, Worker};
use crate::node::Configuration;
use crate::onion;
use crate::sockets::{Adjustment, BindError, Binder, Bound, Given, Wanted};
use jackfield_shared::config::{self, ListenPort, Listener, ListeningEndpoint, Path as ConfigPath};
use jackfield_shared::ipc::MAX_FDS;
use std::path::Path;
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
    pub former: Vec<&'a Worker>,
    /// Sockets that the node was started with.
    pub given: &'a [Given],
    /// Until when addresses are waited for that others have.
    pub deadline: Option<Instant>,
}

/// The workers of a configuration, with no process yet.
#[derive(Debug)]
pub(crate) struct Assembly {
    /// They, in order.
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
        binder: Binder::new(setting.former.iter().flat_map(|worker| &worker.bound).collect(), setting.given),
        errors: Vec::new(),
        remarks: Vec::new(),
    };
    let mut workers = assembler.workers();
    let services = assembler.bind(&mut workers);
    let Assembler { binder, errors, remarks, .. } = assembler;
    if !errors.is_empty() {
        binder.give_up();
        return Err(errors);
    }
    if !services.is_empty() {
        let ids: Vec<_> = workers.iter().map(|(_, worker)| worker.id()).collect();
        let publisher = publisher(services, &ids, setting.base);
        workers.push((ConfigPath::default(), publisher));
    }
    let mut workers: Vec<_> = workers.into_iter().map(|(_, worker)| worker).collect();
    let mut bounds: Vec<_> = workers.iter_mut().flat_map(|worker| &mut worker.bound).collect();
    let adjustments = binder.finish(&mut bounds);
    Ok(Assembly { workers, adjustments, remarks })
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
            if listeners > MAX_FDS {
                self.failed(&path, format!("{listeners} listening sockets; a worker has {MAX_FDS} at most"));
                continue;
            }
            match set_up(config.clone(), self.setting.base, self.setting.machine) {
                Ok(mut worker) => {
                    self.keep_scale(&mut worker, config);
                    worker.tls_files = worker.tls_files_of(&self.configuration.tls.files);
                    workers.push((path, worker));
                }
                Err((key, reason)) => self.failed(&path.key(key), reason),
            }
        }
        workers
    }

    /// A number of processes that somebody has asked for holds until the configuration says another one.
    fn keep_scale(&self, worker: &mut Worker, config: &config::Worker) {
        let former = self.setting.former.iter().find(|former| former.id() == config.id);
        if let Some(former) = former
            && former.common().processes == config.common.processes
            && let Some(count) = former.scaled
        {
            worker.scaled = Some(count);
            worker.set_places(count.into());
        }
    }

    fn bind(&mut self, workers: &mut [(ConfigPath, Worker)]) -> Vec<jackfield_shared::ipc::OnionService> {
        for (_, worker) in &*workers {
            worker.listeners().iter().for_each(|listener| self.binder.reserve(&wanted(worker, listener)));
        }
        let mut services = Vec::new();
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
                        Ok(Some(service)) => {
                            bound.onion = Some(format!("{}:{}", service.address, service.port));
                            services.push(service);
                        }
                        Ok(None) => {}
                        Err((key, reason)) => self.failed(&endpoint.key(key), reason),
                    }
                }
                bounds.push(bound);
            }
            worker.bound = bounds;
        }
        services
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
    let processes = worker.slots.len();
    Wanted { worker: worker.id(), transport: listener.id, endpoint: listener.endpoint, processes }
}

/// Where the configuration has the endpoint of a worker's transport.
fn endpoint_path(worker_path: &ConfigPath, worker: &Worker, index: usize) -> ConfigPath {
    let transport = match &worker.work {
        Work::Serve(config) if matches!(config.kind, config::WorkerKind::WebsocketTestee(_)) => {
            worker_path.key("transport")
        }
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
