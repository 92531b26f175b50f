//! Small files that were asked for lately, in memory for as long as they stay as they are, with what answers say of them.
//! Whether they do is looked at by stat(2), once in a while: a change counts then, and a request costs no system call.

use super::found::{Content, Found};
use super::kind::Kinds;
use super::open::{Kind, Opened};
use super::root::Root;
use super::state::State;
use super::validators::Told;
use crate::web::engine::file::read_now;
use bytes::Bytes;
use rustix::fs::stat;
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

/// Bytes kept of one directory in one process.
const MOST: usize = 4 << 20;
/// Bytes of the largest file that is kept.
const LARGEST: u64 = 64 << 10;
/// For how long a file is believed to be what it was when it was looked at last: as long as a change may go unseen.
const BELIEVED: Duration = Duration::from_secs(1);

/// A file in memory.
#[derive(Debug)]
struct Entry {
    /// The whole path.
    path: PathBuf,
    state: State,
    bytes: Bytes,
    modified: SystemTime,
    told: Option<Rc<Told>>,
    /// When it was looked at last.
    looked: Instant,
}

/// The files of one directory that are kept, by their paths below it.
#[derive(Debug, Default)]
pub(super) struct KeptFiles(RefCell<Entries>);

#[derive(Debug, Default)]
struct Entries {
    files: HashMap<PathBuf, Entry>,
    /// Bytes of all.
    size: usize,
}

impl Entries {
    fn remove(&mut self, path: &Path) {
        if let Some(entry) = self.files.remove(path) {
            self.size -= entry.bytes.len();
        }
    }
}

impl KeptFiles {
    /// The file at `path`, if it is kept and was still what it was a short time ago.
    pub(super) fn get(&self, path: &Path) -> Option<Found> {
        self.get_at(path, Instant::now())
    }

    fn get_at(&self, path: &Path, now: Instant) -> Option<Found> {
        let mut entries = self.0.borrow_mut();
        let entry = entries.files.get_mut(path)?;
        if now.saturating_duration_since(entry.looked) >= BELIEVED {
            // Whichever way the path leads now: it leads to the same file, unchanged.
            if !stat(&entry.path).is_ok_and(|now| State::of(&now) == entry.state) {
                entries.remove(path);
                return None;
            }
            entry.looked = now;
        }
        let (bytes, modified, told) = (entry.bytes.clone(), entry.modified, entry.told.clone());
        let size = bytes.len() as u64;
        Some(Found { content: Content::Kept(bytes), kind: Kind::File, size, modified, told })
    }

    /// Keeps what was opened, if it is small, settled and read at once.
    pub(super) fn keep(&self, root: &Root, path: &Path, opened: Opened, kinds: &Kinds) -> Found {
        let looked = Instant::now();
        let Opened { kind, size, modified, state, at_once, .. } = opened;
        let suits = at_once && kind == Kind::File && size <= LARGEST && state.is_settled();
        let bytes = if suits { read_now(&opened.fd, size as usize) } else { None };
        let Some(bytes) = bytes else { return opened.into() };
        let told = Told::new(size, modified, kinds.of(path)).map(Rc::new);
        let (whole, told_again) = (root.path().join(path), told.clone());
        let entry = Entry { path: whole, state, bytes: bytes.clone(), modified, told, looked };
        let mut entries = self.0.borrow_mut();
        entries.remove(path);
        while entries.size + bytes.len() > MOST {
            // Any: hash maps have no order that a client could know.
            let Some(other) = entries.files.keys().next().cloned() else { break };
            entries.remove(&other);
        }
        entries.size += bytes.len();
        entries.files.insert(path.to_owned(), entry);
        Found { content: Content::Kept(bytes), kind, size, modified, told: told_again }
    }
}

#[cfg(test)]
mod tests {
    use super::super::open::open_now;
    use super::*;
    use jackfield_tests::TempDir;
    use rustix::fs::ResolveFlags;
    use std::collections::BTreeMap;
    use std::fs::{self, File};

    /// A file that was written an hour ago, as far as a program can say so.
    fn write(path: &Path, content: &[u8]) {
        fs::write(path, content).unwrap();
        File::options().write(true).open(path).unwrap().set_modified(SystemTime::now() - HOUR).unwrap();
    }

