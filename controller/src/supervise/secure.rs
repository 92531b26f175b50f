//! TLS while the node runs: renewed files, and the keys of session tickets.

use super::due::Due;
use super::event::Event;
use super::process::Process;
use super::worker::{Task, Work};
use super::{Supervisor, Worker};
use crate::tls::{News, files_of, has_tickets, watch};
use jackfield_fleet::WorkerKey;
use jackfield_shared::ipc::ToWorker;
use jackfield_shared::log::Level;
use jackfield_shared::tls::{Files, TicketKeys};
use jackfield_worker::tls::{TICKET_LIFETIME, new_ticket_key};
use std::time::Instant;
use tokio::task::spawn_local;

impl Worker {
    /// Makes the first ticket keys, where the worker has a use for them.
    pub(super) fn make_ticket_keys(&mut self) {
        if matches!(&self.work, Work::Serve(config) if has_tickets(config)) {
            // Without random numbers there are no tickets, and every handshake is a full one.
            self.ticket_keys = new_ticket_key().map(|current| TicketKeys { current, previous: None });
        }
    }

    /// Of these files, those that its processes need.
    pub(super) fn tls_files_of(&self, files: &Files) -> Files {
        match &self.work {
            Work::Serve(config) => files_of(config, files),
            Work::Guest(_) | Work::Publish(_) | Work::Arti(_) | Work::Gone(_) => Files::default(),
        }
    }
}

impl Supervisor {
    /// The processes of a worker.
    pub(super) fn processes_of(&self, key: WorkerKey) -> impl Iterator<Item = &Process> {
        let processes = self.fleet.worker(key).into_iter().flat_map(|worker| worker.processes());
        processes.filter_map(|process| self.processes.get(&process.id()))
    }

    /// Lets the processes of a worker serve with these files from now on.
    pub(super) fn take_tls_files(&mut self, key: WorkerKey, files: Files) {
        if self.workers.get(&key).is_none_or(|worker| worker.tls_files == files) {
            return;
        }
        for process in self.processes_of(key) {
            process.tell(ToWorker::TlsFiles(files.clone()));
        }
        if let Some(worker) = self.workers.get_mut(&key) {
            worker.set_tls_files(files);
        }
    }

    /// Begins to watch the files, to keep the certificates that the node gets by itself, and to change the ticket keys.
    pub(super) fn secure(&mut self) {
        let (events, generation) = (self.events.clone(), self.fleet.generation());
        let news = async move |news| events.send(Event::TlsFiles(generation, news)).await.is_ok();
        let watching = spawn_local(watch(self.node.configuration.tls.clone(), news));
        self.tls_watch = Some(Task(watching.abort_handle()));
        self.keep_certificates();
        let has_tickets = self.serving().any(|(_, worker)| worker.ticket_keys.is_some());
        if has_tickets && !std::mem::replace(&mut self.tickets_planned, true) {
            self.timers.set(Instant::now() + TICKET_LIFETIME, Due::TicketKeys);
        }
    }

    /// Files have changed.
    pub(super) fn tls_renewed(&mut self, generation: u64, News { files, renewed, obstacles }: News) {
        if generation != self.fleet.generation() {
            return;
        }
        for obstacle in obstacles {
            let (path, message) = (obstacle.path, obstacle.message);
            self.hub.log(Level::Error, format!("{path}: {message}; what was there before stays in use"));
        }
        if renewed.is_empty() {
            return;
        }
        let names: Vec<_> = renewed.iter().map(|path| path.display().to_string()).collect();
        self.hub.log(Level::Info, format!("new connections use {}, which changed", names.join(", ")));
        let changed: Vec<_> =
            self.serving().map(|(key, worker)| (key, worker.tls_files_of(&files))).collect();
        for (key, files) in changed {
            self.take_tls_files(key, files);
        }
        self.node.configuration.tls.files = files;
        // A directory may have another authority now.
        self.keep_certificates();
    }

    /// Tickets are sealed with new keys from now on; those that were just sealed can be opened still.
    pub(super) fn change_ticket_keys(&mut self, now: Instant) {
        let mut changed = Vec::new();
        for (key, worker) in &mut self.workers {
            let Some((before, current)) = worker.ticket_keys.take().zip(new_ticket_key()) else { continue };
            let keys = TicketKeys { current, previous: Some(before.current) };
            worker.ticket_keys = Some(keys.clone());
            changed.push((*key, keys));
        }
        for (key, keys) in changed {
            for process in self.processes_of(key) {
                process.tell(ToWorker::TicketKeys(keys.clone()));
            }
        }
        self.timers.set(now + TICKET_LIFETIME, Due::TicketKeys);
    }
}
