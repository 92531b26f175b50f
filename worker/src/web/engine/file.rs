//! The content of a file, sent piece by piece.

use super::sendfile::{LONGEST, Part};
use bytes::Bytes;
use rustix::io::{Errno, ReadWriteFlags, preadv2};
use std::future::Future;
use std::io::{self, IoSliceMut};
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::task::{JoinHandle, spawn_blocking};

/// Bytes read at once.
const CHUNK: u64 = 128 << 10;

/// Bytes from which on it costs less to have the kernel send them than to read and write them.
const WORTH_SENDING: u64 = 32 << 10;

/// A part of a file. What the kernel has in its cache is read at once; for the disk, a helper thread waits.
#[derive(Debug)]
pub(crate) struct FileBody {
    file: Arc<OwnedFd>,
    at: u64,
    end: u64,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl FileBody {
    /// The bytes of `file` from `start` up to `end`.
    pub(crate) const fn new(file: Arc<OwnedFd>, start: u64, end: u64) -> Self {
        Self { file, at: start, end, reading: None }
    }

    /// Bytes that have not been sent yet.
    pub(crate) const fn remaining(&self) -> u64 {
        self.end - self.at
    }

    /// How much of it the kernel may send at once, as far as that is worth it and needs no disk.
    pub(in crate::web) fn to_send(&self) -> u64 {
        if self.reading.is_some() || self.remaining() < WORTH_SENDING {
            return 0;
        }
        cached(&self.file, self.at, self.remaining().min(LONGEST))
    }

    /// The next `length` bytes.
    pub(in crate::web) fn part(&self, length: u64) -> Part<'_> {
        Part { file: &self.file, at: self.at, length: length.min(self.remaining()) }
    }

    /// So many bytes of it were sent.
    pub(in crate::web) fn sent(&mut self, count: u64) {
        self.at = self.end.min(self.at + count);
    }

    pub(crate) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.at >= self.end {
            return Poll::Ready(None);
        }
        let bytes = match ready!(self.poll_read(cx)) {
            Ok(bytes) => bytes,
            Err(e) => {
                self.at = self.end;
                return Poll::Ready(Some(Err(e)));
            }
        };
        self.at += bytes.len() as u64;
        Poll::Ready(Some(Ok(bytes)))
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        loop {
            if let Some(reading) = &mut self.reading {
                let bytes = ready!(Pin::new(reading).poll(cx));
                self.reading = None;
                return Poll::Ready(bytes.map_err(io::Error::other).flatten());
            }
            let length = self.remaining().min(CHUNK) as usize;
            match read(&self.file, self.at, length, ReadWriteFlags::NOWAIT) {
                Err(e)
                    if matches!(
                        Errno::from_io_error(&e),
                        Some(Errno::AGAIN | Errno::OPNOTSUPP | Errno::NOSYS)
                    ) =>
                {
                    let (file, at) = (Arc::clone(&self.file), self.at);
                    let read = move || read(&file, at, length, ReadWriteFlags::empty());
                    self.reading = Some(spawn_blocking(read));
                }
                result => return Poll::Ready(result),
            }
        }
    }
}

/// Up to `length` bytes, at least one.
fn read(file: &OwnedFd, at: u64, length: usize, flags: ReadWriteFlags) -> io::Result<Bytes> {
    let mut bytes = vec![0; length];
    let count = loop {
        match preadv2(file, &mut [IoSliceMut::new(&mut bytes)], at, flags) {
            Err(Errno::INTR) => {}
            result => break result?,
        }
    };
    if count == 0 {
        let text = "the file has become shorter while it was sent";
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
    }
    bytes.truncate(count);
    Ok(bytes.into())
}

/// How much of `length` bytes from `at` on the kernel has in its cache, as far as a look at every chunk can tell.
fn cached(file: &OwnedFd, at: u64, length: u64) -> u64 {
    let is_cached = |at| preadv2(file, &mut [IoSliceMut::new(&mut [0])], at, ReadWriteFlags::NOWAIT) == Ok(1);
    let mut known = 0;
    while known < length {
        let next = (known + CHUNK).min(length);
        if !(is_cached(at + known) && is_cached(at + next - 1)) {
            break;
        }
        known = next;
    }
    known
}

/// The first `length` bytes, if they are there and need no disk.
pub(in crate::web) fn read_now(file: &OwnedFd, length: usize) -> Option<Bytes> {
    if length == 0 {
        return Some(Bytes::new());
    }
    read(file, 0, length, ReadWriteFlags::NOWAIT).ok().filter(|bytes| bytes.len() == length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_tests::TempDir;
    use std::fs::{self, File};
    use std::future::poll_fn;

    async fn content(mut body: FileBody) -> io::Result<Vec<u8>> {
        let mut got = Vec::new();
        while let Some(bytes) = poll_fn(|cx| body.poll_chunk(cx)).await {
            got.extend_from_slice(&bytes?);
        }
        Ok(got)
    }

    #[tokio::test]
    async fn a_part_is_sent_whole() {
        let dir = TempDir::new();
        let path = dir.path().join("file");
        let bytes: Vec<u8> = (0..1_000_000u32).map(|i| (i % 251) as u8).collect();
        fs::write(&path, &bytes).unwrap();
        let open = || Arc::new(OwnedFd::from(File::open(&path).unwrap()));
        assert!(content(FileBody::new(open(), 0, 1_000_000)).await.unwrap() == bytes);
        assert!(content(FileBody::new(open(), 5, 200_005)).await.unwrap() == bytes[5..200_005]);
        assert!(content(FileBody::new(open(), 7, 7)).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_file_that_shrinks_is_an_error_and_not_padded() {
        let dir = TempDir::new();
        let path = dir.path().join("file");
        fs::write(&path, "short").unwrap();
        let body = FileBody::new(Arc::new(File::open(&path).unwrap().into()), 0, 10);
        assert_eq!(content(body).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
