//! The machine: limits of the user, what the kernel can do, and how it is set.

use super::finding::Finding;
use rustix::process::{PidfdFlags, Resource, getpid, getrlimit, pidfd_open};
use std::fs;
use std::path::Path;

/// Open files below which a busy node runs out of them: one for each connection, two where it is carried on.
const OPEN_FILES: u64 = 65_536;
/// Ports for connections to one address of a backend, below which a busy proxy runs out of them.
const PORTS: u32 = 20_000;

/// All of it; `backlog` is the longest accept queue that the configuration asks for.
pub(super) fn look(backlog: u32) -> Vec<Finding> {
    let sysctl = |name: &str| fs::read_to_string(format!("/proc/sys/{name}")).ok();
    let number = |name: &str| sysctl(name)?.trim().parse().ok();
    let mut found = vec![open_files(getrlimit(Resource::Nofile).maximum)];
    found.extend(number("net/core/somaxconn").map(|most| accept_queue(most, backlog)));
    found.extend(sysctl("net/ipv4/ip_local_port_range").and_then(|range| ports(&range)));
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    found.push(kernel(&release));
    found.push(pidfd(pidfd_open(getpid(), PidfdFlags::empty()).is_ok()));
    found.push(landlock(fs::read_to_string("/sys/kernel/security/lsm").ok().as_deref()));
    found.push(seccomp(sysctl("kernel/seccomp/actions_avail").as_deref()));
    found.push(cgroup(Path::new("/sys/fs/cgroup/cgroup.controllers").exists()));
    found.push(clock(jiff::Timestamp::now()));
    found
}

fn open_files(most: Option<u64>) -> Finding {
    match most {
        Some(most) if most < OPEN_FILES => Finding::hint(
            format!("a process may open {most} files"),
            "each connection takes one, each that is carried to a backend two; who comes when none is left waits",
            "raise the hard limit: LimitNOFILE=1048576 in the unit of systemd, `ulimit -Hn` in a shell, or nofile in \
             /etc/security/limits.conf",
        ),
        Some(most) => Finding::good(format!("a process may open {most} files")),
        None => Finding::good("a process may open any number of files"),
    }
}

fn accept_queue(most: u32, backlog: u32) -> Finding {
    if most < backlog {
        return Finding::hint(
            format!("net.core.somaxconn is {most}"),
            format!(
                "the configuration asks for accept queues of {backlog} (`backlog`), which the kernel cuts to that"
            ),
            format!("sysctl -w net.core.somaxconn={backlog}, and the same in /etc/sysctl.d"),
        );
    }
    Finding::good(format!("accept queues may have {most} connections (net.core.somaxconn)"))
}

fn ports(range: &str) -> Option<Finding> {
    let mut ends = range.split_whitespace().map(str::parse::<u32>);
    let (first, last) = (ends.next()?.ok()?, ends.next()?.ok()?);
    let count = (last + 1).saturating_sub(first);
    Some(if count < PORTS {
        Finding::hint(
            format!("net.ipv4.ip_local_port_range has {count} ports"),
            "so many connections there can be to one address of a backend, those of the last minute counted",
            "sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\", or connect to backends by Unix sockets",
        )
    } else {
        Finding::good(format!("connections to one address of a backend have {count} ports"))
    })
}

fn kernel(release: &str) -> Finding {
    let mut parts = release.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    let version: (u32, u32) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    if version < (5, 10) {
        return Finding::hint(
            format!("Linux {release}"),
            "older than 5.10: some of what a node can do is missing, each part with a line in its log",
            "use a newer kernel",
        );
    }
    if version < (6, 5) {
        return Finding::good(format!(
            "Linux {release}; from 6.5 on the kernel itself tells which process gives a command (SO_PEERPIDFD)"
        ));
    }
    Finding::good(format!("Linux {release}"))
}

