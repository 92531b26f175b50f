//! A worker of the configuration, as the supervisor sees it.

use super::launch::Launch;
use super::process::Process;
use crate::sockets::{ArtiSocket, Bound, LinkSocket, Links};
use crate::tls::certificates_of;
use jackfield_shared::config;
use jackfield_shared::ipc::{DaemonService, NodeKey, OnionService};
use jackfield_shared::status::{Backend, BackendState, Certificate, Connections, Web, gather};
use jackfield_shared::tls::{Files, TicketKeys};
use serde::{Deserialize, Serialize};
use std::cell::OnceCell;
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::AbortHandle;

/// A task that ends with whoever wanted it.
#[derive(Debug)]
pub(crate) struct Task(pub AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What the processes of a worker do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Work {
    /// They serve a worker of the configuration.
    Serve(Box<config::Worker>),
    /// They are a program that is not ours.
    Guest(Box<Guest>),
    /// They are of a worker that was in the configuration of another image of the executable.
    Gone(Box<Gone>),
    /// One process publishes the onion services of all the others, by tor daemons.
    Publish(Box<Publisher>),
    /// One process has the embedded Arti.
    Arti(Box<Embedded>),
}

/// A guest of the configuration, and where its executable is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Guest {
    /// The worker.
    pub worker: config::Worker,
    /// What is written in it.
    pub program: config::Guest,
    /// The executable.
    pub executable: PathBuf,
}

/// A worker of whose processes nothing is wanted but their end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Gone {
    /// Its id.
    pub id: String,
    /// Its type.
    pub kind: String,
    /// How they end.
    pub common: config::WorkerCommon,
}

/// The worker that publishes. It is the node's own: nothing in the configuration says how it is to live.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Publisher {
    /// Its id: `tor`, unless a worker of the configuration has this.
    pub id: String,
    /// As every worker has them.
    pub common: config::WorkerCommon,
    /// What it publishes.
    pub services: Vec<DaemonService>,
}

/// The worker with the embedded Arti, which is the node's own, too. It is another one than the publisher, so that its
/// size and its faults are its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Embedded {
    /// Its id: `arti`, unless a worker of the configuration has this.
    pub id: String,
    /// As every worker has them.
    pub common: config::WorkerCommon,
    /// How Arti is set up.
    pub settings: config::Tor,
    /// What it publishes.
    pub services: Vec<OnionService>,
}

/// A worker: what its processes are started with, and what they share. How they are is known to the fleet.
#[derive(Debug)]
pub(crate) struct Worker {
    /// What its processes do.
    pub work: Work,
    /// How its processes are started.
    pub launch: Launch,
    /// Number of its processes, but for those that have its realms.
    pub processes: usize,
    /// How many processes more have its realms, where the others have the clients; 0: each has both, or there are no realms.
    pub realm_processes: usize,
    /// Where these listen for the others; made for the first process.
    pub links: Option<Rc<Links>>,
    /// The same, as an earlier release has made it.
    pub earlier_link: Option<Rc<LinkSocket>>,
    /// What it listens on, by transports.
    pub bound: Vec<Bound>,
    /// How many processes somebody wanted it to have, in place of what the configuration says.
    pub scaled: Option<u16>,
    /// Watches its files, if it is a guest that is to be restarted when they change.
    pub watch: Option<Task>,
    /// The files that its TLS sections name.
    pub tls_files: Files,
    /// By which its processes prove whose they are, if they have to.
    pub node_key: Option<NodeKey>,
    /// Where the node's Arti answers: accepted from by Arti itself, connected to by the others that have it.
    pub arti: Option<Rc<ArtiSocket>>,
    /// What its processes seal session tickets with; absent where none has TLS.
    pub ticket_keys: Option<TicketKeys>,
    /// What ended processes had counted: a node's counters never go down.
    ended: Ended,
    certificates: OnceCell<Vec<Certificate>>,
}

