//! What one image tells the next. Descriptors are named by their places in the parcel, points in time by how long they
//! are past.

use super::error::TakeoverError;
use super::image::Identity;
use crate::logs::LogState;
use crate::node::ConfigurationState;
use jackfield_shared::ipc::{self, Counters, NodeKey, Publication, ToWorker};
use jackfield_shared::status::{Backend, Connections, Exit, State as Life, Web};
use jackfield_shared::tls::{Files, TicketKeys};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Format of the state; another one can't be read. Fields may be added, with a default.
pub(crate) const FORMAT: u32 = 1;

/// Everything.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct State {
    /// [`FORMAT`].
    pub format: u32,
    /// Version of the IPC that the workers speak.
    pub ipc: u8,
    /// Release of the image that hands over.
    pub version: String,
    /// Why it does.
    pub errand: Errand,
    /// The connection of the client that waits for the end of the upgrade.
    pub caller: Option<usize>,
    /// Whether a reload is wanted that nobody waits for, by a signal or by `--watch`.
    #[serde(default)]
    pub wants_reload: bool,
    /// The image to go back to.
    pub image: Option<usize>,
    /// The standard input that the node was started with.
    pub stdin: usize,
    /// The lock on the runtime directory.
    pub lock: usize,
    /// The control socket.
    pub control: usize,
    pub node: NodeState,
    pub configuration: ConfigurationState,
    pub log: LogState,
    /// Workers in effect, in order; then those that drain.
    pub workers: Vec<WorkerState>,
    pub arti: Option<ArtiState>,
    /// Sockets that the node was started with: place, name, descriptor.
    pub given: Vec<(usize, String, usize)>,
    /// What the service manager keeps, if there is one.
    pub service: Option<ServiceState>,
    /// The last process's name.
    pub last_key: u64,
}

/// Why an image takes over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Errand {
    /// It is the new one.
    Upgrade,
    /// It is the old one, because the new one has failed for this reason.
    GoBack(String),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct NodeState {
    pub id: String,
    pub age_ms: u64,
    pub generation: u64,
    pub directory: PathBuf,
    pub base: PathBuf,
    pub file: Option<PathBuf>,
    pub run_dir: PathBuf,
    /// Where the executable is.
    pub executable: PathBuf,
    /// The limit of core dumps that the node was started with.
    #[serde(default)]
    pub core_limit: Option<CoreLimit>,
    /// Whether the files of the configuration are watched.
    #[serde(default)]
    pub watches: bool,
    /// The addresses of backends that somebody has taken out.
    #[serde(default)]
    pub drained: BTreeSet<String>,
}

/// A limit of core dumps.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct CoreLimit {
    /// In bytes; absent: none.
    pub soft: Option<u64>,
}

/// Sockets by inode: those that the service manager keeps for the node, and those that it has anyway.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ServiceState {
    pub kept: BTreeSet<u64>,
    pub foreign: BTreeSet<u64>,
}

/// Where the node's Arti answers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ArtiState {
    pub listening: usize,
    pub place: usize,
    pub path: PathBuf,
    /// Device and inode of its name.
    pub name: (u64, u64),
}

/// Where a process that routes realms listens for others.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LinkState {
    pub listening: usize,
    pub place: usize,
}

