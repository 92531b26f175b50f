//! Limits of memory and CPU time by cgroups(7), version 2.
//!
//! A group that has processes can't give controllers to groups below it, so the node's own group is divided: the
//! controller goes into one below it, and each process that has limits into another.

mod leaf;

pub(crate) use leaf::Leaf;

use std::cell::OnceCell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Where the controller itself is, below the node's group.
const CONTROLLER: &str = "jackfield.controller";

/// What a process may use.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Limits {
    /// Bytes of memory, all that it starts included.
    pub memory: Option<u64>,
    /// CPUs' worth of time.
    pub cpu: Option<f64>,
}

/// The node's group, looked at when it is first needed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cgroups(Rc<OnceCell<Result<PathBuf, String>>>);

impl Cgroups {
    /// The node's group, ready for groups below it.
    ///
    /// # Errors
    /// Why it can't be used.
    pub(crate) fn base(&self) -> Result<&Path, &str> {
        let divide = || own().and_then(|own| divide(&own, std::process::id()));
        self.0.get_or_init(divide).as_deref().map_err(String::as_str)
    }
}

/// The group of this process, where version 2 is mounted.
fn own() -> Result<PathBuf, String> {
    let read = |path: &str| fs::read_to_string(path).map_err(|e| format!("{path}: {e}"));
    let path = read("/proc/self/cgroup")?
        .lines()
        .find_map(|line| line.strip_prefix("0::/").map(PathBuf::from))
        .ok_or("the kernel has no cgroups of version 2")?;
    let mount = read("/proc/self/mountinfo")?
        .lines()
        .find_map(mounted)
        .ok_or("cgroups of version 2 are not mounted")?;
    Ok(mount.join(path))
}

/// The mount point in a line of /proc/self/mountinfo, if it is one of cgroups of version 2 (proc_pid_mountinfo(5)).
fn mounted(line: &str) -> Option<PathBuf> {
    let (before, after) = line.split_once(" - ")?;
    after.starts_with("cgroup2 ").then(|| before.split(' ').nth(4).map(PathBuf::from))?
}

/// Moves the controller down and hands memory and CPU time on to the groups below.
fn divide(own: &Path, pid: u32) -> Result<PathBuf, String> {
    // After an upgrade it is down already.
    let is_down = own.file_name().is_some_and(|name| name == CONTROLLER);
    let base = own.parent().filter(|_| is_down).unwrap_or(own);
    let at = |path: &Path, e: io::Error| format!("{}: {e}", path.display());
    let read = |file: &str| {
        let path = base.join(file);
        fs::read_to_string(&path).map_err(|e| at(&path, e))
    };
    let available = read("cgroup.controllers")?;
    for controller in ["memory", "cpu"] {
        if !available.split_whitespace().any(|name| name == controller) {
            return Err(format!("{}: the cgroup has no {controller} controller", base.display()));
        }
    }
    if !is_down {
        let others = read("cgroup.procs")?.lines().filter(|line| *line != pid.to_string()).count();
        if others > 0 {
            return Err(format!(
                "{}: {others} other processes are in the node's cgroup; start the node in one of its own \
                 (with systemd: Delegate=yes)",
                base.display()
            ));
        }
        let down = base.join(CONTROLLER);
        match fs::create_dir(&down) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(at(&down, e)),
            _ => {}
        }
        let procs = down.join("cgroup.procs");
        fs::write(&procs, pid.to_string()).map_err(|e| at(&procs, e))?;
    }
    let control = base.join("cgroup.subtree_control");
    fs::write(&control, "+memory +cpu").map_err(|e| at(&control, e))?;
    Ok(base.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_tests::TempDir;

    #[test]
    fn the_mount_is_found() {
        let line = "34 25 0:29 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate";
        assert_eq!(mounted(line), Some("/sys/fs/cgroup".into()));
        assert_eq!(mounted("34 25 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu"), None);
        assert_eq!(mounted("nonsense"), None);
    }

    /// The files are ordinary ones here: what is written where, not what the kernel does of it.
    fn group(procs: &str) -> TempDir {
        let temp = TempDir::new();
        fs::write(temp.path().join("cgroup.controllers"), "cpuset cpu io memory pids\n").unwrap();
        fs::write(temp.path().join("cgroup.procs"), procs).unwrap();
        temp
    }

    #[test]
    fn a_group_of_ones_own_is_divided() {
        let temp = group("77\n");
        let read = |file: &str| fs::read_to_string(temp.path().join(file)).unwrap();
        assert_eq!(divide(temp.path(), 77), Ok(temp.path().into()));
        assert_eq!(read("jackfield.controller/cgroup.procs"), "77");
        assert_eq!(read("cgroup.subtree_control"), "+memory +cpu");
        // Once more after an upgrade, from below.
        assert_eq!(divide(&temp.path().join(CONTROLLER), 77), Ok(temp.path().into()));
    }

    #[test]
    fn a_group_shared_with_others_is_left_alone() {
        let temp = group("1\n77\n");
        let reason = divide(temp.path(), 77).unwrap_err();
        assert!(reason.contains("1 other processes"), "{reason}");
        assert!(!temp.path().join(CONTROLLER).exists());
        fs::write(temp.path().join("cgroup.controllers"), "cpu\n").unwrap();
        assert!(divide(temp.path(), 77).unwrap_err().contains("no memory controller"));
    }
}
