//! Incomplete files on the disk. All processes of a worker see the same, and so does one that starts after a crash:
//! nothing of it is kept in memory.
//!
//! `temp_directory/UPLOAD/` has the beginning of the file as `data`, and `chunk_N` for each chunk that has come before
//! its predecessors. So a file is put together while it comes, and takes its own size of the disk and little more. The
//! size of `data` tells how far that has got. Whoever changes something holds a lock on the directory.

use super::chunk::Chunk;
use rustix::fs::{FlockOperation, Mode, OFlags, RenameFlags, flock, fstat, mkdir, open, renameat_with, stat};
use rustix::io::Errno;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Seek as _, SeekFrom};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The file with the beginning.
const DATA: &str = "data";

/// Of open(2), for the standard library.
const NOFOLLOW: i32 = OFlags::NOFOLLOW.bits().cast_signed();

/// What a file is called that only one request knows.
pub(super) const PART: &str = ".part-";

/// Where files go.
#[derive(Clone, Debug)]
pub(super) struct Store {
    pub(super) directory: PathBuf,
    pub(super) incomplete: PathBuf,
    pub(super) permissions: u32,
}

/// What is known of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Absent,
    Present,
    /// All of them are there, and the file is in its place.
    Complete,
}

/// What came of a chunk that was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Put {
    pub(super) state: State,
    /// Whether nothing of the file was there before.
    pub(super) first: bool,
    /// Bytes of the file that are there now.
    pub(super) received: u64,
}

/// The content of a chunk, which is removed again unless it is put somewhere.
#[derive(Debug)]
pub(super) struct Part {
    path: PathBuf,
    pub(super) file: File,
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path); // it has another name by now, or nobody needs it
    }
}

impl Store {
    /// An empty file for the content of a chunk.
    pub(super) fn part(&self) -> io::Result<Part> {
        let number = getrandom::u64().map_err(io::Error::other)?;
        let path = self.incomplete.join(format!("{PART}{number:016x}"));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Part { path, file })
    }

    /// Keeps the content of a chunk, in the place of what there was of it before.
    pub(super) fn put(&self, chunk: &Chunk, part: &Part) -> io::Result<Put> {
        let mut first = false;
        let upload = loop {
            match mkdir(self.path(chunk), Mode::RWXU) {
                Ok(()) => first = true,
                Err(Errno::EXIST) => {}
                Err(e) => return Err(e.into()),
            }
            if let Some(upload) = self.lock(chunk)? {
                break upload;
            }
        };
        fs::rename(&part.path, upload.chunk(chunk.index))?;
        let state = self.go_on(&upload, chunk)?;
        let received = if state == State::Complete { chunk.total } else { upload.received()? };
        Ok(Put { state, first, received })
    }

    /// Says whether a chunk is there. Puts together what a process has left that was killed.
    pub(super) fn state(&self, chunk: &Chunk) -> io::Result<State> {
        match self.lock(chunk)? {
            Some(upload) => self.go_on(&upload, chunk),
            None => Ok(State::Absent),
        }
    }

    fn path(&self, chunk: &Chunk) -> PathBuf {
        self.incomplete.join(&chunk.upload)
    }

    /// The upload's directory, if there is one, while nobody else changes it.
    fn lock(&self, chunk: &Chunk) -> io::Result<Option<Upload>> {
        Upload::lock(self.path(chunk), FlockOperation::LockExclusive)
    }

    /// Puts together what is there; at the end puts the file in its place.
    fn go_on(&self, upload: &Upload, chunk: &Chunk) -> io::Result<State> {
        let mut data = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(NOFOLLOW)
            .open(upload.path.join(DATA))?;
        let mut merged = merged(&data, chunk)?;
        // It was sent again: what came last counts.
        if chunk.index < merged && upload.has(chunk, chunk.index) {
            upload.merge(&mut data, chunk, chunk.index)?;
        }
        while merged < chunk.count && upload.has(chunk, merged) {
            let before = chunk.start_of(merged);
            if let Err(e) = upload.merge(&mut data, chunk, merged) {
                // As if it had not been tried; the chunk is still there.
                data.set_len(before)?;
                return Err(e);
            }
            merged += 1;
        }
        if merged == chunk.count {
            data.set_permissions(Permissions::from_mode(self.permissions))?;
            data.sync_all()?;
            drop(data);
            self.place(upload, &chunk.file)?;
            upload.remove();
            return Ok(State::Complete);
        }
        let present = chunk.index < merged || upload.has(chunk, chunk.index);
        Ok(if present { State::Present } else { State::Absent })
    }

    /// Moves the whole file to where it belongs, in one step.
    fn place(&self, upload: &Upload, name: &str) -> io::Result<()> {
        let (from, to) = (upload.path.join(DATA), self.directory.join(name));
        match fs::rename(&from, &to) {
            Err(e) if e.kind() == io::ErrorKind::CrossesDevices => {}
            result => return result,
        }
        // Another file system: what is there under the name is the old file, or the new one, and never a part.
        let beside = self.directory.join(format!("{PART}{name}"));
        let copied = copy(&from, &beside, self.permissions).and_then(|()| fs::rename(&beside, &to));
        if copied.is_err() {
            let _ = fs::remove_file(&beside);
        }
        copied
    }
}

