//! Files that go from the page cache to the socket inside of the kernel, by sendfile(2), or with one copy that stays in
//! the processor's cache where the client is on this machine: what goes to it page by page costs more than a copy does, as
//! nobody's network card saves one.

use crate::net::stream::Stream;
use rustix::fs::sendfile;
use rustix::io::{Errno, pread};
use rustix::net::SendFlags;
use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll, ready};
use tokio::io::Interest;

/// Bytes that are looked for in the cache at once, and sent at most.
pub(in crate::web) const LONGEST: u64 = 1 << 20;
/// Bytes copied at once where that is the way: as many as stay in the processor's cache.
const COPIED: usize = 256 << 10;

thread_local! {
    /// What they are copied through; takes memory as far as it is used.
    static COPY: RefCell<Vec<u8>> = RefCell::new(vec![0; COPIED]);
}

/// A part of a file that is to be sent.
#[derive(Clone, Copy, Debug)]
pub(in crate::web) struct Part<'a> {
    pub(in crate::web) file: &'a OwnedFd,
    pub(in crate::web) at: u64,
    pub(in crate::web) length: u64,
}

/// Sends the beginning of a part; how many bytes. `near`: to a client on this machine.
pub(in crate::web) fn poll_send(
    cx: &mut Context<'_>,
    stream: &Stream,
    part: Part<'_>,
    near: bool,
) -> Poll<io::Result<usize>> {
    let most = part.length.min(LONGEST) as usize;
    let sent = ready!(poll_socket(cx, stream, |stream| {
        if near {
            return copy(stream, part, most);
        }
        match sendfile(stream.fd(), part.file, Some(&mut { part.at }), most) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => copy(stream, part, most),
            result => Ok(result?),
        }
    }))?;
    if sent == 0 {
        let text = "the file has become shorter while it was sent";
        return Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, text)));
    }
    Poll::Ready(Ok(sent))
}

/// Sends bytes that go into one packet with what follows.
pub(in crate::web) fn poll_send_more(
    cx: &mut Context<'_>,
    stream: &Stream,
    bytes: &[u8],
) -> Poll<io::Result<usize>> {
    let flags = SendFlags::MORE | SendFlags::NOSIGNAL;
    poll_socket(cx, stream, |stream| Ok(rustix::net::send(stream.fd(), bytes, flags)?))
}

/// The same as sendfile(2) by way of a buffer: for clients on this machine, and where the kernel can't send from the file system.
fn copy(stream: &Stream, part: Part<'_>, most: usize) -> io::Result<usize> {
    COPY.with_borrow_mut(|bytes| {
        let count = pread(part.file, &mut bytes[..most.min(COPIED)], part.at)?;
        if count == 0 {
            return Ok(0);
        }
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

    fn file(dir: &TempDir, content: &[u8]) -> OwnedFd {
        let path = dir.path().join("file");
        fs::write(&path, content).unwrap();
        File::open(path).unwrap().into()
    }

    #[tokio::test]
    async fn a_part_arrives_behind_what_comes_first() {
        let dir = TempDir::new();
        let content: Vec<u8> = (0..700_000u32).map(|i| (i % 251) as u8).collect();
        let file = file(&dir, &content);
        for near in [false, true] {
            let (server, mut client) = UnixStream::pair().unwrap();
            let stream = Stream::Unix(server);
            let mut got = Vec::new();
            let write = async {
                assert_eq!(poll_fn(|cx| poll_send_more(cx, &stream, b"head")).await.unwrap(), 4);
                let (mut at, end) = (10, 600_010);
                while at < end {
                    let part = Part { file: &file, at, length: end - at };
                    at += poll_fn(|cx| poll_send(cx, &stream, part, near)).await.unwrap() as u64;
                }
                drop(stream);
            };
            let ((), read) = tokio::join!(write, client.read_to_end(&mut got));
            read.unwrap();
            let expected = [b"head", &content[10..600_010]].concat();
            assert!(got == expected, "{} of {} bytes", got.len(), expected.len());
        }
    }

    #[tokio::test]
    async fn a_file_that_shrinks_is_an_error_and_not_padded() {
        let dir = TempDir::new();
        let file = file(&dir, b"short");
        for near in [false, true] {
            let (server, _client) = UnixStream::pair().unwrap();
            let stream = Stream::Unix(server);
            let part = Part { file: &file, at: 5, length: 10 };
            let error = poll_fn(|cx| poll_send(cx, &stream, part, near)).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        }
    }
}
