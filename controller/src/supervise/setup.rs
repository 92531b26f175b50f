//! From the configuration to what the supervisor works with.

use super::launch::Launch;
use super::worker::{Embedded, Guest, Publisher, Work, Worker};
use crate::accounts::Accounts;
use crate::cgroup::Cgroups;
use crate::guest::find;
use crate::node::RUN;
use crate::python::{self, Around};
use crate::stage::{ARGUMENTS, Identity, VARIABLE, is_of_service_manager, worker_value};
use jackfield_shared::config::{
    self, Inherit, ProcessEnv, Processes, RestartPolicy, WorkerCommon, WorkerKind,
};
use jackfield_shared::ipc::{DaemonService, OnionService};
use rustix::thread::{CpuSet, sched_getaffinity};
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

/// Why a worker can't be set up: the attribute that asks for what can't be had, and the reason.
pub(crate) type Wrong = (&'static str, String);

/// The least time in which ends of a host of components are counted.
const PERIOD_OF_PYTHON: Duration = Duration::from_secs(60);

/// What workers are set up with.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    /// The processors.
    pub cpus: Cpus,
    /// The node's cgroup.
    pub cgroups: Cgroups,
    /// The soft limit of core dumps that the node was started with; absent: none.
    pub core_limit: Option<u64>,
}

impl Machine {
    /// Asks the kernel.
    ///
    /// # Errors
    /// As [`Cpus::usable`].
    pub(crate) fn look(core_limit: Option<u64>) -> Result<Self, String> {
        Ok(Self { cpus: Cpus::usable()?, cgroups: Cgroups::default(), core_limit })
    }
}

/// The processors that the controller may use, in order.
#[derive(Clone, Debug)]
pub(crate) struct Cpus(Vec<usize>);

impl Cpus {
    /// Asks the kernel.
    ///
    /// # Errors
    /// When it doesn't tell, as on machines with more than 1024 processors.
    fn usable() -> Result<Self, String> {
        let set = sched_getaffinity(None).map_err(|e| format!("the usable processors are not known: {e}"))?;
        Ok(Self((0..CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu)).collect()))
    }

    /// The processors at these places of the list; a negative place counts from the end.
    fn at(&self, places: &[i32]) -> Result<Option<Vec<usize>>, String> {
        let count = self.0.len();
        let at = |place: i32| {
            let from_start = usize::try_from(place).ok();
            let from_end = || count.checked_sub(place.unsigned_abs() as usize);
            let index = if place < 0 { from_end() } else { from_start };
            index.and_then(|index| self.0.get(index).copied()).ok_or_else(|| {
                format!(
                    "options.cpu_affinity: there is no processor {place}: the node may use {count}, \
                     so the places are {} to {}",
                    -(count as i64),
                    count as i64 - 1
                )
            })
        };
        let cpus: Vec<_> = places.iter().map(|&place| at(place)).collect::<Result<_, _>>()?;
        Ok((!cpus.is_empty()).then_some(cpus))
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// How many processes a worker has.
    pub(crate) fn processes(&self, processes: Processes) -> u16 {
        match processes {
            Processes::Count(count) => count,
            Processes::Auto => u16::try_from(self.0.len()).unwrap_or(u16::MAX).max(1),
        }
    }
}

/// A worker as the configuration wants it, and the host of what is Python beside it, if it is a router with some; with no
/// process yet.
///
/// # Errors
/// When its options can't be met on this machine.
pub(crate) fn worker(
    mut config: config::Worker,
    around: &Around,
    directory: &Path,
    (machine, accounts): (&Machine, &Accounts),
) -> Result<(Worker, Option<Worker>), Wrong> {
    let beside = python::separate(&mut config, around, directory, &directory.join(RUN))?;
    let host =
        beside.map(|host| one(host.worker, Some(host.guest), directory, (machine, accounts))).transpose()?;
    let program = match &config.kind {
        WorkerKind::Guest(program) => Some(program.clone()),
        WorkerKind::Container(container) => {
            Some(python::of_container(&config, container, around, directory)?)
        }
        _ => None,
    };
    Ok((one(config, program, directory, (machine, accounts))?, host))
}

