//! Where processes that route realms listen for those that serve the clients.

use jackfield_shared::links::{of_process, of_realm};
use jackfield_shared::short_path::ShortPath;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, chmodat, mkdir, open, rename, symlink, unlink};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Connections that may wait while no realm process accepts: each edge makes one for each realm.
const BACKLOG: i32 = 1024;
/// What the names of the directories begin with.
const PREFIX: &str = "links-";

/// The links of a worker: a directory, with a socket for each process that routes realms, and a symbolic link to one of these
/// for each realm. Who has the directory's place connects, and nobody else can. It outlives all processes of the worker.
#[derive(Debug)]
pub(crate) struct Links {
    directory: PathBuf,
    place: OwnedFd,
    /// Of each realm process.
    sockets: Vec<Rc<LinkSocket>>,
    /// What edges of an earlier release know in place of the directory; the first realm process accepts from it, too.
    earlier: Option<Rc<LinkSocket>>,
}

/// A listening Unix socket.
#[derive(Debug)]
pub(crate) struct LinkSocket {
    listening: OwnedFd,
    place: OwnedFd,
}

/// A new image takes over what another one has made.
#[derive(Debug)]
pub(crate) struct LinkParts {
    /// The directory, and its place.
    pub(crate) directory: (PathBuf, OwnedFd),
    /// A socket for each realm process.
    pub(crate) sockets: Vec<Rc<LinkSocket>>,
    /// What edges of an earlier release know.
    pub(crate) earlier: Option<Rc<LinkSocket>>,
}

impl Links {
    /// Those of a worker, in the runtime directory, which nobody else can enter, for so many realm processes. The sockets that
    /// it had before go on to be used.
    ///
    /// # Errors
    /// When they can't be had.
    pub(crate) fn make(
        run_dir: &Path,
        id: &str,
        processes: usize,
        before: Option<&Self>,
        earlier: Option<Rc<LinkSocket>>,
    ) -> io::Result<Self> {
        let directory = run_dir.join(format!("{PREFIX}{id}"));
        let made = Self::at(&directory, processes, before, earlier);
        made.map_err(|e| io::Error::other(format!("{}: the links to the realms: {e}", directory.display())))
    }

    fn at(
        directory: &Path,
        processes: usize,
        before: Option<&Self>,
        earlier: Option<Rc<LinkSocket>>,
    ) -> io::Result<Self> {
        let place = match before {
            Some(before) => before.place.try_clone()?,
            None => {
                clear(directory)?;
                mkdir(directory, Mode::RWXU)?;
                // A process that runs as another user goes through it by its place.
                chmodat(CWD, directory, Mode::from_raw_mode(0o711), AtFlags::empty())?;
                let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
                open(directory, flags, Mode::empty())?
            }
        };
        let had = before.map(|before| &before.sockets[..]).unwrap_or_default();
        let socket = |number: usize| match had.get(number) {
            Some(socket) => Ok(Rc::clone(socket)),
            None => LinkSocket::bind(&of_process(directory, number)).map(Rc::new),
        };
        let sockets = (0..processes).map(socket).collect::<io::Result<_>>()?;
        let earlier = earlier.or_else(|| before?.earlier.clone());
        Ok(Self { directory: directory.to_owned(), place, sockets, earlier })
    }

    /// Those that another image has made.
    pub(crate) fn restore(parts: LinkParts) -> Self {
        let LinkParts { directory: (directory, place), sockets, earlier } = parts;
        Self { directory, place, sockets, earlier }
    }

    /// The directory and its place; the sockets; what edges of an earlier release know.
    pub(crate) fn parts(&self) -> (&Path, &OwnedFd, &[Rc<LinkSocket>], Option<&LinkSocket>) {
        (&self.directory, &self.place, &self.sockets, self.earlier.as_deref())
    }

    /// What a realm process accepts from.
    ///
    /// # Errors
    /// When it has no socket, or there are no descriptors left.
    pub(crate) fn listening(&self, number: usize) -> io::Result<Vec<OwnedFd>> {
        let own = self.sockets.get(number).ok_or_else(|| {
            let (found, directory) = (self.sockets.len(), self.directory.display());
            io::Error::other(format!(
                "{directory}: sockets of {found} realm processes, expected number {number}"
            ))
        })?;
        let earlier = self.earlier.as_ref().filter(|_| number == 0);
        [own].into_iter().chain(earlier).map(|socket| socket.listening.try_clone()).collect()
    }

    /// The place of the directory (O_PATH of open(2)), which connecting takes.
    ///
    /// # Errors
    /// When there are no descriptors left.
    pub(crate) fn place(&self) -> io::Result<OwnedFd> {
        self.place.try_clone()
    }

    /// From now on realms are in these processes, and there are no others. Who looks for a realm that is gone is told so by
    /// the first of them.
    ///
    /// # Errors
    /// When a link can't be made.
    pub(crate) fn settle(&self, realms: &[(&str, usize)]) -> io::Result<()> {
        let failed = |e: io::Error| {
            io::Error::other(format!("{}: the links to the realms: {e}", self.directory.display()))
        };
        self.lead(realms).map_err(failed)
    }

