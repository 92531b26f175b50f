//! Connections between processes of a worker, which have no other way to each other.

use super::Supervisor;
use super::event::Source;
use jackfield_shared::ipc::ToWorker;
use jackfield_shared::log::Level;
use std::os::unix::net::UnixStream;

impl Supervisor {
    /// Connects a process with another one of its worker (also of the configuration before, which still drains) that has
    /// said that it may be reached; tells it where there is none.
    pub(super) fn introduce(&self, asking: &Source, pid: u32) {
        let other = self.processes.values().find(|process| {
            let source = &process.source;
            source.pid() == pid && source.worker == asking.worker && process.is_reachable
        });
        let end = other.filter(|other| other.source.key != asking.key).and_then(|other| {
            let (one, end) = UnixStream::pair()
                .map_err(|e| {
                    let text = format!("can't connect process {} with process {pid}: {e}", asking.pid());
                    self.hub.log(Level::Warn, text);
                })
                .ok()?;
            other.tell_with(ToWorker::ServeSibling, vec![one.into()]).then_some(end)
        });
        if let Some(process) = self.processes.get(&asking.key) {
            process.tell_with(ToWorker::Sibling { process: pid }, end.into_iter().map(Into::into).collect());
        }
    }
}
