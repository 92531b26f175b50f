//! Speaking to the service manager.

use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags,
    SocketType, sendmsg_addr, socket_with,
};
use std::env;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

/// Whoever has started the node and wants to know how it is (NOTIFY_SOCKET).
#[derive(Debug)]
pub(crate) struct Manager {
    socket: OwnedFd,
    address: SocketAddrUnix,
    /// How often it wants to hear that the node is alive, at least (WATCHDOG_USEC).
    pub watchdog: Option<Duration>,
}

impl Manager {
    /// The one that the environment names; `None` if there is none.
    ///
    /// # Errors
    /// When its socket can't be spoken to.
    pub(crate) fn from_environment() -> Result<Option<Self>, String> {
        let Some(name) = env::var("NOTIFY_SOCKET").ok().filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        let wrong = |e: io::Error| format!("NOTIFY_SOCKET={name}: {e}");
        let address = match name.strip_prefix('@') {
            Some(name) => SocketAddrUnix::new_abstract_name(name.as_bytes()),
            None => SocketAddrUnix::new(&*name),
        };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None);
        let (address, socket) = (address.map_err(|e| wrong(e.into()))?, socket.map_err(|e| wrong(e.into()))?);
        Ok(Some(Self { socket, address, watchdog: watchdog() }))
    }

    /// Says something: assignments, one a line. A manager that doesn't listen misses it.
    pub(crate) fn tell(&self, text: &str) {
        let _ = self.send(text, &[]);
    }

    /// Gives it a socket to keep, under this name.
    ///
    /// # Errors
    /// As sendmsg(2).
    pub(crate) fn keep(&self, name: &str, socket: BorrowedFd<'_>) -> io::Result<()> {
        self.send(&format!("FDSTORE=1\nFDNAME={name}"), &[socket])
    }

    /// It need not keep the socket of this name any longer.
    pub(crate) fn forget(&self, name: &str) {
        self.tell(&format!("FDSTOREREMOVE=1\nFDNAME={name}"));
    }

    fn send(&self, text: &str, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() {
            ancillary.push(SendAncillaryMessage::ScmRights(fds));
        }
        let text = [IoSlice::new(text.as_bytes())];
        sendmsg_addr(&self.socket, &self.address, &text, &mut ancillary, SendFlags::NOSIGNAL)?;
        Ok(())
    }
}

/// The watchdog's time, if it is meant for this process (sd_watchdog_enabled(3)).
fn watchdog() -> Option<Duration> {
    let ours = env::var("WATCHDOG_PID").map_or(true, |pid| pid == std::process::id().to_string());
    let time = env::var("WATCHDOG_USEC").ok()?.parse().ok().filter(|time| *time > 0);
    time.filter(|_| ours).map(Duration::from_micros)
}
