//! Faults that the simulation has found, each as the shortest course of events that shows it.

#![expect(clippy::disallowed_methods, reason = "a test needs some instant to begin with")]

use jackfield_fleet::{
    CallerId, Command, Effect, Endpoint, Event, Fleet, Kind, Links, Listener, News, Plan, PlannedWorker,
    ProcessId, Rules, Settings, Spec, Tell,
};
use jackfield_shared::config::RestartPolicy;
use jackfield_shared::status::Exit;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

const CALLER: Option<CallerId> = Some(CallerId(1));

fn spec(id: &str, kind: Kind) -> Spec {
    Spec {
        id: id.to_owned(),
        kind,
        processes: 1,
        rules: Rules {
            policy: RestartPolicy::Always,
            max_restarts: 5,
            period: Duration::from_secs(10),
            first: Duration::from_millis(100),
            longest: Duration::from_secs(2),
        },
        drain_timeout: Duration::from_secs(5),
        kill_timeout: Duration::from_secs(1),
        ready_timeout: Duration::from_secs(60),
        watchdog: Duration::from_secs(9),
        realm_processes: 0,
        realm_watchdog: Duration::ZERO,
        links: Links::default(),
        can_overlap: kind != Kind::Guest,
        ready_by_running: false,
        endpoints: Vec::new(),
    }
}

fn listening(id: &str, inode: u64, connects: &[&str]) -> Spec {
    let local = format!("tcp:{inode}");
    let links = Links {
        after: Vec::new(),
        listens: [local.clone()].into(),
        connects: connects.iter().map(|&address| address.to_owned()).collect(),
    };
    let sockets = vec![Listener { inode, owner: None }];
    let endpoint =
        Endpoint { transport: local.clone(), address: local.clone(), local, closable: true, sockets };
    Spec { links, endpoints: vec![endpoint], ..spec(id, Kind::Native) }
}

fn exit() -> Exit {
    Exit {
        code: Some(0),
        signal: None,
        oom: false,
        at: 0.0,
        uptime_s: 0.0,
        peak_rss_bytes: 0,
        stderr: Vec::new(),
    }
}

/// A fleet whose processes are spawned as it wants.
struct Node {
    fleet: Fleet,
    now: Instant,
    /// What it wanted.
    effects: Vec<Effect>,
}

impl Node {
    /// Runs these workers; their processes are ready.
    fn of(specs: Vec<Spec>) -> Self {
        let now = Instant::now();
        let fleet = Fleet::new(now, Settings { parallel_starts: 2, seed: 1 }, specs, Vec::new());
        let mut node = Self { fleet, now, effects: Vec::new() };
        node.tell(Event::Begin);
        node.all_ready();
        node
    }

    fn tell(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            for effect in self.fleet.step(self.now, event) {
                if let Effect::Spawn { process, .. } = effect {
                    events.push(Event::Spawned { process, listening: BTreeSet::new(), endpoints: None });
                }
                self.effects.push(effect);
            }
        }
    }

    fn spawned(&self) -> Vec<ProcessId> {
        let spawned = |effect: &Effect| match effect {
            Effect::Spawn { process, .. } => Some(*process),
            _ => None,
        };
        self.effects.iter().filter_map(spawned).collect()
    }

    fn all_ready(&mut self) {
        for process in self.spawned() {
            self.tell(Event::Said(process, News::Ready));
        }
    }

    fn drained(&self) -> Vec<ProcessId> {
        let drained = |effect: &Effect| match effect {
            Effect::Tell(process, Tell::Drain { .. }) => Some(*process),
            _ => None,
        };
        self.effects.iter().filter_map(drained).collect()
    }

    fn ends(&mut self, process: ProcessId) {
        self.tell(Event::Exited(process, exit()));
    }

    fn answers(&self) -> Vec<&Result<(), String>> {
        fn answer(effect: &Effect) -> Option<&Result<(), String>> {
            match effect {
                Effect::Reply(_, result) => Some(result),
                _ => None,
            }
        }
        self.effects.iter().filter_map(answer).collect()
    }
}

