//! The two ends of a connection. Every read goes through recvmsg(2): a plain read would drop, without a
//! word, the descriptors that came with the bytes.

use super::error::Error;
use super::frame::{HEADER, Header};
use super::limits::MAX_FDS;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use serde::{Serialize, de::DeserializeOwned};
use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use tokio::io::Interest;
use tokio::net::UnixStream;

/// A connected pair of sockets, close-on-exec: one end for the controller, one for the process it spawns.
///
/// # Errors
/// As socketpair(2), most likely when no descriptors are left.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?)
}

/// Turns one end of a [`pair`] into the halves that send `Tx` and receive `Rx`. Needs a tokio runtime.
///
/// # Errors
/// When the descriptor can't be made non-blocking or be registered with the runtime.
pub fn split<Tx, Rx>(fd: OwnedFd) -> io::Result<(Sender<Tx>, Receiver<Rx>)> {
    let socket = std::os::unix::net::UnixStream::from(fd);
    socket.set_nonblocking(true)?;
    let socket = Arc::new(UnixStream::from_std(socket)?);
    let receiver = Receiver {
        socket: Arc::clone(&socket),
        chunk: vec![0; CHUNK].into_boxed_slice(),
        bytes: Vec::new(),
        fds: VecDeque::new(),
        message: PhantomData,
    };
    Ok((Sender { socket, message: PhantomData }, receiver))
}

const CHUNK: usize = 16 << 10;

fn is_transient(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock)
}

/// The sending half.
#[derive(Debug)]
pub struct Sender<Tx> {
    socket: Arc<UnixStream>,
    message: PhantomData<fn(Tx)>,
}

impl<Tx: Serialize> Sender<Tx> {
    /// Sends one message and duplicates of `fds` with it. Not cancel-safe: a call that is dropped half-way
    /// leaves half a frame; give each connection one task that sends.
    ///
    /// # Errors
    /// When the message is too long, carries too many descriptors, or the peer is gone.
    pub async fn send(&mut self, message: &Tx, fds: &[BorrowedFd<'_>]) -> Result<(), Error> {
        let mut frame = vec![0; HEADER];
        serde_json::to_writer(&mut frame, message)?;
        let header = Header::encode(frame.len() - HEADER, fds.len())?;
        frame[..HEADER].copy_from_slice(&header);
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
        let mut sent = 0;
        while sent < frame.len() {
            self.socket.writable().await?;
            let result = self.socket.try_io(Interest::WRITABLE, || {
                // Descriptors ride on the first byte of the frame.
                let mut ancillary = SendAncillaryBuffer::new(&mut space);
                if sent == 0 && !fds.is_empty() {
                    ancillary.push(SendAncillaryMessage::ScmRights(fds));
                }
                let rest = [IoSlice::new(&frame[sent..])];
                Ok(sendmsg(self.socket.as_fd(), &rest, &mut ancillary, SendFlags::NOSIGNAL)?)
            });
            match result {
                Ok(count) => sent += count,
                Err(e) if is_transient(&e) => {}
                Err(e) => return Err(e.into()),
            }
        }
        Ok(())
    }
}

/// The receiving half.
#[derive(Debug)]
pub struct Receiver<Rx> {
    socket: Arc<UnixStream>,
    chunk: Box<[u8]>,
    bytes: Vec<u8>,
    /// The descriptors of each message that has any: recvmsg(2) never returns those of two at once.
    fds: VecDeque<Vec<OwnedFd>>,
    message: PhantomData<fn() -> Rx>,
}

impl<Rx> Receiver<Rx> {
    /// Bytes of a message that has not come whole.
    pub fn unread(&self) -> &[u8] {
        &self.bytes
    }

