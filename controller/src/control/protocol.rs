//! What is said on the control socket.

use super::Filter;
use jackfield_shared::log::{Level, Record};
use jackfield_shared::status::Status;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Version of the protocol; a request of another one is refused.
pub(crate) const VERSION: u32 = 1;

/// The line that a client sends.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Envelope {
    /// [`VERSION`] of the client.
    pub version: u32,
    /// What it wants; read only if the version is right.
    pub request: serde_json::Value,
}

/// What a client may want.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Request {
    /// The node at this moment: [`Response::Status`].
    Status,
    /// Drain all workers and end: [`Response::Progress`] until [`Response::Done`].
    Stop {
        /// Seconds that open connections get, in place of each worker's `drain_timeout`.
        timeout_s: Option<f64>,
    },
    /// Put the changed configuration into effect: [`Response::Progress`] until [`Response::Done`].
    Reload {
        /// Seconds that new processes may take to be ready.
        timeout_s: Option<f64>,
        /// Says only what would be done.
        #[serde(default)]
        dry_run: bool,
    },
    /// Let another image of the executable go on: [`Response::Progress`] until [`Response::Done`].
    Upgrade {
        /// Where it is; absent: where the running one was.
        executable: Option<PathBuf>,
    },
    /// Give a worker another number of processes: [`Response::Progress`] until [`Response::Done`].
    Scale {
        /// Id of the worker.
        id: String,
        /// The number.
        processes: u16,
    },
    /// Do something with workers: [`Response::Progress`] until [`Response::Done`].
    Worker {
        /// What to do.
        action: Action,
        /// With which; empty: with all.
        ids: Vec<String>,
    },
    /// Take backends out, or let them in again: [`Response::Done`].
    Backend {
        /// Their addresses.
        addresses: Vec<String>,
        /// Whether they are taken out.
        drain: bool,
    },
    /// Keep records from this level up from now on: [`Response::Done`].
    LogLevel {
        /// The level.
        level: Level,
        /// Of which workers, or `controller`; empty: of all, and the controller.
        ids: Vec<String>,
    },
    /// Records: [`Response::Record`] and [`Response::Dropped`], then [`Response::Done`] unless followed.
    Logs {
        /// Which.
        filter: Filter,
        /// How many of the newest ones; absent: all that are kept.
        last: Option<usize>,
        /// Whether to go on with those to come.
        follow: bool,
    },
}

impl Request {
    /// Whether it only looks.
    pub(crate) fn changes_nothing(&self) -> bool {
        match self {
            Self::Status | Self::Logs { .. } => true,
            Self::Stop { .. }
            | Self::Reload { .. }
            | Self::Upgrade { .. }
            | Self::Scale { .. }
            | Self::Worker { .. }
            | Self::Backend { .. }
            | Self::LogLevel { .. } => false,
        }
    }
}

/// What can be done with a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    /// Start the processes that don't run.
    Start,
    /// Drain and end all processes.
    Stop,
    /// Replace every process, one after the other: the new one is ready before the old one drains.
    Restart,
}

/// What the controller answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Response {
    /// The node.
    Status(Box<Status>),
    /// A log record.
    Record(Record),
    /// So many records were left out here: the client reads too slowly.
    Dropped(u64),
    /// What has just happened, for people.
    Progress(String),
    /// The last response: it is done.
    Done,
    /// The last response: it could not be done, and why.
    Error(String),
}

impl Response {
    /// Whether nothing follows.
    pub(crate) fn is_last(&self) -> bool {
        matches!(self, Self::Done | Self::Error(_))
    }
}
