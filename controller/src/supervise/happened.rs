//! What the tasks around processes tell, handed on to the fleet.

use super::Supervisor;
use super::event::{Event, Source};
use super::exit;
use crate::guest::Notice;
use jackfield_fleet::{Event as FleetEvent, News, ProcessId};
use jackfield_shared::ipc::{self, FromWorker};
use jackfield_shared::log::Level;
use std::process::ExitStatus;
use std::sync::Arc;

impl Supervisor {
    /// Handles one event.
    pub(super) fn happened(&mut self, event: Event) {
        match event {
            Event::Message(source, message) => self.told(&source, message),
            Event::Notice(source, notice) => self.noticed(&source, notice),
            Event::Watched(worker, file) => self.watched(&worker, &file),
            Event::KeeperGone => self.kill_orphans(),
            Event::ConfigurationChanged => self.configuration_has_changed(),
            Event::TlsFiles(generation, news) => self.tls_renewed(generation, news),
            Event::Acme(name, news) => self.acme_news(&name, news),
            Event::Configuration(read) => self.configuration_was_read(read),
            Event::Tried(image, path, result) => self.tried(image, path, result),
            Event::Closed(source, error) => self.lost_connection(&source, error.as_ref()),
            Event::Exited(source, status) => self.exited(&source, status),
        }
    }

    /// Hands on what a process says, or what was seen of it.
    pub(super) fn news(&mut self, process: ProcessId, news: News) {
        self.feed(FleetEvent::Said(process, news));
    }

    fn told(&mut self, source: &Source, message: FromWorker) {
        let id = source.key;
        match message {
            // Goes straight to the log.
            FromWorker::Log(_) => {}
            FromWorker::Ready => {
                if let Some(process) = self.processes.get_mut(&id) {
                    process.note_memory();
                }
                self.news(id, News::Ready);
            }
            FromWorker::Prepared => self.news(id, News::Prepared),
            FromWorker::Declined(inodes) => self.news(id, News::Declined(inodes)),
            FromWorker::Failed { reason } => self.news(id, News::Failing(reason)),
            FromWorker::Outdated { reason } => self.news(id, News::Outdated(reason)),
            FromWorker::Pong { seq, counters } => {
                let mut news = News::Alive;
                if let Some(process) = self.processes.get_mut(&id) {
                    process.keep(counters);
                    if process.has_worked() {
                        news = News::Worked;
                    }
                }
                self.answered_ping(id, seq);
                self.news(id, news);
            }
            FromWorker::Publication(publication) => {
                self.news(id, News::Alive);
                self.published(source, publication);
            }
            FromWorker::AskStatus { seq } => {
                self.news(id, News::Alive);
                self.asked_for_status(id, seq);
            }
            FromWorker::Reachable => {
                if let Some(process) = self.processes.get_mut(&id) {
                    process.is_reachable = true;
                }
                self.news(id, News::Alive);
            }
            FromWorker::AskSibling { process } => {
                self.news(id, News::Alive);
                self.introduce(source, process);
            }
            FromWorker::EdgeStuck { edge, reason } => self.news(id, News::Stuck(ProcessId(edge), reason)),
        }
    }

    /// A guest says something of itself.
    fn noticed(&mut self, source: &Source, notice: Notice) {
        let id = source.key;
        match notice {
            Notice::Ready => self.news(id, News::Ready),
            Notice::Status(text) => {
                self.hub.publish(source.record(Level::Debug, format!("status: {text}")));
                if let Some(process) = self.processes.get_mut(&id) {
                    process.status = Some(text).filter(|text| !text.is_empty());
                }
            }
            Notice::Alive => self.news(id, News::Watched(true)),
            Notice::Stopping => {
                self.hub.publish(source.record(Level::Info, "is stopping, as it says"));
                self.news(id, News::Watched(false));
            }
            Notice::Broken => {
                self.news(id, News::Broken("it wants to be replaced (WATCHDOG=trigger)".into()))
            }
            Notice::Extend(time) => self.news(id, News::NeedsTime(time)),
        }
    }

    fn lost_connection(&mut self, source: &Source, error: Option<&ipc::Error>) {
        let error = match error {
            None | Some(ipc::Error::Io(_) | ipc::Error::Truncated) => None,
            Some(error) => Some(error.to_string()),
        };
        self.feed(FleetEvent::Lost(source.key, error));
    }

    fn exited(&mut self, source: &Arc<Source>, status: Option<ExitStatus>) {
        let Some(process) = self.processes.remove(&source.key) else { return };
        if let Some((worker, ..)) = self.fleet.locate(source.key)
            && let Some(worker) = self.workers.get_mut(&worker)
        {
            worker.keep_counters(&process);
        }
        self.gathers.forget(source.key);
        let known = self.fleet.process(source.key);
        let exit = exit::record(status, &process, known, (&mut self.oom, &mut self.peaks));
        drop(process);
        self.ended = Some(Arc::clone(source));
        self.feed(FleetEvent::Exited(source.key, exit));
        self.ended = None;
    }
}
