//! Spawning processes, with all that they are given.

use super::Supervisor;
use super::assemble::wanted;
use super::outbox::Parcel;
use super::process::Process;
use super::worker::{Work, Worker};
use crate::node::RUN;
use crate::sockets::{Binder, Bound, Links};
use jackfield_fleet::{Event, ProcessId, WorkerKey};
use jackfield_shared::config;
use jackfield_shared::ipc::{ArtiPlan, Part, Plan, Publications, Slot as PlanSlot, ToWorker};
use jackfield_shared::log::Level;
use rustix::fs::{Mode, OFlags};
use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;

/// Duplicates of the sockets that a process of a guest is given, with their names. They listen: a program expects
/// that (sd_listen_fds(3)) and knows of no word to wait for.
fn sockets(guest: &Worker, slot: usize) -> io::Result<Vec<(String, OwnedFd)>> {
    guest.bound.iter().try_for_each(|bound| bound.listen(slot))?;
    let sockets = guest.bound.iter().flat_map(|bound| bound.sockets(slot).map(move |socket| (bound, socket)));
    sockets.map(|(bound, socket)| Ok((bound.transport.clone(), socket.fd().try_clone_to_owned()?))).collect()
}

impl Supervisor {
    /// Spawns a process; returns what the fleet is to be told.
    pub(super) fn spawn(
        &mut self,
        id: ProcessId,
        (key, slot): (WorkerKey, usize),
        hold: bool,
        part: Part,
    ) -> Event {
        if let Err(e) = self.make_links(key) {
            return Event::NotSpawned(id, e.to_string());
        }
        let opened = match self.open_addresses(key) {
            Ok(opened) => opened,
            Err(reason) => return Event::NotSpawned(id, reason),
        };
        let spawned = match self.workers.get(&key) {
            Some(worker) => self.spawn_process(id, worker, slot, (hold, part)),
            None => Err(io::Error::other("its worker is gone")),
        };
        let (process, listening) = match spawned {
            Ok(spawned) => spawned,
            Err(e) => {
                // Nobody would accept from them.
                let bounds = self.workers.get_mut(&key).into_iter().flat_map(|worker| &mut worker.bound);
                for bound in bounds.filter(|bound| opened.contains(&bound.transport)) {
                    bound.close();
                }
                return Event::NotSpawned(id, e.to_string());
            }
        };
        self.hub.publish(process.source.record(Level::Debug, "spawned"));
        let worker = self.workers.get(&key);
        if let Some(shortfall) = worker.and_then(|worker| worker.launch.shortfall()) {
            self.hub.publish(process.source.record(Level::Warn, shortfall));
        }
        self.processes.insert(id, process);
        let endpoints = worker.filter(|_| !opened.is_empty()).map(Worker::endpoints);
        Event::Spawned { process: id, listening, endpoints }
    }

    fn spawn_process(
        &self,
        id: ProcessId,
        worker: &Worker,
        slot: usize,
        how: (bool, Part),
    ) -> io::Result<(Process, BTreeSet<u64>)> {
        let index = u16::try_from(slot).unwrap_or(u16::MAX);
        let tasks = (&self.events, &self.hub);
        let (orders, listening) = match &worker.work {
            Work::Serve(config) => self.plan(worker, config, slot, how)?,
            Work::Publish(publisher) => {
                let services = publisher.services.clone();
                let publications = Publications { log_level: self.hub.level(Some(worker.id())), services };
                ((ToWorker::Publish(Box::new(publications)), Vec::new()), BTreeSet::new())
            }
            Work::Gone(_) => return Err(io::Error::other("its worker is no longer in the configuration")),
            Work::Arti(arti) => {
                let (settings, services) = (arti.settings.clone(), arti.services.clone());
                let plan = ArtiPlan { log_level: self.hub.level(Some(worker.id())), settings, services };
                let socket = worker.arti.as_ref().map(|arti| arti.listening()).transpose()?;
                ((ToWorker::Arti(Box::new(plan)), socket.into_iter().collect()), BTreeSet::new())
            }
            Work::Guest(guest) => {
                let sockets = sockets(worker, slot)?;
                let process = Process::spawn_guest(id, &worker.launch, index, guest, sockets, tasks)?;
                return Ok((process, BTreeSet::new()));
            }
        };
        let process = Process::spawn(id, &worker.launch, (worker.id(), index), orders, tasks)?;
        Ok((process, listening))
    }

