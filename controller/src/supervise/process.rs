//! A process of a worker, from its spawn to its end.

use super::attend::{Ends, Parcel, attend, outbox};
use super::event::{Event, Key, Source};
use super::group::Group;
use super::guest::{Keeper, Said};
use super::handover::{Attendance, attended};
use super::heartbeat::Heartbeat;
use super::launch::Launch;
use super::usage::Usage;
use crate::cgroup::Leaf;
use crate::logs::{Hub, Lines};
use crate::stage::{ARGUMENT, EXECUTABLE};
use crate::upgrade::ImageIdentity;
use jackfield_shared::ipc::{self, Counters, Publication, ToWorker};
use rustix::process::{Pid, Signal};
use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{ChildStderr, ChildStdout, Command, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;
use tokio::net::unix::pipe;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// How many of the last lines on standard error are kept for the record of the exit.
const KEPT_LINES: usize = 10;
/// Most characters of each of them.
const KEPT_CHARACTERS: usize = 1024;

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
    /// The most resident memory it was seen with, in bytes.
    pub peak_rss: u64,
    /// Why it ends, as it has said itself or as we have decided.
    pub reason: Option<String>,
    /// Whether its loop is alive.
    pub heartbeat: Heartbeat,
    /// What it has told of itself, if it is a guest's.
    pub said: Said,
    /// For one that drains: when it must have ended.
    pub leaves_by: Option<Instant>,
    /// The image of the executable that it runs, if that is not this one.
    pub image: Option<ImageIdentity>,
    pub(super) lines: LastLines,
    pub(super) link: Link,
    pub(super) attendance: Attendance,
    /// Its cgroup, to be removed after its end.
    pub(super) cgroup: Option<Leaf>,
}

/// How the supervisor reaches a process.
#[derive(Debug)]
pub(super) enum Link {
    /// By IPC, and by signals to its process group.
    Worker(mpsc::Sender<Parcel>, Rc<Group>),
    /// By the keeper of a guest.
    Keeper(Keeper),
}

/// The last lines that a process has written on standard error.
#[derive(Clone, Debug, Default)]
pub(super) struct LastLines(Rc<RefCell<VecDeque<String>>>);

impl LastLines {
    /// Keeps these lines, if they are the last ones.
    pub(super) fn keep<'a>(&self, lines: impl Iterator<Item = &'a str>) {
        let lines: Vec<_> = lines.collect();
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
        first: Parcel,
        tasks: (&mpsc::Sender<Event>, &Hub),
    ) -> io::Result<Self> {
        let spawned_at = Instant::now();
        let (ours, theirs) = ipc::pair()?;
        let ipc = ipc::split(ours)?;
        let children = signal(SignalKind::child())?;
        let cgroup = launch.cgroup(worker, key)?;
        let spec = launch.spec(cgroup.as_ref(), None);
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
        let (outbox, messages) = outbox();
        // The queue is empty.
        let _ = outbox.try_send(first);
        let (stdout, stderr) = (Some(Lines::new(stdout)), Some(Lines::new(stderr)));
        let ends = Ends { to: Some((ipc.0, messages)), from: Some(ipc.1), stdout, stderr };
        let attendance = attend(ends, (&group, children), &source, &lines, tasks);
        Ok(Self::new(source, spawned_at, lines, (Link::Worker(outbox, group), attendance), cgroup))
    }

    /// A process that was just spawned.
    pub(super) fn new(
        source: Arc<Source>,
        spawned: Instant,
        lines: LastLines,
        (link, attendance): (Link, Attendance),
        cgroup: Option<Leaf>,
    ) -> Self {
        Self {
            source,
            spawned,
            ready: None,
            prepared: false,
            generation: 1,
            listening: BTreeSet::new(),
            is_full: false,
            counters: Counters::default(),
            publications: Vec::new(),
            peak_rss: 0,
            reason: None,
            heartbeat: Heartbeat::default(),
            said: Said::default(),
            lines,
            link,
            attendance,
            cgroup,
            leaves_by: None,
            image: None,
        }
    }

    /// A process that another image of the executable has spawned, to which nobody attends yet.
    pub(super) fn restore(source: Arc<Source>, spawned: Instant, link: Link, cgroup: Option<Leaf>) -> Self {
        let (attendance, ..) = attended();
        Self::new(source, spawned, LastLines::default(), (link, attendance), cgroup)
    }

    /// The group of what the controller has started: the process, or a guest's keeper.
    pub(super) fn group(&self) -> &Group {
        match &self.link {
            Link::Worker(_, group) => group,
            Link::Keeper(keeper) => &keeper.group,
        }
    }

    /// Its name.
    pub(crate) fn key(&self) -> Key {
        self.source.key
    }

    /// Puts a message into its queue; false if that is full or the process is gone. A guest understands only that
    /// it is to drain.
    pub(crate) fn tell(&self, message: ToWorker) -> bool {
        self.tell_with(message, Vec::new())
    }

    /// The same with descriptors.
    pub(crate) fn tell_with(&self, message: ToWorker, fds: Vec<OwnedFd>) -> bool {
        match (&self.link, message) {
            (Link::Worker(outbox, _), message) => outbox.try_send((message, fds)).is_ok(),
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

    /// The child of the controller that it is: the process itself, or its keeper.
    pub(super) fn child(&self) -> Pid {
        match &self.link {
            Link::Worker(_, group) => group.leader(),
            Link::Keeper(keeper) => keeper.pid(),
        }
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

    /// Looks how much memory it has needed so far.
    pub(crate) fn note_memory(&mut self) {
        self.peak_rss = self.peak_rss.max(Usage::peak_of(self.source.pid()));
    }

    /// Whether it has accepted a connection, as far as it has told: it does so with the first.
    pub(crate) fn has_worked(&self) -> bool {
        self.counters.listeners.iter().any(|listener| listener.connections.accepted > 0)
    }

    /// The last lines it wrote on standard error.
    pub(crate) fn last_lines(&self) -> Vec<String> {
        self.lines.0.borrow().iter().cloned().collect()
    }
}

pub(super) fn pipe_end(end: Option<OwnedFd>) -> io::Result<pipe::Receiver> {
    pipe::Receiver::from_owned_fd(end.ok_or(io::ErrorKind::BrokenPipe)?)
}
