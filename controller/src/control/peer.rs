//! Who speaks on a connection of the control socket: a process that the kernel names (unix(7)), looked at in /proc.

use nix::sys::socket::{getsockopt, sockopt::PeerPidfd};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::socket_peercred;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// How often the way up from a process is tried: somebody on it may end meanwhile.
const TRIES: usize = 5;
/// More processes than there are between a process and the first one; where there are more, something is wrong.
const DEEPEST: usize = 1 << 16;

/// The process that has connected.
#[derive(Debug)]
pub(crate) struct Peer {
    /// Its id.
    pub pid: u32,
    /// Its user.
    pub uid: u32,
    /// Refers to it for as long as this is open; absent before Linux 6.5 (SO_PEERPIDFD).
    process: Option<OwnedFd>,
}

impl Peer {
    /// The process at the other end of a Unix socket.
    ///
    /// # Errors
    /// As getsockopt(2); when the process is in another namespace or has ended.
    pub(crate) fn of(socket: &impl AsFd) -> io::Result<Self> {
        let credentials = socket_peercred(socket)?;
        let pid = u32::try_from(credentials.pid.as_raw_pid()).ok().filter(|pid| *pid > 0);
        Ok(Self {
            pid: pid.ok_or(io::ErrorKind::NotFound)?,
            uid: credentials.uid.as_raw(),
            process: getsockopt(socket, PeerPidfd).ok(),
        })
    }

    /// Its id, its parent's, and so on up to a process without a parent here; `None` if it has ended.
    pub(crate) fn lineage(&self) -> Option<Vec<u32>> {
        let lineage = (0..TRIES).find_map(|_| lineage(self.pid, parent))?;
        // What was read was about this process, and not about one that has got its id since.
        self.is_alive().then_some(lineage)
    }

    /// Whether it has given up rights, for good, that this process has: as everything has that runs in a sandbox of this
    /// node, and whatever that has started. A sandbox that this process runs in itself counts for nothing. What can't be
    /// looked at has ended.
    pub(crate) fn is_confined(&self) -> bool {
        let of = |pid: &str| fs::read_to_string(format!("/proc/{pid}/status")).ok();
        match (of(&self.pid.to_string()), of("self")) {
            (Some(its), Some(ours)) => {
                let more = |field| number(&its, field) > number(&ours, field);
                more("NoNewPrivs:") || more("Seccomp:") || more("Seccomp_filters:")
            }
            _ => true,
        }
    }

    fn is_alive(&self) -> bool {
        match &self.process {
            // Readable when it has ended.
            Some(process) => {
                poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&Timespec::default())) == Ok(0)
            }
            None => parent(self.pid).is_some(),
        }
    }
}

/// A process and those above it; `None` if one of them ended while it was looked at.
fn lineage(pid: u32, parent: impl Fn(u32) -> Option<u32>) -> Option<Vec<u32>> {
    let mut found = vec![pid];
    let mut last = pid;
    while last > 1 && found.len() < DEEPEST {
        last = parent(last)?;
        if last > 0 {
            found.push(last);
        }
    }
    Some(found)
}

/// The parent of a process; 0 if it is in another namespace.
fn parent(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    u32::try_from(number(&status, "PPid:")?).ok()
}

/// The number of this field of `/proc/PID/status`.
fn number(status: &str, field: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix(field))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn the_peer_is_known_with_all_above_it() {
        let (one, _other) = UnixStream::pair().unwrap();
        let peer = Peer::of(&one).unwrap();
        assert_eq!(peer.pid, std::process::id());
        let lineage = peer.lineage().unwrap();
        assert_eq!(lineage[..2], [std::process::id(), std::os::unix::process::parent_id()]);
        assert!(!peer.is_confined(), "compared with itself");
    }

    #[test]
    fn the_way_up_ends_at_the_first_process_or_where_one_has_ended() {
        let parent = |pid| match pid {
            9 => Some(7),
            7 => Some(1),
            5 => Some(0),
            4 => Some(3),
            _ => None,
        };
        assert_eq!(lineage(9, parent), Some(vec![9, 7, 1]));
        assert_eq!(lineage(5, parent), Some(vec![5]), "its parent is in another namespace");
        assert_eq!(lineage(4, parent), None);
        assert_eq!(lineage(1, parent), Some(vec![1]));
    }

    #[test]
    fn fields_of_a_status_are_numbers() {
        let status = "Name:\tx\nPPid:\t17\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t3\n";
        assert_eq!(number(status, "PPid:"), Some(17));
        assert_eq!((number(status, "Seccomp:"), number(status, "Seccomp_filters:")), (Some(2), Some(3)));
        assert_eq!(number(status, "Uid:"), None);
    }
}
