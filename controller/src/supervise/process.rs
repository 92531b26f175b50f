//! A process of a worker, from its spawn to its end.

use super::attend::{Spawned, attend};
use super::event::{Event, Key, Source};
use super::group::Group;
use super::guest::{Keeper, Said};
use super::heartbeat::Heartbeat;
use crate::logs::Hub;
use crate::stage::{ARGUMENT, EXECUTABLE, Spec};
use jackfield_shared::ipc::{self, Counters, Publication, ToWorker};
use rustix::process::{Pid, Signal};
use std::cell::RefCell;
use std::collections::VecDeque;
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
#[derive(Debug)]
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
    /// What it has counted, as far as it has told.
    pub counters: Counters,
    /// What has become of the onion services it publishes, as far as it has told.
    pub publications: Vec<Publication>,
    /// Why it ends, as it has said itself or as we have decided.
    pub reason: Option<String>,
    /// Whether its loop is alive.
    pub heartbeat: Heartbeat,
    /// What it has told of itself, if it is a guest's.
    pub said: Said,
    lines: LastLines,
    link: Link,
}

/// How the supervisor reaches a process.
#[derive(Debug)]
pub(super) enum Link {
    /// By IPC, and by signals to its process group.
    Worker(mpsc::Sender<ToWorker>, Rc<Group>),
    /// By the keeper of a guest.
    Keeper(Keeper),
}

/// The last lines that a process has written on standard error.
#[derive(Clone, Debug, Default)]
pub(super) struct LastLines(Rc<RefCell<VecDeque<String>>>);

impl LastLines {
    /// Keeps these lines, if they are the last ones.
    pub(super) fn keep(&self, lines: &[String]) {
        let mut kept = self.0.borrow_mut();
        for line in &lines[lines.len().saturating_sub(KEPT_LINES)..] {
            if kept.len() == KEPT_LINES {
                kept.pop_front();
            }
            kept.push_back(line.chars().take(KEPT_CHARACTERS).collect());
        }
    }
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
        (first, sockets): (ToWorker, Vec<OwnedFd>),
        tasks: (&mpsc::Sender<Event>, &Hub),
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
            program: None,
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
        let source = Arc::new(Source::new(key, worker, index, child.id()));
        let lines = LastLines::default();
        let spawned =
            Spawned { child, children, group: Rc::clone(&group), stdout, stderr, ipc, lines: lines.clone() };
        let outbox = attend(spawned, &source, (first, sockets), tasks);
        Ok(Self::new(source, spawned_at, lines, Link::Worker(outbox, group)))
    }

    /// A process that was just spawned.
    pub(super) fn new(source: Arc<Source>, spawned: Instant, lines: LastLines, link: Link) -> Self {
        Self {
            source,
            spawned,
            ready: None,
            counters: Counters::default(),
            publications: Vec::new(),
            reason: None,
            heartbeat: Heartbeat::default(),
            said: Said::default(),
            lines,
            link,
        }
    }

    /// Its name.
    pub(crate) fn key(&self) -> Key {
        self.source.key
    }

    /// Puts a message into its queue; false if that is full or the process is gone. A guest understands only that
    /// it is to drain.
    pub(crate) fn tell(&self, message: ToWorker) -> bool {
        match (&self.link, message) {
            (Link::Worker(outbox, _), message) => outbox.try_send(message).is_ok(),
            (Link::Keeper(keeper), ToWorker::Drain { .. }) => {
                keeper.drain();
                true
            }
            (Link::Keeper(_), _) => false,
        }
    }

    /// Whether its silence means that it is stuck.
    pub(crate) fn is_watched(&self) -> bool {
        matches!(self.link, Link::Worker(..)) || self.said.is_watched
    }

    /// Whether it is a guest's.
    pub(crate) fn is_guest(&self) -> bool {
        matches!(self.link, Link::Keeper(_))
    }

    /// Sends a signal to it and to all it has started.
    pub(crate) fn signal(&self, signal: Signal) {
        match &self.link {
            Link::Worker(_, group) => group.signal(signal),
            Link::Keeper(keeper) => keeper.signal(signal),
        }
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

    /// The last lines it wrote on standard error.
    pub(crate) fn last_lines(&self) -> Vec<String> {
        self.lines.0.borrow().iter().cloned().collect()
    }
}

pub(super) fn pipe_end(end: Option<OwnedFd>) -> io::Result<pipe::Receiver> {
    pipe::Receiver::from_owned_fd(end.ok_or(io::ErrorKind::BrokenPipe)?)
}
