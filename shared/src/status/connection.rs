//! Connections of proxy workers in the answer.

use serde::{Deserialize, Serialize};

/// A connection of a proxy worker to a router.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Connection {
    /// Id of the proxy worker.
    pub worker: String,
    /// What its processes have told.
    #[serde(flatten)]
    pub told: ConnectionCounters,
}

/// A connection to a router, as a process of a proxy worker sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionCounters {
    /// Its name.
    pub name: String,
    /// Where it goes.
    pub to: String,
    /// Sessions of clients that go over it.
    pub sessions: u64,
    /// Sessions that were joined over it so far, by the processes that run.
    pub joined: u64,
    /// Sessions that could not be joined.
    pub failed: u64,
    /// Why the last one could not; none: it could.
    pub last_error: Option<String>,
}

impl std::ops::AddAssign for ConnectionCounters {
    /// Puts together what two processes tell.
    fn add_assign(&mut self, other: Self) {
        self.sessions += other.sessions;
        self.joined += other.joined;
        self.failed += other.failed;
        self.last_error = self.last_error.take().or(other.last_error);
    }
}
