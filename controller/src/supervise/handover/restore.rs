//! From what the former image has told to a supervisor that goes on where it has stopped. Every descriptor is
//! duplicated: until all is built up, everything can be handed back as it came.

use super::super::assemble::{Assembly, Former, Setting, assemble};
use super::super::event::Source;
use super::super::group::Group;
use super::super::keeper::Keeper;
use super::super::launch::Launch;
use super::super::outbox::Parcel;
use super::super::process::{Link, Process};
use super::super::setup::Machine;
use super::super::worker::{Ended, Gone, Work, Worker};
use super::super::{Held, Node, Service, Supervisor};
use super::collect::Pieces;
use super::freeze::Feed;
use super::links::{self, realms_of};
use crate::cgroup::Leaf;
use crate::guest::NotifySocket;
use crate::logs::{Hub, Lines};
use crate::node::{Configuration, Origin};
use crate::onion::Remark;
use crate::sockets::{ArtiSocket, Bound, Given, Local, Socket};
use crate::systemd::Manager;
use crate::upgrade::{
    Arrived, ArtiState, BoundState, Errand, Image, LocalState, ProcessState, RoleState, SlotState, State,
    TakeoverError, WorkerState,
};
use jackfield_fleet::{Kind, ProcessBefore, ProcessId, Role, SlotBefore, WorkerBefore};
use jackfield_shared::config::WorkerCommon;
use jackfield_shared::ipc::{self, FromWorker, NodeInfo, ToWorker};
use rustix::process::Pid;
use std::cell::Cell;
use std::collections::HashMap;
use std::io;
use std::os::unix::net::UnixStream as StdStream;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::UnixStream;
use tokio::net::unix::pipe;

/// A configuration, its workers, and what there is to say about them.
type Understood = (Configuration, Vec<Worker>, Vec<Remark>);

/// Processes, and what the tasks around them work with.
type People = Vec<(Process, Pieces)>;

/// What an image takes over.
#[derive(Debug)]
pub(crate) struct Takeover<'a> {
    /// What it is told.
    pub state: &'a State,
    /// The descriptors.
    pub fds: &'a Arrived,
}

