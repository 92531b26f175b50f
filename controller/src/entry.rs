//! A name in a directory, worked on by a descriptor of the directory and without following links: whoever may write to the
//! directory may put anything there at any moment, and a link of theirs must lead nobody to a file of somebody else's.

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, Stat, fchmod, fstat, openat, renameat, statat, unlinkat,
};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::{DirBuilder, File};
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

/// A name in a directory, whatever is there.
#[derive(Debug)]
pub(crate) struct Entry {
    directory: OwnedFd,
    name: OsString,
}

impl Entry {
    /// The entry at this path, in a directory that exists.
    ///
    /// # Errors
    /// When the directory can't be opened, or the path does not end in a name.
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        let name = path.file_name().ok_or_else(|| io::Error::other("the path does not end in a name"))?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = openat(CWD, parent.unwrap_or(Path::new(".")), flags, Mode::empty())?;
        Ok(Self { directory, name: name.to_owned() })
    }

    /// What is there; `None` if nothing is.
    ///
    /// # Errors
    /// As fstatat(2).
    pub(crate) fn stat(&self) -> io::Result<Option<Stat>> {
        match statat(&self.directory, &self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// Whether the file with this device and inode is there.
    pub(crate) fn is(&self, file: (u64, u64)) -> bool {
        self.stat().ok().flatten().is_some_and(|there| identity(&there) == file)
    }

    /// Opens what is there, or makes a file with this mode if the flags say so.
    ///
    /// # Errors
    /// As openat(2); when a link is there.
    pub(crate) fn open(&self, flags: OFlags, mode: u32) -> io::Result<File> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat(&self.directory, &self.name, flags, Mode::from_raw_mode(mode)) {
            Ok(file) => Ok(file.into()),
            Err(Errno::LOOP) => {
                Err(io::Error::other("it is a symbolic link, which is not followed: name the file itself"))
            }
            Err(e) => Err(e.into()),
        }
    }

    /// Refers to what is there, whatever becomes of the name.
    ///
    /// # Errors
    /// As openat(2).
    pub(crate) fn pin(&self) -> io::Result<Pinned> {
        let fd = OwnedFd::from(self.open(OFlags::PATH, 0)?);
        let stat = fstat(&fd)?;
        Ok(Pinned { fd, stat })
    }

    /// Removes the name.
    ///
    /// # Errors
    /// As unlinkat(2).
    pub(crate) fn remove(&self) -> io::Result<()> {
        Ok(unlinkat(&self.directory, &self.name, AtFlags::empty())?)
    }

    /// Gives what is there another name in the same directory.
    ///
    /// # Errors
    /// As renameat(2).
    pub(crate) fn rename(&self, to: &OsStr) -> io::Result<()> {
        Ok(renameat(&self.directory, &self.name, &self.directory, to)?)
    }

    /// Another name in the same directory.
    ///
    /// # Errors
    /// When no descriptors are left.
    pub(crate) fn beside(&self, name: OsString) -> io::Result<Self> {
        Ok(Self { directory: self.directory.try_clone()?, name })
    }
}

/// Something in a file system, referred to by a descriptor (O_PATH).
#[derive(Debug)]
pub(crate) struct Pinned {
    fd: OwnedFd,
    /// What it was when it was opened.
    pub stat: Stat,
}

impl Pinned {
    /// Whether it is a socket.
    pub(crate) fn is_socket(&self) -> bool {
        FileType::from_raw_mode(self.stat.st_mode) == FileType::Socket
    }

    /// Its device and inode.
    pub(crate) fn identity(&self) -> (u64, u64) {
        identity(&self.stat)
    }

    /// Gives it a mode.
    ///
    /// # Errors
    /// As chmod(2).
    pub(crate) fn set_mode(&self, mode: u32) -> io::Result<()> {
        use std::os::fd::AsRawFd as _;
        // fchmod(2) does not take a descriptor of this kind; its name in /proc leads to the file itself.
        let name = format!("/proc/self/fd/{}", self.fd.as_raw_fd());
        Ok(rustix::fs::chmod(name, Mode::from_raw_mode(mode))?)
    }

