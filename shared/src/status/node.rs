//! The controller in the answer.

use crate::named::named;
use serde::{Deserialize, Serialize};

/// The controller process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// `controller.id` of the configuration, or `HOSTNAME-PID`.
    pub id: String,
    /// Process id of the controller.
    pub pid: u32,
    /// Release of the executable.
    pub version: String,
    /// Node directory, absolute.
    pub dir: String,
    /// Path of the configuration file, or `built-in`.
    pub config: String,
    /// Seconds since the controller started.
    pub uptime_s: f64,
    /// Counts the configurations that were put into effect, from 1.
    pub generation: u64,
    /// Whether it serves.
    #[serde(default)]
    pub state: NodeState,
}

/// Whether the node serves, as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeState {
    /// It starts: not every worker has been ready yet.
    Starting,
    /// It serves, also while processes are restarted or replaced.
    #[default]
    Ready,
    /// It stops.
    Stopping,
}

named!(NodeState {
    Starting = "starting",
    Ready = "ready",
    Stopping = "stopping",
});
