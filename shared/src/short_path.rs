//! Unix socket paths of any length. A socket address holds 107 bytes of path (unix(7)); a longer path is
//! named through its directory, opened, as `/proc/self/fd/N/NAME`.

use rustix::fs::{Mode, OFlags, open};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// Most bytes of a path in a socket address.
const MAX: usize = 107;

/// A path that fits into a socket address, valid for as long as this value lives.
#[derive(Debug)]
pub struct ShortPath {
    path: PathBuf,
    _directory: Option<OwnedFd>,
}

impl ShortPath {
    /// A name for `path` that is short enough.
    ///
    /// # Errors
    /// When the directory of a long path can't be opened, or the file name alone is too long.
    pub fn new(path: &Path) -> io::Result<Self> {
        if path.as_os_str().as_bytes().len() <= MAX {
            return Ok(Self { path: path.into(), _directory: None });
        }
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let directory = open(parent, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let path = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd())).join(name);
        let length = path.as_os_str().as_bytes().len();
        if length > MAX {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("the name of the socket is {} bytes too long", length - MAX),
            ));
        }
        Ok(Self { path, _directory: Some(directory) })
    }

    /// The name.
    pub fn as_path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::os::unix::net::{UnixListener, UnixStream};

    #[test]
    fn a_long_path_is_bound_and_found() {
        let temp = std::env::temp_dir().join(format!("jackfield-short-path-{}", std::process::id()));
        let dir = temp.join("d".repeat(120));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("s");
        let _listener = UnixListener::bind(ShortPath::new(&path).unwrap().as_path()).unwrap();
        assert!(path.exists());
        UnixStream::connect(ShortPath::new(&path).unwrap().as_path()).unwrap();
        assert!(ShortPath::new(&dir.join("n".repeat(100))).is_err());
        assert_eq!(ShortPath::new(Path::new("/short")).unwrap().as_path(), Path::new("/short"));
        std::fs::remove_dir_all(&temp).unwrap();
    }
}
