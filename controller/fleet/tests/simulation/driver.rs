//! Doing what the fleet wants, as well as such a world does it.

use crate::configuration::{below, chance};
use crate::process::{Happening, How, Simulated};
use crate::world::World;
use jackfield_fleet::{Effect, Endpoint, Event, Inode, Kind, News, Order, ProcessId, Tell, WorkerKey};
use jackfield_shared::ipc::Part;
use std::collections::BTreeSet;

impl World {
    /// Does one thing; returns what the fleet is to be told of it.
    pub(crate) fn carry_out(&mut self, effect: Effect) -> Result<Vec<Event>, String> {
        match effect {
            Effect::Spawn { process, worker, slot, hold, part } => {
                let edges = self.edges_at_start(process, (worker, slot), &part)?;
                let number = if let Part::Realm { number, .. } = part { Some(number) } else { None };
                return self.spawn(process, worker, slot, (hold, edges, number));
            }
            Effect::Tell(id, Tell::Unlisten(_)) if self.fleet.is_stopping() && self.is_closed => {
                return Err(format!("{id:?} is to accept no longer, though it was not told to drain"));
            }
            Effect::Tell(id, what) => {
                if let Tell::Drain { .. } = what {
                    self.edges_end_first(id)?;
                }
                return Ok(self.tell(id, what));
            }
            Effect::Terminate(id) => {
                let is_heard =
                    self.processes.get(&id).is_some_and(|p| !p.is_stubborn && p.hangs_since.is_none());
                if is_heard {
                    let ms = below(&mut self.random, 900);
                    self.in_ms(ms, Happening::Ends(id, How::Terminated));
                }
            }
            Effect::Kill(id) => {
                if let Some(process) = self.processes.get_mut(&id) {
                    process.is_doomed = true;
                    let ms = below(&mut self.random, 5);
                    self.in_ms(ms, Happening::Ends(id, How::Killed));
                }
            }
            Effect::Close(key, transport) => {
                let endpoints = self.bound.entry(key).or_default();
                endpoints.iter_mut().filter(|e| e.transport == transport).for_each(|e| e.sockets.clear());
            }
            Effect::CloseAll(key) => self.bound.entry(key).or_default().clear(),
            Effect::CloseNode => {
                self.bound.values_mut().for_each(Vec::clear);
                self.is_closed = true;
            }
            Effect::Exchange(key, one, other) => self.exchange(key, one, other),
            Effect::Read => {
                self.hangups = 0;
                let ms = below(&mut self.random, 300);
                self.in_ms(ms, Happening::Read);
            }
            Effect::Resize(key, processes) => return Ok(vec![self.resize(key, processes)]),
            Effect::Commit => self.commit()?,
            Effect::Undo => self.undo()?,
            Effect::Remove { worker, .. } => {
                if self.processes.values().any(|process| process.worker == worker) {
                    return Err("a worker is forgotten that has processes".into());
                }
                self.bound.remove(&worker);
            }
            Effect::Try => {
                let ms = below(&mut self.random, 300);
                self.in_ms(ms, Happening::Tried);
            }
            Effect::HandOver => self.handing_over = true,
            Effect::Upgraded(caller, result) => self.answered(caller, result)?,
            Effect::Started(_) => {
                if std::mem::replace(&mut self.has_started, true) {
                    return Err("the start has ended twice".into());
                }
            }
            Effect::Reply(caller, result) => self.answered(Some(caller), result)?,
            Effect::Log(..)
            | Effect::LogOf(..)
            | Effect::Rest(..)
            | Effect::Progress(..)
            | Effect::Replaced(..)
            | Effect::Draining(..) => {}
        }
        Ok(Vec::new())
    }