    const HOUR: Duration = Duration::from_secs(3600);

    /// Keeps the file as if its inode had not been changed for long.
    fn keep(kept: &KeptFiles, root: &Root, name: &str) -> Found {
        let mut opened = open_now(root, Path::new(name), ResolveFlags::empty()).unwrap();
        let real = opened.state;
        opened.at_once = true;
        opened.state.changed.0 -= 3600;
        let found = kept.keep(root, Path::new(name), opened, &Kinds::new(&BTreeMap::new()).unwrap());
        if let Some(entry) = kept.0.borrow_mut().files.get_mut(Path::new(name)) {
            entry.state = real;
        }
        found
    }

    fn bytes(found: Option<Found>) -> Option<Bytes> {
        match found?.content {
            Content::Kept(bytes) => Some(bytes),
            Content::Open(_) => None,
        }
    }

    #[test]
    fn a_file_is_kept_until_anything_of_it_changes() {
        let dir = TempDir::new();
        let (root, kept) = (Root::new(dir.path().into()), KeptFiles::default());
        let path = dir.path().join("file");
        let name = Path::new("file");
        let mut now = Instant::now();
        let mut get = || {
            now += 2 * BELIEVED;
            bytes(kept.get_at(name, now))
        };
        write(&path, b"one");
        assert_eq!(bytes(Some(keep(&kept, &root, "file"))).unwrap(), "one");
        assert_eq!(get().unwrap(), "one");
        // The same size, and the time of its content set back: the time of the inode tells.
        write(&path, b"two");
        assert!(get().is_none() && kept.0.borrow().size == 0);
        keep(&kept, &root, "file");
        assert_eq!(get().unwrap(), "two");
        // Another file in its place.
        write(&dir.path().join("other"), b"six");
        fs::rename(dir.path().join("other"), &path).unwrap();
        assert!(get().is_none());
        keep(&kept, &root, "file");
        assert_eq!(get().unwrap(), "six");
        fs::remove_file(&path).unwrap();
        assert!(get().is_none());
    }

    #[test]
    fn a_change_counts_when_the_file_is_looked_at_again() {
        let dir = TempDir::new();
        let (root, kept) = (Root::new(dir.path().into()), KeptFiles::default());
        let (path, name) = (dir.path().join("file"), Path::new("file"));
        write(&path, b"one");
        let before = Instant::now();
        keep(&kept, &root, "file");
        let after = Instant::now();
        fs::remove_file(&path).unwrap();
        let at = |now| bytes(kept.get_at(name, now));
        assert_eq!(at(before).unwrap(), "one");
        assert_eq!(at(before + BELIEVED - Duration::from_millis(1)).unwrap(), "one");
        assert!(at(after + BELIEVED).is_none());
        assert!(at(before).is_none(), "it is forgotten");
    }

    #[test]
    fn what_is_large_or_has_just_been_written_is_not_kept() {
        let dir = TempDir::new();
        let (root, kept) = (Root::new(dir.path().into()), KeptFiles::default());
        write(&dir.path().join("large"), &vec![1; LARGEST as usize + 1]);
        keep(&kept, &root, "large");
        assert!(kept.get(Path::new("large")).is_none());
        fs::write(dir.path().join("new"), "new").unwrap();
        let mut opened = open_now(&root, Path::new("new"), ResolveFlags::empty()).unwrap();
        opened.at_once = true;
        let kinds = Kinds::new(&BTreeMap::new()).unwrap();
        assert!(bytes(Some(kept.keep(&root, Path::new("new"), opened, &kinds))).is_none());
    }

    #[test]
    fn there_is_a_limit_to_what_is_kept() {
        let dir = TempDir::new();
        let (root, kept) = (Root::new(dir.path().into()), KeptFiles::default());
        for i in 0..70 {
            let name = format!("{i}");
            write(&dir.path().join(&name), &vec![i; LARGEST as usize]);
            keep(&kept, &root, &name);
            assert!(bytes(kept.get(Path::new(&name))).is_some_and(|bytes| bytes[0] == i));
        }
        let entries = kept.0.borrow();
        assert_eq!((entries.size, entries.files.len()), (MOST, MOST / LARGEST as usize));
    }
}
