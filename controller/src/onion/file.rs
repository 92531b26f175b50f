//! The file a key is kept in.

use super::key::{Key, KeyError};
use crate::entry::{Entry, write_private};
use jackfield_shared::config::Severity;
use rustix::fs::OFlags;
use std::fs::{DirBuilder, File};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// More than the longest key file; what is longer is something else.
const LONGEST: u64 = 4096;
/// Mode bits that let others than the owner read or write.
const OTHERS: u32 = 0o077;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    #[error("{}: the key can't be read: {source}; it must be a file that the node's user may read", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} {source}", .path.display())]
    Key { path: PathBuf, source: KeyError },
    #[error("{}: a new key can't be written: {source}; its directory must be one the node's user may write to", .path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("there are no random numbers for a new key: {0}")]
    Random(#[from] getrandom::Error),
}

/// A key, and whether it was made just now.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) key: Key,
    pub(super) is_new: bool,
}

/// What there is to say about a file before it is used; nothing about one that isn't there yet.
pub(super) fn review(path: &Path) -> Option<(Severity, String)> {
    let file = match open(path) {
        Ok(None) => return None,
        Ok(Some(file)) => Ok(file),
        Err(e) => Err(e),
    };
    match file.and_then(|file| read(path, &file).and_then(|_| mode(path, &file))) {
        Err(e) => Some((Severity::Error, e.to_string())),
        Ok(mode) if mode & OTHERS != 0 => {
            let path = path.display();
            let text = format!(
                "{path}: others may read or change this key (mode {mode:04o}): who has it can pretend to be the \
                 service; `chmod 600 {path}`"
            );
            Some((Severity::Warning, text))
        }
        Ok(_) => None,
    }
}

/// The key in the file, or a new one, which is in the file then.
pub(super) fn load(path: &Path) -> Result<Loaded, FileError> {
    match open(path)? {
        Some(file) => Ok(Loaded { key: read(path, &file)?, is_new: false }),
        None => create(path),
    }
}

/// The file; `None` if nothing is there. A link is not followed, and one that leads nowhere is not "no key": the service
/// would get another address.
fn open(path: &Path) -> Result<Option<File>, FileError> {
    let opened = Entry::at(path).and_then(|entry| match entry.stat()? {
        Some(_) => entry.open(OFlags::RDONLY | OFlags::NONBLOCK, 0).map(Some),
        None => Ok(None),
    });
    match opened {
        // Its directory, which is made with the key.
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => opened.map_err(|source| FileError::Read { path: path.into(), source }),
    }
}

fn read(path: &Path, file: &File) -> Result<Key, FileError> {
    let mut bytes = Vec::new();
    let read = file.take(LONGEST).read_to_end(&mut bytes);
    read.map_err(|source| FileError::Read { path: path.into(), source })?;
    Key::parse(&bytes).map_err(|source| FileError::Key { path: path.into(), source })
}

fn mode(path: &Path, file: &File) -> Result<u32, FileError> {
    let metadata = file.metadata().map_err(|source| FileError::Read { path: path.into(), source })?;
    Ok(metadata.mode() & 0o777)
}

/// Makes a new key.
fn create(path: &Path) -> Result<Loaded, FileError> {
    let key = Key::generate()?;
    let failed = |source| FileError::Write { path: path.into(), source };
    if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty() && !above.exists()) {
        DirBuilder::new().recursive(true).mode(0o700).create(above).map_err(failed)?;
    }
    write_private(path, key.to_file().0.as_bytes()).map_err(failed)?;
    Ok(Loaded { key, is_new: true })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_tests::TempDir;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    #[test]
    fn the_directory_above_a_new_key_is_made_for_its_owner_alone() {
        let dir = TempDir::new();
        let path = dir.path().join("keys/onion/service.key");
        assert!(load(&path).unwrap().is_new);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!([mode(&path), mode(path.parent().unwrap())], [0o600, 0o700]);
        assert_eq!(mode(&dir.path().join("keys")), 0o700);
    }

    #[test]
    fn a_key_is_created_once_and_for_its_owner_only() {
        let dir = TempDir::new();
        let path = dir.path().join("service.key");
        let first = load(&path).unwrap();
        assert!(first.is_new && review(&path).is_none());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let second = load(&path).unwrap();
        assert_eq!((second.is_new, second.key.address()), (false, first.key.address()));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else is left behind");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let (severity, warning) = review(&path).unwrap();
        assert_eq!(severity, Severity::Warning);
        assert!(warning.contains("0644") && warning.contains("chmod 600"), "{warning}");
    }

    #[test]
    fn a_link_is_no_missing_key_wherever_it_leads() {
        let dir = TempDir::new();
        let (link, key) = (dir.path().join("link"), dir.path().join("key"));
        symlink(&key, &link).unwrap();
        for _ in 0..2 {
            let error = load(&link).unwrap_err().to_string();
            assert!(
                error.starts_with(&link.display().to_string()) && error.contains("symbolic link"),
                "{error}"
            );
            assert_eq!(review(&link), Some((Severity::Error, error)));
            // First it leads nowhere, and then to a key.
            let _ = load(&key);
        }
        assert!(link.is_symlink());
    }

    #[test]
    fn errors_name_the_file_and_what_to_do() {
        let dir = TempDir::new();
        let path = dir.path().join("garbage");
        fs::write(&path, "garbage").unwrap();
        let text = |path: &Path| load(path).unwrap_err().to_string();
        assert_eq!(review(&path), Some((Severity::Error, text(&path))));
        assert_eq!(review(&dir.path().join("none")), None);
        assert!(text(&path).starts_with(&format!("{} does not hold a key", path.display())));
        assert!(text(dir.path()).contains("must be a file that the node's user may read"));
        assert!(text(Path::new("/proc/none/key")).contains("its directory must be one"));
    }
}
