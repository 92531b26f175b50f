//! Listening Unix sockets. What is at the path is removed only if it is a socket on which nobody answers.

use super::BindError;
use super::name::{Name, lock_path};

use crate::accounts::Accounts;
use crate::entry::{Entry, Pinned, identity};
use crate::lock_file::{LockFile, PATIENCE};
use jackfield_shared::config::{Endpoint, ListeningEndpoint, Node, UnixListening, endpoints_of_node};
use jackfield_shared::short_path::ShortPath;
use rustix::fs::{FileType, Gid, Mode, Stat, Uid};
use rustix::io::Errno;
use rustix::net::sockopt::socket_peercred;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind as bind_fd, connect, listen, socket_with,
};
use rustix::process::{getegid, geteuid, umask};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

/// The address as text: `unix:///run/x.sock`.
pub(super) fn address(path: &Path) -> String {
    format!("unix://{}", path.display())
}

/// Binds the endpoint's socket and listens.
pub(super) fn bind(unix: &UnixListening, accounts: &Accounts) -> Result<(OwnedFd, Name), BindError> {
    let path = unix.path.as_path();
    let error = |reason: String| BindError::new(address(path), reason);
    let (owner, group) = owner(unix, accounts).map_err(error)?;
    let in_directory = |e: io::Error| error(format!("{}: {e}", parent(path).display()));
    let entry = Entry::at(path).map_err(in_directory)?;
    let short = ShortPath::new(path).map_err(in_directory)?;
    let lock = LockFile::try_take(&lock_path(path)).map_err(|e| {
        error(format!("{} must be a directory that the node may write: {e}", parent(path).display()))
    })?;
    let Some(_lock) = lock else {
        let reason = format!(
            "another process holds the lock {}; is another node about to listen there?",
            lock_path(path).display()
        );
        return Err(BindError { in_use: true, ..error(reason) });
    };
    make_room(path, &entry, &short)?;
    let call = |what: &'static str| move |e: Errno| error(format!("{what}: {e}"));
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
        .map_err(call("socket"))?;
    let name = SocketAddrUnix::new(short.as_path()).map_err(call("the path"))?;
    // Nobody may connect until owner, group and mode are right; only the main thread makes files.
    let usual = umask(Mode::from_raw_mode(0o777));
    let bound = bind_fd(&socket, &name);
    umask(usual);
    bound.map_err(call("bind"))?;
    // Whoever may write to the directory may put something else in its place at any moment.
    let made = entry.pin().map_err(|e| error(e.to_string()))?;
    if !made.is_socket() || made.stat.st_uid != geteuid().as_raw() {
        return Err(error(
            "somebody has replaced the socket while it was made; choose another directory".into(),
        ));
    }
    let prepare = || {
        if owner.is_some() || group.is_some() {
            made.set_owner(owner, group).map_err(|e| {
                error(format!("its owner and group can't be set (only root may give files away): {e}"))
            })?;
        }
        made.set_mode(unix.mode).map_err(|e| error(format!("its mode can't be set: {e}")))?;
        listen(&socket, unix.backlog.try_into().unwrap_or(i32::MAX)).map_err(call("listen"))
    };
    match prepare() {
        Ok(()) => Ok((socket, Name::made(path, &made))),
        Err(e) => {
            if entry.is(made.identity()) {
                let _ = entry.remove();
            }
            Err(e)
        }
    }
}

/// Gives a socket that listens already, and whose name is `name`, another mode, owner or group, as far as they differ;
/// returns what they were before, if anything has changed.
pub(super) fn change(
    unix: &UnixListening,
    name: &Name,
    accounts: &Accounts,
) -> Result<Option<Access>, BindError> {
    let error = |reason: String| BindError::new(address(&unix.path), reason);
    let there = Entry::at(name.path()).and_then(|entry| entry.pin());
    let there = there.ok().filter(|there| there.is_socket() && there.identity() == name.file());
    let there = there.ok_or_else(|| error("somebody has removed or replaced the socket's name".into()))?;
    let Stat { st_uid: uid, st_gid: gid, st_mode: mode, .. } = there.stat;
    let there = Rc::new(there);
    let before = Access { there: Rc::clone(&there), uid, gid, mode: mode & 0o777 };
    let (owner, group) = owner(unix, accounts).map_err(error)?;
    let wanted = Access {
        there,
        uid: owner.map_or(geteuid().as_raw(), Uid::as_raw),
        gid: group.map_or(getegid().as_raw(), Gid::as_raw),
        mode: unix.mode,
    };
    if before.is_like(&wanted) {
        return Ok(None);
    }
    wanted.set().map_err(|e| {
        let _ = before.set();
        error(format!("its mode, owner and group can't be changed (only root may give files away): {e}"))
    })?;
    Ok(Some(before))
}

