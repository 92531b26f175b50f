//! `jackfield top`

use super::client;
use super::failure::Failure;
use super::output::{count, print};
use super::status::backends;
use super::table::{Table, bytes, duration};
use crate::node::Directory;
use clap::Args;
use jackfield_shared::status::{Endpoint, Process, Realm, Status};
use std::collections::HashMap;
use std::io::{self, IsTerminal as _};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Shows what processes and endpoints are doing right now, again and again; Ctrl-C ends it
#[derive(Debug, Args)]
pub(super) struct Top {
    /// Seconds between two looks
    #[arg(short, long, value_name = "S", default_value = "1", value_parser = seconds)]
    interval: Duration,
    /// End after so many looks
    #[arg(short = 'n', long, value_name = "N", value_parser = count)]
    count: Option<usize>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.1..=3600.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "expected a number of seconds from 0.1 to 3600".into())
}

impl Top {
    pub(super) fn run(self, directory: &Directory) -> Result<(), Failure> {
        let look = || client::status(directory).map(|status| (Instant::now(), status));
        let (mut before, mut shown) = (look()?, 0);
        while self.count.is_none_or(|count| shown < count) {
            sleep(self.interval);
            let now = look()?;
            let rates = Rates::between(&before.1, &now.1, now.0.duration_since(before.0).as_secs_f64());
            // Home, and away with what is below: a screen that is cleared first would flicker.
            let home = if io::stdout().is_terminal() { "\x1b[H\x1b[J" } else { "" };
            print(&format!("{home}{}", screen(&now.1, &rates)))?;
            before = now;
            shown += 1;
        }
        Ok(())
    }
}

/// What has changed in a second.
struct Rates {
    /// Share of one processor, by process id.
    cpu: HashMap<u32, f64>,
    /// Accepted connections, by worker and transport.
    accepted: HashMap<(String, String), f64>,
    /// Messages of clients and events to them, by worker and realm.
    routed: HashMap<(String, String), [f64; 2]>,
}

impl Rates {
    fn between(before: &Status, now: &Status, seconds: f64) -> Self {
        let seconds = seconds.max(f64::MIN_POSITIVE);
        let cpu = |status: &Status| -> HashMap<u32, f64> {
            let processes = status.workers.iter().flat_map(|worker| &worker.processes);
            processes.filter_map(|process| Some((process.pid?, process.cpu_s))).collect()
        };
        let accepted = |status: &Status| -> HashMap<(String, String), u64> {
            status.endpoints.iter().map(|e| (name(e), e.connections.accepted)).collect()
        };
        let (cpu_before, accepted_before) = (cpu(before), accepted(before));
        let routed = |status: &Status| -> HashMap<(String, String), [u64; 2]> {
            status
                .realms
                .iter()
                .map(|realm| (realm_name(realm), [realm.told.messages, realm.told.events]))
                .collect()
        };
        let routed_before = routed(before);
        let both = |(name, now): ((String, String), [u64; 2])| {
            // Another process counts anew.
            let before = routed_before.get(&name).copied().unwrap_or(now);
            let rate = |index: usize| now[index].saturating_sub(before[index]) as f64 / seconds;
            (name, [rate(0), rate(1)])
        };
        let share = |(pid, now): (u32, f64)| {
            // One that is new has used all of it since.
            let used = now - cpu_before.get(&pid).copied().unwrap_or_default();
            (pid, used.max(0.0) / seconds)
        };
        let rate = |(name, now): ((String, String), u64)| {
            let count = now.saturating_sub(accepted_before.get(&name).copied().unwrap_or(now));
            (name, count as f64 / seconds)
        };
        Self {
            cpu: cpu(now).into_iter().map(share).collect(),
            accepted: accepted(now).into_iter().map(rate).collect(),
            routed: routed(now).into_iter().map(both).collect(),
        }
    }
}

fn name(endpoint: &Endpoint) -> (String, String) {
    (endpoint.worker.clone(), endpoint.transport.clone())
}

fn realm_name(realm: &Realm) -> (String, String) {
    (realm.worker.clone(), realm.told.name.clone())
}