    fn spawn(
        &mut self,
        id: ProcessId,
        worker: WorkerKey,
        slot: usize,
        (hold, edges, number): (bool, Option<BTreeSet<ProcessId>>, Option<u16>),
    ) -> Result<Vec<Event>, String> {
        self.check_order(worker)?;
        let now = self.now;
        if self.is_closed {
            self.late_spawn = Some(id);
        }
        let spawns = self.spawns.entry((worker, slot)).or_default();
        spawns.push_back(now);
        self.last_spawns.insert((worker, slot), now);
        if self.now < self.no_room_until || chance(&mut self.random, 2) {
            return Ok(vec![Event::NotSpawned(id, "no room".into())]);
        }
        let endpoints = self.open_again(worker)?;
        let kind = self.fleet.worker(worker).ok_or("a worker is started that there is not")?.spec().kind;
        let of_slot = |endpoint: &Endpoint| {
            let is_its =
                move |listener: &&jackfield_fleet::Listener| listener.owner.is_none_or(|o| o == slot);
            endpoint.sockets.iter().filter(is_its).map(|listener| listener.inode).collect::<Vec<_>>()
        };
        let endpoints_of = self.bound.get(&worker).into_iter().flatten().filter(|_| edges.is_none());
        let sockets: BTreeSet<Inode> = endpoints_of.flat_map(of_slot).collect();
        let process = Simulated {
            worker,
            hold: hold && kind == Kind::Native,
            is_prepared: false,
            is_ready: false,
            sockets: sockets.clone(),
            hangs_since: None,
            ends_by: None,
            sessions_stay: false,
            is_stubborn: chance(&mut self.random, 20),
            is_doomed: false,
            is_watched: kind != Kind::Guest,
            edges,
            number,
        };
        self.processes.insert(id, process);
        let (ms, what) = match below(&mut self.random, 100) {
            0..=7 => (below(&mut self.random, 200), Happening::Ends(id, How::Badly)),
            // Never ready.
            8 => (70_000, Happening::Alive(id)),
            9 => (below(&mut self.random, 9000), Happening::Ready(id)),
            _ => (1 + below(&mut self.random, 150), Happening::Ready(id)),
        };
        self.in_ms(ms, what);
        Ok(vec![Event::Spawned { process: id, listening: sockets, endpoints }])
    }

    fn tell(&mut self, id: ProcessId, what: Tell) -> Vec<Event> {
        let order = match &what {
            Tell::Drain { .. } => Some(Order::Drain),
            Tell::Listen(lent) => Some(Order::Listen(lent.iter().map(|lent| lent.inode).collect())),
            Tell::Unlisten(inodes) => Some(Order::Unlisten(inodes.clone())),
            Tell::Edges(_) => Some(Order::Edges),
            Tell::Ping | Tell::Accept => None,
        };
        let is_lost = chance(&mut self.random, 1);
        let now = self.now;
        let Some(process) = self.processes.get_mut(&id) else {
            return order.into_iter().map(|order| Event::Undelivered(id, order)).collect();
        };
        let hangs = process.hangs_since.is_some();
        if let Tell::Drain { time, sessions_stay, .. } = what {
            // It ends in time though the order is lost: SIGTERM follows then.
            process.ends_by = Some(now + time);
            process.sessions_stay = sessions_stay;
        }
        if is_lost && order.is_some() {
            self.undelivered.insert(id, now);
            return order.into_iter().map(|order| Event::Undelivered(id, order)).collect();
        }
        match what {
            Tell::Ping => {
                let ms = 1 + below(&mut self.random, 50);
                self.in_ms(ms, Happening::Alive(id));
            }
            Tell::Accept => {
                process.hold = false;
                let ms = below(&mut self.random, 20);
                self.in_ms(ms, Happening::Ready(id));
            }
            Tell::Drain { time, .. } => {
                let limit = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
                let ms = below(&mut self.random, limit.max(1));
                if !hangs && !chance(&mut self.random, 10) {
                    self.in_ms(ms, Happening::Ends(id, How::Well));
                }
            }
            Tell::Listen(lent) => {
                let inodes: Vec<_> = lent.iter().map(|lent| lent.inode).collect();
                if !hangs && chance(&mut self.random, 3) {
                    return vec![Event::Said(id, News::Declined(inodes))];
                }
                process.sockets.extend(inodes);
            }
            Tell::Unlisten(inodes) => process.sockets.retain(|inode| !inodes.contains(inode)),
            Tell::Edges(edges) => process.edges = Some(edges.into_iter().collect()),
        }
        Vec::new()
    }
}