/// A worker that runs this program, or ours.
fn one(
    mut config: config::Worker,
    program: Option<config::Guest>,
    directory: &Path,
    (machine, accounts): (&Machine, &Accounts),
) -> Result<Worker, Wrong> {
    let (user, group) = (config.common.user.as_deref(), config.common.group.as_deref());
    let identity = accounts.identity(user, group)?;
    let cpus = config.native_options().map(|options| machine.cpus.at(&options.cpu_affinity)).transpose();
    let cpus = cpus.map_err(|reason| ("options", reason))?.flatten();
    if let Some(program) = program {
        let restart = &mut config.common.restart;
        if matches!(config.kind, WorkerKind::Container(_)) {
            if restart.policy == RestartPolicy::Always {
                // One that ends well has done what `shutdown` says.
                restart.policy = RestartPolicy::OnFailure;
            }
            // An interpreter takes a second for nothing but its imports.
            restart.period = restart.period.max(PERIOD_OF_PYTHON);
        }
        let mut guest = guest(config, program, identity, (directory, machine))?;
        guest.launch.cpus = cpus;
        return Ok(guest);
    }
    let Some(options) = config.native_options() else {
        return Err(("type", format!("workers of type \"{}\" are not built yet", config.kind.name())));
    };
    let title = options.title.clone();
    let launch = Launch {
        title: title.unwrap_or_else(|| format!("jackfield {} {}", config.kind.name(), config.id)),
        core_limit: None,
        cpus,
        environment: of_worker(&options.env, identity.as_ref(), std::env::vars_os()),
        identity,
        limits: config.common.limits.clone(),
        cgroups: machine.cgroups.clone(),
        directory: directory.into(),
    };
    let processes: usize = machine.cpus.processes(config.common.processes).into();
    let mut worker = Worker::new(Work::Serve(Box::new(config)), launch, processes);
    if processes > 1 {
        worker.realm_processes = worker.wanted_realm_processes();
    }
    Ok(worker)
}

/// A guest as the configuration wants it.
fn guest(
    config: config::Worker,
    program: config::Guest,
    identity: Option<Identity>,
    (node, machine): (&Path, &Machine),
) -> Result<Worker, Wrong> {
    let workdir = &program.options.workdir;
    if !workdir.is_dir() {
        return Err(("options", format!("workdir: {} is no directory", workdir.display())));
    }
    let path = std::env::var_os("PATH");
    let executable =
        find(&program.executable, workdir, path.as_deref()).map_err(|reason| ("executable", reason))?;
    let mut environment = environment(&program.options.env, identity.as_ref(), std::env::vars_os());
    // As Crossbar.io does: what Python writes is to be seen when it is written.
    if !environment.iter().any(|(name, _)| name == "PYTHONUNBUFFERED") {
        environment.push(("PYTHONUNBUFFERED".into(), "1".into()));
    }
    // By these a program knows whose it is, and `jackfield` in it finds its node.
    for (name, value) in [("JACKFIELD_DIR", node.as_os_str()), ("JACKFIELD_WORKER", config.id.as_ref())] {
        if !program.options.env.vars.contains_key(name) {
            environment.retain(|(other, _)| other != name);
            environment.push((name.into(), value.into()));
        }
    }
    let launch = Launch {
        title: format!("jackfield keeper of {}", config.id),
        core_limit: machine.core_limit,
        cpus: None,
        identity,
        limits: config.common.limits.clone(),
        cgroups: machine.cgroups.clone(),
        environment,
        directory: workdir.clone(),
    };
    let processes = machine.cpus.processes(config.common.processes).into();
    let guest = Guest { worker: config, program, executable };
    Ok(Worker::new(Work::Guest(Box::new(guest)), launch, processes))
}

/// The worker that publishes these onion services by tor daemons, beside the others; with no process yet.
pub(crate) fn publisher(services: Vec<DaemonService>, others: &[Worker], directory: &Path) -> Worker {
    let id = free_id("tor", others);
    let launch = nodes_own(&id, directory);
    let publisher = Publisher { id, common: WorkerCommon::default(), services };
    Worker::new(Work::Publish(Box::new(publisher)), launch, 1)
}

/// The worker that has the embedded Arti, beside the others; with no process yet.
pub(crate) fn arti(
    settings: config::Tor,
    services: Vec<OnionService>,
    others: &[Worker],
    directory: &Path,
) -> Worker {
    let id = free_id("arti", others);
    let launch = nodes_own(&id, directory);
    let embedded = Embedded { id, common: WorkerCommon::default(), settings, services };
    Worker::new(Work::Arti(Box::new(embedded)), launch, 1)
}

