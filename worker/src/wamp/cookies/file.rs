//! The file that cookies are kept in. One process at a time writes it: the one whose turn it is to route.

use super::known::Known;
use super::record;
use crate::log::Throttle;
use jackfield_shared::config::{CookieStore, DatabaseStore, FileStore};
use std::collections::HashMap;
use std::fs;
use std::io::{self, Read};
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
#[derive(Debug)]
pub(super) struct File {
    file: Arc<fs::File>,
    place: Place,
    /// Where the next line goes.
    end: u64,
    lines: usize,
    /// Whether somebody brings it to the disk at the moment.
    syncing: Arc<AtomicBool>,
    failed: Throttle,
}

impl File {
    /// Opens it; the error names it.
    pub(super) fn open(place: &Place) -> Result<Self, String> {
        let file = place.options().open(&place.path);
        let file = file.map_err(|e| {
            let name = place.path.display();
            format!(
                "cookie: the store {name} can't be opened: {e}; the worker's user has to be able to write it"
            )
        })?;
        Ok(Self {
            file: Arc::new(file),
            place: place.clone(),
            end: 0,
            lines: 0,
            syncing: Arc::default(),
            failed: Throttle::new(REPORT),
        })
    }

    /// What is in it.
    pub(super) fn read(&mut self) -> HashMap<String, Known> {
        if self.place.purge && !self.place.readonly {
            self.report("emptied", self.file.set_len(0));
            return HashMap::new();
        }
        let mut bytes = Vec::new();
        let read = (&*self.file).read_to_end(&mut bytes).map(drop);
        self.report("read", read);
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        self.lines = lines.clone().count();
        self.end = bytes.len() as u64;
        lines.filter_map(record::read).collect()
    }

    /// Adds a line for a cookie, one of `all`.
    pub(super) fn append(&mut self, value: &str, known: &Known, all: &HashMap<String, Known>) {
        if self.place.readonly {
            return;
        }
        if self.lines > 2 * all.len() + SLACK || self.end >= self.place.longest {
            self.compact(all);
            // It is among them.
            return;
        }
        let mut line = Vec::new();
        record::write(value, known, &mut line);
        if self.put(&line) {
            self.lines += 1;
        }
    }

    /// Whether it has other lines than one for each of so many cookies.
    pub(super) fn is_longer_than(&self, cookies: usize) -> bool {
        self.lines != cookies
    }

    /// Writes it anew, with these alone. The bytes are put over the old ones before what is left of those is
    /// cut off: whatever happens in between, the last line of each cookie is still its last.
    pub(super) fn compact(&mut self, all: &HashMap<String, Known>) {
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
        let before = std::mem::take(&mut self.end);
        if self.put(&bytes) {
            self.lines = all.len();
            self.report("cut", self.file.set_len(self.end));
        } else {
            // What is there of the old lines stays.
            self.end = before;
        }
    }

    /// Writes at the end; says whether that is done.
    fn put(&mut self, bytes: &[u8]) -> bool {
        let written = self.file.write_all_at(bytes, self.end);
        let is_written = written.is_ok();
        if is_written {
            self.end += bytes.len() as u64;
            self.sync();
        }
        self.report("written", written);
        is_written
    }

    /// Brings it to the disk, in a thread; what is written meanwhile goes with the next time.
    fn sync(&self) {
        if !self.place.sync || self.syncing.swap(true, Ordering::Relaxed) {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        let (file, syncing) = (Arc::clone(&self.file), Arc::clone(&self.syncing));
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
