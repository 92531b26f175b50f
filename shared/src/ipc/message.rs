//! The messages. One enum for each direction; an answer names the number its question had.

use crate::config::{self, ConnectingEndpoint, Secret};
use crate::log::{Level, Record};
use crate::status::{
    Backend, ConnectionCounters, Connections, EndpointState, NodeState, RealmCounters, Status, Web,
};
use crate::tls::{Challenge, Files, TicketKeys};
use serde::{Deserialize, Serialize};

/// What the controller says to a worker process.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToWorker {
    /// Serve this. The first message, and said once; carries one descriptor for each of the plan's slots.
    Start(Box<Plan>),
    /// Publish these onion services by tor daemons. In place of [`ToWorker::Start`], to the process that does nothing
    /// else.
    Publish(Box<Publications>),
    /// Run the embedded Arti. In place of [`ToWorker::Start`], to the process that does nothing else; carries the
    /// listening socket of its SOCKS proxy, if it is to have one.
    Arti(Box<ArtiPlan>),
    /// Accept from now on, as [`Plan::hold`] put off.
    Accept,
    /// Accept from these sockets, too; carries one descriptor for each.
    Listen(Vec<Slot>),
    /// Accept no longer from the sockets with these inodes: others do.
    Unlisten(Vec<u64>),
    /// Accept no more, finish what is open, then exit with code 0; what is still open after so many
    /// milliseconds is closed.
    Drain {
        /// Milliseconds for open connections to end by themselves.
        timeout_ms: u64,
        /// Inodes of sockets that nobody will accept from after this process: their queues are emptied first.
        retired: Vec<u64>,
        /// Whether sessions of its realms may stay until then: another process routes them. Otherwise they end at once.
        #[serde(default)]
        sessions_stay: bool,
    },
    /// Are you alive, and what have you counted? Answered by [`FromWorker::Pong`] with the same number.
    Ping {
        /// Number of the question.
        seq: u64,
    },
    /// The answer to [`FromWorker::AskStatus`].
    Status {
        /// Number of the question.
        seq: u64,
        /// The node at this moment.
        status: Box<Status>,
    },
    /// Write records of this level and above from now on.
    LogLevel(Level),
    /// Files of TLS sections have changed: these are all of the worker's now. New connections are made with them.
    TlsFiles(Files),
    /// Seal session tickets with these keys from now on.
    TicketKeys(TicketKeys),
    /// These are the edges of the worker now ([`Part::Edge`]), by their numbers; those that are left out have ended. To
    /// its realm process alone.
    Edges(Vec<u64>),
    /// These are the challenges of ACME that are open now. Whoever has answered a [`ToWorker::Ping`] that came later knows them.
    Challenges(Vec<Challenge>),
    /// These are the backends, by their addresses, to which nobody new is to be carried.
    Drained(Vec<String>),
    /// Whether the node serves has changed.
    NodeState(NodeState),
    /// The answer to [`FromWorker::AskSibling`]; carries a connection with that process. Without one there is none with
    /// sessions that others may go on with.
    Sibling {
        /// Its process id.
        process: u32,
    },
    /// Serve another process of the worker, which has requests of clients that have sessions here; carries a connection with
    /// it.
    ServeSibling,
}

/// What a worker process says to the controller.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromWorker {
    /// The process has all that it needs to serve its plan, and waits for [`ToWorker::Accept`].
    Prepared,
    /// The process accepts on every listener of its plan, or has begun to publish.
    Ready,
    /// The process can't accept from the sockets that [`ToWorker::Listen`] was about, and goes on without.
    Declined(Vec<u64>),
    /// The process cannot serve its plan and is about to exit.
    Failed {
        /// Why, for people.
        reason: String,
    },
    /// The process serves, but had better be replaced. May be said again until it is.
    Outdated {
        /// Why, for people.
        reason: String,
    },
    /// A log record; the controller adds worker and process.
    Log(Record),
    /// The answer to [`ToWorker::Ping`].
    Pong {
        /// Number of the question.
        seq: u64,
        /// What has been counted so far.
        counters: Counters,
    },
    /// What has become of an onion service: said for each when it changes.
    Publication(Publication),
    /// What is the state of the node? Answered by [`ToWorker::Status`] with the same number.
    AskStatus {
        /// Number of the question.
        seq: u64,
    },
    /// The process has sessions that its siblings may go on with: it understands [`ToWorker::ServeSibling`].
    Reachable,
    /// Is there another process of the worker with this process id, and sessions that others may go on with? Answered by
    /// [`ToWorker::Sibling`].
    AskSibling {
        /// The process id.
        process: u32,
    },
    /// An edge holds up its realm process, which goes on without it: it is to be replaced.
    EdgeStuck {
        /// Its number.
        edge: u64,
        /// Why, for people.
        reason: String,
    },
}

