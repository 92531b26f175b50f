//! The answer to `jackfield status --json`: a contract (spec: command line and control API). Fields may be
//! added here, never renamed or removed.

mod acme;
mod connection;
mod node;
mod realm;
mod web;

pub use acme::{Acme, AcmeState};
pub use connection::{Connection, ConnectionCounters};
pub use node::{Node, NodeState};
pub use realm::{Realm, RealmCounters};
pub use web::{Backend, BackendState, LATENCY_BOUNDS, Latency, Told, Web, gather, renew};

use crate::log::Level;
use crate::named::named;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The whole node at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The controller.
    pub node: Node,
    /// The workers, in the order of the configuration.
    pub workers: Vec<Worker>,
    /// Every listening endpoint, in the order of the configuration.
    pub endpoints: Vec<Endpoint>,
    /// The log stream.
    pub logs: Logs,
    /// Every realm, in the order of the configuration.
    #[serde(default)]
    pub realms: Vec<Realm>,
    /// Every connection of proxy workers to routers, in the order of the configuration.
    #[serde(default)]
    pub connections: Vec<Connection>,
    /// Every path of web servers, in the order of the configuration.
    #[serde(default)]
    pub web: Vec<Web>,
    /// Every backend of relays and reverse proxies, in the order of the configuration.
    #[serde(default)]
    pub backends: Vec<Backend>,
    /// Every certificate that endpoints show, in the order of the configuration.
    #[serde(default)]
    pub certificates: Vec<Certificate>,
    /// The certificates that the node gets by itself (ACME).
    #[serde(default)]
    pub acme: Vec<Acme>,
}

impl Status {
    /// A node without workers.
    #[must_use]
    pub const fn of(node: Node) -> Self {
        Self {
            node,
            workers: Vec::new(),
            endpoints: Vec::new(),
            logs: Logs { dropped: 0, sinks: Vec::new() },
            realms: Vec::new(),
            connections: Vec::new(),
            web: Vec::new(),
            backends: Vec::new(),
            certificates: Vec::new(),
            acme: Vec::new(),
        }
    }

    /// What everybody may know of it: addresses, states, counters. Whatever files, programs and errors are called is left
    /// out.
    #[must_use]
    pub fn public(mut self) -> Self {
        self.node.dir.clear();
        self.node.config.clear();
        for worker in &mut self.workers {
            worker.reason = None;
            for process in &mut worker.processes {
                process.status = None;
                if let Some(exit) = &mut process.last_exit {
                    exit.stderr.clear();
                }
            }
        }
        for endpoint in &mut self.endpoints {
            endpoint.reason = None;
            if let Some(path) = endpoint.address.strip_prefix("unix://") {
                let name = path.rsplit('/').next().unwrap_or_default();
                endpoint.address = format!("unix://{name}");
            }
        }
        for realm in &mut self.realms {
            realm.told.troubles.clear();
        }
        for connection in &mut self.connections {
            connection.told.to.clear();
            connection.told.last_error = None;
        }
        // Paths and hosts may be known to some only.
        self.web.clear();
        self.backends.clear();
        self.certificates.clear();
        self.acme.clear();
        for sink in &mut self.logs.sinks {
            sink.target.clear();
            sink.trouble = sink.trouble.take().map(|_| "it is hindered".into());
        }
        self
    }
}

/// One worker of the configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Worker {
    /// Id of the worker.
    pub id: String,
    /// Type in the configuration: `router`, `container`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// The state of its least healthy process.
    pub state: State,
    /// Why it is in that state, where there is something to say.
    pub reason: Option<String>,
    /// Least important level of its records that are logged.
    #[serde(default)]
    pub log_level: Option<Level>,
    /// Its processes, by index.
    pub processes: Vec<Process>,
}

