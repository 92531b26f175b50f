//! The file that cookies are kept in, by any number of processes.

use super::known::Known;
use super::record;
use crate::log::Throttle;
use jackfield_shared::config::{CookieStore, DatabaseStore, FileStore};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tracing::warn;

/// Bytes of a file in which Crossbar.io sets no limit.
const LONGEST: u64 = 1 << 30;

/// Lines beyond twice as many as there are cookies, before the file is written anew.
const SLACK: usize = 1000;

const REPORT: Duration = Duration::from_secs(60);

/// How often it is looked whether somebody has written the file anew, and the time between.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_micros(100);

/// The name of our file in the directory that Crossbar.io has its database in.
const IN_DATABASE: &str = "cookies.jsonl";

/// Where a store is, and how it is used.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) path: PathBuf,
    purge: bool,
    readonly: bool,
    sync: bool,
    longest: u64,
}

impl Place {
    /// The place of a store that is not in memory alone.
    pub(crate) fn of(store: &CookieStore) -> Option<Self> {
        match store {
            CookieStore::Memory(_) => None,
            CookieStore::File(store) => Some(Self::of_file(store)),
            CookieStore::Database(store) => Some(Self::of_database(store)),
        }
    }

    pub(super) fn of_file(store: &FileStore) -> Self {
        Self {
            path: store.filename.clone(),
            purge: store.purge_on_startup,
            readonly: false,
            sync: false,
            longest: LONGEST,
        }
    }

    fn of_database(store: &DatabaseStore) -> Self {
        Self {
            path: store.path.join(IN_DATABASE),
            purge: store.purge_on_startup,
            readonly: store.readonly,
            sync: store.sync,
            longest: u64::try_from(store.maxsize).ok().filter(|size| *size > 0).unwrap_or(LONGEST),
        }
    }

    /// Creates the file if it is not there: a confined process may not. [`File::open`] says what is wrong.
    pub(crate) fn prepare(&self) {
        if let Some(directory) = self.path.parent().filter(|_| self.path.ends_with(IN_DATABASE)) {
            let _ = fs::create_dir(directory);
        }
        let _ = self.options().create(true).truncate(false).open(&self.path);
    }

    fn options(&self) -> fs::OpenOptions {
        let mut options = fs::OpenOptions::new();
        options.read(true).write(!self.readonly).mode(0o600);
        options
    }
}

/// The file that cookies are kept in.
///
/// Any number of processes have it. Each appends whole lines at once, and reads what others have appended. Who writes it anew is
/// the only one who has it at that moment: all have a shared lock on it (flock(2)), and that needs an exclusive one.
#[derive(Debug)]
pub(super) struct File {
    /// Reads, and writes anew.
    file: fs::File,
    /// Writes at the end, wherever that is.
    tail: Arc<fs::File>,
    place: Place,
    /// How far it was read.
    end: u64,
    lines: usize,
    /// Whether somebody brings it to the disk at the moment.
    syncing: Arc<AtomicBool>,
    failed: Throttle,
}

impl File {
    /// Opens it; the error names it.
    pub(super) fn open(place: &Place) -> Result<Self, String> {
        let failed = |e: io::Error| {
            let name = place.path.display();
            format!(
                "cookie: the store {name} can't be opened: {e}; the worker's user has to be able to write it"
            )
        };
        let file = place.options().open(&place.path).map_err(failed)?;
        let tail = place.options().append(!place.readonly).open(&place.path).map_err(failed)?;
        Ok(Self {
            file,
            tail: Arc::new(tail),
            place: place.clone(),
            end: 0,
            lines: 0,
            syncing: Arc::default(),
            failed: Throttle::new(REPORT),
        })
    }

    /// What is in it, with `known` by the time `now` taken for all there are where it is written anew.
    pub(super) fn begin(&mut self, now: Duration) -> HashMap<String, Known> {
        let mut known = HashMap::new();
        let is_alone = self.is_alone();
        if is_alone && self.place.purge && !self.place.readonly {
            self.report("emptied", self.file.set_len(0));
        } else {
            self.catch_up(&mut known);
            known.retain(|_, known| !known.is_over(now));
            let ends_well = self.file.metadata().is_ok_and(|metadata| metadata.len() == self.end);
            if is_alone && (self.lines != known.len() || !ends_well) {
                self.write_anew(&known);
            } else if !ends_well && !self.place.readonly {
                // Of somebody who died in the middle of a line: it must not be the beginning of the next one.
                let ended = (&*self.tail).write_all(b"\n");
                self.report("written", ended);
            }
        }
        self.share();
        known
    }