/// The name, with a number if another worker has it.
fn free_id(name: &str, others: &[Worker]) -> String {
    let names = (1..).map(|number| if number == 1 { name.into() } else { format!("{name}{number}") });
    let is_free = |id: &String| others.iter().all(|other| other.id() != id);
    names.into_iter().find(is_free).unwrap_or_default()
}

/// How a process is started that no worker of the configuration has.
fn nodes_own(id: &str, directory: &Path) -> Launch {
    Launch {
        title: format!("jackfield {id}"),
        core_limit: None,
        cpus: None,
        identity: None,
        limits: config::Limits::default(),
        cgroups: Cgroups::default(),
        environment: of_worker(&ProcessEnv::default(), None, std::env::vars_os()),
        directory: directory.into(),
    }
}

/// How nothing is ever started: for workers of which there is only the end to come.
pub(super) fn no_launch() -> Launch {
    Launch {
        title: String::new(),
        core_limit: None,
        cpus: None,
        identity: None,
        limits: config::Limits::default(),
        cgroups: Cgroups::default(),
        environment: Vec::new(),
        directory: "/".into(),
    }
}

/// The variables of a process of ours: one more makes it a worker.
fn of_worker(
    env: &ProcessEnv,
    identity: Option<&Identity>,
    ours: impl Iterator<Item = (OsString, OsString)>,
) -> Vec<(OsString, OsString)> {
    let mut environment = environment(env, identity, ours);
    environment.push((VARIABLE.into(), worker_value(std::process::id()).into()));
    environment
}

/// The variables inherited, then those of another user, then those set. What a service manager says to the node
/// is for the node alone.
fn environment(
    env: &ProcessEnv,
    identity: Option<&Identity>,
    ours: impl Iterator<Item = (OsString, OsString)>,
) -> Vec<(OsString, OsString)> {
    let inherited = |name: &OsString| match &env.inherit {
        _ if name == ARGUMENTS || name == VARIABLE || is_of_service_manager(name) => false,
        Inherit::All => true,
        Inherit::None => false,
        Inherit::Only(names) => names.iter().any(|wanted| name == wanted.as_str()),
    };
    let mut environment: Vec<_> = ours.filter(|(name, _)| inherited(name)).collect();
    let of_user = identity.map(Identity::variables).unwrap_or_default();
    environment.extend(of_user.into_iter().map(|(name, value)| (name.into(), value.into())));
    environment.extend(env.vars.iter().map(|(name, value)| (name.into(), value.into())));
    environment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn affinity_counts_among_the_usable_processors() {
        let cpus = Cpus(vec![2, 3, 8]);
        assert_eq!(cpus.at(&[]), Ok(None));
        assert_eq!(cpus.at(&[0, 2]), Ok(Some(vec![2, 8])));
        assert_eq!(cpus.at(&[-1, -3]), Ok(Some(vec![8, 2])));
        for place in [3, -4, i32::MIN, i32::MAX] {
            let error = cpus.at(&[place]).unwrap_err();
            assert!(error.contains(&format!("no processor {place}: the node may use 3")), "{error}");
        }
        assert_eq!((cpus.processes(Processes::Auto), cpus.processes(Processes::Count(7))), (3, 7));
    }

    #[test]
    fn the_environment_is_inherited_as_configured_and_then_set() {
        let ours = || {
            [("A", "1"), ("B", "2"), ("NOTIFY_SOCKET", "/run/x"), (VARIABLE, "detached:1")]
                .map(|(n, v)| (n.into(), v.into()))
                .into_iter()
        };
        let of = |inherit| {
            let mut env = ProcessEnv { inherit, ..ProcessEnv::default() };
            env.vars.insert("B".into(), "set".into());
            let mut names: Vec<_> = of_worker(&env, None, ours())
                .into_iter()
                .map(|(name, value)| format!("{}={}", name.display(), value.display()))
                .collect();
            assert!(names.pop().unwrap().starts_with("JACKFIELD_STAGE=worker:"));
            names.join(" ")
        };
        assert_eq!(of(Inherit::All), "A=1 B=2 B=set");
        assert_eq!(of(Inherit::None), "B=set");
        assert_eq!(of(Inherit::Only(vec!["A".into(), "C".into()])), "A=1 B=set");
    }
}