impl Takeover<'_> {
    /// Builds the supervisor up. Must be called in a local runtime; no task of it runs before the first pause of the
    /// caller.
    ///
    /// # Errors
    /// Why this image can't take over: nothing has changed then.
    pub(crate) fn supervisor(&self, held: Held) -> Result<Supervisor, TakeoverError> {
        let State { node, log, .. } = self.state;
        let machine =
            Machine::look(node.core_limit.and_then(|limit| limit.soft)).map_err(TakeoverError::obstacle)?;
        let manager = Manager::from_environment().map_err(TakeoverError::obstacle)?;
        let mut former = Vec::new();
        let (configuration, mut workers, remarks) = match &self.state.errand {
            Errand::Upgrade => self.understood(&machine)?,
            Errand::GoBack(_) => {
                let configuration = Configuration::restore_exact(&self.state.configuration, &node.base);
                (configuration, self.exact_workers()?, Vec::new())
            }
        };
        let understood = configuration
            .loaded
            .node
            .as_ref()
            .ok_or_else(|| TakeoverError::obstacle("the configuration is not understood".into()))?;
        let hub = Hub::restore(log, understood).map_err(TakeoverError::system("the log"))?;
        for (level, text) in remarks {
            hub.log(level, text);
        }
        let own = Image::own().map_err(TakeoverError::system("/proc"))?.identity;
        let mut people = People::new();
        let mut before = Vec::new();
        for worker in &mut workers {
            let state = self.state.workers.iter().find(|state| state.is_serving && state.id == worker.id());
            before.push(self.worker_before(worker, state, own, &mut people)?);
        }
        for state in &self.state.workers {
            if !state.is_serving || workers.iter().all(|worker| worker.id() != state.id) {
                let mut worker = former_worker(state, &workers)?;
                let mut gone = self.worker_before(&mut worker, Some(state), own, &mut people)?;
                gone.is_serving = false;
                gone.slots.iter_mut().for_each(|slot| slot.is_retired = true);
                before.push(gone);
                former.push(worker);
            }
        }
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let facts = Node {
            info: NodeInfo { id: node.id.clone(), pid: std::process::id(), version, dir: node.base.clone() },
            started: past(node.age_ms),
            origin: Origin {
                directory: node.directory.clone(),
                base: node.base.clone(),
                file: node.file.clone(),
            },
            machine,
            configuration,
            given: self.given()?,
            // One that failed need not be looked for again.
            executable: match &self.state.errand {
                Errand::Upgrade => node.executable.clone(),
                Errand::GoBack(_) => Image::path_of_own().map_err(TakeoverError::system("/proc"))?,
            },
            watches: node.watches,
            drained: node.drained.clone(),
            held,
        };
        // From here on nothing can fail.
        workers.iter().flat_map(|worker| &worker.bound).for_each(Bound::keep_name);
        workers.iter().filter_map(|worker| worker.arti.as_deref()).for_each(ArtiSocket::keep_name);
        let service = manager.zip(self.state.service.as_ref());
        let service = service.map(|(manager, state)| Service::restore(manager, state));
        let mut supervisor = Supervisor::new(facts, Vec::new(), hub, None, service);
        supervisor.begins = false;
        let now = Instant::now();
        let keys = supervisor.fleet.restore(now, before, node.generation, self.state.last_key);
        workers.append(&mut former);
        supervisor.workers = keys.into_iter().zip(workers).collect();
        supervisor.move_in(people);
        Ok(supervisor)
    }

    /// The configuration and the workers as this release understands them.
    fn understood(&self, machine: &Machine) -> Result<Understood, TakeoverError> {
        let base = &self.state.node.base;
        let configuration = Configuration::restore(&self.state.configuration, base);
        let obstacles = configuration.obstacles();
        if !obstacles.is_empty() {
            return Err(TakeoverError::Obstacles(obstacles));
        }
        let former = self.state.workers.iter().filter(|worker| worker.is_serving);
        let bounds: Vec<_> = former
            .map(|worker| Ok((worker, self.bounds(worker)?)))
            .collect::<Result<Vec<(&WorkerState, Vec<Bound>)>, TakeoverError>>()?;
        let arti = self.arti()?;
        let former = bounds.iter().map(|(worker, bound)| Former {
            id: &worker.id,
            bound,
            scaled: worker.scaled,
            arti: arti.clone().filter(|_| worker.has_arti),
            processes: None,
        });
        let former = former.collect();
        let given = self.given()?;
        let setting = Setting { base, machine, former, given: &given, deadline: None };
        let Assembly { workers, remarks, .. } =
            assemble(&configuration, &setting).map_err(TakeoverError::Obstacles)?;
        for bound in workers.iter().flat_map(|worker| &worker.bound) {
            bound.settle().map_err(TakeoverError::system(format!("{}: its options", bound.address)))?;
        }
        Ok((configuration, workers, remarks))
    }

    /// Sockets that the node was started with.
    fn given(&self) -> Result<Vec<Given>, TakeoverError> {
        let given = self.state.given.iter();
        given.map(|(index, name, place)| Ok(Given::new(self.fds.copy(*place)?, *index, name)?)).collect()
    }

    /// Where the node's Arti answers, if it does.
    fn arti(&self) -> Result<Option<Rc<ArtiSocket>>, TakeoverError> {
        let Some(ArtiState { listening, place, path, name }) = &self.state.arti else { return Ok(None) };
        let (listening, place) = (self.fds.copy(*listening)?, self.fds.copy(*place)?);
        Ok(Some(Rc::new(ArtiSocket::restore(path, listening, place, *name))))
    }

    /// The workers as they were when this image handed over.
    fn exact_workers(&self) -> Result<Vec<Worker>, TakeoverError> {
        let arti = self.arti()?;
        let exact = |state: &WorkerState| {
            let (work, launch): (Work, Launch) =
                serde_json::from_value(state.exact.clone()).map_err(of_worker(&state.id))?;
            // Slots behind it are gone, but for processes that drain.
            let realms = realms_of(state);
            let processes = realms.iter().min().copied().unwrap_or(state.slots.len());
            let mut worker = Worker::new(work, launch, processes);
            worker.realm_processes = realms.len();
            worker.set_tls_files(worker.tls_files_of(&self.state.configuration.tls));
            worker.node_key.clone_from(&state.node_key);
            worker.arti = arti.clone().filter(|_| state.has_arti);
            for bound in &state.bound {
                let endpoint = serde_json::from_value(bound.exact.clone()).map_err(of_worker(&state.id))?;
                let mut restored = self.bound(&state.id, bound)?.with_endpoint(endpoint);
                restored.onion.clone_from(&bound.onion);
                worker.bound.push(restored);
            }
            Ok(worker)
        };
        self.state.workers.iter().filter(|state| state.is_serving).map(exact).collect()
    }

    fn bounds(&self, worker: &WorkerState) -> Result<Vec<Bound>, TakeoverError> {
        worker.bound.iter().map(|bound| self.bound(&worker.id, bound)).collect()
    }

    fn bound(&self, worker: &str, state: &BoundState) -> Result<Bound, TakeoverError> {
        let sockets = |places: &[usize]| {
            let socket = |place: &usize| {
                Socket::new(self.fds.copy(*place)?).map_err(TakeoverError::system(&*state.address))
            };
            places.iter().map(socket).collect::<Result<Vec<_>, TakeoverError>>()
        };
        let local = match &state.local {
            LocalState::Tcp(at) => Local::Tcp(*at),
            LocalState::Unix(path) => Local::Unix(path.clone()),
        };
        let (own, common) = (sockets(&state.own)?, sockets(&state.common)?);
        let names = (worker, &*state.transport, &*state.address);
        Ok(Bound::restore(names, (state.shared, state.is_chosen), local, (own, common), state.name))
    }

    /// What was known of a worker, whose processes there are.
    fn worker_before(
        &self,
        worker: &mut Worker,
        state: Option<&WorkerState>,
        own: crate::upgrade::ImageIdentity,
        people: &mut People,
    ) -> Result<WorkerBefore, TakeoverError> {
        let mut before = WorkerBefore {
            spec: worker.spec(),
            is_serving: true,
            generation: state.map_or(1, |state| state.generation),
            realms: state.map(realms_of).unwrap_or_default(),
            slots: Vec::new(),
        };
        let Some(state) = state else { return Ok(before) };
        worker.scaled = state.scaled;
        (worker.links, worker.earlier_link) = links::restore(state, self.fds)?;
        if worker.ticket_keys.is_some() {
            worker.ticket_keys.clone_from(&state.ticket_keys);
        }
        worker.restore_counters(Ended {
            connections: state.ended.clone(),
            dropped: state.ended_dropped,
            web: state.ended_web.clone(),
            backends: state.ended_backends.clone(),
        });
        for (index, slot) in state.slots.iter().enumerate() {
            let is_native = before.spec.kind != Kind::Guest;
            before.slots.push(self.slot_before((&state.id, index, is_native), slot, own, people)?);
        }
        Ok(before)
    }

    fn slot_before(
        &self,
        (worker, index, is_native): (&str, usize, bool),
        state: &SlotState,
        own: crate::upgrade::ImageIdentity,
        people: &mut People,
    ) -> Result<SlotBefore, TakeoverError> {
        let mut processes = Vec::new();
        for (role, process) in &state.processes {
            let index = u16::try_from(index).unwrap_or(u16::MAX);
            let failed = TakeoverError::system(format!("process {} of {worker}", process.pid));
            let (mut restored, pieces) = self.process((worker, index), process).map_err(failed)?;
            restored.is_reachable = process.is_reachable;
            restored.image = Some(process.image).filter(|image| *image != own);
            let has_worked = restored.has_worked();
            people.push((restored, pieces));
            let role = match role {
                RoleState::Current => Role::Current,
                RoleState::Replacement => Role::Successor,
                RoleState::Leaving => Role::Leaving,
            };
            let is_watched = process.guest.as_ref().map_or(is_native, |guest| guest.is_watched);
            processes.push((role, process_before(process, has_worked, is_watched)));
        }
        Ok(SlotBefore {
            state: state.state,
            reason: state.reason.clone(),
            is_retired: state.retired,
            restarts: state.restarts,
            last_exit: state.last_exit.clone(),
            processes,
        })
    }

    fn process(&self, (worker, index): (&str, u16), state: &ProcessState) -> io::Result<(Process, Pieces)> {
        let copy = |place: usize| self.fds.copy(place).map_err(io::Error::other);
        let output = |end: &Option<(usize, Vec<u8>)>| {
            let Some((place, bytes)) = end else { return io::Result::Ok(None) };
            let pipe = pipe::Receiver::from_owned_fd(copy(*place)?)?.into();
            Ok(Some(Lines::resume(pipe, bytes.clone())))
        };
        let mut pieces = Pieces::default();
        (pieces.stdout, pieces.stderr) = (output(&state.stdout)?, output(&state.stderr_pipe)?);
        let leader = i32::try_from(state.child).ok().and_then(Pid::from_raw);
        let group = Rc::new(Group::new(leader.ok_or(io::ErrorKind::InvalidData)?));
        let link = match &state.guest {
            None => {
                let (to, from) = ipc::split::<ToWorker, FromWorker>(copy(state.socket)?)?;
                (pieces.to, pieces.from) = (Some(to), Some(from.resume(state.bytes.clone())));
                let parcel = |(message, places): &(ToWorker, Vec<usize>)| {
                    let fds = places.iter().map(|place| copy(*place)).collect::<io::Result<Vec<_>>>()?;
                    io::Result::<Parcel>::Ok((message.clone(), fds))
                };
                pieces.messages = state.messages.iter().map(parcel).collect::<io::Result<_>>()?;
                Link::Worker(super::super::outbox::outbox().0, group)
            }
            Some(guest) => {
                if let Some((place, name)) = &guest.notify {
                    pieces.notify = Some(NotifySocket::restore(copy(*place)?, name.clone())?);
                }
                if let Some((place, rest, close)) = &guest.stdin {
                    let to = pipe::Sender::from_owned_fd(copy(*place)?)?;
                    pieces.stdin = Some(Feed { to, rest: rest.clone(), close: *close });
                }
                let socket = StdStream::from(copy(state.socket)?);
                socket.set_nonblocking(true)?;
                let socket = Rc::new(UnixStream::from_std(socket)?);
                Link::Keeper(Keeper { socket, group, was_asked_to_end: Cell::new(guest.was_asked_to_end) })
            }
        };
        let source = Arc::new(Source::new(ProcessId(state.key), worker, index, state.pid));
        let mut process = Process::restore(source, link, state.cgroup.clone().map(Leaf::restore));
        (process.counters, process.publications) = (state.counters.clone(), state.publications.clone());
        process.lines.keep(state.stderr.iter().map(String::as_str));
        if let Some(guest) = &state.guest {
            process.status.clone_from(&guest.status);
        }
        Ok((process, pieces))
    }
}

