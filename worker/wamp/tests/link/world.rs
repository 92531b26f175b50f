//! Processes, links and clients.

use crate::client::Client;
use jackfield_wamp::link::{Connection, Edge, Hub};
use jackfield_wamp::realm::{
    Access, Allow, ClientFeatures, Config, Disclose, Effect, Kept, Realm, Role, Rule, Store,
};
use jackfield_wamp::uri::Match;
use jackfield_wamp::{Id, Ids, Now};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub(crate) const TOPICS: [&str; 3] = ["com.a", "com.b", "com.c"];
pub(crate) const PROCEDURES: [&str; 3] = ["com.single", "com.shared", "com.other"];
pub(crate) const REALM: &str = "realm1";
/// The topic whose history is kept, and how many events of it.
pub(crate) const HISTORY: &str = "com.b";
pub(crate) const MOST: u64 = 1000;
/// Added to the id of a session: the publisher of its testament.
pub(crate) const LATE: Id = 1 << 60;

/// A process with clients, and what is in its link.
pub(crate) struct Process {
    pub(crate) edge: Edge,
    /// The link's name at the hub; none: the edge has not connected.
    link: Option<Connection>,
    up: Vec<u8>,
    down: Vec<u8>,
    /// The hub at the other end has died.
    torn: bool,
    /// Which hub is at the other end, or was the last time.
    hub: u64,
}

/// A publication: who, to what, and whether its edge has died since.
pub(crate) struct Publication {
    pub(crate) publisher: Id,
    pub(crate) topic: &'static str,
    pub(crate) edge: u64,
    /// When it was published, by the count of moments; nothing: it is a testament of a session that is there.
    pub(crate) at: Option<u64>,
    pub(crate) retained: bool,
}

/// What became of a call.
#[derive(Default)]
pub(crate) struct Call {
    pub(crate) caller: Id,
    pub(crate) delivered: u32,
    pub(crate) answer: Option<Result<(), String>>,
    /// A callee was registered before and until the end.
    pub(crate) procedure: &'static str,
    /// It was cancelled so that the callee is not told.
    pub(crate) skipped: bool,
    /// It was cancelled so that the callee answers.
    pub(crate) killed: bool,
    /// Its caller did not want it any longer while its edge had no hub: which hubs may have delivered it before, at most.
    pub(crate) withdrawn: Option<u64>,
}

/// The number of an edge that is told late, in some schedules; it is none of those that keep something for the hub.
const LATE_EDGE: u64 = 1;

pub(crate) struct World {
    pub(crate) random: Ids,
    pub(crate) verbose: bool,
    pub(crate) now: Now,
    pub(crate) hub: Option<Hub>,
    pub(crate) processes: BTreeMap<u64, Process>,
    last_edge: u64,
    pub(crate) clients: BTreeMap<Id, Client>,
    pub(crate) publications: Vec<Publication>,
    pub(crate) calls: Vec<Call>,
    /// Counts what happens, so that it is known what came before what.
    moments: u64,
    pub(crate) dead_edges: BTreeSet<u64>,
    /// Sessions that have gone: which, and whether that was known to be settled that they were there.
    pub(crate) gone: Vec<(Id, bool)>,
    /// Those that have gone by themselves, not with their edge.
    pub(crate) left: BTreeSet<Id>,
    /// The last hub whose realm was looked at when it had taken it over.
    pub(crate) looked_at: u64,
    /// Whether another edge may die, since everything is kept by two again.
    is_spread: bool,
    /// The only edge there was has died: what it kept is lost if a hub dies before there is another one.
    pub(crate) was_alone: bool,
    pub(crate) events: u64,
    pub(crate) results: u64,
    /// Results that came too late.
    pub(crate) late: u64,
    pub(crate) takeovers: u64,
    pub(crate) realm: Realm,
    pub(crate) queues: bool,
    deaths: bool,
    /// Whether all is about the retained event of one topic, and one edge is told late.
    pub(crate) retains: bool,
}

