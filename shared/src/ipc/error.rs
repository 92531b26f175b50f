//! What can go wrong.

use super::limits::{MAX_BODY, MAX_FDS, VERSION};
use rustix::io::Errno;
use std::io;

/// Why an IPC connection can't be used any longer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes are not a frame.
    #[error("IPC: found {bytes:02x?} where a frame should start: the peer is not a Jackfield process")]
    Garbage {
        /// The first two bytes.
        bytes: [u8; 2],
    },
    /// The peer speaks another version.
    #[error("IPC: the peer speaks version {found}, this release speaks {VERSION}")]
    Version {
        /// The peer's version.
        found: u8,
    },
    /// The frame is longer than allowed.
    #[error("IPC: a message of {length} bytes, at most {MAX_BODY} are allowed")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// The frame carries more descriptors than allowed.
    #[error("IPC: a message with {count} descriptors, at most {MAX_FDS} are allowed")]
    TooManyFds {
        /// How many it carries.
        count: usize,
    },
    /// A message came without the descriptors that it says it has.
    #[error("IPC: a message that should have {count} descriptors came without")]
    NoFds {
        /// How many it should have.
        count: usize,
    },
    /// The peer closed the connection in the middle of a frame.
    #[error("IPC: the peer ended in the middle of a message")]
    Truncated,
    /// The body is not a message.
    #[error("IPC: a message that can't be understood: {0}")]
    Body(#[from] serde_json::Error),
    /// The socket failed.
    #[error("IPC: {0}")]
    Io(#[from] io::Error),
}

impl From<Errno> for Error {
    fn from(errno: Errno) -> Self {
        Self::Io(errno.into())
    }
}
