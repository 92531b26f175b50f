//! The tasks around a guest's process: they carry what it says and what it is given, and wait for its end.

use super::super::attend::{all_said, read, reap};
use super::super::event::{Event, Output, Source};
use super::super::group::Group;
use super::super::handover::{Attendance, Feed, Pause, Piece, attended};
use super::super::last_lines::LastLines;
use crate::guest::{Notice, NotifySocket, is_ready};
use crate::logs::{Hub, Lines, Pipe};
use jackfield_shared::config::Ready;
use jackfield_shared::ipc::FromWorker;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::rc::Rc;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixStream, unix::pipe};
use tokio::signal::unix::Signal as ChildSignal;
use tokio::sync::mpsc;

/// The ends of a guest's connections.
pub(in super::super) struct GuestEnds {
    pub(in super::super) socket: Rc<UnixStream>,
    pub(in super::super) stdout: Option<Lines<Pipe>>,
    pub(in super::super) stderr: Option<Lines<Pipe>>,
    pub(in super::super) notify: Option<NotifySocket>,
    pub(in super::super) stdin: Option<Feed>,
    /// Where it is told that the program runs.
    pub(in super::super) report: Option<(pipe::Receiver, Ready)>,
}

/// Starts the tasks around a guest's process.
pub(in super::super) fn attend_guest(
    ends: GuestEnds,
    (group, children): (&Rc<Group>, ChildSignal),
    source: &Arc<Source>,
    lines: &LastLines,
    (events, hub): (&mpsc::Sender<Event>, &Hub),
) -> Attendance {
    let GuestEnds { socket, stdout, stderr, notify, stdin, report } = ends;
    let (mut attendance, pause, tasks) = attended();
    if let Some((report, ready)) = report {
        attendance.add(started(report, ready, Arc::clone(source), events.clone(), pause.clone()));
    }
    for (pipe, output) in [(stdout, Output::Stdout), (stderr, Output::Stderr)] {
        let Some(pipe) = pipe else { continue };
        attendance.add(read(pipe, output, Arc::clone(source), (hub.clone(), lines.clone()), pause.clone()));
    }
    let last_words = tasks.borrow().len();
    let keeper = group.leader().as_raw_pid().unsigned_abs();
    if let Some(notify) = notify {
        attendance.add(listen(notify, keeper, Arc::clone(source), events.clone(), pause.clone()));
    }
    if let Some(stdin) = stdin {
        attendance.add(feed(stdin, pause));
    }
    let (group, source, events) = (Rc::clone(group), Arc::clone(source), events.clone());
    let end = attendance.end();
    attendance.wait(async move {
        let status = reap(children, &group).await;
        let program = status_of_program(&socket);
        if program.is_none() {
            let _ = events.send(Event::KeeperGone).await;
        }
        let status = program.or(status);
        all_said(tasks.take(), last_words, &end).await;
        let _ = events.send(Event::Exited(source, status)).await;
    });
    attendance
}

/// Waits for the program to run, or for the reason why it doesn't.
async fn started(
    mut report: pipe::Receiver,
    ready: Ready,
    source: Arc<Source>,
    events: mpsc::Sender<Event>,
    mut pause: Pause,
) -> Option<Piece> {
    let mut said = Vec::new();
    let mut over = pause.clone();
    // It ends with the exec, or with the process.
    tokio::select! {
        _ = report.read_to_end(&mut said) => {}
        () = over.over() => return None,
    }
    let said = String::from_utf8_lossy(&said);
    let (pid, reason) = said.split_once('\n')?;
    if let Ok(pid) = pid.parse() {
        source.set_pid(pid);
    }
    let message = match (reason, &ready) {
        ("", Ready::Notify) => return None,
        ("", ready) => {
            tokio::select! {
                () = is_ready(ready) => FromWorker::Ready,
                () = pause.wanted() => return None,
                () = over.over() => return None,
            }
        }
        (reason, _) => FromWorker::Failed { reason: reason.to_owned() },
    };
    let _ = events.send(Event::Message(source, message)).await;
    None
}

/// Passes on what the program says of itself.
async fn listen(
    socket: NotifySocket,
    keeper: u32,
    source: Arc<Source>,
    events: mpsc::Sender<Event>,
    mut pause: Pause,
) -> Option<Piece> {
    loop {
        let datagram = tokio::select! {
            biased;
            () = pause.wanted() => return Some(Piece::Notify(socket)),
            datagram = socket.receive(keeper) => datagram.ok()?,
        };
        for notice in Notice::all(&datagram) {
            events.send(Event::Notice(Arc::clone(&source), notice)).await.ok()?;
        }
    }
}

/// Writes to the program's standard input, and leaves that open if it is wanted so.
async fn feed(mut feed: Feed, mut pause: Pause) -> Option<Piece> {
    loop {
        if feed.rest.is_empty() && feed.close {
            return None;
        }
        let written = async {
            match feed.rest.is_empty() {
                true => std::future::pending().await,
                false => feed.to.write(&feed.rest).await,
            }
        };
        tokio::select! {
            biased;
            () = pause.wanted() => return Some(Piece::Stdin(feed)),
            // A program need not read it.
            written = written => drop(feed.rest.drain(..written.ok()?)),
        }
    }
}

/// The wait status that the keeper has sent before its own end.
fn status_of_program(socket: &UnixStream) -> Option<ExitStatus> {
    let mut bytes = [0; 4];
    let count = socket.try_read(&mut bytes).ok()?;
    (count == bytes.len()).then(|| ExitStatus::from_raw(i32::from_ne_bytes(bytes)))
}
