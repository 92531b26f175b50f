//! What one image of the executable tells the next of the log.

use jackfield_shared::config::Sink;
use jackfield_shared::log::{Level, Record};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The log, handed over.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LogState {
    /// What the command line said.
    pub level: Option<Level>,
    pub is_json: Option<bool>,
    pub file: Option<PathBuf>,
    /// Levels of workers, and of the controller.
    pub levels: Vec<(Option<String>, Level)>,
    pub records: Vec<Record>,
    /// What sinks could not write before this image, the next one is to write.
    #[serde(default)]
    pub left: Vec<(Sink, Vec<Record>)>,
    pub dropped: u64,
}
