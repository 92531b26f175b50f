//! Pipes for splice(2). A connection borrows one while bytes are in it and gives it back empty, so that there
//! are about as many pipes as there are receivers that don't keep up.

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use std::cell::RefCell;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

/// What a pipe is asked to hold, in bytes; the kernel may grant less.
const CAPACITY: usize = 256 << 10;
/// Empty pipes kept for later.
const SPARE: usize = 16;

/// A pipe and how many bytes are in it.
#[derive(Debug)]
pub(crate) struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
    pub(crate) filled: usize,
}

impl Pipe {
    /// Moves bytes from a socket into the pipe, which must be empty; 0 mean the socket's end. Then `WouldBlock`
    /// is about the socket.
    pub(crate) fn fill(&mut self, from: BorrowedFd<'_>) -> io::Result<usize> {
        self.filled = splice(from, None, &self.write, None, CAPACITY, flags())?;
        Ok(self.filled)
    }

    /// Moves bytes from the pipe to a socket.
    pub(crate) fn drain(&mut self, to: BorrowedFd<'_>) -> io::Result<()> {
        match splice(&self.read, None, to, None, self.filled, flags())? {
            0 => Err(io::ErrorKind::WriteZero.into()),
            count => {
                self.filled -= count;
                Ok(())
            }
        }
    }

    /// Takes everything out of the pipe.
    pub(crate) fn empty(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.filled];
        let mut done = 0;
        while done < bytes.len() {
            match rustix::io::read(&self.read, &mut bytes[done..])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => done += count,
            }
        }
        self.filled = 0;
        Ok(bytes)
    }
}

fn flags() -> SpliceFlags {
    SpliceFlags::MOVE | SpliceFlags::NONBLOCK
}

/// Whether the kernel can't splice these descriptors, though it may be able to read and write them.
pub(crate) fn is_unsupported(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM))
}

/// The empty pipes of the process.
#[derive(Debug, Default)]
pub(crate) struct Pipes(RefCell<Vec<Pipe>>);

impl Pipes {
    /// An empty pipe.
    pub(crate) fn take(&self) -> io::Result<Pipe> {
        if let Some(pipe) = self.0.borrow_mut().pop() {
            return Ok(pipe);
        }
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        // Only faster; refused where the user has many pipes already (pipe(7)).
        let _ = fcntl_setpipe_size(&write, CAPACITY);
        Ok(Pipe { read, write, filled: 0 })
    }

    /// Takes a pipe back.
    pub(crate) fn give(&self, pipe: Pipe) {
        let mut spare = self.0.borrow_mut();
        if pipe.filled == 0 && spare.len() < SPARE {
            spare.push(pipe);
        }
    }
}

#[cfg(test)]
impl Pipes {
    pub(crate) fn spare(&self) -> usize {
        self.0.borrow().len()
    }
}
