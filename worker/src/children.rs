//! The children of this process, also those that it has not started, and what is below them.

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, wait};
use std::fs;

/// The processes whose parent is this one.
#[must_use]
pub fn children() -> Vec<Pid> {
    let ours = std::process::id();
    all().filter(|(_, parent)| *parent == ours).filter_map(|(pid, _)| to_pid(pid)).collect()
}

/// These processes, and all that they, and those, have started.
#[must_use]
pub fn with_descendants(roots: Vec<Pid>) -> Vec<Pid> {
    let all: Vec<_> = all().collect();
    let mut found = roots;
    let mut next = 0;
    while let Some(parent) = found.get(next).map(|pid| pid.as_raw_pid().unsigned_abs()) {
        let below = all.iter().filter(|(_, its)| *its == parent).filter_map(|(pid, _)| to_pid(*pid));
        found.extend(below);
        next += 1;
    }
    found
}

/// Kills all children, and what these leave behind to this process (PR_SET_CHILD_SUBREAPER), until there is none;
/// tells of each that is reaped.
pub fn kill_children(mut reaped: impl FnMut(Pid, WaitStatus)) {
    loop {
        for child in children() {
            let _ = kill_process(child, Signal::KILL);
        }
        // One at least has to end; then all that have ended meanwhile are reaped before anybody looks again.
        let mut options = WaitOptions::empty();
        loop {
            match wait(options) {
                Ok(Some((pid, status))) => {
                    reaped(pid, status);
                    options = WaitOptions::NOHANG;
                }
                Ok(None) => break,
                Err(Errno::INTR) => {}
                // No children are left.
                Err(_) => return,
            }
        }
    }
}

fn to_pid(pid: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(pid).ok()?)
}

/// Every process and its parent.
fn all() -> impl Iterator<Item = (u32, u32)> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| Some((pid, parent(pid)?)))
}

/// Field 4 of `/proc/PID/stat`; field 2, the name, may hold blanks and parentheses.
fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;
    use std::process::{Command, Stdio};

    #[test]
    fn a_child_is_known_by_its_parent_and_has_children_itself() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "sleep 60 & echo $!; wait"]).stdout(Stdio::piped());
        let mut child = shell.spawn().unwrap();
        let mut below = String::new();
        let mut byte = [0];
        while child.stdout.as_mut().unwrap().read(&mut byte).unwrap() > 0 && byte != [b'\n'] {
            below.push(char::from(byte[0]));
        }
        let (pid, below) = (Pid::from_child(&child), to_pid(below.parse().unwrap()).unwrap());
        assert!(children().contains(&pid) && !children().contains(&below));
        assert_eq!(with_descendants(vec![pid]), [pid, below]);
        for pid in [below, pid] {
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        }
        child.wait().unwrap();
        assert!(!children().contains(&pid));
    }
}
