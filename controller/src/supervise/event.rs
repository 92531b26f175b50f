//! What the supervisor is told by the tasks around a process.

use crate::acme;
use crate::guest::Notice;
use crate::node::Configuration;
use crate::tls::News;
use crate::upgrade::{Image, TrialError};
use jackfield_fleet::ProcessId;
use jackfield_shared::ipc::{self, FromWorker};
use jackfield_shared::log::{Level, Record};
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};

/// A process of a worker.
#[derive(Debug)]
pub(crate) struct Source {
    /// Its name.
    pub key: ProcessId,
    /// Id of its worker.
    pub worker: String,
    index: AtomicU16,
    pid: AtomicU32,
}

impl Source {
    /// A process with this id.
    pub(crate) fn new(key: ProcessId, worker: &str, index: u16, pid: u32) -> Self {
        Self { key, worker: worker.to_owned(), index: AtomicU16::new(index), pid: AtomicU32::new(pid) }
    }

    /// Its index in the worker.
    pub(crate) fn index(&self) -> u16 {
        self.index.load(Ordering::Relaxed)
    }

    /// It has got another place.
    pub(crate) fn set_index(&self, index: u16) {
        self.index.store(index, Ordering::Relaxed);
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.pid.load(Ordering::Relaxed)
    }

    /// A guest's keeper has told which process is the program.
    pub(crate) fn set_pid(&self, pid: u32) {
        self.pid.store(pid, Ordering::Relaxed);
    }

    /// A record of now that comes from this process.
    pub(crate) fn record(&self, level: Level, message: impl Into<String>) -> Record {
        self.claim(Record::now(level, message))
    }

    /// Records of now, of these levels and texts.
    pub(crate) fn records(
        &self,
        texts: impl Iterator<Item = (Level, String)>,
    ) -> impl Iterator<Item = Record> {
        let first = self.record(Level::Info, String::new());
        texts.map(move |(level, message)| Record { level, message, ..first.clone() })
    }

    /// The record as one of this process, whatever it says of itself.
    pub(crate) fn claim(&self, record: Record) -> Record {
        Record { worker: Some(self.worker.clone()), process: Some(self.index()), pid: self.pid(), ..record }
    }
}

/// Which of its two outputs a process has written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Event {
    /// A process sent a message.
    Message(Arc<Source>, FromWorker),
    /// The IPC connection has ended, cleanly or not.
    Closed(Arc<Source>, Option<ipc::Error>),
    /// A configuration was read, which is to be put into effect, or the task that reads it has failed.
    Configuration(Result<Box<Configuration>, String>),
    /// Files of the configuration have changed.
    ConfigurationChanged,
    /// Files of TLS have changed, of the generation with this number.
    TlsFiles(u64, News),
    /// There is news of the certificate with this name, which the node gets by itself.
    Acme(String, acme::News),
    /// An image of the executable, at this path, was tried: its release, or why it can't take over.
    Tried(Image, PathBuf, Result<String, TrialError>),
    /// A guest says something of itself.
    Notice(Arc<Source>, Notice),
    /// A file that a guest's worker watches has changed: the worker's id, and the file.
    Watched(String, PathBuf),
    /// A guest's keeper has ended without a word: what it kept is ours now.
    KeeperGone,
    /// A process has ended and was reaped (the status is absent if the kernel doesn't tell); what it had said
    /// before was sent before this.
    Exited(Arc<Source>, Option<ExitStatus>),
}
