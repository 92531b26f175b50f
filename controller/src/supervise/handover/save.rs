//! From the supervisor to what the next image is told.

use super::super::process::{Link, Process};
use super::super::{Service, Supervisor};
use super::collect::{Frozen, Pieces};
use super::links;
use crate::node::ConfigurationState;
use crate::sockets::{Bound, Local};
use crate::upgrade::{
    ArtiState, BoundState, CoreLimit, Errand, FORMAT, Fds, GuestState, ImageIdentity, LocalState, NodeState,
    ProcessState, RoleState, SlotState, State, WorkerState,
};
use jackfield_fleet::{Process as Known, Role, Slot, Worker as KnownWorker, WorkerKey};
use jackfield_shared::ipc;
use std::time::Instant;

impl Supervisor {
    /// Everything, but for the descriptors of the node as a whole.
    pub(super) fn save<'a>(
        &'a self,
        frozen: &'a Frozen,
        errand: Errand,
        image: ImageIdentity,
        fds: &mut Fds<'a>,
    ) -> State {
        let configuration = &self.node.configuration;
        let origin = &self.node.origin;
        let workers = self.fleet.serving().map(|worker| (worker, true));
        let former = self.fleet.former().map(|worker| (worker, false));
        let workers: Vec<_> = workers.chain(former).collect();
        State {
            format: FORMAT,
            ipc: ipc::VERSION,
            version: self.node.info.version.clone(),
            errand,
            caller: None,
            wants_reload: self.fleet.wants_reload(),
            image: None,
            stdin: 0,
            lock: 0,
            control: 0,
            node: NodeState {
                id: self.node.info.id.clone(),
                age_ms: ms_since(self.node.started),
                generation: self.fleet.generation(),
                directory: origin.directory.clone(),
                base: origin.base.clone(),
                file: origin.file.clone(),
                run_dir: self.node.held.run_dir.clone(),
                executable: self.node.executable.clone(),
                core_limit: Some(CoreLimit { soft: self.node.machine.core_limit }),
                watches: self.node.watches,
                drained: self.node.drained.clone(),
            },
            configuration: ConfigurationState {
                text: configuration.loaded.text.clone(),
                file: configuration.loaded.file.clone(),
                included: configuration.loaded.included.clone(),
                name: configuration.name.clone(),
                is_builtin: configuration.is_builtin,
                tls: configuration.tls.files.clone(),
                names: Some(configuration.names.clone()),
                exact: exact(&configuration.loaded.node),
            },
            log: self.hub.save(),
            given: self
                .node
                .given
                .iter()
                .flat_map(|given| given.sockets().map(move |socket| (given, socket)))
                .map(|(given, socket)| (given.index, given.name.clone(), fds.put(&**socket)))
                .collect(),
            service: self.service.as_ref().map(Service::save),
            arti: self.workers.values().find_map(|worker| worker.arti.as_deref()).map(|arti| {
                let (listening, place, path, name) = arti.parts();
                let (listening, place) = (fds.put(listening), fds.put(place));
                ArtiState { listening, place, path: path.to_owned(), name }
            }),
            workers: workers
                .into_iter()
                .filter_map(|(worker, serves)| self.worker_state(worker, serves, frozen, image, fds))
                .collect(),
            last_key: self.fleet.next_process(),
        }
    }

    fn worker_state<'a>(
        &'a self,
        (key, known): (WorkerKey, &'a KnownWorker),
        is_serving: bool,
        frozen: &'a Frozen,
        image: ImageIdentity,
        fds: &mut Fds<'a>,
    ) -> Option<WorkerState> {
        let worker = self.workers.get(&key)?;
        let ended = worker.ended();
        let (link, links) = links::save(worker.links.as_deref(), fds);
        Some(WorkerState {
            id: worker.id().to_owned(),
            kind: worker.kind_name().to_owned(),
            is_serving,
            kill_ms: u64::try_from(worker.common().stop.kill_timeout.as_millis()).unwrap_or(u64::MAX),
            scaled: worker.scaled,
            has_arti: worker.arti.is_some(),
            generation: known.generation(),
            ticket_keys: worker.ticket_keys.clone(),
            node_key: worker.node_key.clone(),
            ended: ended.connections.clone(),
            ended_dropped: ended.dropped,
            ended_web: ended.web.clone(),
            ended_backends: ended.backends.clone(),
            exact: exact(&(&worker.work, &worker.launch)),
            bound: worker.bound.iter().map(|bound| bound_state(bound, fds)).collect(),
            link,
            links,
            realm: known.realms().first().copied(),
            realms: known.realms().to_vec(),
            slots: known.slots().iter().map(|slot| self.slot_state(slot, frozen, image, fds)).collect(),
        })
    }

    fn slot_state<'a>(
        &'a self,
        slot: &'a Slot,
        frozen: &'a Frozen,
        image: ImageIdentity,
        fds: &mut Fds<'a>,
    ) -> SlotState {
        let state = |known: &'a Known| {
            let role = match slot.role(known.id()) {
                Some(Role::Successor) => RoleState::Replacement,
                Some(Role::Leaving) => RoleState::Leaving,
                Some(Role::Current) | None => RoleState::Current,
            };
            let process = self.processes.get(&known.id())?;
            Some((role, process_state(process, known, frozen.get(&known.id()), image, fds)))
        };
        SlotState {
            state: slot.state(),
            reason: slot.reason().map(ToOwned::to_owned),
            retired: slot.is_retired(),
            restarts: slot.restarts(),
            last_exit: slot.last_exit().cloned(),
            processes: slot.processes().filter_map(state).collect(),
        }
    }
}

