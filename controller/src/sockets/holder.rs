//! Who has the port that we want. Found only among processes that this user may look into.

use std::collections::HashSet;
use std::fmt;
use std::fs;

/// A process that listens on a port.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    pid: u32,
    name: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} ({})", self.pid, self.name)
    }
}

impl Holder {
    /// A process that listens on this TCP port, on whichever address.
    pub(crate) fn of_tcp_port(port: u16) -> Option<Self> {
        let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
        let inodes: HashSet<u64> = tables
            .iter()
            .filter_map(|table| fs::read_to_string(table).ok())
            .flat_map(|table| table.lines().filter_map(|line| listener_on(line, port)).collect::<Vec<_>>())
            .collect();
        if inodes.is_empty() {
            return None;
        }
        // The lowest process id is the parent, if several processes have the socket.
        fs::read_dir("/proc")
            .ok()?
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|pid| has_socket(*pid, &inodes))
            .min()
            .map(Self::with_pid)
    }

    fn with_pid(pid: u32) -> Self {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        Self { pid, name: crate::logs::escape(name.trim_end()).into_owned() }
    }
}

/// The socket's inode, if the line of /proc/net/tcp (proc_net_tcp.txt of the kernel) is a listener on the
/// port.
fn listener_on(line: &str, port: u16) -> Option<u64> {
    const LISTEN: &str = "0A";
    let mut fields = line.split_ascii_whitespace();
    let (_address, local_port) = fields.nth(1)?.rsplit_once(':')?;
    let state = fields.nth(1)?;
    let inode = fields.nth(5)?;
    (state == LISTEN && u16::from_str_radix(local_port, 16) == Ok(port)).then(|| inode.parse().ok())?
}

fn has_socket(pid: u32, inodes: &HashSet<u64>) -> bool {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    descriptors.flatten().filter_map(|entry| fs::read_link(entry.path()).ok()).any(|target| {
        let inode = target.to_str().and_then(|t| t.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok());
        inode.is_some_and(|inode| inodes.contains(&inode))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_line_of_the_table() {
        let line = "   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 31337 1 0 100 0 0 10 0";
        assert_eq!(listener_on(line, 8080), Some(31337));
        assert_eq!(listener_on(line, 8081), None);
        assert_eq!(listener_on(&line.replace(" 0A ", " 01 "), 8080), None);
        assert_eq!(listener_on("  sl  local_address rem_address   st", 8080), None);
    }

    #[test]
    fn this_process_is_found() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(Holder::of_tcp_port(port).map(|holder| holder.pid), Some(std::process::id()));
    }
}
