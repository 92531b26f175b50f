//! Starting a node: everything that can be refused is refused before the first worker starts.

use super::banner::banner;
use super::run_dir::{Claim, RunDir};
use super::{Configuration, Directory, Waiting};
use crate::control::Server;
use crate::logs::{Format, Hub, Levels, file_sink};
use crate::onion;
use crate::sockets::{BindError, Bound};
use crate::supervise::{Ended, Machine, Node, Startup, Supervisor, Worker, set_up, set_up_publisher};
use jackfield_shared::config::{self, ListenPort, ListeningEndpoint, Path as ConfigPath};
use jackfield_shared::ipc::{MAX_FDS, NodeInfo};
use jackfield_shared::log::Level;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc;
use tokio::task::spawn_local;

/// How long addresses that a killed node's workers have are waited for: they are about to be killed, too.
const TAKEOVER: Duration = Duration::from_secs(2);
/// How often it is tried in that time.
const TAKEOVER_STEP: Duration = Duration::from_millis(10);
/// Tasks run before the supervisor has its turn and sockets are looked at: those that read what guests write may
/// each take a millisecond.
const EVENT_INTERVAL: u32 = 8;
/// Requests on the control socket that wait.
const CALLS: usize = 64;

/// How the node logs, and who waits for it.
#[derive(Debug)]
pub(crate) struct Options {
    /// Least important level of its records, if not as configured.
    pub level: Option<Level>,
    /// How they are written to the terminal, if not as configured.
    pub format: Option<Format>,
    /// The file that they are written to in place of the terminal.
    pub file: Option<PathBuf>,
    /// The command that waits for a node which detaches.
    pub waiting: Option<Waiting>,
}

/// Runs the node of this configuration to its end; returns whether it ended well.
///
/// # Errors
/// Why the node can't be started, all reasons as lines to be shown.
pub(crate) fn launch(
    directory: &Directory,
    base: &Path,
    configuration: &Configuration,
    options: Options,
) -> Result<bool, Vec<String>> {
    let started = Instant::now();
    let one = |reason: String| vec![format!("jackfield: {reason}")];
    let obstacles = configuration.obstacles();
    let Some(node) = configuration.loaded.node.as_ref().filter(|_| obstacles.is_empty()) else {
        return Err(obstacles);
    };
    let run_dir = claim(directory).map_err(one)?;
    raise_descriptor_limit().map_err(one)?;
    let machine = Machine::look().map_err(one)?;
    let mut remarks = Vec::new();
    let (workers, endpoints) =
        prepare(node, configuration, base, &machine, run_dir.was_killed, &mut remarks)?;

    let sinks = sinks(&node.controller.log.sinks, &options);
    let hub = Hub::new(levels(node, &options), &sinks).map_err(|e| one(format!("the log: {e}")))?;
    for (level, text) in remarks {
        hub.log(level, text);
    }
    let pid = std::process::id();
    let id = node.controller.id.clone().unwrap_or_else(|| format!("{}-{pid}", host_name()));
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let facts = Node {
        info: NodeInfo { id, pid, version, dir: base.into() },
        config: configuration.name(),
        started,
        shutdown: node.controller.options.shutdown.clone(),
    };
    let banner = banner(&facts.info, node, &endpoints, configuration.is_builtin);
    let format = options.format.unwrap_or_default();
    let waiting = options.waiting.map(|waiting| {
        let sink = file_sink(waiting.log_file.clone(), format);
        (waiting, sink)
    });
    let startup = Startup { banner, waiting };
    let supervisor = Supervisor::new(facts, workers, endpoints, configuration.tls.clone(), hub, startup);
    let Ended { well, hub } = run(&run_dir, supervisor).map_err(one)?;
    hub.finish();
    Ok(well)
}

/// From which level up records are kept.
fn levels(node: &config::Node, options: &Options) -> Levels {
    let mut levels = Levels::new(options.level.unwrap_or(node.controller.log.level));
    for worker in &node.workers {
        if let Some(level) = worker.common.log_level {
            levels.set(Some(&worker.id), level);
        }
    }
    levels
}

/// The sinks of the configuration, with what was said on the command line about the terminal.
fn sinks(configured: &[config::Sink], options: &Options) -> Vec<config::Sink> {
    let meant = |sink: &config::Sink| match (sink, &options.file) {
        (config::Sink::Terminal(_), Some(path)) => {
            file_sink(path.clone(), options.format.unwrap_or_default())
        }
        (config::Sink::Terminal(terminal), None) => {
            let format = options.format.map_or(terminal.format, Format::into);
            config::Sink::Terminal(config::TerminalSink { format, ..terminal.clone() })
        }
        (other, _) => other.clone(),
    };
    configured.iter().map(meant).collect()
}