/// One process of a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Process {
    /// Index in the worker, from 0.
    pub index: u16,
    /// Process id; absent while there is none.
    pub pid: Option<u32>,
    /// Where it is in its life.
    pub state: State,
    /// What a guest says of itself (`STATUS=` of sd_notify).
    #[serde(default)]
    pub status: Option<String>,
    /// The configuration generation it serves.
    pub generation: u64,
    /// Seconds since the process was spawned; 0 while there is none.
    pub uptime_s: f64,
    /// How often it was restarted after it had ended by itself.
    pub restarts: u64,
    /// Resident memory in bytes.
    pub rss_bytes: u64,
    /// Processor time used, user and system, in seconds.
    pub cpu_s: f64,
    /// Connections open in it.
    pub connections: u64,
    /// How its predecessor ended.
    pub last_exit: Option<Exit>,
    /// Its part in routing WAMP; absent: it has none.
    #[serde(default)]
    pub role: Option<Role>,
    /// Names of the realms that it routes.
    #[serde(default)]
    pub realms: Vec<String>,
}

impl Process {
    /// Its index for people, who are told if it has no clients.
    #[must_use]
    pub fn place(&self) -> String {
        match self.role {
            Some(Role::Realm) => format!("{} (realm)", self.index),
            Some(Role::Edge | Role::Both) | None => self.index.to_string(),
        }
    }
}

/// A process's part in routing WAMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It serves clients, and passes on what they say to the process that routes their realms.
    Edge,
    /// It routes realms for the edges of its worker.
    Realm,
    /// It does both.
    Both,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exit {
    /// Exit code, if it exited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// Name of the signal, if one killed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// Whether the kernel killed it for lack of memory.
    #[serde(default)]
    pub oom: bool,
    /// When, in seconds since the Unix epoch.
    pub at: f64,
    /// Seconds since it was spawned.
    #[serde(default)]
    pub uptime_s: f64,
    /// The most resident memory it had, in bytes, as far as that was seen: it is looked at with each heartbeat.
    #[serde(default)]
    pub peak_rss_bytes: u64,
    /// The last lines it wrote to standard error, oldest first.
    pub stderr: Vec<String>,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.signal, self.code) {
            (Some(signal), _) if self.oom => write!(f, "killed by {signal} (out of memory)"),
            (Some(signal), _) => write!(f, "killed by {signal}"),
            (None, Some(code)) => write!(f, "exited with code {code}"),
            (None, None) => f.write_str("ended"),
        }
    }
}

/// A listening endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Id of its worker.
    pub worker: String,
    /// Id of its transport.
    pub transport: String,
    /// Type of its transport: `universal`, `web`, …
    pub kind: String,
    /// Where it listens: `tcp://127.0.0.1:8080`, `tcp://[::1]:8080`, `unix:///run/x.sock`.
    pub address: String,
    /// Its onion address and port, `xyz….onion:80`, if it has one; known before it is published.
    pub onion: Option<String>,
    /// Whether it can be reached.
    pub state: EndpointState,
    /// Why it is in that state, where there is something to say.
    #[serde(default)]
    pub reason: Option<String>,
    /// Whether each process has a SO_REUSEPORT socket of its own.
    pub shared: bool,
    /// Whether connections are encrypted by TLS.
    pub tls: bool,
    /// The listening sockets.
    pub listeners: Vec<Listener>,
    /// What went over it.
    pub connections: Connections,
}

/// A certificate that an endpoint shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Id of the endpoint's worker.
    pub worker: String,
    /// Id of its transport.
    pub transport: String,
    /// The names it is for; the first is the common one of its subject where it has no others.
    pub names: Vec<String>,
    /// The file.
    pub file: String,
    /// The end of the time that it is valid for, in seconds since the Unix epoch.
    pub not_after: i64,
}

/// A listening socket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Listener {
    /// Inode number of the socket: stays the same for as long as it is the same socket.
    pub inode: u64,
    /// Index of the process that accepts from it; absent where all processes of the worker do.
    pub process: Option<u16>,
}

