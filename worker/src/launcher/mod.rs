//! How a worker starts programs: by a process of its own beside it, which it starts before it confines itself. So what
//! speaks with clients may still start nothing, and what starts programs speaks with nobody but its worker. And since
//! the launcher outlives its worker, for a moment, no program does.

mod message;
mod process;

pub(crate) use message::{Fate, SystemString};
pub use process::run;

use jackfield_shared::config::Sandbox;
use jackfield_shared::{ipc, stage};
use message::{FromLauncher, Start, ToLauncher};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::rc::Rc;
use tokio::sync::{mpsc, oneshot};

/// The stage of the executable that is a launcher (see [`stage::value`]).
pub const LAUNCHER: &str = "launcher";

/// A launcher that was started.
#[derive(Debug)]
pub(crate) struct Started {
    socket: OwnedFd,
    sandbox: Sandbox,
}

impl Started {
    /// Starts a launcher for the worker with this id, which is to confine itself like that.
    ///
    /// # Errors
    /// When there is no room for another process.
    pub(crate) fn new(worker: &str, sandbox: Sandbox) -> io::Result<Self> {
        let (socket, theirs) = ipc::pair()?;
        // Whoever kills the group of the worker leaves the launcher time to clean up.
        Command::new(stage::EXECUTABLE)
            .arg0(format!("jackfield launcher of {worker}"))
            .env(stage::VARIABLE, stage::value(LAUNCHER, std::process::id()))
            .process_group(0)
            .stdin(theirs)
            .spawn()?;
        Ok(Self { socket, sandbox })
    }

    /// What programs are started by, and what has to run meanwhile: it completes, with the reason, when the launcher
    /// is gone.
    pub(crate) fn connect(self) -> (Rc<Launcher>, impl Future<Output = String>) {
        let (outbox, queue) = mpsc::unbounded_channel();
        let launcher = Rc::new(Launcher { outbox, programs: RefCell::default(), next: Cell::new(0) });
        launcher.send(ToLauncher::Confine(self.sandbox), Vec::new());
        let talking = Rc::clone(&launcher);
        (launcher, async move {
            let why = talk(self.socket, queue, &talking.programs).await;
            talking.programs.borrow_mut().clear();
            why.map_or_else(
                |e| format!("the launcher of programs: {e}"),
                |()| "the launcher of programs has ended".into(),
            )
        })
    }
}

type Queue = mpsc::UnboundedReceiver<(ToLauncher, Vec<OwnedFd>)>;

/// The programs that run, and who waits for the end of each.
type Waiting = RefCell<HashMap<u64, oneshot::Sender<Fate>>>;

/// Starts programs.
#[derive(Debug)]
pub(crate) struct Launcher {
    outbox: mpsc::UnboundedSender<(ToLauncher, Vec<OwnedFd>)>,
    programs: Waiting,
    next: Cell<u64>,
}

/// What is to be started.
#[derive(Debug)]
pub(crate) struct Order<'a> {
    pub(crate) program: &'a OsStr,
    pub(crate) arguments: &'a [&'a OsStr],
    pub(crate) directory: &'a OsStr,
    pub(crate) environment: Vec<(SystemString, SystemString)>,
}

impl Launcher {
    /// Starts a program with these as its standard input, output and error.
    pub(crate) fn start(self: &Rc<Self>, order: Order<'_>, fds: [OwnedFd; 3]) -> Program {
        let id = self.next.get();
        self.next.set(id + 1);
        let (ended, fate) = oneshot::channel();
        self.programs.borrow_mut().insert(id, ended);
        let start = Start {
            id,
            program: order.program.into(),
            arguments: order.arguments.iter().map(|&argument| argument.into()).collect(),
            directory: order.directory.into(),
            environment: order.environment,
        };
        self.send(ToLauncher::Start(start), fds.into());
        Program { id, launcher: Rc::clone(self), fate, ended: None }
    }

    fn send(&self, message: ToLauncher, fds: Vec<OwnedFd>) {
        // Fails only when the launcher is gone; then this process is about to end.
        let _ = self.outbox.send((message, fds));
    }
}

/// A program that was started; asked to end, with all of its process group, when this goes out of scope.
#[derive(Debug)]
pub(crate) struct Program {
    id: u64,
    launcher: Rc<Launcher>,
    fate: oneshot::Receiver<Fate>,
    ended: Option<Fate>,
}

impl Program {
    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> Fate {
        if let Some(fate) = &self.ended {
            return fate.clone();
        }
        let fate = (&mut self.fate).await.unwrap_or(Fate::Lost);
        self.ended.insert(fate).clone()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.ended.is_none() {
            self.launcher.send(ToLauncher::End { id: self.id }, Vec::new());
        }
    }
}

async fn talk(socket: OwnedFd, mut queue: Queue, programs: &Waiting) -> Result<(), ipc::Error> {
    let (mut launcher, mut news) = ipc::split::<ToLauncher, FromLauncher>(socket)?;
    let sending = async {
        while let Some((message, fds)) = queue.recv().await {
            let fds: Vec<_> = fds.iter().map(|fd| fd.as_fd()).collect();
            launcher.send(&message, &fds).await?;
        }
        Ok(())
    };
    let receiving = async {
        while let Some((FromLauncher::Ended { id, fate }, _)) = news.recv().await? {
            if let Some(waiting) = programs.borrow_mut().remove(&id) {
                let _ = waiting.send(fate); // nobody may be waiting any longer
            }
        }
        Ok(())
    };
    tokio::select! {
        sent = sending => sent,
        received = receiving => received,
    }
}