    /// The same receiver, after these bytes.
    #[must_use]
    pub fn resume(self, bytes: Vec<u8>) -> Self {
        Self { bytes, ..self }
    }
}

impl<Rx> AsFd for Receiver<Rx> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl<Rx: DeserializeOwned> Receiver<Rx> {
    /// The next message and the descriptors that came with it (close-on-exec), or `None` when the peer
    /// closed between two messages. Cancel-safe. Descriptors that this process had no room for are missing.
    ///
    /// # Errors
    /// When what arrives is not a message; the connection is of no use after that.
    pub async fn recv(&mut self) -> Result<Option<(Rx, Vec<OwnedFd>)>, Error> {
        loop {
            if let Some(message) = self.take()? {
                return Ok(Some(message));
            }
            if self.fill().await? == 0 {
                return if self.bytes.is_empty() { Ok(None) } else { Err(Error::Truncated) };
            }
        }
    }

    fn take(&mut self) -> Result<Option<(Rx, Vec<OwnedFd>)>, Error> {
        let Some((head, _)) = self.bytes.split_first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let header = Header::decode(*head)?;
        let end = HEADER + header.body;
        if self.bytes.len() < end {
            return Ok(None);
        }
        let fds = match header.fds {
            0 => Vec::new(),
            count => self.fds.pop_front().ok_or(Error::NoFds { count })?,
        };
        let message = serde_json::from_slice(&self.bytes[HEADER..end])?;
        self.bytes.drain(..end);
        Ok(Some((message, fds)))
    }

