//! The node around the fleet: processes, sockets, callers, and a clock of its own.

use crate::Seen;
use crate::configuration::{Configuration, below, bind, chance};
use crate::plan::Pending;
use crate::process::{Happening, Simulated};
use jackfield_fleet::{
    CallerId, Effect, Endpoint, Event, Fleet, News, Planted, ProcessId, Random, Settings, WorkerKey,
};
use jackfield_shared::config::NodeShutdown;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// Events that are told when something goes wrong.
const LAST: usize = 60;
/// Things that are done to the node in a schedule, beside what follows from them.
const ACTIONS: u64 = 60;
/// Most events that follow from one.
const MOST_EVENTS: u64 = 500;
/// How long a node may take to come to rest.
const REST: Duration = Duration::from_secs(900);

/// Every effect, by its name.
pub(crate) const EFFECTS: &[&str] = &[
    "Spawn",
    "Tell(Ping)",
    "Tell(Accept)",
    "Tell(Drain)",
    "Tell(Listen)",
    "Tell(Unlisten)",
    "Tell(Edges)",
    "Terminate",
    "Kill",
    "Close",
    "Rest",
    "CloseAll",
    "CloseNode",
    "Exchange",
    "Read",
    "Resize",
    "Commit",
    "Undo",
    "Remove",
    "Try",
    "HandOver",
    "Upgraded",
    "Started",
    "Log",
    "LogOf",
    "Progress",
    "Replaced",
    "Draining",
    "Reply",
];

/// Every transition between states of a slot.
pub(crate) const TRANSITIONS: &[&str] = &[
    "stopped → starting",
    "backoff → starting",
    "failed → starting",
    "draining → starting",
    "ready → starting",
    "starting → ready",
    "starting → draining",
    "ready → draining",
    "starting → backoff",
    "ready → backoff",
    "starting → failed",
    "ready → failed",
    "starting → stopped",
    "ready → stopped",
    "draining → stopped",
    "backoff → stopped",
    "failed → stopped",
];

/// A command, and what became of it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) what: String,
    pub(crate) answers: Vec<Result<(), String>>,
}

/// The whole of it.
pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) random: Random,
    pub(crate) fleet: Fleet,
    pub(crate) processes: BTreeMap<ProcessId, Simulated>,
    /// What is bound, by workers.
    pub(crate) bound: BTreeMap<WorkerKey, Vec<Endpoint>>,
    /// The configuration in effect.
    pub(crate) configuration: Configuration,
    /// What is planned.
    pub(crate) pending: Option<Pending>,
    pub(crate) next_inode: u64,
    agenda: BTreeMap<(Instant, u64), Happening>,
    next_happening: u64,
    /// Until when no process can be spawned.
    pub(crate) no_room_until: Instant,
    pub(crate) asked: BTreeMap<CallerId, Asked>,
    /// SIGHUPs that were not answered by reading the configuration.
    pub(crate) hangups: u64,
    /// When an order to a process was lost the last time.
    pub(crate) undelivered: BTreeMap<ProcessId, Instant>,
    /// When another image has taken over.
    pub(crate) handed_over_at: Instant,
    /// Whether another image is to take over.
    pub(crate) handing_over: bool,
    /// Whether something was done to the node already.
    pub(crate) has_acted: bool,
    /// Spawns, by slots.
    pub(crate) spawns: BTreeMap<(WorkerKey, usize), VecDeque<Instant>>,
    /// The last spawns, by slots.
    pub(crate) last_spawns: BTreeMap<(WorkerKey, usize), Instant>,
    /// Since when a slot is in a state that it must leave.
    pub(crate) moving_since: BTreeMap<(WorkerKey, usize), (u64, Instant)>,
    pub(crate) states: BTreeMap<(WorkerKey, usize), jackfield_shared::status::State>,
    pub(crate) has_started: bool,
    /// A process that was started after the node had closed its sockets.
    pub(crate) late_spawn: Option<ProcessId>,
    pub(crate) is_closed: bool,
    pub(crate) fault: Option<Planted>,
    pub(crate) seen: Seen,
    pub(crate) seed: u64,
    actions_left: u64,
    last: VecDeque<String>,
    is_shown: bool,
    begun: Instant,
}

impl World {
    pub(crate) fn new(seed: u64, fault: Option<Planted>, is_shown: bool) -> Self {
        let mut random = Random::new(seed ^ 0x5eed_0000_0000_0000);
        let configuration = Configuration::first(&mut random);
        #[expect(clippy::disallowed_methods, reason = "a simulation needs some instant to begin with")]
        let now = Instant::now();
        let mut next_inode = 0;
        let mut specs = Vec::new();
        for worker in &configuration.workers {
            let endpoints =
                worker.addresses.iter().map(|a| bind(a, worker.processes, None, &mut next_inode)).collect();
            specs.push(worker.spec(worker.processes, endpoints));
        }
        let shutdown =
            if chance(&mut random, 10) { vec![NodeShutdown::OnLastWorkerExit] } else { Vec::new() };
        let settings = Settings { parallel_starts: 2, seed };
        let mut fleet = Fleet::new(now, settings, specs, shutdown);
        fleet.plant(fault);
        let bound = fleet.serving().map(|(key, worker)| (key, worker.spec().endpoints.clone())).collect();
        Self {
            now,
            random,
            fleet,
            processes: BTreeMap::new(),
            bound,
            configuration,
            pending: None,
            next_inode,
            agenda: BTreeMap::new(),
            next_happening: 0,
            no_room_until: now,
            asked: BTreeMap::new(),
            hangups: 0,
            undelivered: BTreeMap::new(),
            handed_over_at: now,
            handing_over: false,
            has_acted: false,
            spawns: BTreeMap::new(),
            last_spawns: BTreeMap::new(),
            moving_since: BTreeMap::new(),
            states: BTreeMap::new(),
            has_started: false,
            late_spawn: None,
            is_closed: false,
            fault,
            seen: Seen::from([("schedule".to_owned(), 1)]),
            seed,
            actions_left: ACTIONS,
            last: VecDeque::new(),
            is_shown,
            begun: now,
        }
    }