/// Counters of an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connections {
    /// Open now.
    pub open: u64,
    /// Accepted since the node started, by processes that are gone, too.
    pub accepted: u64,
    /// Of those accepted, closed at once because `max_connections` was reached, or because of `allow`, `deny` or
    /// `clients`.
    pub refused: u64,
    /// Of those accepted, closed because what comes before the transport failed, the TLS handshake or the PROXY
    /// protocol's header, or because a web server got what can't be read as a request.
    #[serde(default)]
    pub failed: u64,
}

impl std::ops::AddAssign for Connections {
    fn add_assign(&mut self, other: Self) {
        self.open += other.open;
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.failed += other.failed;
    }
}

/// The log stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logs {
    /// Records that were lost because a queue was full.
    pub dropped: u64,
    /// Where records go.
    #[serde(default)]
    pub sinks: Vec<LogSink>,
}

/// Somewhere that records go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogSink {
    /// Type in the configuration: `terminal`, `file`, `journald`, `syslog`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The file, socket or address; empty for the terminal.
    pub target: String,
    /// What hinders it, while something does. Records wait meanwhile, as far as there is room.
    pub trouble: Option<String>,
    /// Records that wait to be written.
    pub waiting: u64,
    /// Records that were lost, because it was too slow or hindered for too long.
    pub dropped: u64,
}

/// The life of a process. What may follow what is decided by the controller's supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Spawned, has not said READY.
    Starting,
    /// Accepts on every listener.
    Ready,
    /// Accepts no more, finishes what is open.
    Draining,
    /// Ended; will be started again after a delay.
    Backoff,
    /// Ended and will not be started again by itself.
    Failed,
    /// Ended on request.
    Stopped,
}

named!(State {
    Starting = "starting",
    Ready = "ready",
    Draining = "draining",
    Backoff = "backoff",
    Failed = "failed",
    Stopped = "stopped",
});

/// Whether an endpoint can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndpointState {
    /// Listens locally.
    Bound,
    /// Listens locally; its onion address is being published.
    Publishing,
    /// Can be reached by its onion address.
    Published,
    /// Works in part: listens locally, cannot be reached by its onion address.
    Degraded,
    /// Does not work.
    Failed,
}

named!(EndpointState {
    Bound = "bound",
    Publishing = "publishing",
    Published = "published",
    Degraded = "degraded",
    Failed = "failed",
});

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn strangers_are_told_addresses_states_and_counters_only() {
        let exit = json!({"code": 1, "at": 1.0, "stderr": ["hidden"]});
        let process = json!({"index": 0, "pid": 7, "state": "backoff", "status": "hidden", "generation": 1,
            "uptime_s": 1.0, "restarts": 3, "rss_bytes": 5, "cpu_s": 0.5, "connections": 2, "last_exit": exit});
        let endpoint = json!({"worker": "w", "transport": "t", "kind": "web", "address": "unix:///hidden/web.sock",
            "onion": null, "state": "degraded", "reason": "hidden", "shared": false, "tls": false, "listeners": [],
            "connections": {"open": 2, "accepted": 9, "refused": 0}});
        let status: Status = serde_json::from_value(json!({
            "node": {"id": "n", "pid": 1, "version": "0", "dir": "/hidden", "config": "/hidden/c", "uptime_s": 1.0,
                "generation": 2},
            "workers": [{"id": "w", "type": "guest", "state": "backoff", "reason": "hidden", "processes": [process]}],
            "endpoints": [endpoint],
            "logs": {"dropped": 5, "sinks": [{"type": "file", "target": "/hidden/x.log", "trouble": "hidden",
                "waiting": 1, "dropped": 5}]}
        }))
        .unwrap();
        let public = serde_json::to_string(&status.public()).unwrap();
        assert!(!public.contains("hidden"), "{public}");
        for kept in ["unix://web.sock", "\"accepted\":9", "\"code\":1", "\"restarts\":3", "\"dropped\":5"] {
            assert!(public.contains(kept), "{kept}: {public}");
        }
    }
}