/// Where processes that route realms listen for others.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LinksState {
    pub directory: PathBuf,
    pub place: usize,
    /// Of each of these processes.
    pub sockets: Vec<LinkState>,
    /// What edges know that an earlier release has started.
    pub earlier: Option<LinkState>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WorkerState {
    pub id: String,
    pub kind: String,
    /// Whether it is in effect; else it drains.
    pub is_serving: bool,
    /// Its `stop.kill_timeout`.
    pub kill_ms: u64,
    pub scaled: Option<u16>,
    pub has_arti: bool,
    pub generation: u64,
    pub ticket_keys: Option<TicketKeys>,
    /// By which its processes prove whose they are.
    #[serde(default)]
    pub node_key: Option<NodeKey>,
    pub ended: HashMap<String, Connections>,
    pub ended_dropped: u64,
    #[serde(default)]
    pub ended_web: Vec<Web>,
    #[serde(default)]
    pub ended_backends: Vec<Backend>,
    /// What its processes do, and how they are started, as the image that has begun understands it.
    pub exact: serde_json::Value,
    pub bound: Vec<BoundState>,
    /// Where the process with its realms listens for the others, if there is one, as releases know it that have only one; the
    /// first one, where there are more.
    #[serde(default)]
    pub link: Option<LinkState>,
    /// Where all of them listen.
    #[serde(default)]
    pub links: Option<LinksState>,
    /// Which of its slots is that of the process with its realms, for releases that have only one.
    #[serde(default)]
    pub realm: Option<usize>,
    /// Which of its slots are those of all of them.
    #[serde(default)]
    pub realms: Vec<usize>,
    pub slots: Vec<SlotState>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct BoundState {
    pub transport: String,
    pub address: String,
    pub shared: bool,
    /// Whether the kernel has chosen the port.
    pub is_chosen: bool,
    /// The endpoint as the image that has begun understands it.
    pub exact: serde_json::Value,
    pub onion: Option<String>,
    pub local: LocalState,
    pub own: Vec<usize>,
    pub common: Vec<usize>,
    /// Device and inode of the name of a Unix socket.
    pub name: Option<(u64, u64)>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LocalState {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SlotState {
    pub state: Life,
    pub reason: Option<String>,
    pub retired: bool,
    pub restarts: u64,
    pub last_exit: Option<Exit>,
    pub processes: Vec<(RoleState, ProcessState)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RoleState {
    Current,
    Replacement,
    Leaving,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ProcessState {
    pub key: u64,
    pub pid: u32,
    /// The process that the controller has started: itself, or a guest's keeper.
    pub child: u32,
    pub age_ms: u64,
    pub ready_ms: Option<u64>,
    pub generation: u64,
    /// The image it runs.
    pub image: Identity,
    pub listening: BTreeSet<u64>,
    pub is_full: bool,
    pub counters: Counters,
    pub publications: Vec<Publication>,
    pub reason: Option<String>,
    pub stderr: Vec<String>,
    /// For one that drains: how long it has left.
    pub left_ms: Option<u64>,
    /// For one that drains: whether its sessions may stay until then.
    #[serde(default)]
    pub sessions_stay: bool,
    /// Whether its siblings may reach it.
    #[serde(default)]
    pub is_reachable: bool,
    pub cgroup: Option<PathBuf>,
    /// The socket by which it is reached.
    pub socket: usize,
    /// Bytes of a message that has not come whole.
    #[serde(rename = "octets")]
    pub bytes: Vec<u8>,
    /// Messages that wait, with their descriptors.
    pub messages: Vec<(ToWorker, Vec<usize>)>,
    /// The ends of its outputs, and bytes of a line that has not come whole.
    pub stdout: Option<(usize, Vec<u8>)>,
    pub stderr_pipe: Option<(usize, Vec<u8>)>,
    pub guest: Option<GuestState>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct GuestState {
    pub was_asked_to_end: bool,
    pub status: Option<String>,
    pub is_watched: bool,
    /// The socket by which it notifies, and its name.
    pub notify: Option<(usize, String)>,
    /// Its standard input, and what is still to be written there; whether it is closed then.
    pub stdin: Option<(usize, Vec<u8>, bool)>,
}

impl State {
    /// The same for an image that is only tried: without keys, without what the configuration has become (which holds
    /// some), and without the log.
    pub(super) fn for_trial(mut self) -> Self {
        self.configuration.tls = Files::default();
        self.configuration.exact = serde_json::Value::Null;
        self.log.records.clear();
        self.log.left.clear();
        for worker in &mut self.workers {
            worker.ticket_keys = None;
            worker.node_key = None;
            worker.exact = serde_json::Value::Null;
            for (_, process) in worker.slots.iter_mut().flat_map(|slot| &mut slot.processes) {
                process.messages.clear();
                process.bytes.clear();
            }
        }
        self
    }

    /// Reads a state.
    ///
    /// # Errors
    /// When this release can't: then it can't take over.
    pub(super) fn parse(text: &[u8]) -> Result<Self, TakeoverError> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
            ipc: u8,
            version: String,
        }
        let Head { format, ipc, version } =
            serde_json::from_slice(text).map_err(TakeoverError::Unreadable)?;
        if (format, ipc) != (FORMAT, ipc::VERSION) {
            return Err(TakeoverError::OtherFormat { version, format, known: FORMAT, ipc });
        }
        serde_json::from_slice(text).map_err(TakeoverError::Unreadable)
    }
}
