//! The state and the descriptors on their way from one image to the next.

use super::error::TakeoverError;
use super::state::State;
use crate::stage::{receive as receive_fds, send as send_fds};
use rustix::fs::{MemfdFlags, memfd_create};
use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

/// Descriptors that are sent at once.
const AT_ONCE: usize = 200;

/// Descriptors that are to be passed on, each known by its place.
#[derive(Debug, Default)]
pub(crate) struct Fds<'a>(Vec<BorrowedFd<'a>>);

impl<'a> Fds<'a> {
    /// Puts one in; its place.
    pub(crate) fn put(&mut self, fd: &'a impl AsFd) -> usize {
        self.put_fd(fd.as_fd())
    }

    /// The same.
    pub(crate) fn put_fd(&mut self, fd: BorrowedFd<'a>) -> usize {
        self.0.push(fd);
        self.0.len() - 1
    }
}

/// Puts the state and the descriptors into a socket; returns the end that they wait at.
///
/// # Errors
/// When the kernel has no room for them.
pub(crate) fn send(state: &State, fds: &Fds<'_>) -> io::Result<OwnedFd> {
    let (ours, theirs) = UnixStream::pair()?;
    let file = in_memory(state)?;
    send_fds(&ours, fds.0.len().to_string().as_bytes(), &[file.as_fd()])?;
    for some in fds.0.chunks(AT_ONCE) {
        send_fds(&ours, &[], some)?;
    }
    Ok(theirs.into())
}

/// The state as a file.
///
/// # Errors
/// When the kernel has no room for it.
pub(super) fn in_memory(state: &State) -> io::Result<File> {
    let mut file = File::from(memfd_create("jackfield state", MemfdFlags::CLOEXEC)?);
    file.write_all(&serde_json::to_vec(state)?)?;
    file.rewind()?;
    Ok(file)
}

/// Descriptors that have arrived.
#[derive(Debug)]
pub(crate) struct Arrived(Vec<OwnedFd>);

impl Arrived {
    /// A duplicate of the one that was put in at this place.
    ///
    /// # Errors
    /// When there is none, or no descriptors are left.
    pub(crate) fn copy(&self, place: usize) -> Result<OwnedFd, TakeoverError> {
        let fd = self.0.get(place).ok_or(TakeoverError::NoDescriptor(place))?;
        fd.try_clone().map_err(TakeoverError::system(format!("descriptor {place}")))
    }

    /// All, to be passed on as they came.
    pub(crate) fn all(&self) -> Fds<'_> {
        Fds(self.0.iter().map(AsFd::as_fd).collect())
    }
}

/// Receives what waits at this end.
///
/// # Errors
/// When it is not what [`send`] has sent, of the release that this one follows.
pub(crate) fn receive(from: impl AsFd) -> Result<(State, Arrived), TakeoverError> {
    let from = from.as_fd();
    let (count, file) = receive_fds(from).map_err(TakeoverError::Lost)?;
    let count: usize = String::from_utf8_lossy(&count).parse().unwrap_or_default();
    let mut fds = Vec::new();
    while fds.len() < count {
        fds.extend(receive_fds(from).map_err(TakeoverError::Lost)?.1);
    }
    let file = file.into_iter().next().ok_or(TakeoverError::NoState)?;
    Ok((read(File::from(file))?, Arrived(fds)))
}

/// Reads a state.
///
/// # Errors
/// When this release can't.
pub(super) fn read(mut file: File) -> Result<State, TakeoverError> {
    let mut text = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut text)).map_err(TakeoverError::system("the state"))?;
    State::parse(&text)
}
