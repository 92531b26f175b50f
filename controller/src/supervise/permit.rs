//! Who may command the node: not what it has started itself. A fault in a worker, a script or a guest would otherwise
//! reach, through the control socket, what it is confined from. What the configuration lets stop the node may do that alone.

use super::Supervisor;
use super::worker::Work;
use crate::control::{Peer, Request};
use jackfield_shared::config::{ChangesBy, WorkerKind};
use std::fs;

/// What the command line of a launcher of programs begins with.
const LAUNCHER: &[u8] = b"jackfield launcher of ";

/// How a process is related to the node.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kin {
    /// Not at all, or it had been there before.
    Stranger,
    /// It belongs to this worker.
    OfWorker(String),
    /// It is what something has left behind that the node has started.
    LeftBehind,
    /// Nobody knows: it is a child of the controller that this has not started.
    Adopted,
}

/// How the process at the beginning of this line of ancestors is related to the node of this controller.
fn kin(lineage: &[u32], controller: u32, child: impl Fn(u32) -> Kin) -> Kin {
    match lineage.iter().position(|pid| *pid == controller) {
        // The controller itself, for what it wants of itself.
        Some(0) | None => Kin::Stranger,
        Some(at) => child(lineage[at - 1]),
    }
}

impl Supervisor {
    /// Why this process may not have what it asks for.
    pub(super) fn forbids(&self, peer: &Peer, request: &Request) -> Option<String> {
        let Some(lineage) = peer.lineage() else {
            return Some("the process that has connected has ended".into());
        };
        let pid = peer.pid;
        match kin(&lineage, std::process::id(), |child| self.kin_of_child(child)) {
            // `crossbar.shutdown`, which the configuration lets it call.
            Kin::OfWorker(id) if matches!(request, Request::Stop { .. }) && self.may_stop(&id) => {}
            Kin::OfWorker(id) => {
                return Some(format!(
                    "process {pid} belongs to worker {id}, and no worker may command the node"
                ));
            }
            Kin::LeftBehind => {
                return Some(format!("process {pid} was started by this node, and may not command it"));
            }
            Kin::Stranger | Kin::Adopted => {}
        }
        if peer.is_confined() {
            return Some(format!(
                "process {pid} is confined (no_new_privs or seccomp), and what is confined may not command the node"
            ));
        }
        if request.changes_nothing() {
            return None;
        }
        let configured = self.node.configuration.loaded.node.as_ref();
        match configured.map_or(ChangesBy::Owner, |node| node.controller.options.changes_by) {
            ChangesBy::Root if peer.uid != 0 => {
                Some("\"controller.options.changes_by\" is \"root\": only root may change anything".into())
            }
            ChangesBy::Nobody => Some(
                "\"controller.options.changes_by\" is \"nobody\": commands may look and change nothing; SIGHUP to the \
                 controller reloads, SIGTERM stops the node"
                    .into(),
            ),
            ChangesBy::Owner | ChangesBy::Root => None,
        }
    }

    /// Whether the configuration lets a worker stop the node: its Python has `expose_controller`.
    fn may_stop(&self, id: &str) -> bool {
        self.workers.values().filter(|worker| worker.id() == id).any(|worker| match &worker.work {
            Work::Guest(guest) => match &guest.worker.kind {
                WorkerKind::Container(container) => container.options.native.expose_controller,
                _ => false,
            },
            _ => false,
        })
    }

    /// What a child of the controller is.
    fn kin_of_child(&self, child: u32) -> Kin {
        let is = |process: &super::process::Process| process.child().as_raw_pid().unsigned_abs() == child;
        if let Some(process) = self.processes.values().find(|process| is(process)) {
            return Kin::OfWorker(process.source.worker.clone());
        }
        if self.strangers.iter().any(|stranger| stranger.as_raw_pid().unsigned_abs() == child) {
            return Kin::Stranger;
        }
        // Only the first process of a namespace is given the children of strangers. What a keeper or launcher has
        // kept comes here when that is killed: until that is dealt with, nobody can tell them apart.
        let adopts = std::process::id() == 1;
        let is_launcher =
            fs::read(format!("/proc/{child}/cmdline")).is_ok_and(|line| line.starts_with(LAUNCHER));
        if !adopts || is_launcher || self.processes.values().any(has_ended) {
            return Kin::LeftBehind;
        }
        Kin::Adopted
    }
}

/// Whether it, or its keeper, has ended, and that was not looked at yet.
fn has_ended(process: &super::process::Process) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.child().as_raw_pid()));
    // The state stands behind the name, which may hold anything.
    stat.map_or(true, |stat| stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['Z', 'X'])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_the_controller_is_what_its_child_there_is() {
        let child = |pid| match pid {
            20 => Kin::OfWorker("w".into()),
            21 => Kin::Stranger,
            22 => Kin::LeftBehind,
            _ => Kin::Adopted,
        };
        for (lineage, expected) in [
            (&[40, 30, 20, 10, 1][..], Kin::OfWorker("w".into())),
            (&[20, 10, 1], Kin::OfWorker("w".into())),
            (&[40, 21, 10, 1], Kin::Stranger),
            (&[22, 10], Kin::LeftBehind),
            (&[23, 10], Kin::Adopted),
            (&[10, 5, 1], Kin::Stranger),
            (&[50, 5, 1], Kin::Stranger),
            (&[50], Kin::Stranger),
        ] {
            assert_eq!(kin(lineage, 10, child), expected, "{lineage:?}");
        }
    }
}