#[test]
fn a_worker_of_a_reload_that_was_given_up_is_not_waited_for_when_the_node_stops() {
    let mut node = Node::of(vec![listening("back", 1, &[]), listening("front", 2, &["tcp:1"])]);
    node.tell(Event::Called(None, Command::Reload(None)));
    let kept = node.fleet.find("back").unwrap();
    let keys = [node.fleet.new_worker_key(), node.fleet.new_worker_key()];
    // The guest must wait for its predecessor, the front for nobody.
    let workers = vec![
        PlannedWorker { key: kept, spec: listening("back", 1, &[]) },
        PlannedWorker { key: keys[0], spec: listening("front", 2, &["tcp:1"]) },
        PlannedWorker { key: keys[1], spec: spec("tor", Kind::Publisher) },
    ];
    node.tell(Event::Planned(Plan::Reload { workers, shutdown: Vec::new() }));
    node.tell(Event::Called(None, Command::StopNode(None)));
    // Each that is told to drain ends; then others are told.
    let mut ended = 0;
    while let Some(&process) = node.drained().get(ended) {
        ended += 1;
        node.ends(process);
    }
    assert!(node.fleet.farewell().is_some());
}

#[test]
fn who_is_connected_to_accepts_until_it_drains_itself() {
    let mut node = Node::of(vec![listening("front", 2, &["tcp:1"]), listening("back", 1, &[])]);
    let [front, back] = node.spawned()[..] else { panic!("two processes") };
    node.tell(Event::Called(None, Command::StopNode(None)));
    assert_eq!(node.drained(), [front]);
    let is_unlisten = |effect: &Effect| matches!(effect, Effect::Tell(_, Tell::Unlisten(_)));
    assert!(!node.effects.iter().any(is_unlisten));
    node.ends(front);
    assert_eq!(node.drained(), [front, back]);
}

#[test]
fn a_restart_goes_on_with_the_successor_that_is_on_its_way() {
    let mut node = Node::of(vec![listening("one", 1, &[])]);
    let first = node.spawned()[0];
    node.tell(Event::Said(first, News::Outdated("its files are others".into())));
    node.tell(Event::Called(CALLER, Command::Restart(vec!["one".into()])));
    assert_eq!(node.spawned().len(), 2);
    node.all_ready();
    assert_eq!(node.drained(), [first]);
    node.ends(first);
    assert_eq!(node.answers(), [&Ok(())]);
    assert_eq!(node.fleet.process_count(), 1);
}

#[test]
fn who_starts_a_guest_that_is_being_restarted_does_not_hold_up_the_restart() {
    let mut node = Node::of(vec![spec("guest", Kind::Guest)]);
    let first = node.spawned()[0];
    node.tell(Event::Called(CALLER, Command::Restart(vec!["guest".into()])));
    node.tell(Event::Called(None, Command::Start(vec!["guest".into()])));
    node.ends(first);
    node.all_ready();
    assert_eq!(node.answers(), [&Ok(())]);
}

#[test]
fn what_did_not_reach_a_process_is_told_again() {
    let mut node = Node::of(vec![Spec { processes: 2, ..listening("one", 1, &[]) }]);
    let first = node.spawned()[0];
    let lost = jackfield_fleet::Order::Listen(vec![1]);
    node.tell(Event::Undelivered(first, lost));
    node.effects.clear();
    node.now = node.fleet.next_timer().unwrap();
    node.tell(Event::Tick);
    let is_listen = |effect: &Effect| matches!(effect, Effect::Tell(_, Tell::Listen(_)));
    assert!(node.effects.iter().any(is_listen), "{:?}", node.effects);
}

