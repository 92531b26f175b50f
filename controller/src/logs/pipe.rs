//! The reading end of a pipe that the runtime need not watch all the time.

use rustix::io::Errno;
use rustix::pipe::fcntl_setpipe_size;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::unix::pipe::Receiver;

/// A pipe to read from. While the runtime watches it every write(2) to it wakes the thread, whoever waits: from a program that
/// writes line by line that costs more than its lines.
#[derive(Debug)]
pub(crate) enum Pipe {
    /// The runtime tells when something can be read.
    Watched(Receiver),
    /// It does not: whoever reads looks by itself.
    Unwatched(OwnedFd),
    /// It can't be read any more.
    Closed,
}

impl From<Receiver> for Pipe {
    fn from(receiver: Receiver) -> Self {
        Self::Watched(receiver)
    }
}

impl Pipe {
    /// Lets the runtime watch it no longer, until there is nothing to be read.
    pub(crate) fn unwatch(&mut self) {
        *self = match std::mem::replace(self, Self::Closed) {
            Self::Watched(receiver) => receiver.into_nonblocking_fd().map_or(Self::Closed, Self::Unwatched),
            other => other,
        };
    }

    fn watch(&mut self) -> io::Result<()> {
        if let Self::Unwatched(fd) = std::mem::replace(self, Self::Closed) {
            *self = Self::Watched(Receiver::from_owned_fd_unchecked(fd)?);
        }
        Ok(())
    }

    /// Its descriptor, if it is open.
    pub(crate) fn fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Watched(receiver) => Some(receiver.as_fd()),
            Self::Unwatched(fd) => Some(fd.as_fd()),
            Self::Closed => None,
        }
    }

    /// Reads what is there, without waiting; 0: nothing is, or nothing more will be.
    pub(super) fn look(&self, to: &mut [u8]) -> usize {
        self.fd().and_then(|fd| rustix::io::read(fd, to).ok()).unwrap_or_default()
    }

    /// Lets it hold so many bytes, if the kernel has the room.
    pub(super) fn grow(&self, size: usize) {
        let _ = self.fd().map(|fd| fcntl_setpipe_size(fd, size));
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            match &mut *self {
                Self::Watched(receiver) => return Pin::new(receiver).poll_read(cx, to),
                Self::Unwatched(fd) => match rustix::io::read(&*fd, to.initialize_unfilled()) {
                    Ok(count) => {
                        to.advance(count);
                        return Poll::Ready(Ok(()));
                    }
                    Err(Errno::INTR) => {}
                    Err(Errno::AGAIN) => self.watch()?,
                    Err(e) => return Poll::Ready(Err(e.into())),
                },
                Self::Closed => return Poll::Ready(Ok(())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use tokio::io::AsyncReadExt as _;

    #[tokio::test]
    async fn what_is_not_watched_is_read_and_watched_again_when_nothing_is_there() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let mut pipe = Pipe::from(Receiver::from_owned_fd(reader.into()).unwrap());
        let mut got = [0; 8];
        for text in ["one", "two"] {
            pipe.unwatch();
            writer.write_all(text.as_bytes()).unwrap();
            let count = pipe.read(&mut got).await.unwrap();
            assert_eq!(&got[..count], text.as_bytes());
            assert!(matches!(pipe, Pipe::Unwatched(_)));
        }
        let later = std::thread::spawn(move || writer.write_all(b"three").map(|()| writer));
        let count = pipe.read(&mut got).await.unwrap();
        assert_eq!(&got[..count], b"three");
        drop(later.join().unwrap());
        pipe.unwatch();
        assert_eq!(pipe.read(&mut got).await.unwrap(), 0, "its end");
    }
}