    fn lead(&self, realms: &[(&str, usize)]) -> io::Result<()> {
        let mut known = BTreeSet::new();
        for (name, number) in realms {
            let at = of_realm(&self.directory, name);
            link(&number.to_string(), &at)?;
            known.insert(at);
        }
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            let number = path.file_name().and_then(|name| name.to_str()?.parse::<usize>().ok());
            match number {
                Some(number) if number >= self.sockets.len() => unlink(&path)?,
                Some(_) => {}
                None if !known.contains(&path) => link("0", &path)?,
                None => {}
            }
        }
        Ok(())
    }
}

/// Removes the directories of links in a runtime directory: a node that was killed has left them. What can't be removed is in
/// the way of nobody but its worker, which says so.
pub(crate) fn clear_links(run_dir: &Path) {
    for entry in fs::read_dir(run_dir).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            let _ = clear(&entry.path());
        }
    }
}

fn clear(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Lets a name lead to another one in the same directory, from one moment to the next.
fn link(to: &str, at: &Path) -> io::Result<()> {
    if fs::read_link(at).is_ok_and(|there| there == Path::new(to)) {
        return Ok(());
    }
    let new = at.with_extension("new");
    match unlink(&new) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(e) => return Err(e.into()),
    }
    symlink(to, &new)?;
    Ok(rename(&new, at)?)
}

impl LinkSocket {
    fn bind(path: &Path) -> io::Result<Self> {
        let short = ShortPath::new(path)?;
        // That of a change that came to nothing, or of a process that there was before.
        match unlink(path) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(e) => return Err(e.into()),
        }
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let listening = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        bind(&listening, &SocketAddrUnix::new(short.as_path())?)?;
        let place = open(path, OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::empty())?;
        // A process that runs as another user connects, too.
        chmodat(CWD, path, Mode::from_raw_mode(0o666), AtFlags::empty())?;
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_tests::TempDir;
    use std::io::{Read as _, Write as _};
    use std::os::fd::AsRawFd as _;
    use std::os::unix::net::{UnixListener, UnixStream};

    /// Which of the sockets gets what is said to a realm.
    fn who_gets(links: &Links, realm: &str) -> Vec<usize> {
        let place = links.place().unwrap();
        let directory = PathBuf::from(format!("/proc/self/fd/{}", place.as_raw_fd()));
        let mut edge = UnixStream::connect(of_realm(&directory, realm)).unwrap();
        edge.write_all(b"edge").unwrap();
        drop(edge);
        let gets = |number: &usize| {
            let listening = UnixListener::from(links.listening(*number).unwrap().remove(0));
            let Ok((mut stream, _)) = listening.accept() else { return false };
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            text == "edge"
        };
        (0..links.sockets.len()).filter(gets).collect()
    }

    #[test]
    fn a_realm_is_found_by_its_name_alone_wherever_it_has_moved() {
        let dir = TempDir::new();
        clear_links(dir.path());
        let one = Links::make(dir.path(), "r", 1, None, None).unwrap();
        one.settle(&[("a", 0), ("b", 0)]).unwrap();
        assert_eq!((who_gets(&one, "a"), who_gets(&one, "b")), (vec![0], vec![0]));
        let three = Links::make(dir.path(), "r", 3, Some(&one), None).unwrap();
        // Nothing has changed for those who look for a realm before it is in effect.
        assert_eq!(who_gets(&three, "b"), [0]);
        three.settle(&[("a", 0), ("b", 1), ("c", 2)]).unwrap();
        for (realm, expected) in [("a", 0), ("b", 1), ("c", 2)] {
            assert_eq!(who_gets(&three, realm), [expected], "{realm}");
        }
        // What waits in the queue of the first one is not lost.
        let two = Links::make(dir.path(), "r", 2, Some(&three), None).unwrap();
        two.settle(&[("c", 1)]).unwrap();
        assert_eq!(who_gets(&two, "c"), [1]);
        // Who is gone is gone from the first one.
        assert_eq!((who_gets(&two, "a"), who_gets(&two, "b")), (vec![0], vec![0]));
        assert!(!dir.path().join("links-r/2").exists());
        let error = two.listening(2).unwrap_err().to_string();
        assert!(error.contains("2 realm processes, expected number 2"), "{error}");
        clear_links(dir.path());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_first_realm_process_is_found_by_edges_of_an_earlier_release_too() {
        let dir = TempDir::new();
        let earlier = Rc::new(LinkSocket::bind(&dir.path().join("before")).unwrap());
        let links = Links::make(dir.path(), "r", 2, None, Some(earlier)).unwrap();
        let next = Links::make(dir.path(), "r", 2, Some(&links), None).unwrap();
        assert_eq!([0, 1].map(|number| next.listening(number).unwrap().len()), [2, 1]);
        let place = next.parts().3.unwrap().place.as_raw_fd();
        let _edge = UnixStream::connect(format!("/proc/self/fd/{place}")).unwrap();
        UnixListener::from(next.listening(0).unwrap().remove(1)).accept().unwrap();
    }
}
