//! What a keeper leaves behind that was killed itself: the controller inherits it (PR_SET_CHILD_SUBREAPER), and kills it.

use super::Supervisor;
use super::event::Event;
use jackfield_shared::log::Level;
use jackfield_worker::children::{children, with_descendants};
use nix::unistd::{Pid as NixPid, getpgid, getpgrp};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use std::collections::HashSet;
use std::time::Duration;
use tokio::task::spawn_local;
use tokio::time::sleep;

/// How long to wait between two looks whether they have ended.
const STEP: Duration = Duration::from_millis(20);

impl Supervisor {
    /// Reaps children that this process has not started and that have ended: launchers, which outlive their workers for a
    /// moment, and what a first process (PID 1) is given of others.
    pub(super) fn reap_adopted(&self) {
        let ours = self.own_children();
        for child in reapable() {
            let is_other =
                !ours.contains(&child) && !self.strangers.contains(&child) && is_of_another_group(child);
            if is_other {
                // One that has not ended is left alone.
                let _ = waitpid(Some(child), WaitOptions::NOHANG);
            }
        }
    }

    /// The processes of workers, and keepers of guests'.
    fn own_children(&self) -> HashSet<Pid> {
        self.processes.values().map(super::process::Process::child).collect()
    }

    /// To be called when a keeper has ended without a word: kills all children but those that serve, and those of our
    /// own process group, which the controller has started for itself.
    pub(super) fn kill_orphans(&self) {
        let ours = self.own_children();
        let is_orphan =
            |pid: &Pid| !ours.contains(pid) && !self.strangers.contains(pid) && is_of_another_group(*pid);
        let orphans: Vec<_> = children().into_iter().filter(is_orphan).collect();
        if orphans.is_empty() {
            return;
        }
        let all = with_descendants(orphans.clone());
        for process in &all {
            let _ = kill_process(*process, Signal::KILL);
        }
        let text = format!("a keeper was killed; so are the {} processes that it left behind", all.len());
        self.hub.log(Level::Warn, text);
        let events = self.events.clone();
        spawn_local(async move {
            for orphan in orphans {
                while let Ok(None) | Err(Errno::INTR) = waitpid(Some(orphan), WaitOptions::NOHANG) {
                    sleep(STEP).await;
                }
            }
            // What they have left behind in turn, if they were quick.
            let _ = events.send(Event::KeeperGone).await;
        });
    }
}

/// The children of this process, as its only thread that starts any has them; of all where the kernel has no such list.
fn reapable() -> Vec<Pid> {
    let own = rustix::process::getpid().as_raw_pid();
    let Ok(list) = std::fs::read_to_string(format!("/proc/self/task/{own}/children")) else {
        return children();
    };
    list.split_ascii_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
}

/// Whether a child is in another process group than this process: what the controller starts for itself is in its own. A
/// group of another namespace has no number here (0).
fn is_of_another_group(child: Pid) -> bool {
    getpgid(Some(NixPid::from_raw(child.as_raw_pid()))).is_ok_and(|group| group != getpgrp())
}
