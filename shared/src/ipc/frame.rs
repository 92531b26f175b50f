//! The frame: `'J' 'F' VERSION NFDS LENGTH(4, big endian)` and LENGTH bytes of JSON.

use super::error::Error;
use super::limits::{MAX_BODY, MAX_FDS, VERSION};

pub(super) const HEADER: usize = 8;

/// A header that was read and found good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) fds: usize,
    pub(super) body: usize,
}

impl Header {
    pub(super) fn encode(body: usize, fds: usize) -> Result<[u8; HEADER], Error> {
        if body > MAX_BODY {
            return Err(Error::TooLong { length: body });
        }
        if fds > MAX_FDS {
            return Err(Error::TooManyFds { count: fds });
        }
        let [a, b, c, d] = (body as u32).to_be_bytes();
        Ok([b'J', b'F', VERSION, fds as u8, a, b, c, d])
    }

    pub(super) fn decode(bytes: [u8; HEADER]) -> Result<Self, Error> {
        let [j, f, version, fds, a, b, c, d] = bytes;
        if [j, f] != *b"JF" {
            return Err(Error::Garbage { bytes: [j, f] });
        }
        if version != VERSION {
            return Err(Error::Version { found: version });
        }
        let body = u32::from_be_bytes([a, b, c, d]) as usize;
        if body > MAX_BODY {
            return Err(Error::TooLong { length: body });
        }
        if usize::from(fds) > MAX_FDS {
            return Err(Error::TooManyFds { count: fds.into() });
        }
        Ok(Self { fds: fds.into(), body })
    }
}
