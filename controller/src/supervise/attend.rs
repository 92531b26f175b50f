//! The tasks around a process: they carry its messages and its output, and wait for its end.

use super::event::{Event, Output, Source};
use super::group::Group;
use super::process::LastLines;
use crate::logs::{Hub, Lines};
use jackfield_shared::ipc::{FromWorker, Receiver, Sender, ToWorker};
use jackfield_shared::log::Level;
use rustix::io::Errno;
use rustix::process::{Pid, Signal as ProcessSignal, WaitId, WaitIdOptions, waitid};
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::{Child, ExitStatus};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::unix::pipe;
use tokio::signal::unix::Signal;
use tokio::sync::mpsc;
use tokio::task::{spawn_local, yield_now};
use tokio::time::timeout;

/// Messages that wait for a process to read them. One that doesn't read is stuck, and is soon found to be.
const OUTBOX: usize = 64;
/// How long to wait, after a process has ended, for the ends of its pipes: something it has started and that
/// left its process group may hold them for ever.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(1);

/// A process that was spawned, with all that belongs to it.
#[derive(Debug)]
pub(super) struct Spawned {
    pub(super) child: Child,
    /// SIGCHLD, listened to since before the spawn.
    pub(super) children: Signal,
    pub(super) group: Rc<Group>,
    pub(super) stdout: pipe::Receiver,
    pub(super) stderr: pipe::Receiver,
    pub(super) ipc: (Sender<ToWorker>, Receiver<FromWorker>),
    pub(super) lines: LastLines,
}

/// A message to a process, with the descriptors that go with it.
pub(super) type Parcel = (ToWorker, Vec<OwnedFd>);

/// Starts the tasks; returns where messages to the process are put. `first` is the first of them, with its
/// descriptors.
pub(super) fn attend(
    spawned: Spawned,
    source: &Arc<Source>,
    first: Parcel,
    (events, hub): (&mpsc::Sender<Event>, &Hub),
) -> mpsc::Sender<Parcel> {
    let Spawned { child, children, group, stdout, stderr, ipc: (to, from), lines } = spawned;
    let (outbox, messages) = mpsc::channel(OUTBOX);
    spawn_local(send(to, first, messages));
    let last_words = [
        spawn_local(receive(from, Arc::clone(source), events.clone(), hub.clone())),
        spawn_local(read(stdout, Output::Stdout, Arc::clone(source), hub.clone(), lines.clone())),
        spawn_local(read(stderr, Output::Stderr, Arc::clone(source), hub.clone(), lines)),
    ];
    let (source, events) = (Arc::clone(source), events.clone());
    spawn_local(async move {
        let status = reap(child, children, &group).await;
        let all_said = async {
            for task in last_words {
                let _ = task.await;
            }
        };
        let _ = timeout(LAST_WORDS, all_said).await;
        let _ = events.send(Event::Exited(source, status)).await;
    });
    outbox
}

async fn send(mut to: Sender<ToWorker>, first: Parcel, mut messages: mpsc::Receiver<Parcel>) {
    let mut next = Some(first);
    while let Some((message, fds)) = next {
        let borrowed: Vec<_> = fds.iter().map(|fd| fd.as_fd()).collect();
        // A process that can't be reached is one that has ended, or will be found to be silent.
        if to.send(&message, &borrowed).await.is_err() {
            return;
        }
        next = messages.recv().await;
    }
}

async fn receive(mut from: Receiver<FromWorker>, source: Arc<Source>, events: mpsc::Sender<Event>, hub: Hub) {
    let error = loop {
        match from.recv().await {
            // Records need no decision, so they go straight to the log.
            Ok(Some((FromWorker::Log(record), _))) => hub.publish(source.claim(record)),
            Ok(Some((message, _))) => {
                if events.send(Event::Message(Arc::clone(&source), message)).await.is_err() {
                    return;
                }
            }
            Ok(None) => break None,
            Err(e) => break Some(e),
        }
    };
    let _ = events.send(Event::Closed(source, error)).await;
}

/// Reads an output to its end; the lines become records.
pub(super) async fn read(
    pipe: pipe::Receiver,
    output: Output,
    source: Arc<Source>,
    hub: Hub,
    last: LastLines,
) {
    let level = match output {
        Output::Stdout => Level::Info,
        Output::Stderr => Level::Warn,
    };
    let mut lines = Lines::new(pipe);
    loop {
        // What is not read yet waits in the pipe, and then its writer does: not for long.
        hub.room().await;
        let Some(lines) = lines.next().await else { return };
        if output == Output::Stderr {
            last.keep(&lines);
        }
        if level <= hub.level(Some(&source.worker)) {
            hub.publish_all(lines.into_iter().map(|line| source.record(level, line)));
        }
        // Others have something to say, too.
        yield_now().await;
    }
}

/// Waits for the end of the process, ends what it has started, reaps it.
pub(super) async fn reap(mut child: Child, mut children: Signal, group: &Group) -> Option<ExitStatus> {
    // Looked at and not reaped: until the group is killed its id must stay in use.
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    while let Ok(None) | Err(Errno::INTR) = waitid(WaitId::Pid(Pid::from_child(&child)), look) {
        children.recv().await;
    }
    group.signal(ProcessSignal::KILL);
    let status = child.wait();
    group.set_reaped();
    status.ok()
}
