//! Files that go from the page cache to the socket inside of the kernel, by sendfile(2), or with one copy that stays in
//! the processor's cache where the client is on this machine.
//!
//! hyper knows bytes only. It is given placeholders instead: slices of memory that nobody reads, as long as what they
//! stand for. Where they come out of hyper again to be written, in the order in which they went in, the file is sent.

use crate::net::prefixed::Prefixed;
use crate::net::stream::Stream;
use bytes::Bytes;
use rustix::fs::sendfile;
use rustix::io::{Errno, pread};
use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncWrite, Interest};

/// Bytes that one placeholder stands for at most.
pub(in crate::web) const LONGEST: u64 = 1 << 20;
/// Bytes copied at once where that is the way: as many as stay in the processor's cache.
const COPIED: usize = 256 << 10;

thread_local! {
    /// What they are copied through; takes memory as far as it is used.
    static COPY: RefCell<Vec<u8>> = RefCell::new(vec![0; COPIED]);
}

/// What placeholders are made of: memory that is never touched, and so takes none.
static ROOM: OnceLock<&'static [u8]> = OnceLock::new();

fn is_placeholder(bytes: &[u8]) -> bool {
    ROOM.get().is_some_and(|room| room.as_ptr_range().contains(&bytes.as_ptr()))
}

/// A part of a file that waits to be sent.
#[derive(Debug)]
struct Part {
    file: Arc<OwnedFd>,
    at: u64,
    left: usize,
}

/// The parts of files that wait on one connection. `Send` because hyper wants what it writes to to be that; there is one
/// thread.
#[derive(Clone, Debug)]
pub(crate) struct Outlet {
    parts: Arc<Mutex<VecDeque<Part>>>,
    /// Whether the client is on this machine. What goes to it page by page costs more than a copy does: nobody's network
    /// card saves one.
    near: bool,
}

impl Outlet {
    /// Nothing waits yet; `near`: for a client on this machine.
    pub(in crate::web) fn new(near: bool) -> Self {
        Self { parts: Arc::default(), near }
    }

    fn parts(&self) -> MutexGuard<'_, VecDeque<Part>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Promises a part of a file, at most [`LONGEST`]; what stands for it.
    pub(in crate::web) fn promise(&self, file: &Arc<OwnedFd>, at: u64, length: u64) -> Bytes {
        let left = length.min(LONGEST) as usize;
        let part = Part { file: Arc::clone(file), at, left };
        self.parts().push_back(part);
        let room = ROOM.get_or_init(|| Box::leak(vec![0; LONGEST as usize].into_boxed_slice()));
        Bytes::from_static(&room[..left])
    }

    /// Writes what comes first in `bufs`: bytes, or a part of a file.
    pub(in crate::web) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        stream: &mut Prefixed<Stream>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match bufs.iter().position(|bytes| is_placeholder(bytes)) {
            None => Pin::new(stream).poll_write_vectored(cx, bufs),
            Some(0) => self.poll_send(cx, stream.get_ref(), bufs[0].len()),
            // The head of an answer goes into one packet with what follows.
            Some(count) => poll_socket(cx, stream.get_ref(), |stream| {
                let flags = SendFlags::MORE | SendFlags::NOSIGNAL;
                Ok(sendmsg(stream.fd(), &bufs[..count], &mut SendAncillaryBuffer::default(), flags)?)
            }),
        }
    }

    fn poll_send(&self, cx: &mut Context<'_>, stream: &Stream, length: usize) -> Poll<io::Result<usize>> {
        let mut parts = self.parts();
        let Some(part) = parts.front_mut() else {
            return Poll::Ready(Err(io::Error::other("a part of a file was promised and is not there")));
        };
        let most = length.min(part.left);
        let sent = ready!(poll_socket(cx, stream, |stream| {
            if self.near {
                return copy(stream, part, most);
            }
            match sendfile(stream.fd(), &part.file, Some(&mut { part.at }), most) {
                Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => copy(stream, part, most),
                result => Ok(result?),
            }
        }))?;
        if sent == 0 {
            let text = "the file has become shorter while it was sent";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, text)));
        }
        part.at += sent as u64;
        part.left -= sent;
        if part.left == 0 {
            parts.pop_front();
        }
        Poll::Ready(Ok(sent))
    }
}

/// The same by way of a buffer: for clients on this machine, and where the kernel can't send from the file system.
fn copy(stream: &Stream, part: &Part, most: usize) -> io::Result<usize> {
    COPY.with_borrow_mut(|bytes| {
        let count = pread(&part.file, &mut bytes[..most.min(COPIED)], part.at)?;
        Ok(rustix::net::send(stream.fd(), &bytes[..count], SendFlags::NOSIGNAL)?)
    })
}

/// Does a system call that writes to the socket as soon as that takes something.
fn poll_socket(
    cx: &mut Context<'_>,
    stream: &Stream,
    mut call: impl FnMut(&Stream) -> io::Result<usize>,
) -> Poll<io::Result<usize>> {
    loop {
        ready!(stream.poll_write_ready(cx))?;
        match stream.try_io(Interest::WRITABLE, || call(stream)) {
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            result => return Poll::Ready(result),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_tests::TempDir;
    use std::fs::{self, File};
    use std::future::poll_fn;
    use tokio::io::AsyncReadExt;
    use tokio::net::UnixStream;

    fn file(dir: &TempDir, content: &[u8]) -> Arc<OwnedFd> {
        let path = dir.path().join("file");
        fs::write(&path, content).unwrap();
        Arc::new(File::open(path).unwrap().into())
    }

    /// Writes all of `bufs` as hyper would; what arrives.
    async fn written(outlet: &Outlet, bufs: &[&[u8]]) -> io::Result<Vec<u8>> {
        let (server, mut client) = UnixStream::pair().unwrap();
        let mut stream = Prefixed::new(Bytes::new(), Stream::Unix(server));
        let mut got = Vec::new();
        let write = async {
            let mut slices: Vec<_> = bufs.iter().map(|bytes| IoSlice::new(bytes)).collect();
            let mut slices = &mut slices[..];
            while !slices.is_empty() {
                let count = poll_fn(|cx| outlet.poll_write(cx, &mut stream, slices)).await?;
                IoSlice::advance_slices(&mut slices, count);
            }
            drop(stream);
            io::Result::Ok(())
        };
        let (result, read) = tokio::join!(write, client.read_to_end(&mut got));
        read.unwrap();
        result.map(|()| got)
    }

    #[tokio::test]
    async fn bytes_and_files_arrive_in_their_order() {
        let dir = TempDir::new();
        let content: Vec<u8> = (0..700_000u32).map(|i| (i % 251) as u8).collect();
        let file = file(&dir, &content);
        for outlet in [Outlet::new(false), Outlet::new(true)] {
            let (first, second) = (outlet.promise(&file, 10, 600_000), outlet.promise(&file, 0, 5));
            let got = written(&outlet, &[b"head", &first, b"between", &second, b"end"]).await.unwrap();
            let expected = [b"head", &content[10..600_010], b"between", &content[..5], b"end"].concat();
            assert!(got == expected, "{} of {} bytes", got.len(), expected.len());
            assert_eq!(written(&outlet, &[b"only ", b"bytes"]).await.unwrap(), b"only bytes");
        }
    }

    #[tokio::test]
    async fn a_file_that_shrinks_is_an_error_and_not_padded() {
        let dir = TempDir::new();
        for outlet in [Outlet::new(false), Outlet::new(true)] {
            let promised = outlet.promise(&file(&dir, b"short"), 0, 10);
            let error = written(&outlet, &[&promised]).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        }
    }
}
