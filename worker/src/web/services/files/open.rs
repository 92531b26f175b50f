//! Opening files below a directory, and never outside of it.

use super::root::Root;
use super::state::State;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2, statat};
use rustix::io::Errno;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The last second that a date of HTTP can tell: the end of the year 9999.
const LATEST: i64 = 253_402_300_799;

/// What is served of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::web) enum Kind {
    File,
    Directory,
}

/// A file or directory that was found.
#[derive(Debug)]
pub(in crate::web) struct Opened {
    pub(super) fd: OwnedFd,
    pub(in crate::web) kind: Kind,
    /// Bytes in it.
    pub(super) size: u64,
    /// When it was written last.
    pub(super) modified: SystemTime,
    pub(super) state: State,
    /// Whether the kernel had all that it took in its caches.
    pub(super) at_once: bool,
}

/// Opens `path` below `root`. What the kernel has in its caches is opened at once; whatever needs a disk is left to a
/// helper thread.
pub(in crate::web) async fn open(root: &Arc<Root>, path: &Path) -> io::Result<Opened> {
    match open_now(root, path, ResolveFlags::CACHED) {
        Err(Errno::AGAIN | Errno::INVAL) => {}
        result => return Ok(Opened { at_once: true, ..result? }),
    }
    let (root, path) = (Arc::clone(root), path.to_owned());
    let opening = move || open_now(&root, &path, ResolveFlags::empty());
    Ok(tokio::task::spawn_blocking(opening).await.map_err(io::Error::other)??)
}

/// Opens `path` below `root`, in this thread.
pub(super) fn open_now(root: &Root, path: &Path, how: ResolveFlags) -> Result<Opened, Errno> {
    let now = root.open(how)?;
    let fd = match beneath(&now, path, how) {
        Err(Errno::ACCESS) => match root.before(&now) {
            Some(before) => beneath(before, path, how)?,
            None => return Err(Errno::ACCESS),
        },
        result => result?,
    };
    describe(fd)
}

fn beneath(root: &OwnedFd, path: &Path, how: ResolveFlags) -> Result<OwnedFd, Errno> {
    // Never waits for the other end of a FIFO, never makes a terminal ours.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | how;
    match openat2(root, path, flags, Mode::empty(), beneath) {
        // Kernels before 5.6, and sandboxes that don't know the call.
        Err(Errno::NOSYS | Errno::PERM) => walk(root.try_clone().map_err(no_clone)?, path, flags),
        result => result,
    }
}

fn no_clone(error: io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}

/// Goes down `path` step by step and follows no symbolic link at all.
fn walk(root: OwnedFd, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    let mut at = root;
    let mut steps = path.components().peekable();
    while let Some(step) = steps.next() {
        let name = match step {
            Component::Normal(name) => Path::new(name),
            Component::CurDir => Path::new("."),
            _ => return Err(Errno::XDEV),
        };
        let flags = match steps.peek() {
            Some(_) => OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            None => flags,
        };
        at = match openat(&at, name, flags | OFlags::NOFOLLOW, Mode::empty()) {
            // That is how open(2) says "a link" where it was asked for a directory.
            Err(Errno::NOTDIR) if is_link(&at, name) => return Err(Errno::LOOP),
            result => result?,
        };
    }
    Ok(at)
}

fn is_link(at: &OwnedFd, name: &Path) -> bool {
    statat(at, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
}

fn describe(fd: OwnedFd) -> Result<Opened, Errno> {
    let stat = fstat(&fd)?;
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        // Devices, FIFOs and sockets are not content.
        _ => return Err(Errno::NOENT),
    };
    let modified = time(stat.st_mtime, stat.st_mtime_nsec as u32);
    Ok(Opened {
        fd,
        kind,
        size: stat.st_size.try_into().unwrap_or(0),
        modified,
        state: State::of(&stat),
        at_once: false,
    })
}

/// The nearest time that can be told.
fn time(seconds: i64, nanoseconds: u32) -> SystemTime {
    UNIX_EPOCH + Duration::new(seconds.clamp(0, LATEST) as u64, nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_tests::TempDir;
    use rustix::fs::CWD;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn nothing_outside_is_opened_with_or_without_openat2() {
        let dir = TempDir::new();
        let root = dir.path().join("root");
        fs::create_dir_all(root.join("sub")).unwrap();
        fs::write(dir.path().join("secret"), "secret").unwrap();
        fs::write(root.join("sub/file"), "file").unwrap();
        symlink("../secret", root.join("up")).unwrap();
        symlink(dir.path().join("secret"), root.join("absolute")).unwrap();
        symlink("..", root.join("parent")).unwrap();
        symlink("sub/file", root.join("inside")).unwrap();
        symlink("circle", root.join("circle")).unwrap();
        let served = Root::new(root.clone());
        let now = |path: &str| open_now(&served, Path::new(path), ResolveFlags::empty()).map(|o| o.size);
        assert_eq!(now("sub/file"), Ok(4));
        assert_eq!(now("inside"), Ok(4));
        assert!(
            matches!(open_now(&served, Path::new(""), ResolveFlags::empty()), Ok(o) if o.kind == Kind::Directory)
        );
        for outside in ["up", "absolute", "parent/secret", "../secret", "sub/../../secret", "/etc/passwd"] {
            assert_eq!(now(outside), Err(Errno::XDEV), "{outside}");
        }
        assert_eq!(now("circle"), Err(Errno::LOOP));
        assert_eq!(now("absent"), Err(Errno::NOENT));

        let walked = |path: &str| {
            let flags = OFlags::PATH | OFlags::DIRECTORY;
            let root = openat(CWD, &root, flags, Mode::empty()).unwrap();
            walk(root, Path::new(path), OFlags::RDONLY | OFlags::NONBLOCK).and_then(describe).map(|o| o.size)
        };
        assert_eq!(walked("sub/file"), Ok(4));
        assert!(walked(".").is_ok());
        for outside in ["up", "absolute", "parent/secret", "inside", "circle"] {
            assert_eq!(walked(outside), Err(Errno::LOOP), "{outside}");
        }
        for outside in ["../secret", "sub/../../secret", "/etc/passwd"] {
            assert_eq!(walked(outside), Err(Errno::XDEV), "{outside}");
        }
    }

    #[test]
    fn a_date_that_http_cannot_tell_is_the_nearest_it_can() {
        for (seconds, expected) in [
            (i64::MIN, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (i64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(httpdate::fmt_http_date(time(seconds, 999_999_999)), expected);
        }
    }

    #[test]
    fn what_is_no_file_is_not_there() {
        let dir = TempDir::new();
        let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
        rustix::fs::mknodat(CWD, dir.path().join("fifo"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
            .unwrap();
        for name in ["socket", "fifo"] {
            let error =
                open_now(&Root::new(dir.path().into()), Path::new(name), ResolveFlags::empty()).unwrap_err();
            assert!(matches!(error, Errno::NOENT | Errno::NXIO), "{name}: {error}");
        }
    }
}
