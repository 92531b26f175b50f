//! Sockets that the node was started with.

use super::Given;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use std::env;
use std::io;
use std::os::fd::OwnedFd;

/// The first descriptor that is passed (SD_LISTEN_FDS_START).
const FIRST: i32 = 3;
/// The name of a socket without one.
const UNKNOWN: &str = "unknown";

/// Takes the sockets that are meant for this process; none of them is inherited by others then. What is no listening
/// socket is passed over, with a remark.
///
/// # Errors
/// When descriptors that are announced are not there.
pub(crate) fn take() -> Result<(Vec<Given>, Vec<String>), String> {
    let (mut sockets, mut remarks) = (Vec::new(), Vec::new());
    for (index, name) in announced().into_iter().enumerate() {
        let number = FIRST + i32::try_from(index).unwrap_or(i32::MAX - FIRST);
        let fd = own(number).map_err(|e| format!("LISTEN_FDS announces descriptor {number}: {e}"))?;
        match Given::new(fd, index, &name) {
            Ok(socket) => sockets.push(socket),
            Err(reason) => remarks.push(format!("descriptor {number} (\"{name}\") is passed over: {reason}")),
        }
    }
    Ok((sockets, remarks))
}

/// The names of the descriptors that were passed to this process.
pub(crate) fn announced() -> Vec<String> {
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    if number("LISTEN_PID") != Some(std::process::id()) {
        return Vec::new();
    }
    let count = number("LISTEN_FDS").unwrap_or(0) as usize;
    let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
    names_of(count, &names)
}

fn names_of(count: usize, names: &str) -> Vec<String> {
    let names = names.split(':').filter(|name| !name.is_empty()).map(str::to_owned);
    names.chain(std::iter::repeat(UNKNOWN.to_owned())).take(count).collect()
}

/// Moves a descriptor, of which only the number is known, to an owner: a duplicate, close-on-exec, takes its place.
fn own(number: i32) -> io::Result<OwnedFd> {
    let this = pidfd_open(getpid(), PidfdFlags::empty())?;
    let fd = pidfd_getfd(&this, number, PidfdGetfdFlags::empty())?;
    nix::unistd::close(number)?;
    Ok(fd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_name_for_each_descriptor() {
        assert_eq!(names_of(3, "web:jackfield-7"), ["web", "jackfield-7", UNKNOWN]);
        assert_eq!(names_of(1, "a:b"), ["a"]);
        assert!(names_of(0, "").is_empty());
    }
}
