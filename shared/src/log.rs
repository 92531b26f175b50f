//! Log records: what a worker sends to the controller and what `jackfield logs` prints.

use crate::named::named;
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

/// How much a record matters; ordered, the most important first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Something failed and somebody should look.
    Error,
    /// Something is wrong but is being coped with.
    Warn,
    /// What an operator wants to know of normal work.
    Info,
    /// What a developer wants to know.
    Debug,
    /// Every step.
    Trace,
}

impl Level {
    /// All levels, the most important first.
    pub const ALL: [Self; 5] = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];
}

named!(Level {
    Error = "error",
    Warn = "warn",
    Info = "info",
    Debug = "debug",
    Trace = "trace",
});

impl FromStr for Level {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|l| l.name() == s)
            .ok_or_else(|| format!("unknown level \"{s}\": expected error, warn, info, debug or trace"))
    }
}

/// One log record. In the node's stream records are in order per source (worker process).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// When it was written: microseconds since the Unix epoch (UTC).
    pub time_us: u64,
    /// How much it matters.
    pub level: Level,
    /// Id of the worker it comes from; absent for the controller's own records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    /// Index of the worker's process it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<u16>,
    /// Id of the process it comes from.
    pub pid: u32,
    /// The text; may hold several lines.
    pub message: String,
}

impl Record {
    /// A record of this process, of now, without a worker.
    #[must_use]
    pub fn now(level: Level, message: impl Into<String>) -> Self {
        let time_us = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros() as u64);
        Self { time_us, level, worker: None, process: None, pid: std::process::id(), message: message.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_have_one_spelling() {
        for level in Level::ALL {
            assert_eq!(level.name().parse(), Ok(level));
            assert_eq!(serde_json::to_value(level).unwrap(), level.name());
        }
        assert!("INFO".parse::<Level>().unwrap_err().contains("expected error, warn"));
        assert!(Level::Error < Level::Trace);
    }
}