/// What ended processes had counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ended {
    /// By transports.
    pub connections: HashMap<String, Connections>,
    /// Log records that they had to drop.
    pub dropped: u64,
    /// By paths.
    pub web: Vec<Web>,
    /// By backends.
    pub backends: Vec<Backend>,
}

impl Worker {
    /// A worker with so many processes.
    pub(crate) fn new(work: Work, launch: Launch, processes: usize) -> Self {
        let mut worker = Self {
            work,
            launch,
            processes,
            realm_processes: 0,
            links: None,
            earlier_link: None,
            bound: Vec::new(),
            scaled: None,
            watch: None,
            tls_files: Files::default(),
            node_key: None,
            arti: None,
            ticket_keys: None,
            ended: Ended::default(),
            certificates: OnceCell::new(),
        };
        worker.make_ticket_keys();
        worker
    }

    /// Its id.
    pub(crate) fn id(&self) -> &str {
        match &self.work {
            Work::Serve(worker) => &worker.id,
            Work::Guest(guest) => &guest.worker.id,
            Work::Publish(publisher) => &publisher.id,
            Work::Gone(gone) => &gone.id,
            Work::Arti(arti) => &arti.id,
        }
    }

    /// Its type, for people.
    pub(crate) fn kind_name(&self) -> &str {
        match &self.work {
            Work::Serve(worker) => worker.kind.name(),
            Work::Guest(guest) => guest.worker.kind.name(),
            Work::Publish(_) => "tor",
            Work::Gone(gone) => &gone.kind,
            Work::Arti(_) => "arti",
        }
    }

    /// How its processes live and end.
    pub(crate) fn common(&self) -> &config::WorkerCommon {
        match &self.work {
            Work::Serve(worker) => &worker.common,
            Work::Guest(guest) => &guest.worker.common,
            Work::Publish(publisher) => &publisher.common,
            Work::Gone(gone) => &gone.common,
            Work::Arti(arti) => &arti.common,
        }
    }

    /// Its transports.
    pub(crate) fn transports(&self) -> &[config::Transport] {
        match &self.work {
            Work::Serve(worker) => worker.transports(),
            Work::Guest(_) | Work::Publish(_) | Work::Arti(_) | Work::Gone(_) => &[],
        }
    }