fn pidfd(there: bool) -> Finding {
    if there {
        return Finding::good("ends of processes are told by pidfd_open(2)");
    }
    Finding::wrong(
        "pidfd_open(2) can't be called",
        "a process that is to be ended could be another one that has got its number since",
        "allow it in the container's filter of system calls, or use Linux 5.3 or newer",
    )
}

fn landlock(modules: Option<&str>) -> Finding {
    match modules {
        Some(modules) if modules.split(',').any(|module| module.trim() == "landlock") => {
            Finding::good("workers are confined to their files (landlock)")
        }
        Some(_) => Finding::hint(
            "the kernel has no landlock",
            "workers are confined by dropped rights and their filter of system calls, but may open any file of their user",
            "add landlock to `lsm=` on the kernel's command line, or run workers as another user (`options.user`)",
        ),
        None => Finding::good(
            "whether the kernel has landlock can't be seen here; workers say so in the log where it has not",
        ),
    }
}

fn seccomp(actions: Option<&str>) -> Finding {
    if actions.is_some_and(|actions| actions.contains("errno")) {
        return Finding::good("workers have a filter of system calls (seccomp)");
    }
    Finding::hint(
        "the kernel has no seccomp filters",
        "workers may make any system call",
        "use a kernel with CONFIG_SECCOMP_FILTER",
    )
}

fn cgroup(is_mounted: bool) -> Finding {
    if is_mounted {
        return Finding::good("the system has cgroups of version 2, for `limits.memory` and `limits.cpu`");
    }
    Finding::hint(
        "cgroups of version 2 are not mounted at /sys/fs/cgroup",
        "`limits.memory` and `limits.cpu` of workers hold for each process at most, or not at all",
        "start the system with systemd.unified_cgroup_hierarchy=1",
    )
}

/// Before this, a clock has not been set: when this was written.
const WRITTEN: i64 = 1_790_000_000;

fn clock(now: jiff::Timestamp) -> Finding {
    if now.as_second() < WRITTEN {
        return Finding::wrong(
            format!("the clock says {now}"),
            "certificates that are valid seem not to be yet, Tor finds no consensus, and the log has wrong times",
            "set it: timedatectl set-ntp true",
        );
    }
    Finding::good(format!("the clock says {}", now.strftime("%Y-%m-%dT%H:%M:%SZ")))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Weight::{self, Good, Hint, Wrong};
    use super::*;

    #[test]
    fn what_is_little_for_a_busy_node_is_a_hint() {
        let weights = |found: Vec<Finding>| found.into_iter().map(|f| f.weight).collect::<Vec<Weight>>();
        assert_eq!(
            weights(vec![open_files(Some(1024)), open_files(Some(1 << 20)), open_files(None)]),
            [Hint, Good, Good]
        );
        assert_eq!(weights(vec![accept_queue(128, 511), accept_queue(4096, 511)]), [Hint, Good]);
        assert!(accept_queue(128, 511).advice.unwrap().contains("somaxconn=511"));
        let ranges = ["32768\t60999\n", "50000 51000", "1024 65535"].map(|range| ports(range).unwrap());
        assert_eq!(weights(ranges.into()), [Good, Hint, Good]);
        assert_eq!(ports("what"), None);
        let kernels = ["4.19.0-21", "5.10.0", "6.18.44-fc", "6.1"].map(kernel);
        assert_eq!(weights(kernels.into()), [Hint, Good, Good, Good]);
    }

    #[test]
    fn what_is_missing_is_said_with_what_it_means() {
        assert_eq!((pidfd(true).weight, pidfd(false).weight), (Good, Wrong));
        let modules =
            [Some("capability,landlock,yama"), Some("capability"), None].map(|m| landlock(m).weight);
        assert_eq!(modules, [Good, Hint, Good]);
        assert_eq!((seccomp(Some("kill errno trace")).weight, seccomp(None).weight), (Good, Hint));
        let late: jiff::Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
        assert_eq!((clock(jiff::Timestamp::UNIX_EPOCH).weight, clock(late).weight), (Wrong, Good));
        assert_eq!((cgroup(true).weight, cgroup(false).weight), (Good, Hint));
    }
}