fn config(queues: bool) -> Config {
    let mut config = Config::new(REALM);
    let rule = Rule {
        uri: String::new(),
        policy: Match::Prefix,
        allow: Allow::ALL,
        disclose: Disclose { caller: true, publisher: true },
    };
    config.roles = vec![Role { name: "user".to_owned(), access: Access::Static(vec![rule]) }];
    let history = Kept { uri: HISTORY.to_owned(), policy: Match::Exact, limit: Some(MOST as usize) };
    let limit = if queues { 50 } else { 0 };
    config.store = Some(Store { limit, event_history: vec![history], call_queues: Vec::new() });
    config
}

pub(crate) const FEATURES: ClientFeatures = ClientFeatures { callee_timeout: false, ..ClientFeatures::ALL };

impl World {
    pub(crate) fn new(seed: u64, verbose: bool) -> Self {
        let mut random = Ids::seeded(seed);
        let queues = random.below(2) == 0;
        let deaths = random.below(3) == 0;
        let retains = !deaths && random.below(3) == 0;
        let mut world = Self {
            verbose,
            now: Now { clock: Duration::from_secs(1), wall: Duration::from_secs(1_800_000_000) },
            hub: None,
            processes: BTreeMap::new(),
            last_edge: 0,
            clients: BTreeMap::new(),
            publications: Vec::new(),
            calls: Vec::new(),
            moments: 0,
            dead_edges: BTreeSet::new(),
            gone: Vec::new(),
            left: BTreeSet::new(),
            looked_at: 0,
            is_spread: false,
            was_alone: false,
            events: 0,
            results: 0,
            late: 0,
            takeovers: 0,
            realm: Realm::new(config(queues), Ids::seeded(7)),
            queues,
            deaths,
            retains,
            random,
        };
        let most = world.random.below(3);
        for _ in 0..=if retains { 3 } else { most } {
            world.start_edge();
        }
        world.start_hub();
        world
    }

    pub(crate) fn say(&self, text: impl FnOnce() -> String) {
        if self.verbose {
            println!("{}", text());
        }
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.random.below(100) < percent
    }

    pub(crate) const fn moment(&mut self) -> u64 {
        self.moments += 1;
        self.moments
    }

    pub(crate) fn is_told_late(&self, number: u64) -> bool {
        self.retains && number == LATE_EDGE
    }

    fn start_edge(&mut self) {
        self.last_edge += 1;
        let edge = Edge::new(self.last_edge, Ids::seeded(self.random.random()));
        let process = Process { edge, link: None, up: Vec::new(), down: Vec::new(), torn: false, hub: 0 };
        self.processes.insert(self.last_edge, process);
    }

    fn start_hub(&mut self) {
        self.takeovers += 1;
        let realm = Realm::new(config(self.queues), Ids::seeded(self.random.random()));
        let mut hub = Hub::new(vec![realm], Ids::seeded(self.random.random()));
        hub.take_over(self.now, self.processes.keys().copied(), Duration::from_secs(2));
        self.say(|| "a hub starts".to_owned());
        self.hub = Some(hub);
    }

    fn kill_hub(&mut self) {
        if self.hub.take().is_none() {
            return;
        }
        self.say(|| "the hub dies".to_owned());
        for process in self.processes.values_mut() {
            process.torn = process.link.is_some();
            process.up.clear();
        }
    }

    fn kill_edge(&mut self, number: u64) {
        // Nothing outlives two edges that keep it, if both die before it is given to others.
        if !std::mem::take(&mut self.is_spread) {
            return;
        }
        if !self.processes.contains_key(&number) {
            return;
        }
        self.say(|| format!("edge {number} dies"));
        self.was_alone |= self.processes.len() == 1;
        self.dead_edges.insert(number);
        let own: Vec<_> = self.clients.iter().filter(|(_, c)| c.edge == number).map(|(id, _)| *id).collect();
        for id in own {
            if let Some(client) = self.clients.remove(&id) {
                self.has_gone(id, &client);
            }
        }
        self.remove_edge(number);
        self.start_edge();
    }

