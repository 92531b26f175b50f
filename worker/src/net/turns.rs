//! Who is woken first for a connection, where several processes wait at one socket.
//!
//! The kernel wakes those who wait at a socket in an order that never changes by itself, and whoever is woken first takes what
//! has come: of four processes one would have more than half of all connections. EPOLLEXCLUSIVE puts who waits at the end of
//! that order, so a process that has taken a connection waits anew, behind the others. That it wakes one process only has no
//! effect here: the runtime lets nobody into its epoll instance, and through one within another the kernel wakes all. So
//! no connection depends on a process that is woken for it and ends before it accepts.

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// An epoll instance that is readable while somebody waits at the socket to be accepted, behind all that wait there already.
///
/// # Errors
/// When the process has no descriptor left, or the kernel doesn't know EPOLLEXCLUSIVE (before Linux 4.5).
pub(super) fn queue(socket: &impl AsFd) -> io::Result<OwnedFd> {
    let queue = epoll::create(CreateFlags::CLOEXEC)?;
    wait(&queue, socket)?;
    Ok(queue)
}

/// Lets the others who wait at the socket go first.
///
/// # Errors
/// When the kernel has no memory for it: then it is waited for no longer, until this is called again.
pub(super) fn pass(queue: &impl AsFd, socket: &impl AsFd) -> io::Result<()> {
    match epoll::delete(queue, socket) {
        Ok(()) | Err(Errno::NOENT) => wait(queue, socket),
        Err(e) => Err(e.into()),
    }
}

fn wait(queue: &impl AsFd, socket: &impl AsFd) -> io::Result<()> {
    let events = EventFlags::IN | EventFlags::EXCLUSIVE;
    Ok(epoll::add(queue, socket, EventData::new_u64(0), events)?)
}

#[cfg(test)]
mod tests {
    use super::super::listener::Listener;
    use std::cell::Cell;
    use std::future::poll_fn;
    use std::net::{TcpListener, TcpStream};
    use std::rc::Rc;
    use tokio::sync::mpsc;
    use tokio::task::{LocalSet, spawn_local};

    /// Who of three gets each of twelve connections, which come one after the other.
    async fn accepted(common: bool) -> Vec<usize> {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let (sender, mut receiver) = mpsc::unbounded_channel();
        for number in 0..3 {
            let listener = Listener::new(socket.try_clone().unwrap().into(), common).unwrap();
            let sender = sender.clone();
            spawn_local(async move {
                loop {
                    let (stream, _) = poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();
                    listener.pass().await.unwrap();
                    sender.send((number, stream)).unwrap();
                }
            });
        }
        let mut order = Vec::new();
        for _ in 0..12 {
            let client = TcpStream::connect(socket.local_addr().unwrap()).unwrap();
            let (number, _stream) = receiver.recv().await.unwrap();
            order.push(number);
            drop(client);
        }
        order
    }

    #[tokio::test]
    async fn those_who_wait_at_one_socket_take_turns() {
        let order = LocalSet::new().run_until(accepted(true)).await;
        for number in 0..3 {
            assert_eq!(order.iter().filter(|who| **who == number).count(), 4, "{order:?}");
        }
        // Three in a row are always all three of them.
        assert!(
            order.windows(3).all(|row| row[0] != row[1] && row[1] != row[2] && row[0] != row[2]),
            "{order:?}"
        );
    }

    #[tokio::test]
    async fn a_socket_of_ones_own_needs_no_turns() {
        let taken = Rc::new(Cell::new(0));
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let listener = Listener::new(socket.try_clone().unwrap().into(), false).unwrap();
        let clients: Vec<_> =
            (0..3).map(|_| TcpStream::connect(socket.local_addr().unwrap()).unwrap()).collect();
        for _ in &clients {
            poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();
            listener.pass().await.unwrap();
            taken.set(taken.get() + 1);
        }
        assert_eq!(taken.get(), 3);
        assert!(listener.accept_now().unwrap().is_none());
    }
}
