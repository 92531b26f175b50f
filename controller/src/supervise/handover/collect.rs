//! The moment when nothing is half done: every task has paused, and everything that they have told was heard.

use super::super::Supervisor;
use super::super::attend::{Ends, attend};
use super::super::guest::{GuestEnds, attend_guest};
use super::super::outbox::{Parcel, outbox};
use super::super::process::{Link, Process};
use super::freeze::{Feed, Piece};
use crate::guest::NotifySocket;
use crate::logs::{Lines, Pipe};
use jackfield_fleet::{News, ProcessId};
use jackfield_shared::ipc::{FromWorker, Receiver, Sender, ToWorker};
use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// How long tasks may take to pause: as long as a process takes to read what it is sent.
const TIME: Duration = Duration::from_secs(5);

/// What the tasks around one process work with.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    pub(super) to: Option<Sender<ToWorker>>,
    queue: Option<mpsc::Receiver<Parcel>>,
    /// Messages that wait.
    pub(super) messages: Vec<Parcel>,
    pub(super) from: Option<Receiver<FromWorker>>,
    pub(super) stdout: Option<Lines<Pipe>>,
    pub(super) stderr: Option<Lines<Pipe>>,
    pub(super) notify: Option<NotifySocket>,
    pub(super) stdin: Option<Feed>,
    /// Tasks that did not pause.
    busy: Vec<JoinHandle<Option<Piece>>>,
}

impl Pieces {
    fn put(&mut self, piece: Piece) {
        match piece {
            Piece::To(to, queue) => (self.to, self.queue) = (Some(to), Some(queue)),
            Piece::From(from) => self.from = Some(from),
            Piece::Stdout(lines) => self.stdout = Some(lines),
            Piece::Stderr(lines) => self.stderr = Some(lines),
            Piece::Notify(socket) => self.notify = Some(socket),
            Piece::Stdin(feed) => self.stdin = Some(feed),
        }
    }
}

/// What all tasks work with, by processes.
pub(super) type Frozen = HashMap<ProcessId, Pieces>;

impl Supervisor {
    /// Pauses everything.
    ///
    /// # Errors
    /// When a task does not pause in time: with the others, which did.
    pub(super) async fn freeze(&mut self) -> Result<Frozen, (String, Frozen)> {
        let deadline = Instant::now() + TIME;
        let mut frozen = Frozen::new();
        loop {
            let mut handles = Vec::new();
            let mut ending = 0;
            for (&key, process) in &mut self.processes {
                if process.attendance.is_paused() {
                    continue;
                }
                if process.group().is_reaped() {
                    ending += 1;
                    continue;
                }
                frozen.entry(key).or_default();
                handles.extend(process.attendance.pause().into_iter().map(|handle| (key, handle)));
            }
            if handles.is_empty() && ending == 0 {
                break;
            }
            // What they tell while they come to their pauses must be taken, or they would wait for room.
            let backlog = match self.gather_pieces(handles, ending, deadline, &mut frozen).await {
                Ok(backlog) => backlog,
                Err(reason) => return Err((reason, frozen)),
            };
            // This may start processes: they are next.
            backlog.into_iter().for_each(|event| self.happened(event));
        }
        frozen.retain(|key, _| self.processes.contains_key(key));
        for pieces in frozen.values_mut() {
            if let Some(queue) = &mut pieces.queue {
                queue.close();
                pieces.messages.extend(std::iter::from_fn(|| queue.try_recv().ok()));
            }
        }
        Ok(frozen)
    }

    async fn gather_pieces(
        &mut self,
        handles: Vec<(ProcessId, JoinHandle<Option<Piece>>)>,
        ending: usize,
        deadline: Instant,
        frozen: &mut Frozen,
    ) -> Result<Vec<super::super::event::Event>, String> {
        let waiting = RefCell::new(handles);
        let collected = RefCell::new(Vec::new());
        let mut backlog = Vec::new();
        let mut ends = 0;
        let all = async {
            loop {
                let Some((key, mut handle)) = waiting.borrow_mut().pop() else { return };
                tokio::select! {
                    piece = &mut handle => {
                        if let Ok(Some(piece)) = piece {
                            collected.borrow_mut().push((key, piece));
                        }
                    }
                    () = sleep_until(deadline) => {
                        waiting.borrow_mut().push((key, handle));
                        return;
                    }
                }
            }
        };
        let mut all = std::pin::pin!(all);
        let mut is_done = false;
        while !is_done || ends < ending {
            tokio::select! {
                biased;
                Some(event) = self.incoming.recv() => {
                    ends += usize::from(matches!(event, super::super::event::Event::Exited(..)));
                    backlog.push(event);
                }
                () = &mut all, if !is_done => is_done = true,
                () = sleep_until(deadline) => break,
            }
        }
        for (key, piece) in collected.take() {
            frozen.entry(key).or_default().put(piece);
        }
        let busy = waiting.take();
        let late = busy.first().map(|(key, _)| *key);
        for (key, handle) in busy {
            frozen.entry(key).or_default().busy.push(handle);
        }
        if late.is_none() && ends >= ending {
            return Ok(backlog);
        }
        backlog.into_iter().for_each(|event| self.happened(event));
        let source =
            late.and_then(|key| self.processes.get(&key)).map(|process| process.source.worker.clone());
        let who = source.map_or_else(|| "a process".to_owned(), |worker| format!("a process of {worker}"));
        Err(format!("{who} does not read what it is told"))
    }

    /// Goes on with everything that was paused.
    pub(super) fn thaw(&mut self, frozen: Frozen) {
        let (events, hub) = (self.events.clone(), self.hub.clone());
        for (key, pieces) in frozen {
            let Some(process) = self.processes.get_mut(&key) else { continue };
            if let Err(e) = process.go_on(pieces, (&events, &hub)) {
                self.news(key, News::Broken(format!("can't be looked after any longer: {e}")));
            }
        }
    }
}

impl Process {
    /// Attends to the process with these pieces.
    ///
    /// # Errors
    /// When its end can't be waited for.
    pub(super) fn go_on(
        &mut self,
        pieces: Pieces,
        tasks: (&mpsc::Sender<super::super::event::Event>, &crate::logs::Hub),
    ) -> io::Result<()> {
        let Pieces { to, queue, messages, from, stdout, stderr, notify, stdin, busy } = pieces;
        let children = signal(SignalKind::child())?;
        self.attendance = match &mut self.link {
            Link::Worker(sender, group) => {
                let queue = match queue.filter(|queue| !queue.is_closed()) {
                    Some(queue) => queue,
                    None => {
                        let (outbox, queue) = outbox();
                        *sender = outbox;
                        queue
                    }
                };
                for parcel in messages {
                    // As many as a queue holds.
                    let _ = sender.try_send(parcel);
                }
                let ends = Ends { to: to.map(|to| (to, queue)), from, stdout, stderr };
                attend(ends, (group, children), &self.source, &self.lines, tasks)
            }
            Link::Keeper(keeper) => {
                let socket = Rc::clone(&keeper.socket);
                let ends = GuestEnds { socket, stdout, stderr, notify, stdin, report: None };
                attend_guest(ends, (&keeper.group, children), &self.source, &self.lines, tasks)
            }
        };
        self.attendance.adopt(busy);
        Ok(())
    }
}
