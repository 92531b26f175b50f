//! A process of a worker, from its spawn to its end.

use super::attend::{Ends, attend};
use super::event::{Event, Source};
use super::group::Group;
use super::handover::{Attendance, attended};
use super::keeper::Keeper;
use super::last_lines::LastLines;
use super::launch::Launch;
use super::outbox::{Parcel, outbox};
use super::usage::Usage;
use crate::cgroup::Leaf;
use crate::logs::{Hub, Lines, Pipe};
use crate::stage::{ARGUMENT, EXECUTABLE};
use crate::upgrade::ImageIdentity;
use jackfield_fleet::ProcessId;
use jackfield_shared::ipc::{self, Counters, Publication, ToWorker};
use jackfield_shared::status::renew;
use rustix::process::{Pid, Signal};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{ChildStderr, ChildStdout, Command, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use tokio::net::unix::pipe;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// A running process, as it is reached. How it is, is known to the fleet.
#[derive(Debug)]
pub(crate) struct Process {
    /// Who it is.
    pub source: Arc<Source>,
    /// What it has counted, as far as it has told.
    pub counters: Counters,
    /// What has become of the onion services it publishes, as far as it has told.
    pub publications: Vec<Publication>,
    /// The most resident memory it was seen with, in bytes.
    pub peak_rss: u64,
    /// What it does, as far as it has told, if it is a guest's.
    pub status: Option<String>,
    /// The image of the executable that it runs, if that is not this one.
    pub image: Option<ImageIdentity>,
    /// Whether it has sessions that other processes of its worker may go on with.
    pub is_reachable: bool,
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
        key: ProcessId,
        launch: &Launch,
        (worker, index): (&str, u16),
        first: Parcel,
        tasks: (&mpsc::Sender<Event>, &Hub),
    ) -> io::Result<Self> {
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
        Ok(Self::new(source, lines, (Link::Worker(outbox, group), attendance), cgroup))
    }

    /// A process that was just spawned.
    pub(super) fn new(
        source: Arc<Source>,
        lines: LastLines,
        (link, attendance): (Link, Attendance),
        cgroup: Option<Leaf>,
    ) -> Self {
        Self {
            source,
            counters: Counters::default(),
            publications: Vec::new(),
            peak_rss: 0,
            status: None,
            lines,
            link,
            attendance,
            cgroup,
            image: None,
            is_reachable: false,
        }
    }

    /// A process that another image of the executable has spawned, to which nobody attends yet.
    pub(super) fn restore(source: Arc<Source>, link: Link, cgroup: Option<Leaf>) -> Self {
        let (attendance, ..) = attended();
        Self::new(source, LastLines::default(), (link, attendance), cgroup)
    }

    /// The group of what the controller has started: the process, or a guest's keeper.
    pub(super) fn group(&self) -> &Group {
        match &self.link {
            Link::Worker(_, group) => group,
            Link::Keeper(keeper) => &keeper.group,
        }
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

    /// The child of the controller that it is: the process itself, or its keeper.
    pub(super) fn child(&self) -> Pid {
        match &self.link {
            Link::Worker(_, group) => group.leader(),
            Link::Keeper(keeper) => keeper.pid(),
        }
    }

    /// Sends a signal to it and to all it has started.
    pub(crate) fn signal(&self, signal: Signal) {
        match &self.link {
            Link::Worker(_, group) => group.signal(signal),
            Link::Keeper(keeper) => keeper.signal(signal),
        }
    }

    /// Looks how much memory it has needed so far.
    pub(crate) fn note_memory(&mut self) {
        self.peak_rss = self.peak_rss.max(Usage::peak_of(self.source.pid()));
    }

    /// Keeps what it has counted, of which it does not tell again what it has told of paths.
    pub(super) fn keep(&mut self, mut counters: Counters) {
        let told = std::mem::replace(&mut counters.web, std::mem::take(&mut self.counters.web));
        renew(&mut counters.web, told);
        self.counters = counters;
    }

    /// Whether it has accepted a connection, or taken over the sessions of a realm, as far as it has told: it does so with the
    /// first.
    pub(crate) fn has_worked(&self) -> bool {
        let has_taken_over = self.counters.realms.iter().any(|realm| realm.takeovers > 0);
        has_taken_over || self.counters.listeners.iter().any(|listener| listener.connections.accepted > 0)
    }

    /// The last lines it wrote on standard error.
    pub(crate) fn last_lines(&self) -> Vec<String> {
        self.lines.all()
    }
}

pub(super) fn pipe_end(end: Option<OwnedFd>) -> io::Result<Pipe> {
    Ok(pipe::Receiver::from_owned_fd(end.ok_or(io::ErrorKind::BrokenPipe)?)?.into())
}