    /// The last things that happened.
    pub(crate) fn last_words(&self) -> String {
        self.last.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn note(&mut self, text: impl FnOnce() -> String) {
        let at = self.now.duration_since(self.begun).as_secs_f64();
        let text = format!("{at:9.3} {}", text());
        if self.is_shown {
            println!("{text}");
        }
        if self.last.len() == LAST {
            self.last.pop_front();
        }
        self.last.push_back(text);
    }

    pub(crate) fn count(&mut self, what: impl Into<String>) {
        *self.seen.entry(what.into()).or_default() += 1;
    }

    /// Runs the whole schedule: the node starts, much is done to it, it comes to rest, and stops.
    pub(crate) fn run(&mut self) -> Result<(), String> {
        self.feed(Event::Begin)?;
        self.plan_action();
        while self.actions_left > 0 && self.fleet.farewell().is_none() {
            self.go_on()?;
        }
        self.no_room_until = self.now;
        let rest_by = self.now + REST;
        while self.now < rest_by && self.fleet.farewell().is_none() && !self.is_at_rest() {
            self.go_on()?;
        }
        self.check_rest()?;
        if !self.fleet.is_stopping() {
            self.stop_node(None)?;
        }
        let end_by = self.now + REST;
        while self.fleet.farewell().is_none() {
            if self.now > end_by {
                return Err(format!("the node has not ended {REST:?} after it was to stop"));
            }
            self.go_on()?;
        }
        self.check_end()
    }

    /// Lets the next thing happen, whatever it is.
    fn go_on(&mut self) -> Result<(), String> {
        let agenda = self.agenda.first_key_value().map(|((at, _), _)| *at);
        let timer = self.fleet.next_timer();
        let Some(at) = agenda.into_iter().chain(timer).min() else {
            return Err("nothing will ever happen any more".into());
        };
        self.now = self.now.max(at);
        // Sometimes we are late ourselves.
        if chance(&mut self.random, 1) {
            self.now += Duration::from_millis(below(&mut self.random, 400));
        }
        let first = self.agenda.first_entry().filter(|entry| entry.key().0 <= self.now);
        match first.map(|entry| entry.remove()) {
            Some(happening) => self.happen(happening),
            None => self.feed(Event::Tick),
        }
    }

    pub(crate) fn in_ms(&mut self, ms: u64, happening: Happening) {
        let at = self.now + Duration::from_millis(ms);
        self.agenda.insert((at, self.next_happening), happening);
        self.next_happening += 1;
    }

    /// Plans the next thing that is done to the node.
    pub(crate) fn plan_action(&mut self) {
        // Often in quick succession, so that things get in each other's way.
        let most = if chance(&mut self.random, 70) { 300 } else { 15_000 };
        let ms = below(&mut self.random, most);
        self.in_ms(ms, Happening::Action);
    }

    fn happen(&mut self, happening: Happening) -> Result<(), String> {
        match happening {
            Happening::Action => {
                if self.actions_left > 0 {
                    self.actions_left -= 1;
                    self.has_acted = true;
                    self.act()?;
                    self.plan_action();
                }
                Ok(())
            }
            Happening::Ready(id) => {
                let Some(process) = self.processes.get_mut(&id).filter(|p| p.hangs_since.is_none()) else {
                    return Ok(());
                };
                if process.is_doomed || process.ends_by.is_some() {
                    return Ok(());
                }
                let news = if process.hold { News::Prepared } else { News::Ready };
                process.is_prepared = true;
                process.is_ready = !process.hold;
                self.feed(Event::Said(id, news))
            }
            Happening::Alive(id) => {
                let is_alive =
                    self.processes.get(&id).is_some_and(|p| p.hangs_since.is_none() && !p.is_doomed);
                if !is_alive {
                    return Ok(());
                }
                let news = if chance(&mut self.random, 20) { News::Worked } else { News::Alive };
                self.feed(Event::Said(id, news))
            }
            Happening::Ends(id, how) => self.ends(id, how),
            Happening::Read => self.read(),
            Happening::Tried => self.tried(),
        }
    }

    /// Tells the fleet, and does what it wants, until there is nothing more to do.
    pub(crate) fn feed(&mut self, event: Event) -> Result<(), String> {
        let mut queue = VecDeque::from([event]);
        let mut events = 0;
        while let Some(event) = queue.pop_front() {
            self.count("event");
            events += 1;
            if events > MOST_EVENTS {
                return Err(format!("{MOST_EVENTS} events at the same time: there is no end to it"));
            }
            self.note(|| format!("< {event:?}"));
            let effects = self.fleet.step(self.now, event);
            self.watch_states();
            for effect in effects {
                self.note(|| format!("    > {effect:?}"));
                self.count_effect(&effect);
                queue.extend(self.carry_out(effect)?);
            }
            // Not before everything is done that was to be done.
            if queue.is_empty() && std::mem::take(&mut self.handing_over) {
                queue.extend(self.hand_over());
            }
        }
        self.check()
    }

    fn count_effect(&mut self, effect: &Effect) {
        let text = format!("{effect:?}");
        let end = text.find(['(', ' ']).unwrap_or(text.len());
        let name = match effect {
            Effect::Tell(_, what) => {
                let what = format!("{what:?}");
                format!("Tell({})", &what[..what.find(['(', ' ']).unwrap_or(what.len())])
            }
            _ => text[..end].to_owned(),
        };
        self.count(name);
    }
}
