//! Reading from and writing to a link.

use std::io;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// Bytes that are read at a time: messages that came together are done together.
pub(super) const CHUNK: usize = 64 << 10;

/// Reads some bytes; nothing: the other end is gone.
pub(super) async fn read(socket: &OwnedReadHalf, buffer: &mut [u8]) -> usize {
    loop {
        if socket.readable().await.is_err() {
            return 0;
        }
        match socket.try_read(buffer) {
            Ok(count) => return count,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return 0,
        }
    }
}

/// Writes some bytes; nothing: the other end is gone.
pub(super) async fn write(socket: &OwnedWriteHalf, bytes: &[u8]) -> usize {
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
