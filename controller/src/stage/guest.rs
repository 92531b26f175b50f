//! The last step of `__exec` for a guest: descriptors and variables as systemd's protocols want them, then the
//! program (sd_listen_fds(3), sd_watchdog_enabled(3)).

use super::fds::receive;
use super::program::{Fate, Program, WATCHDOG_USEC};
use super::{ARGUMENTS, VARIABLE, open_descriptors};
use jackfield_shared::exec_error;
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsRawFd as _, IntoRawFd as _, OwnedFd, RawFd};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// The first descriptor that is passed (SD_LISTEN_FDS_START).
const FIRST: RawFd = 3;

/// Becomes the program; returns, with the reason, only if that fails.
///
/// The first descriptor on standard input is where to report: the process id, then nothing if the program runs
/// (the kernel closes it), or the reason why it doesn't.
pub(crate) fn exec(program: &Program) -> String {
    let mut fds = match receive(io::stdin()) {
        Ok((_, fds)) => fds,
        Err(e) => return format!("its descriptors: {e}"),
    };
    if fds.len() != 1 + usize::from(program.stdin) + program.sockets.len() {
        return format!("{} descriptors came with {} sockets", fds.len(), program.sockets.len());
    }
    let mut report = match away(fds.remove(0), program.sockets.len()) {
        Ok(report) => File::from(report),
        Err(e) => return format!("its descriptors: {e}"),
    };
    // Whoever reads this has gone if it fails, and then nobody cares.
    let _ = writeln!(report, "{}", std::process::id());
    let reason = match become_program(program, fds, &report) {
        Ok(e) => format!("{}: {}", program.path.display(), exec_error::explain(program.path.as_ref(), &e)),
        Err(e) => format!("its descriptors: {e}"),
    };
    let _ = report.write_all(reason.as_bytes());
    reason
}

/// Moves a descriptor behind the numbers that this many sockets will have.
fn away(fd: OwnedFd, sockets: usize) -> io::Result<OwnedFd> {
    let end = RawFd::try_from(sockets).map_err(io::Error::other)? + FIRST;
    Ok(fcntl_dupfd_cloexec(fd, end)?)
}

fn become_program(program: &Program, mut fds: Vec<OwnedFd>, report: &File) -> io::Result<io::Error> {
    if program.stdin {
        rustix::stdio::dup2_stdin(fds.remove(0))?;
    } else {
        rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    }
    let count = place(fds, report)?;
    for (fate, fd) in [(program.stdout, 1), (program.stderr, 2)] {
        if fate == Fate::Close {
            nix::unistd::close(fd)?;
        }
    }
    let mut command = Command::new(&program.path);
    command.args(&program.arguments).env_remove(VARIABLE).env_remove(ARGUMENTS);
    let pid = std::process::id().to_string();
    if count > 0 {
        command.env("LISTEN_FDS", count.to_string());
        command.env("LISTEN_FDNAMES", program.sockets.join(":"));
        command.env("LISTEN_PID", &pid);
    }
    if std::env::var_os(WATCHDOG_USEC).is_some() {
        command.env("WATCHDOG_PID", &pid);
    }
    Ok(command.exec())
}

/// Puts the sockets at the numbers from [`FIRST`] on, to be inherited, and closes everything else: a program
/// must not get what the node was started with by accident.
fn place(sockets: Vec<OwnedFd>, report: &File) -> io::Result<usize> {
    let count = sockets.len();
    let sockets: Vec<_> = sockets.into_iter().map(|socket| away(socket, count)).collect::<Result<_, _>>()?;
    let kept: Vec<_> = sockets.iter().map(|fd| fd.as_raw_fd()).chain([report.as_raw_fd()]).collect();
    for fd in open_descriptors()?.into_iter().filter(|fd| *fd >= FIRST && !kept.contains(fd)) {
        // The one that the list was read from is closed already.
        let _ = nix::unistd::close(fd);
    }
    for (wanted, socket) in (FIRST..).zip(&sockets) {
        // The lowest free number from there on, which is this one.
        let placed = fcntl_dupfd_cloexec(socket, wanted)?;
        fcntl_setfd(&placed, FdFlags::empty())?;
        let placed = placed.into_raw_fd();
        if placed != wanted {
            return Err(io::Error::other(format!("a socket became descriptor {placed}, not {wanted}")));
        }
    }
    Ok(count)
}
