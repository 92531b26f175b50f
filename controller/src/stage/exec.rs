//! The second stage: `jackfield __exec SPEC`. It has one thread and no runtime, sets what must hold before
//! the worker's first instruction, then execs the same image with the worker's title as its only argument; or
//! a guest's program.

use super::guest;
use super::identity::Identity;
use super::program::Program;
use super::{EXECUTABLE, VARIABLE, worker_value};
use jackfield_shared::secrecy::set_core_limit;
use rustix::process::{Pid, Resource, Rlimit, Signal, getppid, set_parent_process_death_signal, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// The first argument of this stage.
pub(crate) const ARGUMENT: &str = "__exec";

/// EX_OSERR of sysexits.h: the system refused something.
const EXIT_OS_ERROR: u8 = 71;

/// What is to be set before the worker starts.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Spec {
    /// Process id of the parent, which must stay so: the controller, or a guest's keeper.
    pub controller: u32,
    /// What `ps` shows as the worker's command line.
    pub title: String,
    /// Processors the worker may run on; absent: those of the controller.
    pub cpus: Option<Vec<usize>>,
    /// Most open files; absent: as the controller.
    pub open_files: Option<u64>,
    /// Most bytes of data (RLIMIT_DATA); absent: as the controller.
    pub data: Option<u64>,
    /// The file of its cgroup that a process joins by; absent: it stays in the controller's.
    pub cgroup: Option<PathBuf>,
    /// Who it runs as; absent: as the controller.
    pub identity: Option<Identity>,
    /// The soft limit of core dumps of a guest's program; absent: none.
    #[serde(default)]
    pub core_limit: Option<u64>,
    /// The program of a guest, which the process becomes in place of a worker.
    #[serde(default)]
    pub program: Option<Program>,
}

/// Runs the stage: returns only if it fails.
pub(crate) fn run(spec: &OsStr) -> ExitCode {
    let Err(reason) = prepare_and_exec(spec);
    // The controller reads this from the pipe and records it as the reason of the exit.
    let _ = writeln!(io::stderr(), "jackfield: cannot start: {reason}");
    ExitCode::from(EXIT_OS_ERROR)
}

fn prepare_and_exec(spec: &OsStr) -> Result<Infallible, String> {
    let spec: Spec =
        serde_json::from_slice(spec.as_encoded_bytes()).map_err(|e| format!("{ARGUMENT}: {e}"))?;
    let still_ours = || {
        let parent = getppid().map_or(0, Pid::as_raw_pid);
        if i64::from(parent) == i64::from(spec.controller) {
            Ok(())
        } else {
            Err(format!("its parent (pid {}) is gone", spec.controller))
        }
    };
    still_ours()?;
    if let Some(cpus) = &spec.cpus {
        let mut set = CpuSet::new();
        for &cpu in cpus.iter().filter(|&&cpu| cpu < CpuSet::MAX_CPU) {
            set.set(cpu);
        }
        sched_setaffinity(None, &set).map_err(|e| format!("processors {cpus:?}: {e}"))?;
    }
    if let Some(count) = spec.open_files {
        let limit = Rlimit { current: Some(count), maximum: Some(count) };
        setrlimit(Resource::Nofile, limit).map_err(|e| format!("limits.nofile: {count}: {e}"))?;
    }
    if let Some(bytes) = spec.data {
        let limit = Rlimit { current: Some(bytes), maximum: Some(bytes) };
        setrlimit(Resource::Data, limit).map_err(|e| format!("limits.memory: {bytes}: {e}"))?;
    }
    if spec.program.is_some() {
        set_core_limit(spec.core_limit)?;
    }
    if let Some(procs) = &spec.cgroup {
        fs::write(procs, "0").map_err(|e| format!("joining the cgroup: {}: {e}", procs.display()))?;
    }
    // After all that needs the controller's rights, and before the next: the kernel forgets that one when
    // credentials change.
    if let Some(identity) = &spec.identity {
        identity.assume()?;
    }
    // After this the kernel kills the worker when the controller's main thread ends; the second look closes
    // the gap between the first one and the call.
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(|e| format!("PR_SET_PDEATHSIG: {e}"))?;
    still_ours()?;
    if let Some(program) = &spec.program {
        return Err(guest::exec(program));
    }
    let error =
        Command::new(EXECUTABLE).arg0(&spec.title).env(VARIABLE, worker_value(spec.controller)).exec();
    Err(format!("exec of {EXECUTABLE}: {error}"))
}