fn screen(status: &Status, rates: &Rates) -> String {
    let node = &status.node;
    let mut text = format!(
        "node {}  pid {}  up {}  generation {}  log records dropped {}\n\n",
        node.id,
        node.pid,
        duration(node.uptime_s),
        node.generation,
        status.logs.dropped
    );
    let share = |process: &Process| process.pid.and_then(|pid| rates.cpu.get(&pid)).copied().unwrap_or(0.0);
    let mut processes: Vec<_> =
        status.workers.iter().flat_map(|worker| worker.processes.iter().map(move |p| (worker, p))).collect();
    // The busiest first; those that do nothing stay where they are.
    processes.sort_by(|(_, a), (_, b)| share(b).total_cmp(&share(a)));
    let mut table =
        Table::new(["WORKER", "PROCESS", "PID", "STATE", "CPU%", "MEMORY", "OPEN", "RESTARTS", "SAYS"]);
    // Guests accept themselves, and tell nobody.
    let told = |worker: &str, count: String| {
        let is_guest = status.workers.iter().any(|of| of.id == worker && of.kind == "guest");
        if is_guest { "-".to_owned() } else { count }
    };
    for (worker, process) in processes {
        table.row([
            worker.id.clone(),
            process.place(),
            process.pid.map_or_else(|| "-".into(), |pid| pid.to_string()),
            process.state.to_string(),
            format!("{:.0}", share(process) * 100.0),
            bytes(process.rss_bytes),
            told(&worker.id, process.connections.to_string()),
            process.restarts.to_string(),
            process.status.clone().unwrap_or_default(),
        ]);
    }
    text += &table.render();
    if !status.endpoints.is_empty() {
        let mut table = Table::new([
            "ADDRESS",
            "WORKER",
            "TRANSPORT",
            "STATE",
            "OPEN",
            "ACCEPTED/S",
            "REFUSED",
            "FAILED",
        ]);
        for endpoint in &status.endpoints {
            let rate = rates.accepted.get(&name(endpoint)).copied().unwrap_or(0.0);
            table.row([
                endpoint.address.clone(),
                endpoint.worker.clone(),
                endpoint.transport.clone(),
                endpoint.state.to_string(),
                told(&endpoint.worker, endpoint.connections.open.to_string()),
                told(&endpoint.worker, format!("{rate:.1}")),
                told(&endpoint.worker, endpoint.connections.refused.to_string()),
                told(&endpoint.worker, endpoint.connections.failed.to_string()),
            ]);
        }
        text.push('\n');
        text += &table.render();
    }
    if !status.backends.is_empty() {
        text.push('\n');
        text += &backends(status).render();
    }
    if !status.realms.is_empty() {
        text.push('\n');
        text += &realms(status, rates);
    }
    text
}

fn realms(status: &Status, rates: &Rates) -> String {
    let mut table = Table::new([
        "REALM",
        "WORKER",
        "SESSIONS",
        "SUBSCRIPTIONS",
        "REGISTRATIONS",
        "CALLS",
        "MESSAGES/S",
        "EVENTS/S",
        "QUEUED",
        "DROPPED",
    ]);
    for realm in &status.realms {
        let [messages, events] = rates.routed.get(&realm_name(realm)).copied().unwrap_or_default();
        let told = &realm.told;
        table.row([
            told.name.clone(),
            realm.worker.clone(),
            told.sessions.to_string(),
            told.subscriptions.to_string(),
            told.registrations.to_string(),
            told.calls.to_string(),
            format!("{messages:.1}"),
            format!("{events:.1}"),
            bytes(told.queued_bytes),
            told.events_dropped.to_string(),
        ]);
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn status(cpu_s: f64, accepted: u64, messages: u64) -> Status {
        let process = json!({"index": 0, "pid": 7, "state": "ready", "generation": 1, "uptime_s": 1.0, "restarts": 0,
            "rss_bytes": 1 << 20, "cpu_s": cpu_s, "connections": 3, "last_exit": null});
        serde_json::from_value(json!({
            "node": {"id": "n", "pid": 1, "version": "0", "dir": "/", "config": "c", "uptime_s": 1.0, "generation": 2},
            "workers": [{"id": "w", "type": "router", "state": "ready", "reason": null, "processes": [process]}],
            "endpoints": [{"worker": "w", "transport": "t", "kind": "web", "address": "tcp://127.0.0.1:1", "onion": null,
                "state": "bound", "shared": false, "tls": false, "listeners": [],
                "connections": {"open": 3, "accepted": accepted, "refused": 0}}],
            "logs": {"dropped": 5},
            "realms": [{"worker": "w", "takeovers": 0, "last_takeover_ms": null, "name": "realm1", "epoch": 1, "sessions": 4,
                "subscriptions": 5, "registrations": 6, "calls": 7, "messages": messages, "events": 2 * messages,
                "queued_bytes": 2048, "events_dropped": 8, "kept_bytes": 0, "troubles": []}]
        }))
        .unwrap()
    }

    #[test]
    fn rates_are_those_of_a_second() {
        let (before, now) = (status(1.0, 100, 50), status(1.5, 300, 70));
        let rates = Rates::between(&before, &now, 2.0);
        let screen = anstream::adapter::strip_str(&screen(&now, &rates)).to_string();
        assert!(
            screen.starts_with("node n  pid 1  up 1.0s  generation 2  log records dropped 5\n"),
            "{screen}"
        );
        let row = |start: &str| {
            let line = screen.lines().find(|line| line.starts_with(start)).unwrap();
            line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(row("w "), ["w", "0", "7", "ready", "25", "1.0", "MiB", "3", "0"]);
        assert_eq!(row("tcp:"), ["tcp://127.0.0.1:1", "w", "t", "bound", "3", "100.0", "0", "0"]);
        assert_eq!(row("realm1"), ["realm1", "w", "4", "5", "6", "7", "10.0", "20.0", "2.0", "KiB", "8"]);
    }
}