    /// What a process is told first, with the descriptors it needs and the inodes of these.
    fn plan(
        &self,
        worker: &Worker,
        config: &config::Worker,
        slot: usize,
        (hold, mut part): (bool, Part),
    ) -> io::Result<(Parcel, BTreeSet<u64>)> {
        let (mut slots, mut sockets) = (Vec::new(), Vec::new());
        let has_clients = !matches!(part, Part::Realm { .. });
        for bound in worker.bound.iter().filter(|_| has_clients) {
            for socket in bound.sockets(slot) {
                let (transport, address) = (bound.transport.clone(), bound.address.clone());
                slots.push(PlanSlot { transport, address, inode: socket.inode });
                sockets.push(socket.fd().try_clone_to_owned()?);
            }
        }
        let listening = slots.iter().map(|slot| slot.inode).collect();
        let arti = worker.arti.as_ref().map(|arti| arti.place()).transpose()?;
        let links = match (&mut part, &worker.links) {
            (Part::Both, _) | (_, None) => Vec::new(),
            (Part::Edge { .. }, Some(links)) => vec![links.place()?],
            (Part::Realm { number, listeners, .. }, Some(links)) => {
                let sockets = links.listening((*number).into())?;
                *listeners = u16::try_from(sockets.len()).unwrap_or(u16::MAX);
                sockets
            }
        };
        let has_realms = !matches!(part, Part::Edge { .. });
        let turn = if has_realms { self.turn(config)? } else { None };
        let plan = Plan {
            arti: arti.is_some(),
            turn: turn.is_some(),
            part,
            node: self.node.info.clone(),
            node_state: self.node_state(),
            worker: config.clone(),
            process: u16::try_from(slot).unwrap_or(u16::MAX),
            log_level: self.hub.level(Some(worker.id())),
            slots,
            hold,
            tls_files: worker.tls_files.clone(),
            node_key: worker.node_key.clone(),
            ticket_keys: worker.ticket_keys.clone(),
            drained: self.node.drained.iter().cloned().collect(),
            challenges: self.acme.challenges(),
        };
        sockets.extend(arti.into_iter().chain(links).chain(turn));
        Ok(((ToWorker::Start(Box::new(plan)), sockets), listening))
    }

    /// Makes the sockets by which the processes of a worker get at those that have its realms, if there are such; those of the
    /// configuration before go on to be used, whose processes may have sessions yet.
    fn make_links(&mut self, key: WorkerKey) -> io::Result<()> {
        let wants = |worker: &&Worker| worker.realm_processes > 0 && worker.links.is_none();
        let Some(worker) = self.workers.get(&key).filter(wants) else { return Ok(()) };
        let serving = self.fleet.find(worker.id()).and_then(|key| self.workers.get(&key));
        let same = || self.workers.values().filter(|other| other.id() == worker.id());
        let before = serving.into_iter().chain(same()).find_map(|worker| worker.links.clone());
        let earlier = same().find_map(|worker| worker.earlier_link.clone());
        let (run_dir, count) = (&self.node.held.run_dir, worker.realm_processes);
        let links = Links::make(run_dir, worker.id(), count, before.as_deref(), earlier)?;
        let Some(worker) = self.workers.get_mut(&key) else { return Ok(()) };
        worker.links = Some(Rc::new(links));
        // Those that are there already lead to where realms are now, until the next configuration is in effect.
        if before.is_none() { worker.settle_links() } else { Ok(()) }
    }

    /// The file whose locks say which processes of a worker route its realms, if it has some. A file by its name rather than
    /// one in memory: processes of an earlier image of the node have it, too.
    fn turn(&self, config: &config::Worker) -> io::Result<Option<OwnedFd>> {
        let config::WorkerKind::Router(router) = &config.kind else { return Ok(None) };
        if router.realms.is_empty() {
            return Ok(None);
        }
        let path = self.node.held.run_dir.join(format!("realms-{}.lock", config.id));
        let flags = OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        rustix::fs::open(&path, flags, Mode::RUSR | Mode::WUSR)
            .map(Some)
            .map_err(|e| io::Error::other(format!("{}: {}", path.display(), io::Error::from(e))))
    }

    /// Binds the addresses of a worker again that were closed; returns the transports that listen again.
    ///
    /// # Errors
    /// When one of them can't be had.
    fn open_addresses(&mut self, key: WorkerKey) -> Result<Vec<String>, String> {
        let Some(worker) = self.workers.get(&key) else { return Err("its worker is gone".into()) };
        if !worker.bound.iter().any(Bound::is_closed) {
            return Ok(Vec::new());
        }
        let run_dir = self.node.origin.base.join(RUN);
        let mut binder =
            Binder::new(worker.bound.iter().collect(), &[], run_dir, &self.node.configuration.names);
        let mut opened = Vec::new();
        for listener in worker.listeners() {
            let former = worker.bound.iter().find(|former| former.transport == listener.id);
            if !former.is_some_and(Bound::is_closed) {
                continue;
            }
            match binder.bind(&wanted(worker, &listener)) {
                Ok(bound) => opened.push(bound),
                Err(e) => {
                    binder.give_up();
                    return Err(e.to_string());
                }
            }
        }
        let transports = opened.iter().map(|bound| bound.transport.clone()).collect();
        let Some(worker) = self.workers.get_mut(&key) else { return Ok(Vec::new()) };
        for bound in opened {
            if let Some(former) = worker.bound.iter_mut().find(|former| former.transport == bound.transport) {
                *former = bound;
            }
        }
        for bound in &worker.bound {
            if let Err(e) = bound.settle() {
                self.hub.log(Level::Warn, format!("{}: its options can't all be set: {e}", bound.address));
            }
        }
        Ok(transports)
    }
}