    /// Gives it an owner and a group.
    ///
    /// # Errors
    /// As fchownat(2).
    pub(crate) fn set_owner(
        &self,
        uid: Option<rustix::fs::Uid>,
        gid: Option<rustix::fs::Gid>,
    ) -> io::Result<()> {
        Ok(rustix::fs::chownat(&self.fd, "", uid, gid, AtFlags::EMPTY_PATH)?)
    }
}

/// Device and inode.
pub(crate) fn identity(stat: &Stat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}

/// Makes a directory, with those above it, that is this user's alone; or makes it so.
///
/// # Errors
/// When it can't be made, is another user's, or a link.
pub(crate) fn private_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let directory = Entry::at(path)?.open(OFlags::RDONLY | OFlags::DIRECTORY, 0)?;
    Ok(fchmod(&directory, Mode::from_raw_mode(0o700))?)
}

/// Writes a new file that only its owner may read: one of another name, which then gets its own, so that nobody ever sees
/// half of it.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let entry = Entry::at(path)?;
    let own = path.file_name().unwrap_or_default();
    let mut name = own.to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let temporary = entry.beside(name)?;
    let _ = temporary.remove(); // of a process that had the same id and was killed here
    let renamed = write(&temporary, bytes).and_then(|()| temporary.rename(own));
    if renamed.is_err() {
        let _ = temporary.remove();
    }
    renamed?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory).and_then(|directory| directory.sync_all())
}

fn write(entry: &Entry, bytes: &[u8]) -> io::Result<()> {
    let mut file = entry.open(OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL, 0o600)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_tests::TempDir;
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
    use std::os::unix::net::UnixListener;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_link_leads_to_nothing() {
        let temp = TempDir::new();
        let (victim, link) = (temp.path().join("victim"), temp.path().join("link"));
        fs::write(&victim, "text").unwrap();
        fs::set_permissions(&victim, fs::Permissions::from_mode(0o600)).unwrap();
        symlink(&victim, &link).unwrap();
        let entry = Entry::at(&link).unwrap();
        for flags in [OFlags::RDONLY, OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE] {
            let error = entry.open(flags, 0o644).unwrap_err();
            assert!(error.to_string().contains("symbolic link"), "{error}");
        }
        // A link itself can be referred to, and is none of what it leads to.
        let pinned = entry.pin();
        assert!(pinned.is_err() || !pinned.unwrap().is_socket());
        entry.rename(OsStr::new("moved")).unwrap();
        assert!(temp.path().join("moved").is_symlink());
        entry.beside("moved".into()).unwrap().remove().unwrap();
        assert_eq!((fs::read_to_string(&victim).unwrap().as_str(), mode(&victim)), ("text", 0o600));
    }

    #[test]
    fn what_is_pinned_is_changed_and_nothing_in_its_place() {
        let temp = TempDir::new();
        let (path, victim) = (temp.path().join("s"), temp.path().join("victim"));
        let _listener = UnixListener::bind(&path).unwrap();
        fs::write(&victim, "").unwrap();
        fs::set_permissions(&victim, fs::Permissions::from_mode(0o600)).unwrap();
        let entry = Entry::at(&path).unwrap();
        let pinned = entry.pin().unwrap();
        assert!(pinned.is_socket() && entry.is(pinned.identity()));
        fs::rename(&path, temp.path().join("elsewhere")).unwrap();
        symlink(&victim, &path).unwrap();
        pinned.set_mode(0o666).unwrap();
        pinned.set_owner(None, None).unwrap();
        assert_eq!((mode(&victim), mode(&temp.path().join("elsewhere"))), (0o600, 0o666));
        assert!(!entry.is(pinned.identity()));
    }

    #[test]
    fn a_directory_is_made_ones_own_unless_it_is_a_link() {
        let temp = TempDir::new();
        let path = temp.path().join("a/b");
        private_directory(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        private_directory(&path).unwrap();
        assert_eq!(mode(&path), 0o700);
        assert_eq!(fs::metadata(&path).unwrap().uid(), rustix::process::geteuid().as_raw());
        let (other, link) = (temp.path().join("other"), temp.path().join("link"));
        fs::create_dir(&other).unwrap();
        fs::set_permissions(&other, fs::Permissions::from_mode(0o755)).unwrap();
        symlink(&other, &link).unwrap();
        assert!(private_directory(&link).is_err());
        assert_eq!(mode(&other), 0o755);
    }
}
