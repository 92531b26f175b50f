//! The launcher itself: a process of one thread that starts programs, says how they end, and leaves none of them
//! behind when its worker is gone, whatever has happened to that.

use super::message::{Fate, FromLauncher, Start, SystemString, ToLauncher};
use crate::children::kill_children;
use crate::sandbox::{Needs, confine};
use jackfield_shared::{exec_error, ipc};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, WaitStatus, getpid, kill_process_group,
    set_child_subreaper, wait, waitid, waitpid,
};
use std::collections::HashMap;
use std::ffi::OsString;
use std::future::pending;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep_until};

/// What a program has from SIGTERM to SIGKILL.
const GRACE: Duration = Duration::from_secs(2);

/// Runs this process as a launcher until its worker is gone. `ipc` is its end of the socket pair to the worker.
///
/// Returns 0 then, and 1 when it can't do what it is for.
#[must_use]
pub fn run(ipc: OwnedFd) -> ExitCode {
    let runtime = Builder::new_current_thread().enable_all().build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(live(ipc)),
        Err(e) => Err(e.to_string()),
    };
    kill_children(|_, _| {});
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("jackfield: the launcher of programs: {e}");
            ExitCode::FAILURE
        }
    }
}

async fn live(ipc: OwnedFd) -> Result<(), String> {
    let (mut worker, mut orders) =
        ipc::split::<FromLauncher, ToLauncher>(ipc).map_err(|e| format!("its worker: {e}"))?;
    let mut ends = signal(SignalKind::child()).map_err(|e| format!("SIGCHLD: {e}"))?;
    set_child_subreaper(Some(getpid())).map_err(|e| format!("PR_SET_CHILD_SUBREAPER: {e}"))?;
    let mut programs = Programs::default();
    loop {
        let said = tokio::select! {
            order = orders.recv() => match order.map_err(|e| e.to_string())? {
                None => return Ok(()),
                Some((ToLauncher::Confine(sandbox), _)) => {
                    confine(sandbox, &Needs::of_programs())?;
                    Vec::new()
                }
                Some((ToLauncher::Start(start), fds)) => programs.start(&start, fds).into_iter().collect(),
                Some((ToLauncher::End { id }, _)) => {
                    programs.end(id);
                    Vec::new()
                }
            },
            _ = ends.recv() => programs.reap(),
            () = programs.next_deadline() => {
                programs.kill();
                Vec::new()
            }
        };
        for message in said {
            if worker.send(&message, &[]).await.is_err() {
                return Ok(());
            }
        }
    }
}

/// The programs that run, by the ids their worker gave them.
#[derive(Default)]
struct Programs {
    running: HashMap<u64, Pid>,
    /// Those that were asked to end, and when they are killed.
    ending: Vec<(Instant, u64)>,
}

impl Programs {
    /// Starts a program, or says that it can't be started.
    fn start(&mut self, start: &Start, fds: Vec<OwnedFd>) -> Option<FromLauncher> {
        match spawn(start, fds) {
            Ok(pid) => {
                self.running.insert(start.id, pid);
                None
            }
            Err(e) => {
                let program = OsString::from(&start.program);
                let why = exec_error::explain(Path::new(&program), &e);
                let fate = Fate::NotStarted(format!("{}: {why}", program.display()));
                Some(FromLauncher::Ended { id: start.id, fate })
            }
        }
    }

    /// Asks a program, and what it has started, to end.
    fn end(&mut self, id: u64) {
        if let Some(&pid) = self.running.get(&id) {
            // It is not reaped: its number is nobody else's.
            let _ = kill_process_group(pid, Signal::TERM);
            self.ending.push((Instant::now() + GRACE, id));
        }
    }

    async fn next_deadline(&self) {
        match self.ending.first() {
            Some((deadline, _)) => sleep_until(*deadline).await,
            None => pending().await,
        }
    }

    /// Kills those whose time is over.
    fn kill(&mut self) {
        let now = Instant::now();
        let over = self.ending.iter().take_while(|(deadline, _)| *deadline <= now).count();
        for (_, id) in self.ending.drain(..over) {
            if let Some(&pid) = self.running.get(&id) {
                let _ = kill_process_group(pid, Signal::KILL);
            }
        }
    }

    /// Reaps what has ended, and ends what a program leaves in its process group: the request was its purpose.
    fn reap(&mut self) -> Vec<FromLauncher> {
        let mut ended = Vec::new();
        self.running.retain(|&id, &mut pid| {
            // Not reaped before its group is gone: until then their number is nobody else's.
            let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
            if !matches!(waitid(WaitId::Pid(pid), look), Ok(Some(_))) {
                return true;
            }
            let _ = kill_process_group(pid, Signal::KILL);
            let status = waitpid(Some(pid), WaitOptions::empty());
            self.ending.retain(|(_, ending)| *ending != id);
            ended.push(FromLauncher::Ended { id, fate: status.map_or(Fate::Lost, fate) });
            false
        });
        // What programs have left behind in sessions of their own.
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            let Some(id) = self.running.iter().find(|(_, its)| **its == pid).map(|(id, _)| *id) else {
                continue;
            };
            self.running.remove(&id);
            let _ = kill_process_group(pid, Signal::KILL);
            ended.push(FromLauncher::Ended { id, fate: fate(Some((pid, status))) });
        }
        ended
    }
}

fn fate(ended: Option<(Pid, WaitStatus)>) -> Fate {
    let status = ended.map(|(_, status)| (status.exit_status(), status.terminating_signal()));
    match status {
        Some((Some(code), _)) => Fate::Exited(code),
        Some((None, Some(signal))) => Fate::Killed(signal),
        _ => Fate::Lost,
    }
}

fn spawn(start: &Start, fds: Vec<OwnedFd>) -> io::Result<Pid> {
    let [input, output, errors]: [OwnedFd; 3] =
        fds.try_into().map_err(|_| io::Error::other("no descriptors are left in the launcher"))?;
    let text = |bytes: &SystemString| OsString::from(bytes);
    let child = Command::new(text(&start.program))
        .args(start.arguments.iter().map(text))
        .env_clear()
        .envs(start.environment.iter().map(|(name, value)| (text(name), text(value))))
        .current_dir(text(&start.directory))
        .process_group(0)
        .stdin(input)
        .stdout(output)
        .stderr(errors)
        .spawn()?;
    Ok(Pid::from_child(&child))
}
