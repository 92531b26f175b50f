//! A process of a worker, from its spawn to its end.

use super::attend::{Parcel, Spawned, attend};
use super::event::{Event, Key, Source};
use super::group::Group;
use super::heartbeat::Heartbeat;
use crate::stage::{ARGUMENT, EXECUTABLE, Spec};
use jackfield_shared::ipc::{self, Counters, Publication, ToWorker};
use rustix::process::{Pid, Signal};
use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{ChildStderr, ChildStdout, Command, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::unix::pipe;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// How many of the last lines on standard error are kept for the record of the exit.
const KEPT_LINES: usize = 10;
/// Most characters of each of them.
const KEPT_CHARACTERS: usize = 1024;

/// How a worker's processes are started: the same for all of them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Launch {
    /// What `ps` shows as the command line.
    pub title: String,
    /// Processors it may run on; absent: those of the controller.
    pub cpus: Option<Vec<usize>>,
    /// Most open files of it; absent: as the controller.
    pub open_files: Option<u64>,
    /// Its whole environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Its working directory.
    pub directory: PathBuf,
}

/// A running process.
#[derive(Debug)]
pub(crate) struct Process {
    /// Who it is.
    pub source: Arc<Source>,
    /// When it was spawned.
    pub spawned: Instant,
    /// When it said READY.
    pub ready: Option<Instant>,
    /// Whether it waits for the word to accept.
    pub prepared: bool,
    /// The generation of the configuration it was started with.
    pub generation: u64,
    /// Inodes of the sockets it accepts from, or is about to.
    pub listening: BTreeSet<u64>,
    /// Whether it has no room for sockets of others.
    pub is_full: bool,
    /// What it has counted, as far as it has told.
    pub counters: Counters,
    /// What has become of the onion services it publishes, as far as it has told.
    pub publications: Vec<Publication>,
    /// Why it ends, as it has said itself or as we have decided.
    pub reason: Option<String>,
    /// Whether its loop is alive.
    pub heartbeat: Heartbeat,
    stderr: VecDeque<String>,
    outbox: mpsc::Sender<Parcel>,
    group: Rc<Group>,
}

impl Process {
    /// Spawns the process with this index of the worker and sends it its first message: what it is to do, with
    /// the sockets for that.
    ///
    /// Must be called in the controller's main thread: when the thread that spawned it ends, the kernel kills
    /// it.
    ///
    /// # Errors
    /// When the system has no room for another process.
    pub(crate) fn spawn(
        key: Key,
        launch: &Launch,
        (worker, index): (&str, u16),
        first: Parcel,
        events: &mpsc::Sender<Event>,
    ) -> io::Result<Self> {
        let spawned_at = Instant::now();
        let (ours, theirs) = ipc::pair()?;
        let ipc = ipc::split(ours)?;
        let children = signal(SignalKind::child())?;
        let spec = Spec {
            controller: std::process::id(),
            title: launch.title.clone(),
            cpus: launch.cpus.clone(),
            open_files: launch.open_files,
        };
        let mut child = Command::new(EXECUTABLE)
            .arg(ARGUMENT)
            .arg(serde_json::to_string(&spec)?)
            .env_clear()
            .envs(launch.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&launch.directory)
            .process_group(0)
            .stdin(theirs)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let pid = Pid::from_child(&child);
        let group = Rc::new(Group::new(pid));
        let stdout = pipe_end(child.stdout.take().map(ChildStdout::into));
        let stderr = pipe_end(child.stderr.take().map(ChildStderr::into));
        let ends = stdout.and_then(|stdout| Ok((stdout, stderr?)));
        let (stdout, stderr) = match ends {
            Ok(ends) => ends,
            Err(e) => {
                // It has no plan yet, so nothing is lost.
                group.signal(Signal::KILL);
                let _ = child.wait();
                return Err(e);
            }
        };
        let source = Arc::new(Source { key, worker: worker.to_owned(), index, pid: child.id() });
        let spawned = Spawned { child, children, group: Rc::clone(&group), stdout, stderr, ipc };
        let outbox = attend(spawned, &source, first, events);
        Ok(Self {
            source,
            spawned: spawned_at,
            ready: None,
            prepared: false,
            generation: 1,
            listening: BTreeSet::new(),
            is_full: false,
            counters: Counters::default(),
            publications: Vec::new(),
            reason: None,
            heartbeat: Heartbeat::default(),
            stderr: VecDeque::new(),
            outbox,
            group,
        })
    }

    /// Its name.
    pub(crate) fn key(&self) -> Key {
        self.source.key
    }

    /// Puts a message into its queue; false if that is full or the process is gone.
    pub(crate) fn tell(&self, message: ToWorker) -> bool {
        self.tell_with(message, Vec::new())
    }

    /// The same with descriptors.
    pub(crate) fn tell_with(&self, message: ToWorker, fds: Vec<OwnedFd>) -> bool {
        self.outbox.try_send((message, fds)).is_ok()
    }

    /// Sends a signal to it and to all it has started.
    pub(crate) fn signal(&self, signal: Signal) {
        self.group.signal(signal);
    }

    /// Kills it, for a reason that its exit will be recorded with.
    pub(crate) fn kill(&mut self, reason: impl Into<String>) {
        self.reason.get_or_insert(reason.into());
        self.signal(Signal::KILL);
    }

    /// For how long it was ready by `now`.
    pub(crate) fn ready_for(&self, now: Instant) -> Duration {
        self.ready.map_or(Duration::ZERO, |at| now.duration_since(at))
    }

    /// Keeps a line that it wrote on standard error.
    pub(crate) fn keep_line(&mut self, line: &str) {
        if self.stderr.len() == KEPT_LINES {
            self.stderr.pop_front();
        }
        self.stderr.push_back(line.chars().take(KEPT_CHARACTERS).collect());
    }

    /// The last lines it wrote on standard error.
    pub(crate) fn last_lines(&self) -> Vec<String> {
        self.stderr.iter().cloned().collect()
    }
}

fn pipe_end(end: Option<OwnedFd>) -> io::Result<pipe::Receiver> {
    pipe::Receiver::from_owned_fd(end.ok_or(io::ErrorKind::BrokenPipe)?)
}
