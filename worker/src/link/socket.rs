//! Reading from and writing to a link.

use std::cell::{Ref, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

/// Bytes that are read at a time: messages that came together are done together.
const CHUNK: usize = 64 << 10;
/// Bytes of an empty buffer that are kept for what comes next.
const MOST_KEPT: usize = 16 * CHUNK;

/// Where a process reads what comes, of all of its links: nobody waits between reading and taking it.
#[derive(Clone)]
pub(super) struct Chunk(Rc<RefCell<Vec<u8>>>);

impl Default for Chunk {
    fn default() -> Self {
        Self(Rc::new(RefCell::new(vec![0; CHUNK])))
    }
}

impl Chunk {
    /// The first bytes of it.
    pub(super) fn first(&self, count: usize) -> Ref<'_, [u8]> {
        Ref::map(self.0.borrow(), |bytes| &bytes[..count])
    }
}

/// Reads some bytes, which are then at the beginning of `chunk`; nothing: the other end is gone.
pub(super) async fn read(socket: &OwnedReadHalf, chunk: &Chunk) -> usize {
    loop {
        if socket.readable().await.is_err() {
            return 0;
        }
        match socket.try_read(&mut chunk.0.borrow_mut()) {
            Ok(count) => return count,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return 0,
        }
    }
}

/// Why a buffer was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unwritten {
    /// The other end is gone.
    Gone,
    /// It has taken nothing for as long as it may.
    Stuck,
}

/// Writes and empties a buffer, and tells `written` of each part of it. `patience` is how long the other end may take
/// nothing; `None`: any time.
pub(super) async fn write_all(
    socket: &OwnedWriteHalf,
    buffer: &mut Vec<u8>,
    patience: Option<Duration>,
    mut written: impl FnMut(usize),
) -> Result<(), Unwritten> {
    let mut rest = &buffer[..];
    while !rest.is_empty() {
        let count = match patience {
            Some(patience) => timeout(patience, write(socket, rest)).await.map_err(|_| Unwritten::Stuck)?,
            None => write(socket, rest).await,
        };
        if count == 0 {
            return Err(Unwritten::Gone);
        }
        rest = &rest[count..];
        written(count);
    }
    buffer.clear();
    if buffer.capacity() > MOST_KEPT {
        *buffer = Vec::new();
    }
    Ok(())
}

/// Writes some bytes; nothing: the other end is gone.
async fn write(socket: &OwnedWriteHalf, bytes: &[u8]) -> usize {
    loop {
        match socket.try_write(bytes) {
            Ok(count) => return count,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return 0,
        }
        if socket.writable().await.is_err() {
            return 0;
        }
    }
}
