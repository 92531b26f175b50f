//! The socket that a program notifies (NOTIFY_SOCKET, sd_notify(3)): one for each process, so that nobody can
//! speak for another, in the abstract namespace, so that nothing is left in the file system. Anybody may reach
//! such a socket: the kernel says who has sent a datagram, and a stranger's is passed over.

use crate::allowance::Allowance;
use getrandom::fill;
use rustix::net::sockopt::set_socket_passcred;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketAddrUnix, SocketFlags,
    SocketType, UCred, bind, recvmsg, socket_with,
};
use std::cell::RefCell;
use std::fs;
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use tokio::io::Interest;
use tokio::net::UnixDatagram;
use tokio::time::{Instant, sleep};

/// Most bytes of a datagram that are read.
const LONGEST: usize = 4096;
/// Descriptors that a datagram may bring (BARRIER=1, FDSTORE=1); they are closed.
const FDS: usize = 16;

/// Datagrams that are looked at at once, and in a second: whoever finds the socket and writes without end keeps the node
/// from nothing.
const DATAGRAMS: (u32, u32) = (64, 128);

/// The controller's end.
#[derive(Debug)]
pub(crate) struct NotifySocket {
    socket: UnixDatagram,
    /// The value of NOTIFY_SOCKET.
    pub name: String,
    allowance: RefCell<Allowance>,
}

impl NotifySocket {
    /// A new socket with a name that nobody can guess. Needs a tokio runtime.
    ///
    /// # Errors
    /// As socket(2) and bind(2).
    pub(crate) fn new() -> io::Result<Self> {
        let mut random = [0; 16];
        fill(&mut random).map_err(|e| io::Error::other(e.to_string()))?;
        let name = format!("jackfield-notify-{:032x}", u128::from_ne_bytes(random));
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?;
        set_socket_passcred(&socket, true)?;
        bind(&socket, &SocketAddrUnix::new_abstract_name(name.as_bytes())?)?;
        let socket = UnixDatagram::from_std(socket.into())?;
        Ok(Self::with(socket, format!("@{name}")))
    }

    /// One that was handed over.
    ///
    /// # Errors
    /// When it can't be registered with the runtime.
    pub(crate) fn restore(socket: OwnedFd, name: String) -> io::Result<Self> {
        Ok(Self::with(UnixDatagram::from_std(socket.into())?, name))
    }

    fn with(socket: UnixDatagram, name: String) -> Self {
        let allowance = Allowance::new(DATAGRAMS.0, DATAGRAMS.1, Instant::now().into_std()).into();
        Self { socket, name, allowance }
    }

    /// The next datagram that was sent by the process `keeper` has started, or by one that this has started.
    ///
    /// # Errors
    /// As recvmsg(2).
    pub(crate) async fn receive(&self, keeper: u32) -> io::Result<Vec<u8>> {
        loop {
            let wait = self.allowance.borrow_mut().take(Instant::now().into_std());
            sleep(wait).await;
            let (datagram, sender) =
                self.socket.async_io(Interest::READABLE, || receive(self.socket.as_fd())).await?;
            if sender.is_some_and(|sender| is_of(keeper, sender)) {
                return Ok(datagram);
            }
        }
    }
}

fn receive(socket: BorrowedFd<'_>) -> io::Result<(Vec<u8>, Option<UCred>)> {
    let mut datagram = vec![0; LONGEST];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS), ScmCredentials(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let into = &mut [IoSliceMut::new(&mut datagram)];
    let received = recvmsg(socket, into, &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let mut sender = None;
    for message in ancillary.drain() {
        // Descriptors are dropped, and so closed: who waits behind a barrier may go on.
        if let RecvAncillaryMessage::ScmCredentials(credentials) = message {
            sender = Some(credentials);
        }
    }
    datagram.truncate(received.bytes);
    Ok((datagram, sender))
}

impl AsFd for NotifySocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Whether a process is among the descendants of the keeper. One that has ended meanwhile can't be looked at:
/// it is believed if it had the keeper's user.
fn is_of(keeper: u32, sender: UCred) -> bool {
    let mut pid = sender.pid.as_raw_pid().unsigned_abs();
    while pid > 1 {
        if pid == keeper {
            return true;
        }
        match parent(pid) {
            Some(parent) => pid = parent,
            None => return owner(keeper).is_some_and(|owner| owner == sender.uid.as_raw()),
        }
    }
    false
}

fn parent(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}

fn owner(pid: u32) -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata(format!("/proc/{pid}")).ok().map(|metadata| metadata.uid())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::{SocketAddr, UnixDatagram as StdDatagram};
    use std::time::Duration;
    use tokio::time::timeout;

    #[tokio::test]
    async fn only_descendants_are_heard() {
        let socket = NotifySocket::new().unwrap();
        let address = SocketAddr::from_abstract_name(socket.name.strip_prefix('@').unwrap()).unwrap();
        let sender = StdDatagram::unbound().unwrap();
        sender.send_to_addr(b"READY=1", &address).unwrap();
        // This very process stands for the keeper: it is the first of the chain.
        assert_eq!(socket.receive(std::process::id()).await.unwrap(), b"READY=1");
        let mut stranger = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        sender.send_to_addr(b"READY=1", &address).unwrap();
        let heard = timeout(Duration::from_millis(50), socket.receive(stranger.id())).await;
        stranger.kill().unwrap();
        stranger.wait().unwrap();
        assert!(heard.is_err(), "a process that is no descendant");
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_read_at_a_limited_rate_and_nothing_is_lost() {
        let socket = NotifySocket::new().unwrap();
        let address = SocketAddr::from_abstract_name(socket.name.strip_prefix('@').unwrap()).unwrap();
        let sender = StdDatagram::unbound().unwrap();
        sender.set_nonblocking(true).unwrap();
        let begin = Instant::now();
        let (most, per_second) = DATAGRAMS;
        for n in 0..most + 2 * per_second {
            sender.send_to_addr(n.to_string().as_bytes(), &address).unwrap();
            assert_eq!(socket.receive(std::process::id()).await.unwrap(), n.to_string().as_bytes());
        }
        let took = begin.elapsed().as_secs_f64();
        assert!((1.9..2.2).contains(&took), "{took}");
    }
}