/// What only this image reads, should it be gone back to.
fn exact(value: &impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_default()
}

fn ms_since(past: Instant) -> u64 {
    u64::try_from(past.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn bound_state<'a>(bound: &'a Bound, fds: &mut Fds<'a>) -> BoundState {
    let (own, common) = bound.parts();
    let mut put = |sockets: &'a [std::rc::Rc<crate::sockets::Socket>]| {
        sockets.iter().map(|socket| fds.put(&**socket)).collect::<Vec<_>>()
    };
    BoundState {
        transport: bound.transport.clone(),
        address: bound.address.clone(),
        shared: bound.shared,
        is_chosen: bound.is_chosen(),
        exact: exact(bound.endpoint()),
        onion: bound.onion.clone(),
        local: match bound.local() {
            Local::Tcp(at) => LocalState::Tcp(*at),
            Local::Unix(path) => LocalState::Unix(path.clone()),
        },
        own: put(own),
        common: put(common),
        name: bound.name_in_file_system(),
    }
}

fn process_state<'a>(
    process: &'a Process,
    known: &Known,
    pieces: Option<&'a Pieces>,
    image: ImageIdentity,
    fds: &mut Fds<'a>,
) -> ProcessState {
    let now = Instant::now();
    let (socket, guest) = match &process.link {
        Link::Worker(..) => {
            (pieces.and_then(|pieces| pieces.from.as_ref()).map_or(0, |from| fds.put(from)), None)
        }
        Link::Keeper(keeper) => {
            let notify = pieces.and_then(|pieces| pieces.notify.as_ref());
            let stdin = pieces.and_then(|pieces| pieces.stdin.as_ref());
            let guest = GuestState {
                was_asked_to_end: keeper.was_asked_to_end.get(),
                status: process.status.clone(),
                is_watched: known.is_watched(),
                notify: notify.map(|notify| (fds.put(notify), notify.name.clone())),
                stdin: stdin.map(|feed| (fds.put(&feed.to), feed.rest.clone(), feed.close)),
            };
            (fds.put(&*keeper.socket), Some(guest))
        }
    };
    let mut output = |lines: Option<&'a crate::logs::Lines<crate::logs::Pipe>>| {
        let (pipe, bytes) = lines?.parts();
        Some((fds.put_fd(pipe.fd()?), bytes.to_vec()))
    };
    let stdout = output(pieces.and_then(|pieces| pieces.stdout.as_ref()));
    let stderr_pipe = output(pieces.and_then(|pieces| pieces.stderr.as_ref()));
    let messages = pieces.map(|pieces| pieces.messages.as_slice()).unwrap_or_default();
    ProcessState {
        key: known.id().0,
        pid: process.source.pid(),
        child: process.group().leader().as_raw_pid().unsigned_abs(),
        age_ms: ms_since(known.spawned()),
        ready_ms: known.ready().map(ms_since),
        generation: known.generation(),
        image: process.image.unwrap_or(image),
        listening: known.listening().clone(),
        is_full: known.is_full(),
        counters: process.counters.clone(),
        publications: process.publications.clone(),
        reason: known.reason().map(ToOwned::to_owned),
        stderr: process.last_lines(),
        left_ms: known
            .leaves_by()
            .map(|by| u64::try_from(by.saturating_duration_since(now).as_millis()).unwrap_or(u64::MAX)),
        sessions_stay: known.sessions_stay(),
        is_reachable: process.is_reachable,
        cgroup: process.cgroup.as_ref().map(|leaf| leaf.path().to_owned()),
        socket,
        bytes: pieces
            .and_then(|pieces| pieces.from.as_ref())
            .map(|from| from.unread().to_vec())
            .unwrap_or_default(),
        messages: messages
            .iter()
            .map(|(message, with)| (message.clone(), with.iter().map(|fd| fds.put(fd)).collect()))
            .collect(),
        stdout,
        stderr_pipe,
        guest,
    }
}
