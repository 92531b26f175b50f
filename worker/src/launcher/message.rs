//! What a process and its launcher say to each other.

use jackfield_shared::config::Sandbox;
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

/// To the launcher.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum ToLauncher {
    /// Give up what no program needs; the first message.
    Confine(Sandbox),
    /// Start a program; its standard input, output and error are the descriptors of the message.
    Start(Start),
    /// End the program, and all of its process group.
    End { id: u64 },
}

/// A program to start.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Start {
    pub(super) id: u64,
    pub(super) program: SystemString,
    pub(super) arguments: Vec<SystemString>,
    pub(super) directory: SystemString,
    pub(super) environment: Vec<(SystemString, SystemString)>,
}

/// From the launcher.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum FromLauncher {
    /// A program has come to its end.
    Ended { id: u64, fate: Fate },
}

/// What has become of a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Fate {
    /// It never ran, for this reason.
    NotStarted(String),
    /// It ended with this exit status.
    Exited(i32),
    /// This signal ended it.
    Killed(i32),
    /// Nobody knows: the launcher is gone.
    Lost,
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted(reason) => write!(f, "it can't be started: {reason}"),
            Self::Exited(status) => write!(f, "it ended with exit status {status}"),
            Self::Killed(signal) => match Signal::from_named_raw(*signal).map(|signal| format!("{signal:?}"))
            {
                Some(name) => {
                    write!(f, "it was killed by SIG{}", name.trim_matches('"').replace("Signal::", ""))
                }
                None => write!(f, "it was killed by signal {signal}"),
            },
            Self::Lost => f.write_str("the launcher of this process is gone"),
        }
    }
}

/// A string of the system, which need not be UTF-8.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum SystemString {
    Text(String),
    Raw(Vec<u8>),
}

impl From<&OsStr> for SystemString {
    fn from(text: &OsStr) -> Self {
        match text.to_str() {
            Some(text) => Self::Text(text.to_owned()),
            None => Self::Raw(text.as_bytes().to_vec()),
        }
    }
}

impl From<&SystemString> for OsString {
    fn from(bytes: &SystemString) -> Self {
        match bytes {
            SystemString::Text(text) => text.into(),
            SystemString::Raw(bytes) => Self::from_vec(bytes.clone()),
        }
    }
}
