//! Starting a node: everything that can be refused is refused before the first worker starts.

use super::banner::banner;
use super::run_dir::{Claim, RunDir, private_directory};
use super::{Configuration, Directory, Waiting};
use crate::control::Server;
use crate::logs::{Format, Hub, Sink};
use crate::onion::{self, Order};
use crate::sockets::{ArtiSocket, BindError, Bound};
use crate::supervise::{
    Ended, Machine, Node, Startup, Supervisor, Worker, set_up, set_up_arti, set_up_publisher,
};
use jackfield_shared::config::{self, ListenPort, ListeningEndpoint, Path as ConfigPath};
use jackfield_shared::ipc::{MAX_FDS, NodeInfo, OnionService};
use jackfield_shared::log::Level;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc;
use tokio::task::spawn_local;

/// How long addresses that a killed node's workers have are waited for: they are about to be killed, too.
const TAKEOVER: Duration = Duration::from_secs(2);
/// How often it is tried in that time.
const TAKEOVER_STEP: Duration = Duration::from_millis(10);
/// Requests on the control socket that wait.
const CALLS: usize = 64;

/// How the node logs, and who waits for it.
#[derive(Debug)]
pub(crate) struct Options {
    /// Least important level of its records.
    pub level: Level,
    /// How they are written to the terminal.
    pub format: Format,
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
    let (workers, endpoints) = prepare(node, configuration, base, &machine, &run_dir, &mut remarks)?;

    let sink =
        Sink::start(options.waiting.is_none(), options.format).map_err(|e| one(format!("the log: {e}")))?;
    let mut hub = Hub::new(options.level, options.format, Some(sink));
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
    let startup = Startup { banner, waiting: options.waiting };
    let supervisor = Supervisor::new(facts, workers, endpoints, configuration.tls.clone(), hub, startup);
    let Ended { well, mut hub } = run(&run_dir, supervisor).map_err(one)?;
    hub.leave_terminal();
    Ok(well)
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
    run_dir: &RunDir,
    remarks: &mut Vec<onion::Remark>,
) -> Result<(Vec<Worker>, Vec<Bound>), Vec<String>> {
    let deadline = run_dir.was_killed.then(|| Instant::now() + TAKEOVER);
    // Absolute: workers have another working directory.
    let run_dir = run_dir.path.canonicalize().map_err(|e| vec![format!("jackfield: {e}")])?;
    let (mut workers, mut endpoints, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    let (mut by_daemon, mut by_arti) = (Vec::new(), Vec::new());
    let at = |path: &ConfigPath, reason: String| {
        format!("{}: {path}: {reason}", configuration.loaded.place_of(path))
    };
    for (index, worker) in node.workers.iter().enumerate().filter(|(_, worker)| !worker.disabled()) {
        let path = ConfigPath::default().key("workers").index(index);
        let transports = worker.transports();
        // One descriptor may be the way to Arti.
        if transports.len() >= MAX_FDS {
            errors.push(at(
                &path,
                format!("{} transports; a worker has {} at most", transports.len(), MAX_FDS - 1),
            ));
            continue;
        }
        let set_up = match set_up(worker.clone(), base, machine) {
            Ok(worker) => worker,
            Err(reason) => {
                errors.push(at(&path, reason));
                continue;
            }
        };
        let processes = u16::try_from(set_up.slots.len()).unwrap_or(u16::MAX);
        for (index, transport) in transports.iter().enumerate() {
            let bind = || Bound::bind(&worker.id, &transport.id, &transport.endpoint, processes, &run_dir);
            let endpoint = endpoint_path(&path, worker, index);
            let mut bound = match patiently(bind, deadline) {
                Ok(bound) => bound,
                Err(e) => {
                    errors.push(at(&address_path(&endpoint, &transport.endpoint), e.to_string()));
                    continue;
                }
            };
            if let ListeningEndpoint::Onion(onion) = &transport.endpoint {
                match onion::service(onion, &bound, remarks) {
                    Ok(order) => {
                        let OnionService { address, port, .. } = order.service();
                        bound.onion = Some(format!("{address}:{port}"));
                        match order {
                            Order::Daemon(service) => by_daemon.push(service),
                            Order::Arti(service) => by_arti.push(service),
                        }
                    }
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
    if !by_daemon.is_empty() {
        let publisher = set_up_publisher(by_daemon, &workers, base);
        workers.push(publisher);
    }
    let socket = config::endpoints_of_node(node).any(|(_, endpoint)| endpoint.is_through_arti());
    if socket || !by_arti.is_empty() {
        let settings = node.controller.tor.clone();
        private_directory(&settings.state_directory).map_err(|e| {
            let path = ConfigPath::default().key("controller").key("tor").key("state_directory");
            let directory = settings.state_directory.display();
            vec![at(&path, format!("{directory}: Arti's state can't be kept there: {e}"))]
        })?;
        let socket = socket.then(|| ArtiSocket::bind(&run_dir)).transpose();
        let socket = socket.map_err(|e| vec![format!("jackfield: {e}")])?;
        let arti = set_up_arti(settings, by_arti, socket, &workers, base);
        workers.push(arti);
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