/// What was known of a process.
fn process_before(state: &ProcessState, worked: bool, watched: bool) -> ProcessBefore {
    ProcessBefore {
        id: ProcessId(state.key),
        spawned: past(state.age_ms),
        ready: state.ready_ms.map(past),
        generation: state.generation,
        listening: state.listening.clone(),
        is_full: state.is_full,
        worked,
        watched,
        leaves_by: state.left_ms.map(|ms| Instant::now() + Duration::from_millis(ms)),
        sessions_stay: state.sessions_stay,
        reason: state.reason.clone(),
    }
}

/// A worker that is no longer in the configuration.
fn former_worker(state: &WorkerState, workers: &[Worker]) -> Result<Worker, TakeoverError> {
    let launch = workers.first().map(|worker| worker.launch.clone());
    let mut common = WorkerCommon::default();
    common.stop.kill_timeout = Duration::from_millis(state.kill_ms);
    let gone = Gone { id: state.id.clone(), kind: state.kind.clone(), common };
    let launch = launch.unwrap_or_else(super::super::setup::no_launch);
    Ok(Worker::new(Work::Gone(Box::new(gone)), launch, 0))
}

/// What a worker was is not understood, to be called with the reason.
fn of_worker(id: &str) -> impl FnOnce(serde_json::Error) -> TakeoverError + use<> {
    let worker = id.to_owned();
    |source| TakeoverError::Worker { worker, source }
}

fn past(ms: u64) -> Instant {
    let now = Instant::now();
    now.checked_sub(Duration::from_millis(ms)).unwrap_or(now)
}

impl Supervisor {
    /// Attends to the processes there are.
    fn move_in(&mut self, people: People) {
        let mut frozen = HashMap::new();
        for (process, pieces) in people {
            let id = process.source.key;
            self.processes.insert(id, process);
            frozen.insert(id, pieces);
        }
        self.thaw(frozen);
    }
}