    /// Reads what others have appended since.
    pub(super) fn catch_up(&mut self, known: &mut HashMap<String, Known>) {
        let length = self.file.metadata().map(|metadata| metadata.len());
        let Ok(length) =
            length.inspect_err(|e| self.report("read", Err(io::Error::new(e.kind(), e.to_string()))))
        else {
            return;
        };
        if length <= self.end {
            return;
        }
        let mut bytes = vec![0; usize::try_from(length - self.end).unwrap_or(usize::MAX)];
        if let Err(e) = self.file.read_exact_at(&mut bytes, self.end) {
            return self.report("read", Err(e));
        }
        // A line that has not ended is somebody's who is writing it, or was.
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        self.end += whole as u64;
        for line in bytes[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            self.lines += 1;
            known.extend(record::read(line));
        }
    }

    /// Adds a line for a cookie, one of `all`.
    pub(super) fn append(&mut self, value: &str, known: &Known, all: &mut HashMap<String, Known>) {
        if self.place.readonly {
            return;
        }
        if (self.lines > 2 * all.len() + SLACK || self.end >= self.place.longest) && self.is_alone() {
            // What others have written before they went is not lost, and what is written is among them.
            let own = known.clone();
            self.catch_up(all);
            all.insert(value.to_owned(), own);
            self.write_anew(all);
            return self.share();
        }
        if self.end >= self.place.longest {
            return self.report("written", Err(io::Error::other("it is as long as it may be (`maxsize`)")));
        }
        let mut line = Vec::new();
        record::write(value, known, &mut line);
        let written = (&*self.tail).write_all(&line);
        if written.is_ok() {
            self.sync();
        }
        self.report("written", written);
    }

    /// Whether nobody else has it; then nobody else begins before [`Self::share`].
    fn is_alone(&self) -> bool {
        flock(&self.file, FlockOperation::NonBlockingLockExclusive).is_ok()
    }

    /// Lets others have it, too. Who writes it anew at the moment does not do so for long.
    fn share(&self) {
        for _ in 0..TRIES {
            match flock(&self.file, FlockOperation::NonBlockingLockShared) {
                Err(Errno::WOULDBLOCK) => std::thread::sleep(PAUSE),
                _ => return,
            }
        }
    }

    /// Writes it anew, with these alone. The bytes are put over the old ones before what is left of those is
    /// cut off: whatever happens in between, the last line of each cookie is still its last.
    fn write_anew(&mut self, all: &HashMap<String, Known>) {
        if self.place.readonly {
            return;
        }
        let mut bytes = Vec::new();
        for (value, known) in all {
            record::write(value, known, &mut bytes);
        }
        if bytes.len() as u64 > self.place.longest {
            self.report("written", Err(io::Error::other("its cookies need more than `maxsize`")));
            return;
        }
        let written = self.file.write_all_at(&bytes, 0);
        if written.is_ok() {
            (self.end, self.lines) = (bytes.len() as u64, all.len());
            self.report("cut", self.file.set_len(self.end));
            self.sync();
        }
        self.report("written", written);
    }

    /// Brings it to the disk, in a thread; what is written meanwhile goes with the next time.
    fn sync(&self) {
        if !self.place.sync || self.syncing.swap(true, Ordering::Relaxed) {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        let (file, syncing) = (Arc::clone(&self.tail), Arc::clone(&self.syncing));
        drop(runtime.spawn_blocking(move || {
            syncing.store(false, Ordering::Relaxed);
            if let Err(e) = file.sync_data() {
                warn!("a store of cookies can't be brought to the disk: {e}");
            }
        }));
    }

    fn report(&self, what: &str, done: io::Result<()>) {
        if let Err(e) = done
            && self.failed.pass().is_some()
        {
            let name = self.place.path.display();
            warn!(
                "the store of cookies {name} can't be {what}: {e}; who logs in meanwhile has to do it again later"
            );
        }
    }
}
