//! Certificates that the node gets by itself: one task for each keeps it, and what directories are to see is told to all
//! processes before they look.

use super::Supervisor;
use super::certificates::Kept;
use super::due::Due;
use super::event::Event;
use super::gathers::{Asker, Gather};
use super::process::Process;
use super::worker::Task;
use crate::acme::{News, Wish, keep};
use jackfield_shared::config::{acme_of_node, answers_at_port_80};
use jackfield_shared::ipc::ToWorker;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::task::spawn_local;

/// How long processes may take to get to know a challenge.
const KNOWN: Duration = Duration::from_secs(30);

impl Supervisor {
    /// Keeps the certificates of the configuration in effect, and no others. What goes on for one that stays the same goes on.
    pub(super) fn keep_certificates(&mut self) {
        let Some(node) = &self.node.configuration.loaded.node else { return };
        let (http, node_dir) = (answers_at_port_80(node), self.node.origin.base.clone());
        let files = &self.node.configuration.tls.files;
        let mut wishes = BTreeMap::new();
        for (_, acme, _) in acme_of_node(node) {
            let files = files.only(acme.ca_certificates.iter().flatten());
            let wish = Wish { acme: acme.clone(), node_dir: node_dir.clone(), http, files };
            wishes.insert(acme.name().to_owned(), wish);
        }
        let before = self.acme.challenges();
        self.acme.kept.retain(|name, kept| wishes.get(name) == Some(&kept.wish));
        for (name, wish) in wishes {
            if self.acme.kept.contains_key(&name) {
                continue;
            }
            let (events, source) = (self.events.clone(), name.clone());
            let tell = async move |news| drop(events.send(Event::Acme(source.clone(), news)).await);
            let task = spawn_local(keep(wish.clone(), Rc::clone(&self.acme.turn), tell));
            let task = Task(task.abort_handle());
            self.acme.kept.insert(name, Kept { wish, _task: task, state: None, challenges: Vec::new() });
        }
        if self.acme.challenges() != before {
            self.tell_challenges();
        }
    }

    /// There is news of a certificate.
    pub(super) fn acme_news(&mut self, name: &str, news: News) {
        let Some(kept) = self.acme.kept.get_mut(name) else { return };
        match news {
            News::State(state) => kept.state = Some(state),
            News::Log(level, text) => self.hub.log(level, text),
            News::Challenges(challenges, answer) => {
                if kept.challenges != challenges {
                    kept.challenges = challenges;
                    self.tell_challenges();
                }
                if let Some(answer) = answer {
                    self.await_challenges(answer);
                }
            }
        }
    }

    fn tell_challenges(&self) {
        let open = self.acme.challenges();
        for process in self.processes_that_serve() {
            process.tell(ToWorker::Challenges(open.clone()));
        }
    }

    /// Asks all processes something that they answer after they have heard of the challenges; those that start know them.
    fn await_challenges(&mut self, answer: oneshot::Sender<bool>) {
        let until = Instant::now() + KNOWN;
        let mut waits_for = Vec::new();
        let ids: Vec<_> = self.processes_that_serve().map(|process| process.source.key).collect();
        for id in ids {
            let seq = self.gathers.next_seq();
            if self.processes.get(&id).is_some_and(|process| process.tell(ToWorker::Ping { seq })) {
                waits_for.push((id, seq));
            }
        }
        self.gathers.open.push(Gather { waits_for, until, asker: Asker::Challenges(answer) });
        self.timers.set(until, Due::Gather);
    }

    fn processes_that_serve(&self) -> impl Iterator<Item = &Process> {
        let serve = self.workers.iter().filter(|(_, worker)| worker.config().is_some());
        serve.flat_map(|(key, _)| self.processes_of(*key))
    }
}