    fn remove_edge(&mut self, number: u64) {
        let Some(process) = self.processes.remove(&number) else { return };
        let edges: Vec<_> = self.processes.keys().copied().collect();
        if let Some(hub) = &mut self.hub {
            // What is in the socket is read before its end.
            if let Some(link) = process.link.filter(|_| !process.torn) {
                hub.received(self.now, link, &process.up).unwrap();
                hub.closed(self.now, link);
            }
            hub.set_edges(self.now, &edges);
        }
    }

    /// All clients of an edge leave; then, or later, it may end.
    fn empty_edge(&mut self, number: u64) {
        let own: Vec<_> = self.clients.iter().filter(|(_, c)| c.edge == number).map(|(id, _)| *id).collect();
        own.into_iter().for_each(|id| self.leave(id));
        for _ in 0..self.random.below(40) {
            self.transport(number, 1000);
            self.retire_edge(number);
        }
    }

    /// An edge ends as one does that drains: without clients, and with all settled. Nobody loses anything by that.
    fn retire_edge(&mut self, number: u64) {
        let has_clients = self.clients.values().any(|client| client.edge == number);
        let others = self.processes.len() > 1 && !self.retains;
        let Some(process) = self.processes.get(&number).filter(|_| others && !has_clients) else { return };
        if process.edge.unsettled() > 0 || !std::mem::take(&mut self.is_spread) {
            return;
        }
        self.say(|| format!("edge {number} has drained"));
        self.remove_edge(number);
        self.start_edge();
    }

    /// Moves some bytes, or the end of a link.
    pub(crate) fn transport(&mut self, number: u64, most: usize) {
        let piece =
            |random: &mut Ids, length: usize| if length <= most { length } else { 1 + random.below(most) };
        let is_late = self.is_told_late(number) && most < usize::MAX;
        let Some(process) = self.processes.get_mut(&number) else { return };
        let mut effects = Vec::new();
        if process.torn {
            process.edge.received(&std::mem::take(&mut process.down), &mut effects).unwrap();
            let hub = process.hub;
            self.carry_out(number, Some(hub), effects);
            return self.disconnected(number);
        }
        let Some(hub) = &mut self.hub else { return };
        let Some(link) = process.link else {
            (process.link, process.hub) = (Some(hub.connected()), self.takeovers);
            return process.edge.connected(self.now);
        };
        match self.random.below(4) {
            0 => {
                let count = piece(&mut self.random, process.edge.output().len());
                process.up.extend(process.edge.output().drain(..count));
            }
            1 => {
                let count = piece(&mut self.random, process.up.len());
                let bytes: Vec<_> = process.up.drain(..count).collect();
                hub.received(self.now, link, &bytes).unwrap();
                self.check_taken_over();
                return;
            }
            2 if is_late && self.random.below(10) > 0 => {}
            2 => {
                let output = hub.output(link).unwrap();
                let count = piece(&mut self.random, output.len());
                process.down.extend(output.drain(..count));
                hub.written(link, count);
                hub.acknowledge();
            }
            _ => {
                let count = piece(&mut self.random, process.down.len());
                let bytes: Vec<_> = process.down.drain(..count).collect();
                process.edge.received(&bytes, &mut effects).unwrap();
            }
        }
        let hub = process.hub;
        let is_settled = process.edge.unsettled() == 0;
        self.carry_out(number, Some(hub), effects);
        if is_settled {
            self.clients.values_mut().filter(|c| c.edge == number).for_each(|c| c.is_settled = true);
        }
        self.is_spread |= self.hub.as_ref().is_some_and(Hub::is_spread);
    }

    fn disconnected(&mut self, number: u64) {
        let Some(process) = self.processes.get_mut(&number) else { return };
        (process.link, process.torn) = (None, false);
        let mut effects = Vec::new();
        process.edge.disconnected(&mut effects);
        self.carry_out(number, None, effects);
    }

