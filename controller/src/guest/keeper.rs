//! The keeper of a guest. It is the parent of the program and of everything that the
//! program starts and leaves behind (PR_SET_CHILD_SUBREAPER), whatever session that has gone to. When the
//! program ends, when it is told to, or when the controller is gone, it kills all of them.
//!
//! Standard input is a socket pair: the controller sends the [`Spec`] and the descriptors for the program, then one
//! byte for each signal that the program's process group is to get. The keeper sends the program's wait status, four
//! bytes, and exits.

use crate::stage::{ARGUMENT as EXEC, EXECUTABLE, Spec, name_thread, receive, send, take_stdin};
use jackfield_worker::children::kill_children;
use nix::sys::signal::{SigSet, Signal as NixSignal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process_group, set_child_subreaper, wait};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

/// Runs the stage to the end of the program.
pub(crate) fn run() -> ExitCode {
    name_thread();
    match keep() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            // The controller reads this from the pipe and records it as the reason of the exit.
            let _ = writeln!(io::stderr(), "jackfield: cannot start the guest: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn keep() -> Result<(), String> {
    let connection = |e| format!("its connection to the controller: {e}");
    let controller = UnixStream::from(take_stdin().map_err(connection)?);
    let (spec, fds) = receive(&controller).map_err(connection)?;
    let mut spec: Spec = serde_json::from_slice(&spec).map_err(|e| format!("what it is to start: {e}"))?;
    set_child_subreaper(Some(getpid())).map_err(|e| format!("PR_SET_CHILD_SUBREAPER: {e}"))?;
    spec.controller = std::process::id();
    let program = start(&spec, fds).map_err(|e| format!("cannot start a process: {e}"))?;
    let mut keeper = Keeper { controller, program, status: None };
    let ended = keeper.attend();
    kill_children(|pid, status| {
        if pid == keeper.program {
            keeper.status = Some(status.as_raw());
        }
    });
    if let Some(status) = keeper.status {
        // A controller that is gone needs no report.
        let _ = keeper.controller.write_all(&status.to_ne_bytes());
    }
    ended.map_err(|e| format!("its signals: {e}"))
}

/// Starts `__exec`, which becomes the program, as the leader of a process group, with these
/// descriptors.
fn start(spec: &Spec, fds: Vec<OwnedFd>) -> io::Result<Pid> {
    let (ours, theirs) = UnixStream::pair()?;
    let borrowed: Vec<_> = fds.iter().map(|fd| fd.as_fd()).collect();
    send(&ours, &[], &borrowed)?;
    let child = Command::new(EXECUTABLE)
        .arg(EXEC)
        .arg(serde_json::to_string(spec)?)
        .process_group(0)
        .stdin(OwnedFd::from(theirs))
        .spawn()?;
    Ok(Pid::from_child(&child))
}

struct Keeper {
    controller: UnixStream,
    /// The program's process, which leads a group.
    program: Pid,
    /// How it has ended.
    status: Option<i32>,
}

impl Keeper {
    /// Passes signals on until the program has ended or everything is to be killed.
    fn attend(&mut self) -> io::Result<()> {
        // The stop of a system or a terminal reaches every process; what is to be done is said by the controller.
        let mut mask = SigSet::empty();
        for signal in [NixSignal::SIGCHLD, NixSignal::SIGTERM, NixSignal::SIGINT, NixSignal::SIGHUP] {
            mask.add(signal);
        }
        mask.thread_block()?;
        let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        self.controller.set_nonblocking(true)?;
        // It may have ended before its signal could be seen.
        while !self.reap() {
            let mut ready =
                [PollFd::new(&self.controller, PollFlags::IN), PollFd::new(&signals, PollFlags::IN)];
            match poll(&mut ready, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(e) => return Err(e.into()),
            }
            while let Ok(Some(_)) = signals.read_signal() {}
            if !self.obey() {
                break;
            }
        }
        Ok(())
    }

    /// Sends the signals that are asked for; false if everything is to be killed.
    fn obey(&mut self) -> bool {
        let mut numbers = [0; 64];
        match self.controller.read(&mut numbers) {
            // The controller is gone.
            Ok(0) => false,
            Ok(count) => numbers[..count].iter().all(|number| {
                let signal = Signal::from_named_raw(i32::from(*number));
                if let Some(signal) = signal.filter(|signal| *signal != Signal::KILL) {
                    // It is not reaped: its number is nobody else's.
                    let _ = kill_process_group(self.program, signal);
                    return true;
                }
                false
            }),
            Err(e) => matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted),
        }
    }

    /// Reaps what has ended; true when the program is among it.
    fn reap(&mut self) -> bool {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if pid == self.program => {
                    self.status = Some(status.as_raw());
                    return true;
                }
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Ok(None) => return false,
                Err(_) => return true,
            }
        }
    }
}
