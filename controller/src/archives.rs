//! The archives that `archive` services are to fetch: before anything of a configuration starts, each by a process of its
//! own, which knows how. Each has a limit, and all of them end with whoever wanted them.

use crate::stage::EXECUTABLE;
use jackfield_shared::config::{Node, Path, archives_of_node};
use jackfield_shared::stage;
use jackfield_worker::{FETCHER, FetchOrder as Order};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Whether somebody still wants what takes time.
#[derive(Debug)]
pub(crate) struct Wanted(OwnedFd);

/// Somebody who does; what they wanted ends with this.
#[derive(Debug)]
pub(crate) struct Wanting {
    _end: OwnedFd,
}

/// Both.
///
/// # Errors
/// When no descriptors are left.
pub(crate) fn wanted() -> io::Result<(Wanting, Wanted)> {
    let (ours, theirs) = UnixStream::pair()?;
    Ok((Wanting { _end: ours.into() }, Wanted(theirs.into())))
}

impl AsFd for Wanted {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Fetches what is missing, and tells before each what it is; says of each that can't be had why. Blocks.
pub(crate) fn fetch(node: &Node, wanted: &Wanted, mut tell: impl FnMut(String)) -> Vec<(Path, String)> {
    let mut failed = Vec::new();
    for (at, service) in archives_of_node(node) {
        let Some(origin) = service.origin.as_ref().filter(|_| service.download && !service.archive.exists())
        else {
            continue;
        };
        tell(format!("{at}: fetching {origin}"));
        let order = Order {
            origin: origin.clone(),
            archive: service.archive.clone(),
            hashes: service.hashes.clone(),
        };
        if let Err(reason) = fetch_one(&order, wanted, service.options.download_timeout) {
            failed.push((at.key("origin"), format!("can't be fetched: {reason}")));
        }
    }
    failed
}

fn fetch_one(order: &Order, wanted: &Wanted, limit: Duration) -> Result<(), String> {
    let failed = |e: &dyn std::fmt::Display| format!("cannot start a process: {e}");
    let mut child = Command::new(EXECUTABLE)
        .env(stage::VARIABLE, stage::value(FETCHER, std::process::id()))
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| failed(&e))?;
    if let Some(input) = child.stdin.take() {
        // One that ends before it has read this says why.
        let _ = serde_json::to_writer(input, order);
    }
    let end = wait(&child, wanted, limit).unwrap_or(End::Lost);
    if !matches!(end, End::Ended) {
        let _ = child.kill();
    }
    let output = child.wait_with_output().map_err(|e| failed(&e))?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    match (end, output.status.success()) {
        (End::Ended, true) => Ok(()),
        (End::Ended, false) if !said.is_empty() => Err(said),
        (End::Ended, false) => Err(output.status.to_string()),
        (End::Late, _) => {
            Err(format!("it was not there after {} s (\"options.download_timeout\")", limit.as_secs_f64()))
        }
        (End::Unwanted, _) => Err("nobody wants it any longer".into()),
        (End::Lost, _) => Err("the process that fetches it can't be waited for".into()),
    }
}

enum End {
    Ended,
    Late,
    Unwanted,
    Lost,
}

fn wait(child: &Child, wanted: &Wanted, limit: Duration) -> rustix::io::Result<End> {
    let process = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    let until = Instant::now() + limit;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let left = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: left.subsec_nanos().into() };
        let mut either = [PollFd::new(&process, PollFlags::IN), PollFd::new(wanted, PollFlags::IN)];
        match poll(&mut either, Some(&left)) {
            Ok(0) => return Ok(End::Late),
            Ok(_) if !either[0].revents().is_empty() => return Ok(End::Ended),
            Ok(_) => return Ok(End::Unwanted),
            Err(Errno::INTR) => {}
            Err(e) => return Err(e),
        }
    }
}