/// Opens a file, but not what a link leads to: others may write to the directory.
fn read(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(NOFOLLOW).open(path)
}

/// Copies a file to one that is not there yet.
fn copy(from: &Path, to: &Path, permissions: u32) -> io::Result<()> {
    let _ = fs::remove_file(to); // of a process that was killed here
    let mut copied = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    io::copy(&mut read(from)?, &mut copied)?;
    copied.set_permissions(Permissions::from_mode(permissions))?;
    copied.sync_all()
}

/// How many chunks are in the beginning of the file; one that is there in part is cut off.
fn merged(data: &File, chunk: &Chunk) -> io::Result<u64> {
    let length = data.metadata()?.len();
    if length >= chunk.total && chunk.total > 0 {
        return Ok(chunk.count);
    }
    let whole = (length / chunk.size).min(chunk.count - 1);
    if length != chunk.start_of(whole) {
        data.set_len(chunk.start_of(whole))?;
    }
    Ok(whole)
}

/// The directory of an upload, locked.
#[derive(Debug)]
pub(super) struct Upload {
    path: PathBuf,
    _lock: OwnedFd,
}

impl Upload {
    /// Locks a directory; `None` if it is not there, or, where it is not waited for, if another has it.
    pub(super) fn lock(path: PathBuf, how: FlockOperation) -> io::Result<Option<Self>> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = match open(&path, flags, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(None),
            result => result?,
        };
        loop {
            match flock(&directory, how) {
                Err(Errno::INTR) => {}
                Err(Errno::WOULDBLOCK) => return Ok(None),
                result => break result?,
            }
        }
        // It may have been removed meanwhile, and another be there by now.
        let ours = fstat(&directory)?;
        match stat(&path) {
            Ok(now) if (now.st_dev, now.st_ino) == (ours.st_dev, ours.st_ino) => {
                Ok(Some(Self { path, _lock: directory }))
            }
            Ok(_) => Self::lock(path, how),
            Err(Errno::NOENT) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    fn chunk(&self, index: u64) -> PathBuf {
        self.path.join(format!("chunk_{}", index + 1))
    }

    /// Whether a chunk is there, whole, as a file of its own.
    fn has(&self, chunk: &Chunk, index: u64) -> bool {
        let length = fs::symlink_metadata(self.chunk(index)).map(|found| found.len());
        length.is_ok_and(|length| length == chunk.length_of(index))
    }

    /// Bytes of all that is there.
    fn received(&self) -> io::Result<u64> {
        let mut received = 0;
        for entry in fs::read_dir(&self.path)? {
            received += entry?.metadata()?.len();
        }
        Ok(received)
    }

    /// Moves a chunk into the file.
    fn merge(&self, data: &mut File, chunk: &Chunk, index: u64) -> io::Result<()> {
        let path = self.chunk(index);
        data.seek(SeekFrom::Start(chunk.start_of(index)))?;
        io::copy(&mut read(&path)?, data)?;
        fs::remove_file(&path)
    }

    /// Removes it with all that is in it.
    pub(super) fn remove(&self) {
        // First it gets a name that nobody looks for, so that no chunk comes into what is being removed.
        let away = self.path.with_file_name(format!("{PART}{}", name_of(&self.path)));
        let gone = renameat_with(rustix::fs::CWD, &self.path, rustix::fs::CWD, &away, RenameFlags::NOREPLACE);
        let _ = fs::remove_dir_all(if gone.is_ok() { &away } else { &self.path });
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_tests::TempDir;
    use std::io::Write as _;

    fn store(dir: &TempDir) -> Store {
        let [directory, incomplete] = ["done", "temp"].map(|name| dir.path().join(name));
        for path in [&directory, &incomplete] {
            fs::create_dir(path).unwrap();
        }
        Store { directory, incomplete, permissions: 0o640 }
    }

    fn chunk(index: u64) -> Chunk {
        Chunk { file: "a.txt".into(), total: 11, index, count: 3, size: 4, upload: "0".repeat(32) }
    }

    fn put(store: &Store, index: u64, text: &str) -> State {
        let mut part = store.part().unwrap();
        part.file.write_all(text.as_bytes()).unwrap();
        store.put(&chunk(index), &part).unwrap().state
    }

    fn is_empty(path: &Path) -> bool {
        fs::read_dir(path).unwrap().next().is_none()
    }

    #[test]
    fn chunks_come_in_any_order_and_again() {
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]] {
            let dir = TempDir::new();
            let store = store(&dir);
            let texts = ["0123", "4567", "89a"];
            assert_eq!(store.state(&chunk(0)).unwrap(), State::Absent);
            for index in &order[..2] {
                put(&store, *index, "xxxxx"[..texts[*index as usize].len()].as_ref());
                assert_eq!(put(&store, *index, texts[*index as usize]), State::Present);
                assert_eq!(store.state(&chunk(*index)).unwrap(), State::Present);
            }
            assert_eq!(store.state(&chunk(order[2])).unwrap(), State::Absent);
            assert!(is_empty(&store.directory));
            assert_eq!(put(&store, order[2], texts[order[2] as usize]), State::Complete);
            let path = store.directory.join("a.txt");
            assert_eq!(fs::read_to_string(&path).unwrap(), "0123456789a", "{order:?}");
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
            assert!(is_empty(&store.incomplete));
        }
    }

