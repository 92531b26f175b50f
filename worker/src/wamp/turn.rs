//! Whose turn it is to route a realm: two processes never do at a time.
//!
//! All processes of a worker that route, those that drain and those that are to come after them, have a descriptor of one file.
//! A process with the clients and all realms has the lock of the whole file, one that has realms alone those of single bytes, one for
//! each realm: so a realm may go to another process than its neighbours. The kernel gives locks back when a process ends, however
//! it ends.

use jackfield_shared::links::realm_key;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc::{self, c_short};
use rustix::fs::ftruncate;
use rustix::io::{pread, pwrite};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tracing::warn;

/// Between two looks at the lock. The kernel tells nobody when it is free, other than who sleeps in fcntl(2).
const LOOK: Duration = Duration::from_millis(2);
/// How often it is said that a process waits.
const REPORT: Duration = Duration::from_secs(10);
/// The byte whose lock the one process has that counts; behind those of all realms.
const COUNTING: i64 = i64::MAX - 1;
/// Bytes of the file that are looked at: a line for each realm.
const MOST: usize = 4 << 20;

/// What of the file is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Range {
    Whole,
    Byte(i64),
}

impl Range {
    fn of_realm(name: &str) -> Self {
        Self::Byte((realm_key(name) >> 2).cast_signed())
    }
}

/// The turn of one process.
#[derive(Debug)]
pub(crate) struct Turn {
    lock: RefCell<Option<OwnedFd>>,
    has_come: Cell<bool>,
    changed: Notify,
}

impl Turn {
    /// Waits behind other processes with a descriptor of the same file; without one it is always our turn.
    pub(crate) fn new(lock: Option<OwnedFd>) -> Rc<Self> {
        let has_come = Cell::new(lock.is_none());
        Rc::new(Self { lock: RefCell::new(lock), has_come, changed: Notify::new() })
    }

    /// Takes all realms as soon as nobody else has one of them; says how many processes have had them by then, at most. These are
    /// `realms`.
    pub(crate) async fn take(&self, realms: &[&str]) -> u64 {
        self.wait_for(Range::Whole, "the realms of this worker").await;
        self.has_come.set(true);
        self.changed.notify_waiters();
        self.lock.borrow().as_ref().and_then(|lock| count(lock, realms)).unwrap_or(1)
    }

    /// Takes one realm as soon as nobody else has it; says how many processes have had it by then.
    pub(crate) async fn take_realm(&self, realm: &str) -> u64 {
        self.wait_for(Range::of_realm(realm), &format!("realm \"{realm}\"")).await;
        // Others count theirs at the same time, in the same file.
        self.wait_for(Range::Byte(COUNTING), "the file of the locks of realms").await;
        let lock = self.lock.borrow();
        let counted = lock.as_ref().and_then(|lock| count(lock, &[realm]));
        if let Some(Err(e)) = lock.as_ref().map(|lock| set(lock, Range::Byte(COUNTING), libc::F_UNLCK)) {
            warn!("the lock of the file in which turns of realms are counted can't be given back: {e}");
        }
        counted.unwrap_or(1)
    }

    async fn wait_for(&self, range: Range, what: &str) {
        let mut said = Instant::now();
        loop {
            let Some(result) = self.lock.borrow().as_ref().map(|lock| set(lock, range, libc::F_WRLCK)) else {
                return;
            };
            match result {
                Ok(()) => return,
                Err(Errno::EAGAIN | Errno::EACCES) => {
                    if said.elapsed() > REPORT {
                        said = Instant::now();
                        warn!("another process still routes {what}; waiting for it to end");
                    }
                    sleep(LOOK).await;
                }
                Err(e) => {
                    warn!(
                        "the lock that keeps two processes from routing {what} can't be had: {e}; going on without"
                    );
                    return;
                }
            }
        }
    }

    /// Completes when it is our turn.
    pub(crate) async fn come(&self) {
        loop {
            let changed = self.changed.notified();
            if self.has_come.get() {
                return;
            }
            changed.await;
        }
    }

    /// Lets the next process have its turn.
    pub(crate) fn end(&self) {
        // Closing a descriptor of the file gives the lock back.
        self.lock.borrow_mut().take();
    }
}

/// Sets or gives back a lock, without waiting.
fn set(file: &OwnedFd, range: Range, kind: libc::c_int) -> Result<(), Errno> {
    let (l_start, l_len) = match range {
        Range::Whole => (0, 0),
        Range::Byte(at) => (at, 1),
    };
    // They are small numbers.
    let (l_type, l_whence) = (kind as c_short, libc::SEEK_SET as c_short);
    fcntl(file, FcntlArg::F_SETLK(&libc::flock { l_type, l_whence, l_start, l_len, l_pid: 0 })).map(drop)
}

