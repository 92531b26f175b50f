//! How a worker's processes are started.

use crate::cgroup::{self, Cgroups, Leaf};
use crate::stage::{Identity, Program, Spec};
use jackfield_fleet::ProcessId;
use jackfield_shared::config;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

/// How a worker's processes are started: the same for all of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Launch {
    /// What `ps` shows as the command line.
    pub title: String,
    /// Processors it may run on; absent: those of the controller.
    pub cpus: Option<Vec<usize>>,
    /// Who it runs as; absent: as the controller.
    pub identity: Option<Identity>,
    /// What it may use.
    pub limits: config::Limits,
    /// Where limits of memory and CPU time are set.
    #[serde(skip)]
    pub cgroups: Cgroups,
    /// The soft limit of core dumps, if it is a guest's, which holds no key of the node's; absent: none.
    #[serde(default)]
    pub core_limit: Option<u64>,
    /// Its whole environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Its working directory.
    pub directory: PathBuf,
}

impl Launch {
    /// Whether a process that was started so is as one that would be started now.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let Self { title, cpus, identity, limits, environment, directory, .. } = self;
        (title, cpus, identity) == (&other.title, &other.cpus, &other.identity)
            && (limits, environment, directory) == (&other.limits, &other.environment, &other.directory)
    }

    /// What is to be limited for the process and for all that it starts.
    fn shares(&self) -> cgroup::Limits {
        cgroup::Limits { memory: self.limits.memory, cpu: self.limits.cpu }
    }

    /// A cgroup for a process; `None` if it needs none, or cgroups can't be used.
    pub(super) fn cgroup(&self, worker: &str, ProcessId(key): ProcessId) -> io::Result<Option<Leaf>> {
        if self.shares() == cgroup::Limits::default() {
            return Ok(None);
        }
        let Ok(base) = self.cgroups.base() else { return Ok(None) };
        // Ids are words of the configuration's choice; a slash is the only thing a directory's name can't have.
        let name = format!("{}-{key}", worker.replace('/', "_"));
        Leaf::make(base, &name, self.shares()).map(Some)
    }

    /// The limit of data that stands in for the one of memory where there are no cgroups.
    fn data_limit(&self) -> Option<u64> {
        self.limits.memory.filter(|_| self.cgroups.base().is_err())
    }

    /// What is to be set before the process is what it is to be: a worker, or this program.
    pub(super) fn spec(&self, cgroup: Option<&Leaf>, program: Option<Program>) -> Spec {
        Spec {
            controller: std::process::id(),
            title: self.title.clone(),
            cpus: self.cpus.clone(),
            open_files: self.limits.nofile,
            data: self.data_limit(),
            cgroup: cgroup.map(Leaf::procs),
            identity: self.identity.clone(),
            core_limit: self.core_limit,
            program,
        }
    }

    /// What the limits can't do here, for the log.
    pub(super) fn shortfall(&self) -> Option<String> {
        if self.shares() == cgroup::Limits::default() {
            return None;
        }
        let reason = self.cgroups.base().err()?;
        let memory = self.limits.memory.map(|_| "limits.memory counts data only (RLIMIT_DATA)");
        let cpu = self.limits.cpu.map(|_| "limits.cpu has no effect");
        let shortfalls: Vec<_> = memory.into_iter().chain(cpu).collect();
        Some(format!("{}: {reason}", shortfalls.join(", ")))
    }
}