    /// Does what is due by now.
    fn expire(&mut self) {
        if let Some(hub) = &mut self.hub {
            hub.expire(self.now);
        }
        for number in self.processes.keys().copied().collect::<Vec<_>>() {
            let mut effects = Vec::new();
            let Some(process) = self.processes.get_mut(&number) else { continue };
            process.edge.expire(self.now, &mut effects);
            let due = process.edge.next_expiry().is_some_and(|next| next <= self.now.clock);
            assert!(!due, "edge {number} does not do what is due");
            self.carry_out(number, None, effects);
        }
    }

    /// A call is not wanted any longer: if its edge has no hub, none that is told later may deliver it.
    pub(crate) fn withdrawn(&mut self, edge: u64, call: u64) {
        let process = &self.processes[&edge];
        if process.edge.is_away() {
            let told = process.link.is_some() || self.hub.is_none();
            let last = if told { self.takeovers } else { self.takeovers - 1 };
            self.calls[call as usize].withdrawn.get_or_insert(last);
        }
    }

    pub(crate) fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            self.now.clock += Duration::from_millis(1);
            self.expire();
            let numbers: Vec<_> = self.processes.keys().copied().collect();
            let number = numbers[self.random.below(numbers.len())];
            match self.random.below(100) {
                0..2 => self.kill_hub(),
                2..10 if self.hub.is_none() => self.start_hub(),
                10 if self.deaths => {
                    // Often together with the hub.
                    if self.chance(50) {
                        self.kill_hub();
                    }
                    self.kill_edge(number);
                }
                10 if !self.deaths => self.empty_edge(number),
                11..40 => self.act(number),
                40..42 if self.retains => self.die_while_one_is_late(),
                _ => self.transport(number, 300),
            }
        }
        self.quiet();
        self.check();
        self.check_lasting();
    }

    /// The hub dies when all has arrived but at the edge that is told late.
    fn die_while_one_is_late(&mut self) {
        for _ in 0..40 {
            for number in self.processes.keys().copied().collect::<Vec<_>>() {
                self.transport(number, 1000);
            }
        }
        self.kill_hub();
    }

    /// Lets everything that is under way arrive.
    fn quiet(&mut self) {
        if self.hub.is_none() {
            self.start_hub();
        }
        self.settle();
        self.check_interrupts();
        for _ in 0..50 {
            for id in self.clients.keys().copied().collect::<Vec<_>>() {
                while self.answer(id) {}
            }
            self.settle();
            let next = self.hub.as_ref().and_then(Hub::next_expiry);
            let is_idle = self.clients.values().all(|client| client.invocations.is_empty());
            if let Some(next) = next.filter(|_| is_idle) {
                self.now.clock = self.now.clock.max(next);
            }
            self.expire();
        }
    }

    /// Moves all bytes, until there are none.
    pub(crate) fn settle(&mut self) {
        for _ in 0..400 {
            for number in self.processes.keys().copied().collect::<Vec<_>>() {
                self.transport(number, usize::MAX);
            }
            if self.is_still() {
                return;
            }
        }
    }

    fn is_still(&mut self) -> bool {
        let Some(hub) = &mut self.hub else { return false };
        self.processes.values_mut().all(|process| {
            let Some(link) = process.link.filter(|_| !process.torn) else { return false };
            let is_sent = hub.output(link).is_none_or(|output| output.is_empty());
            let is_taken = process.up.is_empty() && process.down.is_empty();
            is_sent && is_taken && process.edge.output().is_empty() && process.edge.unsettled() == 0
        })
    }

    /// `hub`: where they come from; nothing: from the edge itself.
    pub(crate) fn carry_out(&mut self, number: u64, hub: Option<u64>, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send { to, message } => self.got(number, hub, to, message.message()),
                Effect::Fan { to, message } => {
                    for to in to {
                        self.got(number, hub, to, message.message());
                    }
                }
                Effect::Late(_) => self.late += 1,
                other => panic!("{other:?}"),
            }
        }
    }
}