/// What a worker process is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// The node the process belongs to.
    pub node: NodeInfo,
    /// Whether that serves.
    #[serde(default)]
    pub node_state: NodeState,
    /// Its part of the configuration.
    pub worker: config::Worker,
    /// Which of the worker's processes it is, from 0.
    pub process: u16,
    /// Least important level of the records it sends.
    pub log_level: Level,
    /// The listening sockets that come with the plan, in the order of their descriptors.
    pub slots: Vec<Slot>,
    /// Whether accepting waits for [`ToWorker::Accept`]: what may still be given up serves nobody yet.
    pub hold: bool,
    /// The files that TLS sections of the configuration name.
    pub tls_files: Files,
    /// By which the node proves who it is, where the worker has to.
    #[serde(default)]
    pub node_key: Option<NodeKey>,
    /// The keys of session tickets; absent where no transport of the worker has TLS.
    pub ticket_keys: Option<TicketKeys>,
    /// The backends, by their addresses, to which nobody new is to be carried.
    #[serde(default)]
    pub drained: Vec<String>,
    /// The challenges of ACME that are open.
    #[serde(default)]
    pub challenges: Vec<Challenge>,
    /// Whether one more descriptor comes after those of the slots: it names (O_PATH of open(2)) the Unix socket at which
    /// the node's Arti answers as a SOCKS proxy.
    pub arti: bool,
    /// Whether one more descriptor comes last: a file, whose locks (fcntl(2)) the processes have that route the worker's
    /// realms.
    #[serde(default)]
    pub turn: bool,
    /// Its part in routing WAMP. Where it is not all of it, its descriptors come before that of `turn`.
    #[serde(default)]
    pub part: Part,
}

/// By which a node proves to routers elsewhere who it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeKey {
    /// Its name there; absent: it is known by the key alone.
    pub authid: Option<String>,
    /// The private key of Ed25519, 32 bytes in hexadecimal.
    pub private: Secret,
}

/// A process's part in routing the realms of its worker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// All of it: the clients and the realms.
    #[default]
    Both,
    /// The clients. The descriptor names (O_PATH of open(2)) the directory of the links to the realm processes
    /// ([`links`](crate::links)).
    Edge {
        /// By which the realm process and the controller know this process; no two processes of a node have the same.
        number: u64,
    },
    /// The realms, or some of them. The descriptors are the sockets at which it listens for edges.
    Realm {
        /// Which of the realm processes of its worker it is, from 0.
        #[serde(default)]
        number: u16,
        /// The numbers of the edges that run.
        edges: Vec<u64>,
        /// How many descriptors there are: more than one where edges of an earlier release know another socket.
        #[serde(default = "one")]
        listeners: u16,
    },
}

fn one() -> u16 {
    1
}

/// What the process that publishes onion services by tor daemons is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Publications {
    /// Least important level of the records it sends.
    pub log_level: Level,
    /// The services; no two have the same address.
    pub services: Vec<DaemonService>,
}

/// What the process with the embedded Arti is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ArtiPlan {
    /// Least important level of the records it sends.
    pub log_level: Level,
    /// How it is set up.
    pub settings: config::Tor,
    /// The services to publish; no two have the same address.
    pub services: Vec<OnionService>,
}

/// An onion service that is published by a tor daemon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DaemonService {
    /// The service.
    pub service: OnionService,
    /// The daemon's control port.
    pub control: ConnectingEndpoint,
    /// The control port's password, if there is one.
    pub password: Option<Secret>,
}

/// An onion service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OnionService {
    /// Id of the worker whose processes serve it.
    pub worker: String,
    /// Id of the transport that serves it, unique in the worker.
    pub transport: String,
    /// Its address, `xyz….onion`.
    pub address: String,
    /// The port that clients use.
    pub port: u16,
    /// The private listener behind it as tor wants it: `127.0.0.1:4711`, `unix:/run/x.sock`.
    pub target: String,
    /// Its key: base64 of the 64 bytes of an expanded Ed25519 secret key.
    pub key: Secret,
    /// The x25519 public keys (base32, without prefix) of the only clients that may come; empty: all may.
    pub clients: Vec<String>,
    /// Streams a client may have open on one circuit; 0: any number.
    pub max_streams: u16,
}

/// What has become of an onion service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publication {
    /// Id of its worker.
    pub worker: String,
    /// Id of its transport.
    pub transport: String,
    /// Whether it can be reached.
    pub state: EndpointState,
    /// Why, or how far its publishing is, for people.
    pub reason: Option<String>,
}

/// What a worker may tell others about its node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NodeInfo {
    /// The node's id.
    pub id: String,
    /// Process id of the controller.
    pub pid: u32,
    /// Release of the executable.
    pub version: String,
    /// Node directory, absolute.
    pub dir: std::path::PathBuf,
}

/// A listening socket that is handed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Id of the transport it belongs to; unique in the worker.
    pub transport: String,
    /// Where it listens, as in the status: `tcp://127.0.0.1:8080`.
    pub address: String,
    /// Its inode, by which it is known from now on.
    pub inode: u64,
}

/// What a worker process has counted since it started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// One entry for each transport.
    pub listeners: Vec<ListenerCounters>,
    /// Log records that were dropped because the queue to the controller was full.
    pub logs_dropped: u64,
    /// One entry for each realm that the process routes.
    #[serde(default)]
    pub realms: Vec<RealmCounters>,
    /// One entry for each connection of a proxy worker.
    #[serde(default)]
    pub connections: Vec<ConnectionCounters>,
    /// One entry for each path of its web servers at which something was counted since the last message; in the first, for all.
    #[serde(default)]
    pub web: Vec<Web>,
    /// One entry for each backend of its relays and reverse proxies.
    #[serde(default)]
    pub backends: Vec<Backend>,
}

/// What was counted on the listeners of one transport.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerCounters {
    /// Id of the transport.
    pub transport: String,
    /// Its connections.
    pub connections: Connections,
}