    /// What it listens on.
    pub(crate) fn listeners(&self) -> Vec<config::Listener<'_>> {
        match &self.work {
            Work::Serve(worker) => worker.listeners(),
            Work::Guest(guest) => guest.program.listeners(),
            Work::Publish(_) | Work::Arti(_) | Work::Gone(_) => Vec::new(),
        }
    }

    /// Its configuration, if it runs our own code.
    pub(crate) fn config(&self) -> Option<&config::Worker> {
        if let Work::Serve(worker) = &self.work { Some(worker) } else { None }
    }

    fn router(&self) -> Option<&config::Router> {
        match &self.config()?.kind {
            config::WorkerKind::Router(router) => Some(router),
            _ => None,
        }
    }

    /// Names of the realms that it routes.
    pub(crate) fn realms(&self) -> Vec<&str> {
        let realms = self.router().into_iter().flat_map(|router| &router.realms);
        realms.filter_map(|realm| realm.name.as_deref()).collect()
    }

    /// Those of them that one of its realm processes has, the first of which is 0.
    pub(crate) fn realms_of(&self, process: usize) -> Vec<&str> {
        let realms = self.router().into_iter().flat_map(|router| router.realms_of(process));
        realms.filter_map(|realm| realm.name.as_deref()).collect()
    }

    /// How many processes its realms would be spread over, apart from its clients.
    pub(crate) fn wanted_realm_processes(&self) -> usize {
        self.router().map_or(0, config::Router::realm_processes)
    }

    /// Longest silence of a process that has realms and no clients.
    pub(crate) fn realm_watchdog(&self) -> Duration {
        self.router().map(|router| router.realm_watchdog).unwrap_or_default()
    }

    /// Lets clients find its realms where they are.
    ///
    /// # Errors
    /// When that can't be.
    pub(crate) fn settle_links(&self) -> io::Result<()> {
        let Some(links) = &self.links else { return Ok(()) };
        let of = |number| self.realms_of(number).into_iter().map(move |realm| (realm, number));
        links.settle(&(0..self.realm_processes).flat_map(of).collect::<Vec<_>>())
    }

    /// The onion services that it publishes.
    pub(crate) fn services(&self) -> Vec<&OnionService> {
        match &self.work {
            Work::Serve(_) | Work::Guest(_) | Work::Gone(_) => Vec::new(),
            Work::Publish(publisher) => publisher.services.iter().map(|daemon| &daemon.service).collect(),
            Work::Arti(arti) => arti.services.iter().collect(),
        }
    }

    /// Whether something in it connects through the node's Arti.
    pub(crate) fn connects_through_arti(&self) -> bool {
        let Work::Serve(worker) = &self.work else { return false };
        let endpoints = config::endpoints(worker, &config::Path::default());
        endpoints.iter().any(|(_, endpoint)| endpoint.is_through_arti())
    }

    /// What it listens on by this name.
    pub(crate) fn listener(&self, id: &str) -> Option<config::Listener<'_>> {
        self.listeners().into_iter().find(|listener| listener.id == id)
    }

    /// Whether a process and its successor can do their work side by side. A guest without sockets of ours has
    /// got what it needs by itself, which may be a port, or the lock on a file; components register procedures.
    pub(crate) fn can_overlap(&self) -> bool {
        match &self.work {
            Work::Serve(_) | Work::Publish(_) | Work::Arti(_) | Work::Gone(_) => true,
            Work::Guest(guest) => {
                !guest.program.listen.is_empty()
                    && !matches!(guest.worker.kind, config::WorkerKind::Container(_))
            }
        }
    }

    /// Whether its processes count as ready for no other reason than that they run.
    pub(crate) fn is_ready_by_running(&self) -> bool {
        matches!(&self.work, Work::Guest(guest) if guest.program.ready == config::Ready::Started)
    }

    /// Keeps what a process, which has ended, had counted.
    pub(crate) fn keep_counters(&mut self, process: &Process) {
        let counters = &process.counters;
        for listener in &counters.listeners {
            let kept = self.ended.connections.entry(listener.transport.clone()).or_default();
            *kept += Connections { open: 0, ..listener.connections };
        }
        self.ended.dropped += counters.logs_dropped;
        gather(&mut self.ended.web, &counters.web);
        let closed = |backend: &Backend| Backend { open: 0, state: BackendState::Up, ..backend.clone() };
        let closed: Vec<_> = counters.backends.iter().map(closed).collect();
        gather(&mut self.ended.backends, &closed);
    }

    /// What ended processes had counted.
    pub(crate) const fn ended(&self) -> &Ended {
        &self.ended
    }

    /// The same, as another image of the executable has told.
    pub(crate) fn restore_counters(&mut self, ended: Ended) {
        self.ended = ended;
    }

    /// Takes over the counters of a worker with the same id, which has ended.
    pub(crate) fn inherit_counters(&mut self, former: &Self) {
        for (transport, connections) in &former.ended.connections {
            *self.ended.connections.entry(transport.clone()).or_default() += *connections;
        }
        self.ended.dropped += former.ended.dropped;
        gather(&mut self.ended.web, &former.ended.web);
        gather(&mut self.ended.backends, &former.ended.backends);
    }

    /// Takes the contents of the files that its TLS sections name.
    pub(crate) fn set_tls_files(&mut self, files: Files) {
        self.tls_files = files;
        self.certificates = OnceCell::new();
    }

    /// The certificates that its endpoints show.
    pub(crate) fn certificates(&self) -> &[Certificate] {
        self.certificates.get_or_init(|| match &self.work {
            Work::Serve(worker) => certificates_of(worker, &self.tls_files),
            Work::Guest(_) | Work::Publish(_) | Work::Arti(_) | Work::Gone(_) => Vec::new(),
        })
    }
}
