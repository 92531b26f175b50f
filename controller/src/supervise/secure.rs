//! TLS while the node runs: renewed files, and the keys of session tickets.

use super::due::Due;
use super::event::Event;
use super::worker::{Task, Work};
use super::{Supervisor, Worker};
use crate::tls::{News, files_of, has_tickets, watch};
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
            Work::Guest(_) | Work::Publish(_) | Work::Arti(_) => Files::default(),
        }
    }

    /// Serves with these files from now on.
    pub(super) fn take_tls_files(&mut self, files: Files) {
        if self.tls_files != files {
            for process in self.processes() {
                process.tell(ToWorker::TlsFiles(files.clone()));
            }
            self.tls_files = files;
        }
    }
}

impl Supervisor {
    /// Begins to watch the files, and to change the ticket keys.
    pub(super) fn secure(&mut self) {
        let (events, generation) = (self.events.clone(), self.node.generation);
        let news = async move |news| events.send(Event::TlsFiles(generation, news)).await.is_ok();
        let watching = spawn_local(watch(self.node.configuration.tls.clone(), news));
        self.tls_watch = Some(Task(watching.abort_handle()));
        let has_tickets = self.workers.serving().any(|worker| worker.ticket_keys.is_some());
        if has_tickets && !std::mem::replace(&mut self.tickets_planned, true) {
            self.deadlines.push(Instant::now() + TICKET_LIFETIME, Due::TicketKeys);
        }
    }

    /// Files have changed.
    pub(super) fn tls_renewed(&mut self, generation: u64, News { files, renewed, obstacles }: News) {
        if generation != self.node.generation {
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
        self.hub.log(Level::Info, format!("TLS: new connections use {}, which changed", names.join(", ")));
        for key in self.workers.keys() {
            let worker = &mut self.workers[key];
            worker.take_tls_files(worker.tls_files_of(&files));
        }
        self.node.configuration.tls.files = files;
    }

    /// Tickets are sealed with new keys from now on; those that were just sealed can be opened still.
    pub(super) fn change_ticket_keys(&mut self, now: Instant) {
        for worker in self.workers.all_mut() {
            let Some((before, current)) = worker.ticket_keys.take().zip(new_ticket_key()) else { continue };
            let keys = TicketKeys { current, previous: Some(before.current) };
            for process in worker.processes() {
                process.tell(ToWorker::TicketKeys(keys.clone()));
            }
            worker.ticket_keys = Some(keys);
        }
        self.deadlines.push(now + TICKET_LIFETIME, Due::TicketKeys);
    }
}