    #[test]
    fn what_a_killed_process_has_left_is_gone_on_with() {
        let dir = TempDir::new();
        let store = store(&dir);
        put(&store, 0, "0123");
        let upload = store.incomplete.join("0".repeat(32));
        // Killed while the second chunk was put in, the third was there as well.
        fs::write(upload.join("data"), "012345").unwrap();
        fs::write(upload.join("chunk_2"), "4567").unwrap();
        fs::write(upload.join("chunk_3"), "89a").unwrap();
        assert_eq!(store.state(&chunk(2)).unwrap(), State::Complete);
        assert_eq!(fs::read_to_string(store.directory.join("a.txt")).unwrap(), "0123456789a");
        // A chunk that is not whole is none.
        fs::create_dir(&upload).unwrap();
        fs::write(upload.join("chunk_1"), "01").unwrap();
        assert_eq!(store.state(&chunk(0)).unwrap(), State::Absent);
    }

    #[test]
    fn a_link_in_place_of_a_file_leads_nowhere() {
        let dir = TempDir::new();
        let store = store(&dir);
        let victim = dir.path().join("victim");
        fs::write(&victim, "precious").unwrap();
        put(&store, 1, "4567");
        let upload = store.incomplete.join("0".repeat(32));
        fs::remove_file(upload.join("data")).unwrap();
        std::os::unix::fs::symlink(&victim, upload.join("data")).unwrap();
        assert!(store.state(&chunk(0)).is_err());
        fs::remove_file(upload.join("data")).unwrap();
        std::os::unix::fs::symlink(&victim, upload.join("chunk_1")).unwrap();
        assert_eq!(store.state(&chunk(0)).unwrap(), State::Absent, "a link is no chunk");
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    }

    #[test]
    fn an_empty_file_is_a_file() {
        let dir = TempDir::new();
        let store = store(&dir);
        let chunk = Chunk { total: 0, count: 1, index: 0, ..chunk(0) };
        assert_eq!(store.put(&chunk, &store.part().unwrap()).unwrap().state, State::Complete);
        assert_eq!(fs::read_to_string(store.directory.join("a.txt")).unwrap(), "");
    }
}