    async fn fill(&mut self) -> Result<usize, Error> {
        loop {
            self.socket.readable().await?;
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
            let mut ancillary = RecvAncillaryBuffer::new(&mut space);
            let chunk = &mut self.chunk;
            let result = self.socket.try_io(Interest::READABLE, || {
                let mut into = [IoSliceMut::new(chunk)];
                Ok(recvmsg(self.socket.as_fd(), &mut into, &mut ancillary, RecvFlags::CMSG_CLOEXEC)?)
            });
            match result {
                Ok(received) => {
                    let rights = ancillary.drain().filter_map(|message| match message {
                        RecvAncillaryMessage::ScmRights(fds) => Some(fds),
                        _ => None,
                    });
                    let fds: Vec<_> = rights.flatten().collect();
                    if !fds.is_empty() || received.flags.contains(ReturnFlags::CTRUNC) {
                        self.fds.push_back(fds);
                    }
                    self.bytes.extend_from_slice(&self.chunk[..received.bytes]);
                    return Ok(received.bytes);
                }
                Err(e) if is_transient(&e) => {}
                Err(e) => return Err(e.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::limits::MAX_BODY;
    use super::*;
    use rustix::fs::fstat;
    use std::io::Write;
    use std::os::unix::net::UnixStream as StdUnixStream;

    fn ends() -> (Sender<String>, Receiver<String>) {
        let (a, b) = pair().unwrap();
        (split::<String, String>(a).unwrap().0, split::<String, String>(b).unwrap().1)
    }

    /// A peer that writes raw bytes.
    fn raw() -> (StdUnixStream, Receiver<String>) {
        let (a, b) = pair().unwrap();
        (a.into(), split::<String, String>(b).unwrap().1)
    }

    fn frame(body: &[u8]) -> Vec<u8> {
        [&Header::encode(body.len(), 0).unwrap()[..], body].concat()
    }

    #[tokio::test]
    async fn messages_arrive_in_order_with_their_descriptors() {
        let (mut tx, mut rx) = ends();
        let files: Vec<_> = (0..3).map(|_| pair().unwrap().0).collect();
        let inode = |fd: &OwnedFd| fstat(fd).unwrap().st_ino;
        tx.send(&"none".into(), &[]).await.unwrap();
        tx.send(&"two".into(), &[files[0].as_fd(), files[1].as_fd()]).await.unwrap();
        tx.send(&"one".into(), &[files[2].as_fd()]).await.unwrap();
        drop(tx);
        for (text, expected) in [("none", &files[..0]), ("two", &files[..2]), ("one", &files[2..])] {
            let (message, fds) = rx.recv().await.unwrap().unwrap();
            assert_eq!(message, text);
            assert_eq!(
                fds.iter().map(inode).collect::<Vec<_>>(),
                expected.iter().map(inode).collect::<Vec<_>>()
            );
            for fd in &fds {
                let flags = rustix::io::fcntl_getfd(fd).unwrap();
                assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
            }
        }
        assert!(rx.recv().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_message_without_room_for_its_descriptors_arrives_without_them() {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let (mut tx, mut rx) = ends();
        let files: Vec<_> = (0..3).map(|_| pair().unwrap().0).collect();
        tx.send(&"three".into(), &[files[0].as_fd(), files[1].as_fd(), files[2].as_fd()]).await.unwrap();
        tx.send(&"one".into(), &[files[0].as_fd()]).await.unwrap();
        let limit = getrlimit(Resource::Nofile);
        // Tests are processes of their own (nextest), and this one opens nothing meanwhile.
        setrlimit(Resource::Nofile, Rlimit { current: Some(0), ..limit }).unwrap();
        let (message, fds) = rx.recv().await.unwrap().unwrap();
        setrlimit(Resource::Nofile, limit).unwrap();
        assert_eq!((&*message, fds.len()), ("three", 0));
        let (message, fds) = rx.recv().await.unwrap().unwrap();
        assert_eq!((&*message, fds.len()), ("one", 1));
    }

    #[tokio::test]
    async fn a_message_longer_than_every_buffer_arrives_whole() {
        let (mut tx, mut rx) = ends();
        let long = "x".repeat(3 << 20);
        let (sent, got) = tokio::join!(async { tx.send(&long, &[]).await }, rx.recv());
        sent.unwrap();
        assert!(got.unwrap().unwrap().0 == long);
    }

    #[tokio::test]
    async fn bytes_one_at_a_time_are_a_message() {
        let (mut peer, mut rx) = raw();
        let writer = tokio::task::spawn_blocking(move || {
            for byte in frame(b"\"slow\"") {
                peer.write_all(&[byte]).unwrap();
            }
        });
        assert_eq!(rx.recv().await.unwrap().unwrap().0, "slow");
        writer.await.unwrap();
    }

    #[tokio::test]
    async fn whatever_is_no_message_is_an_error() {
        let cases: [(&[u8], &str); 5] = [
            (b"GET / HTTP/1.1\r\n\r\n", "not a Jackfield process"),
            (b"JF\x09\x00\x00\x00\x00\x02{}", "version 9"),
            (b"JF\x01\x00\xff\xff\xff\xff", "at most 16777216"),
            (b"JF\x01\xff\x00\x00\x00\x02{}", "255 descriptors"),
            (b"JF\x01\x01\x00\x00\x00\x02{}", "1 descriptors came without"),
        ];
        for (bytes, expected) in cases {
            let (mut peer, mut rx) = raw();
            peer.write_all(bytes).unwrap();
            let text = rx.recv().await.unwrap_err().to_string();
            assert!(text.contains(expected), "{text}");
        }
        let (mut peer, mut rx) = raw();
        peer.write_all(&frame(b"{\"not\": \"a string\"}")).unwrap();
        assert!(matches!(rx.recv().await, Err(Error::Body(_))));
    }

    #[tokio::test]
    async fn an_end_in_the_middle_is_told_from_an_end() {
        for cut in 1..frame(b"\"cut\"").len() {
            let (mut peer, mut rx) = raw();
            peer.write_all(&frame(b"\"cut\"")[..cut]).unwrap();
            drop(peer);
            assert!(matches!(rx.recv().await, Err(Error::Truncated)), "cut at {cut}");
        }
    }

    #[tokio::test]
    async fn a_peer_that_is_gone_is_an_error_and_no_signal() {
        let (mut tx, rx) = ends();
        drop(rx);
        assert!(matches!(tx.send(&"x".into(), &[]).await, Err(Error::Io(_))));
    }

    #[tokio::test]
    async fn what_is_too_long_or_too_many_is_not_sent() {
        let (mut tx, _rx) = ends();
        assert!(matches!(tx.send(&"x".repeat(MAX_BODY), &[]).await, Err(Error::TooLong { .. })));
        let fd = pair().unwrap().0;
        assert!(matches!(
            tx.send(&"x".into(), &vec![fd.as_fd(); MAX_FDS + 1]).await,
            Err(Error::TooManyFds { .. })
        ));
    }
}