#[test]
fn workers_that_are_stopped_already_are_not_waited_for_one_after_the_other() {
    let mut node = Node::of(vec![
        listening("front", 3, &["tcp:2"]),
        listening("app", 2, &["tcp:1"]),
        listening("store", 1, &[]),
    ]);
    node.tell(Event::Called(CALLER, Command::Stop(Vec::new())));
    for process in node.drained() {
        node.ends(process);
    }
    assert_eq!(node.fleet.process_count(), 0);
    node.tell(Event::Called(None, Command::StopNode(None)));
    assert!(node.fleet.farewell().is_some());
}

#[test]
fn the_addresses_of_a_program_that_is_restarted_stay_open_meanwhile() {
    let alone = Spec { kind: Kind::Guest, can_overlap: false, ..listening("one", 1, &[]) };
    let mut node = Node::of(vec![alone]);
    let first = node.spawned()[0];
    node.tell(Event::Called(CALLER, Command::Restart(vec!["one".into()])));
    node.ends(first);
    node.all_ready();
    assert_eq!(node.answers(), [&Ok(())]);
    assert!(!node.effects.iter().any(|effect| matches!(effect, Effect::Close(..))));
}

#[test]
fn who_ends_by_itself_while_the_node_stops_is_not_started_again() {
    let mut node = Node::of(vec![listening("front", 2, &["tcp:1"]), listening("back", 1, &[])]);
    let [front, back] = node.spawned()[..] else { panic!("two processes") };
    node.tell(Event::Called(None, Command::StopNode(None)));
    node.ends(back);
    node.ends(front);
    assert_eq!(node.spawned().len(), 2);
    assert!(node.fleet.farewell().is_some());
}

#[test]
fn more_haste_is_made_with_those_that_drain_already() {
    let mut node = Node::of(vec![listening("front", 2, &["tcp:1"]), listening("back", 1, &[])]);
    let front = node.spawned()[0];
    node.tell(Event::Called(None, Command::StopNode(None)));
    node.tell(Event::Called(None, Command::StopNode(Some(Duration::from_secs(1)))));
    assert_eq!(node.drained(), [front, front]);
}

#[test]
fn a_worker_that_is_stopped_before_its_turn_does_not_start() {
    let after = Links { after: vec!["first".into()], ..Links::default() };
    let specs = vec![spec("first", Kind::Native), Spec { links: after, ..spec("second", Kind::Native) }];
    let now = Instant::now();
    let fleet = Fleet::new(now, Settings { parallel_starts: 2, seed: 1 }, specs, Vec::new());
    let mut node = Node { fleet, now, effects: Vec::new() };
    node.tell(Event::Begin);
    node.tell(Event::Called(CALLER, Command::Stop(vec!["second".into()])));
    node.all_ready();
    assert_eq!(node.spawned().len(), 1);
}

#[test]
fn who_was_told_to_accept_has_the_time_again_from_then_on() {
    let mut node = Node::of(vec![listening("one", 1, &[])]);
    node.tell(Event::Called(None, Command::Reload(Some(Duration::from_secs(600)))));
    let keys = [node.fleet.new_worker_key(), node.fleet.new_worker_key()];
    let workers = vec![
        PlannedWorker { key: keys[0], spec: listening("one", 1, &[]) },
        PlannedWorker { key: keys[1], spec: listening("late", 2, &[]) },
    ];
    node.tell(Event::Planned(Plan::Reload { workers, shutdown: Vec::new() }));
    let [_, one, late] = node.spawned()[..] else { panic!("three processes") };
    node.tell(Event::Said(one, News::Prepared));
    node.now += Duration::from_secs(59);
    node.tell(Event::Said(late, News::Prepared));
    node.now += Duration::from_secs(2);
    node.tell(Event::Tick);
    assert!(!node.effects.iter().any(|effect| matches!(effect, Effect::Kill(_))));
    node.now += Duration::from_secs(60);
    node.tell(Event::Tick);
    let killed = |effect: &&Effect| matches!(effect, Effect::Kill(id) if [one, late].contains(id));
    assert_eq!(node.effects.iter().filter(killed).count(), 2);
}