/// Counts a process that routes these realms, in the file itself; returns the highest count of them.
fn count(file: &OwnedFd, realms: &[&str]) -> Option<u64> {
    let mut bytes = Vec::new();
    while bytes.len() < MOST {
        let start = bytes.len();
        bytes.resize(start + 4096, 0);
        let read = pread(file, &mut bytes[start..], start as u64).ok()?;
        bytes.truncate(start + read);
        if read == 0 {
            break;
        }
    }
    let mut counts = Counts::read(&String::from_utf8_lossy(&bytes));
    let number = realms.iter().map(|realm| counts.count(realm)).max().unwrap_or(1);
    let text = counts.write();
    // In this order: what is cut off here is of nobody.
    pwrite(file, text.as_bytes(), 0).ok()?;
    ftruncate(file, text.len() as u64).ok()?;
    Some(number)
}

/// How many processes have had each realm, by its key.
#[derive(Debug, Default, PartialEq)]
struct Counts {
    /// What an earlier release has counted, of all realms of the worker together.
    before: u64,
    realms: BTreeMap<u64, u64>,
}

impl Counts {
    /// Reads a line for each realm, its count and its key; one without a key is about all.
    fn read(text: &str) -> Self {
        let mut counts = Self::default();
        for line in text.lines() {
            let mut words = line.split(' ');
            let Some(count) = words.next().and_then(|count| count.parse().ok()) else { continue };
            match words.next().map(|key| u64::from_str_radix(key, 16)) {
                None => counts.before = count,
                Some(Ok(key)) => _ = counts.realms.insert(key, count),
                Some(Err(_)) => {}
            }
        }
        counts
    }

    /// One more process has a realm; returns how many have had it.
    fn count(&mut self, realm: &str) -> u64 {
        let count = self.realms.entry(realm_key(realm)).or_insert(self.before);
        *count = count.saturating_add(1);
        *count
    }

    fn write(&self) -> String {
        let before = (self.before > 0).then(|| format!("{}\n", self.before));
        let realms = self.realms.iter().map(|(key, count)| format!("{count} {key:016x}\n"));
        before.into_iter().chain(realms).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{Mode, OFlags, open};
    use std::path::Path;

    fn file(path: &Path) -> OwnedFd {
        open(path, OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR).unwrap()
    }

    #[tokio::test]
    async fn each_realm_is_counted_for_itself_whichever_process_has_it() {
        let dir = jackfield_tests::TempDir::new();
        let path = dir.path().join("lock");
        // An earlier release counts all together.
        std::fs::write(&path, "2").unwrap();
        let both = Turn::new(Some(file(&path)));
        assert_eq!(both.take(&["a", "b"]).await, 3);
        both.end();
        for (realm, expected) in [("a", 4), ("a", 5), ("b", 4), ("c", 3)] {
            let turn = Turn::new(Some(file(&path)));
            assert_eq!(turn.take_realm(realm).await, expected, "{realm}");
            turn.end();
        }
        let both = Turn::new(Some(file(&path)));
        assert_eq!(both.take(&["a", "b", "c"]).await, 6);
        assert_eq!(Turn::new(None).take(&["a"]).await, 1);
    }

    #[test]
    fn what_is_written_is_read_again_and_what_is_no_count_is_left_out() {
        let mut counts = Counts::read("x\n7\n1 zz\n3 00000000000000ff extra\n\n");
        assert_eq!(counts, Counts { before: 7, realms: [(0xff, 3)].into() });
        assert_eq!((counts.count("r"), counts.count("r")), (8, 9));
        assert_eq!(Counts::read(&counts.write()), counts);
    }

    #[test]
    fn locks_of_two_realms_are_others_and_the_whole_file_is_neither() {
        let dir = jackfield_tests::TempDir::new();
        let file = file(&dir.path().join("lock"));
        // A process has no quarrel with itself: what another one sees is asked for.
        let seen = |range: Range| {
            set(&file, range, libc::F_WRLCK).unwrap();
            let text = std::fs::read_to_string("/proc/locks").unwrap();
            let own = format!(" {} ", std::process::id());
            let lines: Vec<_> = text.lines().filter(|line| line.contains(&own)).map(str::to_owned).collect();
            set(&file, Range::Whole, libc::F_UNLCK).unwrap();
            lines
                .into_iter()
                .map(|line| line.split_whitespace().rev().take(2).collect::<Vec<_>>().join(" "))
                .collect::<Vec<_>>()
        };
        let key = (realm_key("a") >> 2).to_string();
        assert_eq!(seen(Range::of_realm("a")), [format!("{key} {key}")]);
        assert_eq!(seen(Range::Whole), ["EOF 0"]);
        assert_ne!(Range::of_realm("a"), Range::of_realm("b"));
        assert_ne!(Range::of_realm("a"), Range::Byte(COUNTING));
    }
}
