//! Guests among the processes: how one is spawned, told to end, and looked after by what it says of itself.

mod attend;

pub(super) use attend::{GuestEnds, attend_guest};

use super::Supervisor;
use super::event::{Event, Source};
use super::group::Group;
use super::handover::Feed;
use super::keeper::Keeper;
use super::last_lines::LastLines;
use super::launch::Launch;
use super::process::{Link, Process, pipe_end};
use super::worker::{Guest, Task, Work};
use crate::control::{Action, Call, Request, Response};
use crate::guest::{NotifySocket, watch};
use crate::logs::{Hub, Lines};
use crate::stage::{EXECUTABLE, Fate, Program, VARIABLE, WATCHDOG_USEC, keeper_value, send};
use jackfield_fleet::ProcessId;
use jackfield_shared::config::{Output as Wanted, Ready, Stdin};
use jackfield_shared::ipc;
use jackfield_shared::log::Level;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal};
use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream as StdStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use tokio::net::{UnixStream, unix::pipe};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::spawn_local;

impl Process {
    /// Spawns the process with this index of a guest's worker, with its sockets.
    ///
    /// Must be called in the controller's main thread, in a local runtime.
    ///
    /// # Errors
    /// When the system has no room for another process.
    pub(super) fn spawn_guest(
        key: ProcessId,
        launch: &Launch,
        index: u16,
        guest: &Guest,
        sockets: Vec<(String, OwnedFd)>,
        (events, hub): (&mpsc::Sender<Event>, &Hub),
    ) -> io::Result<Self> {
        let options = &guest.program.options;
        let (ours, theirs) = ipc::pair()?;
        let (report, reports) = pipe_with(PipeFlags::CLOEXEC)?;
        let stdin = match &options.stdin {
            Stdin::Close => None,
            Stdin::Value(value) => Some((pipe_with(PipeFlags::CLOEXEC)?, value)),
        };
        let (names, sockets): (Vec<_>, Vec<_>) = sockets.into_iter().unzip();
        let program = Program {
            path: guest.executable.clone(),
            arguments: guest.program.arguments.clone(),
            sockets: names,
            stdin: stdin.is_some(),
            stdout: fate(options.stdout),
            stderr: fate(options.stderr),
        };
        let cgroup = launch.cgroup(&guest.worker.id, key)?;
        let spec = launch.spec(cgroup.as_ref(), Some(program));
        let input = stdin.as_ref().map(|((read, _), _)| read.as_fd());
        let fds: Vec<_> =
            [reports.as_fd()].into_iter().chain(input).chain(sockets.iter().map(|fd| fd.as_fd())).collect();
        send(&ours, serde_json::to_string(&spec)?.as_bytes(), &fds)?;
        drop((reports, sockets));
        let notify = match guest.program.ready {
            Ready::Notify => Some(NotifySocket::new()?),
            Ready::Started | Ready::Tcp(_) | Ready::Http(..) | Ready::After(_) => None,
        };
        let socket = StdStream::from(ours);
        socket.set_nonblocking(true)?;
        let socket = Rc::new(UnixStream::from_std(socket)?);
        let report = pipe::Receiver::from_owned_fd(report)?;
        let stdin = match stdin {
            Some(((_, write), value)) => Some((pipe::Sender::from_owned_fd(write)?, value.clone())),
            None => None,
        };
        let children = signal(SignalKind::child())?;

        let mut command = Command::new(EXECUTABLE);
        command.arg0(&launch.title).env_clear().envs(launch.environment.iter().map(|(n, v)| (n, v)));
        command.env(VARIABLE, keeper_value(std::process::id()));
        if let Some(notify) = &notify {
            command.env("NOTIFY_SOCKET", &notify.name);
            let watchdog = guest.worker.common.watchdog;
            if !watchdog.is_zero() {
                command.env(WATCHDOG_USEC, watchdog.as_micros().to_string());
            }
        }
        command.current_dir(&launch.directory).process_group(0).stdin(theirs);
        let mut child = command.stdout(output(options.stdout)).stderr(output(options.stderr)).spawn()?;
        let group = Rc::new(Group::new(Pid::from_child(&child)));
        let stdout = child.stdout.take().map(|end| pipe_end(Some(end.into()))).transpose();
        let stderr = child.stderr.take().map(|end| pipe_end(Some(end.into()))).transpose();
        let (stdout, stderr) = match stdout.and_then(|stdout| Ok((stdout, stderr?))) {
            Ok(ends) => ends,
            Err(e) => {
                group.signal(Signal::KILL);
                let _ = child.wait();
                return Err(e);
            }
        };
        let keeper = child.id();
        let source = Arc::new(Source::new(key, &guest.worker.id, index, keeper));
        let lines = LastLines::default();
        let stdin = stdin.map(|(to, value)| Feed {
            to,
            rest: serde_json::to_vec(&value.value)
                .map(|mut text| {
                    text.push(b'\n');
                    text
                })
                .unwrap_or_default(),
            close: value.close,
        });
        let ends = GuestEnds {
            socket: Rc::clone(&socket),
            stdout: stdout.map(Lines::new),
            stderr: stderr.map(Lines::new),
            notify,
            stdin,
            report: Some((report, guest.program.ready.clone())),
        };
        let attendance = attend_guest(ends, (&group, children), &source, &lines, (events, hub));
        let keeper = Keeper { socket, group, was_asked_to_end: Cell::new(false) };
        Ok(Self::new(source, lines, (Link::Keeper(keeper), attendance), cgroup))
    }
}

/// What the stages do with an output.
fn fate(wanted: Wanted) -> Fate {
    if wanted == Wanted::Close { Fate::Close } else { Fate::Stay }
}

/// What the controller makes of it.
fn output(wanted: Wanted) -> Stdio {
    if wanted == Wanted::Log { Stdio::piped() } else { Stdio::null() }
}

impl Supervisor {
    /// Begins to watch the files of guests that are to be restarted when these change.
    pub(super) fn watch_guests(&mut self) {
        let keys: Vec<_> = self.fleet.serving().map(|(key, _)| key).collect();
        for key in keys {
            let Some(worker) = self.workers.get_mut(&key) else { continue };
            let Work::Guest(guest) = &worker.work else { continue };
            if worker.watch.is_some() {
                continue;
            }
            let Some(what) = guest.program.options.watch.clone() else { continue };
            let (id, events) = (guest.worker.id.clone(), self.events.clone());
            let changed = async move |file| events.send(Event::Watched(id.clone(), file)).await.is_ok();
            worker.watch = Some(Task(spawn_local(watch(what, changed)).abort_handle()));
        }
    }

    /// A file has changed that a guest is to be restarted for.
    pub(super) fn watched(&mut self, worker: &str, file: &Path) {
        self.hub.log(Level::Info, format!("{} has changed: restarting {worker}", file.display()));
        let (responses, mut answers) = mpsc::channel(1);
        let call = Call {
            request: Request::Worker { action: Action::Restart, ids: vec![worker.to_owned()] },
            responses,
            connection: None,
            peer: None,
        };
        self.called(call);
        let (hub, worker) = (self.hub.clone(), worker.to_owned());
        spawn_local(async move {
            while let Some(answer) = answers.recv().await {
                if let Response::Error(reason) = answer {
                    hub.log(Level::Error, format!("{worker} was not restarted: {reason}"));
                }
            }
        });
    }
}