/// Who may connect to a Unix socket.
#[derive(Debug)]
pub(crate) struct Access {
    /// The socket in the file system.
    there: Rc<Pinned>,
    uid: u32,
    gid: u32,
    mode: u32,
}

impl Access {
    fn is_like(&self, other: &Self) -> bool {
        (self.uid, self.gid, self.mode) == (other.uid, other.gid, other.mode)
    }

    /// Makes it so.
    pub(super) fn set(&self) -> io::Result<()> {
        self.there.set_owner(Some(Uid::from_raw(self.uid)), Some(Gid::from_raw(self.gid)))?;
        self.there.set_mode(self.mode)
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

/// Owner and group that it is to have.
fn owner(unix: &UnixListening, accounts: &Accounts) -> Result<(Option<Uid>, Option<Gid>), String> {
    let owner = unix.owner.as_deref().map(|name| accounts.user(name)).transpose()?;
    let group = unix.group.as_deref().map(|name| accounts.group(name)).transpose()?;
    Ok((owner.map(Uid::from_raw), group.map(Gid::from_raw)))
}

/// Waits until nobody is about to listen at one of a node's paths, but not for long: for who binds them next, and must
/// not wait. Blocks.
pub(crate) fn await_locks(node: &Node) {
    let until = Instant::now() + PATIENCE;
    for (_, endpoint) in endpoints_of_node(node) {
        let Endpoint::Listening(ListeningEndpoint::Unix(unix), _) = endpoint else { continue };
        let lock = lock_path(&unix.path);
        if lock.exists() {
            // One that is held for longer is an error of who binds.
            let _ = LockFile::take(&lock, until);
        }
    }
}

/// Looks at what is at the path and removes a socket that is dead.
fn make_room(path: &Path, entry: &Entry, short: &ShortPath) -> Result<(), BindError> {
    let error = |reason: String| BindError::new(address(path), reason);
    let there = match entry.stat() {
        Ok(Some(there)) => there,
        Ok(None) => return Ok(()),
        Err(e) => return Err(error(e.to_string())),
    };
    let what = match FileType::from_raw_mode(there.st_mode) {
        FileType::Socket => None,
        FileType::Directory => Some("a directory"),
        FileType::Symlink => Some("a symbolic link"),
        FileType::RegularFile => Some("a file"),
        _ => Some("something that is no socket"),
    };
    if let Some(what) = what {
        return Err(error(format!(
            "there is {what}, which is left alone; remove it, or choose another path"
        )));
    }
    match probe(short).map_err(|e| error(format!("cannot find out whether somebody listens there: {e}")))? {
        Probe::Dead if entry.is(identity(&there)) => {
            entry.remove().map_err(|e| error(format!("the dead socket can't be removed: {e}")))
        }
        Probe::Dead => Err(error("somebody has replaced the dead socket that was there".into())),
        Probe::Gone => Ok(()),
        Probe::Alive(pid) => {
            let who = pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
            let reason = format!("{who} listens there; stop it, or choose another path");
            Err(BindError { in_use: true, ..error(reason) })
        }
    }
}

enum Probe {
    /// Nobody listens.
    Dead,
    /// The socket has just been removed.
    Gone,
    /// Somebody listens, and this is their process id, if the kernel tells.
    Alive(Option<i32>),
}

fn probe(short: &ShortPath) -> rustix::io::Result<Probe> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    match connect(&socket, &SocketAddrUnix::new(short.as_path())?) {
        Ok(()) => Ok(Probe::Alive(socket_peercred(&socket).ok().map(|peer| peer.pid.as_raw_pid()))),
        // A full queue is one that somebody is to accept from; another type of socket is in use, too.
        Err(Errno::AGAIN | Errno::PROTOTYPE) => Ok(Probe::Alive(None)),
        Err(Errno::CONNREFUSED) => Ok(Probe::Dead),
        Err(Errno::NOENT) => Ok(Probe::Gone),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_tests::TempDir;
    use std::fs;
    use std::os::unix::fs::MetadataExt as _;
    use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

    fn bind(unix: &UnixListening) -> Result<(OwnedFd, Name), BindError> {
        super::bind(unix, &Accounts::default())
    }

    fn files(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn bound_with_its_mode_and_removed_in_the_end() {
        let temp = TempDir::new();
        let path = temp.path().join("s");
        let (_socket, name) =
            bind(&UnixListening { mode: 0o604, ..UnixListening::at(path.clone()) }).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o604);
        assert_eq!(files(temp.path()), ["s"]);
        UnixStream::connect(&path).unwrap();
        drop(name);
        assert_eq!(files(temp.path()), [""; 0]);
    }

    #[test]
    fn the_owner_is_set_and_one_that_is_unknown_is_said() {
        let temp = TempDir::new();
        let uid = rustix::process::geteuid().as_raw();
        let unix = UnixListening { owner: Some(uid.to_string()), ..UnixListening::at(temp.path().join("s")) };
        bind(&unix).unwrap();
        let unix = UnixListening { group: Some("no such group".into()), ..unix };
        let error = bind(&unix).unwrap_err().to_string();
        assert!(error.contains("not looked up"), "{error}");
    }

    #[test]
    fn a_lock_that_another_holds_is_not_waited_for_here() {
        let temp = TempDir::new();
        let unix = UnixListening::at(temp.path().join("s"));
        let held = LockFile::try_take(&lock_path(&unix.path)).unwrap().unwrap();
        let begin = Instant::now();
        let error = bind(&unix).unwrap_err();
        assert!(error.in_use && error.reason.contains("s.lock"), "{error}");
        assert!(begin.elapsed() < PATIENCE);
        drop(held);
        bind(&unix).unwrap();
    }

    #[test]
    fn a_name_is_removed_when_its_lock_is_free_and_nobody_waits_for_that() {
        let temp = TempDir::new();
        let unix = UnixListening::at(temp.path().join("s"));
        let (_socket, name) = bind(&unix).unwrap();
        let held = LockFile::try_take(&lock_path(&unix.path)).unwrap().unwrap();
        let begin = Instant::now();
        drop(name);
        assert!(begin.elapsed() < PATIENCE);
        assert_eq!(files(temp.path()), ["s", "s.lock"]);
        drop(held);
        let until = begin + PATIENCE * 10;
        while temp.path().join("s").exists() {
            assert!(Instant::now() < until);
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_dead_socket_is_replaced() {
        let temp = TempDir::new();
        let path = temp.path().join("s");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let _bound = bind(&UnixListening::at(path.clone())).unwrap();
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn a_socket_that_somebody_listens_on_is_left_alone() {
        let temp = TempDir::new();
        let path = temp.path().join("s");
        let _listener = UnixListener::bind(&path).unwrap();
        let error = bind(&UnixListening::at(path.clone())).unwrap_err();
        assert!(error.in_use);
        let text = error.to_string();
        assert!(text.contains(path.to_str().unwrap()), "{text}");
        assert!(text.contains(&format!("process {} listens there", std::process::id())), "{text}");
        assert_eq!(files(temp.path()), ["s"]);
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn a_full_queue_is_somebody_who_listens() {
        let temp = TempDir::new();
        let (_first, _name) =
            bind(&UnixListening { backlog: 1, ..UnixListening::at(temp.path().join("s")) }).unwrap();
        let mut results = (0..8).map(|_| bind(&UnixListening::at(temp.path().join("s"))));
        assert!(results.all(|result| result.unwrap_err().in_use));
    }

    #[test]
    fn what_is_no_listener_is_never_removed() {
        let temp = TempDir::new();
        let path = |name: &str| temp.path().join(name);
        fs::write(path("file"), "precious").unwrap();
        fs::create_dir(path("directory")).unwrap();
        std::os::unix::fs::symlink(path("file"), path("link")).unwrap();
        let _datagram = UnixDatagram::bind(path("datagram")).unwrap();
        for name in ["file", "directory", "link", "datagram"] {
            let error = bind(&UnixListening::at(path(name))).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
        assert_eq!(files(temp.path()), ["datagram", "directory", "file", "link"]);
        assert_eq!(fs::read(path("file")).unwrap(), b"precious");
    }

    #[test]
    fn the_end_removes_only_what_is_ours() {
        let temp = TempDir::new();
        let path = temp.path().join("s");
        let (_socket, name) = bind(&UnixListening::at(path.clone())).unwrap();
        fs::remove_file(&path).unwrap();
        let _other = UnixListener::bind(&path).unwrap();
        drop(name);
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn a_long_path_works_and_a_missing_directory_is_named() {
        let temp = TempDir::new();
        let dir = temp.path().join("d".repeat(120));
        let error = bind(&UnixListening::at(dir.join("s"))).unwrap_err().to_string();
        assert!(error.contains("must be a directory") || error.contains("No such file"), "{error}");
        fs::create_dir(&dir).unwrap();
        let (_socket, name) = bind(&UnixListening::at(dir.join("s"))).unwrap();
        UnixStream::connect(ShortPath::new(&dir.join("s")).unwrap().as_path()).unwrap();
        drop(name);
        assert_eq!(files(&dir), [""; 0]);
    }
}
