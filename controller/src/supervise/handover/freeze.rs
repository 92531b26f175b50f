//! The tasks around a process can be paused: each stops between two things and gives back what it works with, with
//! the bytes that it has read and not used.

use super::super::outbox::Parcel;
use crate::guest::NotifySocket;
use crate::logs::{Lines, Pipe};
use jackfield_shared::ipc::{FromWorker, Receiver, Sender, ToWorker};
use std::cell::RefCell;
use std::rc::Rc;
use tokio::net::unix::pipe;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinHandle, spawn_local};

/// What a task is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    GoOn,
    Pause,
    /// The process has ended: nothing is waited for any longer.
    End,
}

/// Tells a task that it is to pause, or to end.
#[derive(Clone, Debug)]
pub(in super::super) struct Pause(watch::Receiver<Wish>);

impl Pause {
    /// Completes when the task is to pause.
    pub(in super::super) async fn wanted(&mut self) {
        self.is(Wish::Pause).await;
    }

    /// Completes when the process has ended and was waited for: what has come is taken still, and nothing more.
    pub(in super::super) async fn over(&mut self) {
        self.is(Wish::End).await;
    }

    async fn is(&mut self, wish: Wish) {
        // Nobody who could want it is left when the sender is gone.
        if self.0.wait_for(|now| *now == wish).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Ends the tasks around a process that has ended.
#[derive(Debug)]
pub(in super::super) struct End(watch::Sender<Wish>);

impl End {
    /// Tells them that nothing is waited for any longer.
    pub(in super::super) fn tell(&self) {
        self.0.send_replace(Wish::End);
    }
}

/// What a task works with.
#[derive(Debug)]
pub(in super::super) enum Piece {
    /// The way to the process, and the messages that wait.
    To(Sender<ToWorker>, mpsc::Receiver<Parcel>),
    /// The way from it.
    From(Receiver<FromWorker>),
    /// Its standard output.
    Stdout(Lines<Pipe>),
    /// Its standard error.
    Stderr(Lines<Pipe>),
    /// The socket by which it notifies.
    Notify(NotifySocket),
    /// Its standard input.
    Stdin(Feed),
}

/// What is to be written to a program's standard input.
#[derive(Debug)]
pub(in super::super) struct Feed {
    /// Where.
    pub(in super::super) to: pipe::Sender,
    /// The rest of it.
    pub(in super::super) rest: Vec<u8>,
    /// Whether it is closed after that.
    pub(in super::super) close: bool,
}

type Tasks = Rc<RefCell<Vec<JoinHandle<Option<Piece>>>>>;

/// The tasks around a process.
#[derive(Debug)]
pub(in super::super) struct Attendance {
    pause: watch::Sender<Wish>,
    tasks: Tasks,
    /// Waits for the process's end, and then for these tasks.
    exit: Option<AbortHandle>,
}

/// Begins to attend; the second is for the tasks, the third for the one that waits for the end.
pub(in super::super) fn attended() -> (Attendance, Pause, Tasks) {
    let (pause, wanted) = watch::channel(Wish::GoOn);
    let tasks = Tasks::default();
    (Attendance { pause, tasks: Rc::clone(&tasks), exit: None }, Pause(wanted), tasks)
}

impl Attendance {
    /// Starts a task.
    pub(in super::super) fn add(&self, task: impl Future<Output = Option<Piece>> + 'static) {
        self.tasks.borrow_mut().push(spawn_local(task));
    }

    /// What ends the tasks.
    pub(in super::super) fn end(&self) -> End {
        End(self.pause.clone())
    }

    /// Starts the one that waits for the end.
    pub(in super::super) fn wait(&mut self, exit: impl Future<Output = ()> + 'static) {
        self.exit = Some(spawn_local(exit).abort_handle());
    }

    /// Pauses; the tasks give back what they work with. The end of the process is not waited for any longer.
    pub(super) fn pause(&mut self) -> Vec<JoinHandle<Option<Piece>>> {
        if let Some(exit) = self.exit.take() {
            exit.abort();
        }
        self.pause.send_replace(Wish::Pause);
        self.tasks.take()
    }

    /// Takes in tasks that did not pause, which go on now.
    pub(super) fn adopt(&self, tasks: Vec<JoinHandle<Option<Piece>>>) {
        self.tasks.borrow_mut().extend(tasks);
    }

    /// Whether it is paused.
    pub(super) fn is_paused(&self) -> bool {
        self.exit.is_none()
    }
}
