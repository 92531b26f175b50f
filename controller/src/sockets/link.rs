//! Where the process that routes realms listens for those that serve the clients.

use jackfield_shared::short_path::ShortPath;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, chmodat, open, unlink};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

/// Connections that may wait while no realm process accepts: each edge makes one.
const BACKLOG: i32 = 1024;

/// A listening Unix socket without a name: who has its place connects, and nobody else can. It outlives all processes of
/// its worker.
#[derive(Debug)]
pub(crate) struct LinkSocket {
    listening: OwnedFd,
    place: OwnedFd,
}

impl LinkSocket {
    /// Makes one, by way of a name in the runtime directory, which nobody else can enter.
    ///
    /// # Errors
    /// When it can't be had.
    pub(crate) fn bind(run_dir: &Path) -> io::Result<Self> {
        let path = run_dir.join("link.sock");
        let made = Self::at(&path);
        made.map_err(|e| io::Error::other(format!("{}: the link to the realms: {e}", path.display())))
    }

    fn at(path: &Path) -> io::Result<Self> {
        let short = ShortPath::new(path)?;
        // One that was just made when the node was killed.
        match unlink(path) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(e) => return Err(e.into()),
        }
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let listening = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        bind(&listening, &SocketAddrUnix::new(short.as_path())?)?;
        let place = open(path, OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::empty());
        // A process that runs as another user connects, too.
        let opened = chmodat(CWD, path, Mode::from_raw_mode(0o666), AtFlags::empty());
        unlink(path)?;
        let place = place?;
        opened?;
        listen(&listening, BACKLOG)?;
        Ok(Self { listening, place })
    }

    /// One that was made by another image.
    pub(crate) fn restore(listening: OwnedFd, place: OwnedFd) -> Self {
        Self { listening, place }
    }

    /// What listens, and its place.
    pub(crate) fn parts(&self) -> (&OwnedFd, &OwnedFd) {
        (&self.listening, &self.place)
    }

    /// What the realm process accepts from.
    ///
    /// # Errors
    /// When there are no descriptors left.
    pub(crate) fn listening(&self) -> io::Result<OwnedFd> {
        self.listening.try_clone()
    }

    /// The socket's place (O_PATH of open(2)), which connecting takes.
    ///
    /// # Errors
    /// When there are no descriptors left.
    pub(crate) fn place(&self) -> io::Result<OwnedFd> {
        self.place.try_clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_tests::TempDir;
    use std::io::{Read as _, Write as _};
    use std::os::fd::AsRawFd as _;
    use std::os::unix::net::{UnixListener, UnixStream};

    #[test]
    fn a_link_is_connected_to_by_its_place_alone_and_waits_for_who_accepts() {
        let dir = TempDir::new();
        std::fs::write(dir.path().join("link.sock"), "left").unwrap();
        let link = LinkSocket::bind(dir.path()).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        let place = link.place().unwrap();
        let mut edge = UnixStream::connect(format!("/proc/self/fd/{}", place.as_raw_fd())).unwrap();
        edge.write_all(b"edge").unwrap();
        drop(edge);
        let realm = UnixListener::from(link.listening().unwrap());
        let mut text = String::new();
        realm.accept().unwrap().0.read_to_string(&mut text).unwrap();
        assert_eq!(text, "edge");
    }
}
