//! Starting a node: everything that can be refused is refused before the first worker starts.

use super::banner::banner;
use super::run_dir::{Claim, RunDir};
use crate::control::Server;
use crate::logs::{Hub, Settings};
use crate::node::{Configuration, Directory, Origin, Waiting};
use crate::sockets::{Bound, Given, take_inherited};
use crate::supervise::{
    Assembly, Ended, Held, Keeping, Machine, Node, Service, Setting, Startup, Supervisor, Worker, assemble,
};
use crate::systemd::Manager;
use crate::upgrade::Image;
use jackfield_shared::ipc::NodeInfo;
use jackfield_shared::log::Level;
use rustix::process::{Resource, Rlimit, getpid, getrlimit, set_child_subreaper, setrlimit};
use std::collections::BTreeSet;
use std::io;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::sync::mpsc;
use tokio::task::spawn_local;

/// How long addresses that a killed node's workers have are waited for: they are about to be killed, too.
const TAKEOVER: Duration = Duration::from_secs(2);
/// Tasks run before the supervisor has its turn and sockets are looked at: those that read what guests write may
/// each take a millisecond.
const EVENT_INTERVAL: u32 = 8;
/// Descriptors that a controller needs at least, with one small worker.
const LEAST_FILES: u64 = 64;
/// Requests on the control socket that wait.
pub(super) const CALLS: usize = 64;

/// What the command line says beside the configuration.
#[derive(Debug)]
pub(crate) struct Options {
    /// What it says of the log.
    pub log: Settings,
    /// The command that waits for a node which detaches.
    pub waiting: Option<Waiting>,
    /// The soft limit of core dumps that the node was started with, which guests have again; absent: none.
    pub core_limit: Option<u64>,
    /// Whether the files of the configuration are watched.
    pub watches: bool,
}

/// Runs the node of this configuration to its end; returns whether it ended well.
///
/// # Errors
/// Why the node can't be started, all reasons as lines to be shown.
pub(crate) fn launch(
    directory: &Directory,
    origin: Origin,
    configuration: Configuration,
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
    // What a keeper keeps comes to us if it is killed.
    set_child_subreaper(Some(getpid())).map_err(|e| one(format!("PR_SET_CHILD_SUBREAPER: {e}")))?;
    let machine = Machine::look(options.core_limit).map_err(one)?;
    let manager = Manager::from_environment().map_err(one)?;
    let (mut given, passed_over) = take_inherited().map_err(one)?;
    let deadline = run_dir.was_killed.then(|| Instant::now() + TAKEOVER);
    let setting =
        Setting { base: &origin.base, machine: &machine, former: Vec::new(), given: &given, deadline };
    configuration.await_locks();
    let Assembly { workers, remarks, .. } = assemble(&configuration, &setting)?;
    for bound in workers.iter().flat_map(|worker| &worker.bound) {
        bound.settle().map_err(|e| one(format!("{}: its options: {e}", bound.address)))?;
    }

    let hub = Hub::new(options.log, node).map_err(|e| one(format!("the log: {e}")))?;
    for (level, text) in remarks {
        hub.log(level, text);
    }
    for text in passed_over.into_iter().chain(unused(&given, &workers)) {
        hub.log(Level::Warn, text);
    }
    let keeping = Keeping::of(&given);
    // What somebody else has bound may be wanted by a later configuration.
    given.retain(Given::is_foreign);
    let pid = std::process::id();
    let id = node.controller.id.clone().unwrap_or_else(|| format!("{}-{pid}", host_name()));
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let info = NodeInfo { id, pid, version, dir: origin.base.clone() };
    let endpoints: Vec<_> = workers.iter().flat_map(|worker| &worker.bound).collect();
    let banner = banner(&info, node, &endpoints, configuration.is_builtin);
    let startup = Startup { banner, waiting: options.waiting };
    let service = manager.map(|manager| Service::new(manager, keeping));
    let executable = Image::path_of_own().map_err(|e| one(format!("/proc: {e}")))?;
    let runtime = runtime().map_err(one)?;
    let ended: Result<Ended, String> = runtime.block_on(async {
        let control = |e| format!("the control socket in {}: {e}", run_dir.path.display());
        let server = Server::bind(&run_dir.path).map_err(control)?;
        let lock = run_dir.lock().map_err(|e| format!("the lock on {}: {e}", run_dir.path.display()))?;
        let held = Held { run_dir: run_dir.path.clone(), lock, control: server.socket().map_err(control)? };
        let (watches, drained) = (options.watches, BTreeSet::new());
        let facts =
            Node { info, started, origin, machine, configuration, given, executable, watches, drained, held };
        let supervisor = Supervisor::new(facts, workers, hub, Some(startup), service);
        let (calls, called) = mpsc::channel(CALLS);
        spawn_local(server.serve(calls));
        supervisor.run(called).await.map_err(|e: io::Error| format!("signals can't be handled: {e}"))
    });
    // What is still being read somewhere holds up nobody.
    runtime.shutdown_background();
    let Ended { well, hub } = ended.map_err(one)?;
    hub.finish();
    Ok(well)
}

/// What there is to say of sockets that somebody has bound for nothing.
fn unused(given: &[Given], workers: &[Worker]) -> Vec<String> {
    let listeners = || workers.iter().flat_map(|worker| &worker.bound).flat_map(Bound::listeners);
    let is_unused = |given: &&Given| {
        given.is_foreign()
            && !given.inodes().any(|inode| listeners().any(|(socket, _)| socket.inode == inode))
    };
    let text = |given: &Given| {
        let (name, address) = (&given.name, given.address());
        format!("no endpoint uses the socket \"{name}\" on {address} that the node was started with")
    };
    given.iter().filter(is_unused).map(text).collect()
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
    // With fewer the runtime itself fails, and not with words.
    if let Some(maximum) = maximum.filter(|maximum| *maximum < LEAST_FILES) {
        return Err(format!(
            "at most {maximum} files may be open, a node needs {LEAST_FILES} (`ulimit -Hn`)"
        ));
    }
    if current == maximum {
        return Ok(());
    }
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
        .map_err(|e| format!("the limit of open files can't be raised: {e}"))
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The controller's runtime: it has one thread.
pub(super) fn runtime() -> Result<LocalRuntime, String> {
    let mut builder = Builder::new_current_thread();
    builder.enable_all().event_interval(EVENT_INTERVAL);
    builder.build_local(LocalOptions::default()).map_err(|e| format!("the runtime: {e}"))
}