fn claim(directory: &Directory) -> Result<RunDir, String> {
    let path = directory.run();
    match RunDir::claim(&path) {
        Ok(Claim::Ours(run_dir)) => Ok(run_dir),
        Ok(Claim::Taken(pid)) => {
            let pid = pid.map_or_else(|| "unknown".to_owned(), |pid| pid.to_string());
            let shown = directory.shown.display();
            Err(format!("a node runs in {shown} already (pid {pid}); `jackfield stop` ends it"))
        }
        Err(e) => Err(format!("the runtime directory {}: {e}", path.display())),
    }
}

/// The controller keeps a descriptor or more for each socket and process.
fn raise_descriptor_limit() -> Result<(), String> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return Ok(());
    }
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
        .map_err(|e| format!("the limit of open files can't be raised: {e}"))
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Sets up all workers that are not disabled and binds their endpoints.
fn prepare(
    node: &config::Node,
    configuration: &Configuration,
    base: &Path,
    machine: &Machine,
    was_killed: bool,
    remarks: &mut Vec<onion::Remark>,
) -> Result<(Vec<Worker>, Vec<Bound>), Vec<String>> {
    let deadline = was_killed.then(|| Instant::now() + TAKEOVER);
    let (mut workers, mut endpoints, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    let mut services = Vec::new();
    let at = |path: &ConfigPath, reason: String| {
        format!("{}: {path}: {reason}", configuration.loaded.place_of(path))
    };
    for (index, worker) in node.workers.iter().enumerate().filter(|(_, worker)| !worker.disabled()) {
        let path = ConfigPath::default().key("workers").index(index);
        let listeners = worker.listeners();
        if listeners.len() > MAX_FDS {
            let message = format!("{} listening sockets; a worker has {MAX_FDS} at most", listeners.len());
            errors.push(at(&path, message));
            continue;
        }
        let set_up = match set_up(worker.clone(), base, machine) {
            Ok(worker) => worker,
            Err((key, reason)) => {
                errors.push(at(&path.key(key), reason));
                continue;
            }
        };
        let processes = u16::try_from(set_up.slots.len()).unwrap_or(u16::MAX);
        for (index, listener) in listeners.iter().enumerate() {
            let bind = || Bound::bind(&worker.id, listener.id, listener.endpoint, processes);
            let endpoint = endpoint_path(&path, worker, index);
            let mut bound = match patiently(bind, deadline) {
                Ok(bound) => bound,
                Err(e) => {
                    errors.push(at(&address_path(&endpoint, listener.endpoint), e.to_string()));
                    continue;
                }
            };
            if matches!(worker.kind, config::WorkerKind::Guest(_))
                && let Err(e) = bound.set_for_guest(listener.endpoint)
            {
                errors.push(at(&endpoint, e.to_string()));
            }
            if let ListeningEndpoint::Onion(onion) = listener.endpoint {
                match onion::service(onion, &bound, remarks) {
                    Ok(Some(service)) => {
                        bound.onion = Some(format!("{}:{}", service.address, service.port));
                        services.push(service);
                    }
                    Ok(None) => {}
                    Err((key, reason)) => errors.push(at(&endpoint.key(key), reason)),
                }
            }
            endpoints.push(bound);
        }
        workers.push(set_up);
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    if !services.is_empty() {
        let ids: Vec<_> = workers.iter().map(Worker::id).collect();
        let publisher = set_up_publisher(services, &ids, base);
        workers.push(publisher);
    }
    Ok((workers, endpoints))
}

/// Binds; after a killed node, waits for addresses that its last processes still have.
fn patiently(
    bind: impl Fn() -> Result<Bound, BindError>,
    deadline: Option<Instant>,
) -> Result<Bound, BindError> {
    loop {
        match bind() {
            Err(e) if e.in_use && deadline.is_some_and(|deadline| Instant::now() < deadline) => {
                sleep(TAKEOVER_STEP);
            }
            result => return result,
        }
    }
}

/// Where the configuration has the endpoint of a worker's transport.
fn endpoint_path(worker_path: &ConfigPath, worker: &config::Worker, index: usize) -> ConfigPath {
    let transport = match worker.kind {
        config::WorkerKind::WebsocketTestee(_) => worker_path.key("transport"),
        config::WorkerKind::Guest(_) => worker_path.key("listen").index(index),
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
        ListeningEndpoint::Twisted(_) => path.clone(),
    }
}

fn run(run_dir: &RunDir, supervisor: Supervisor) -> Result<Ended, String> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .event_interval(EVENT_INTERVAL)
        .build_local(LocalOptions::default())
        .map_err(|e| format!("the runtime: {e}"))?;
    runtime.block_on(async {
        let server = Server::bind(&run_dir.path)
            .map_err(|e| format!("the control socket in {}: {e}", run_dir.path.display()))?;
        let (calls, called) = mpsc::channel(CALLS);
        spawn_local(server.serve(calls));
        supervisor.run(called).await.map_err(|e: io::Error| format!("signals can't be handled: {e}"))
    })
}
