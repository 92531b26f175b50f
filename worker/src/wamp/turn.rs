//! Whose turn it is to route the realms of a worker: two processes never do at a time.
//!
//! All processes of the worker, those that drain and those that are to come after them, have a descriptor of one file. Who
//! has its lock routes. The kernel gives the lock back when a process ends, however it ends.

use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::io::{Errno, pread, pwrite};
use std::cell::{Cell, RefCell};
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

    /// Takes the lock as soon as it is free; says how many processes have had it by then.
    pub(crate) async fn take(&self) -> u64 {
        let mut said = Instant::now();
        while !self.has_come.get() {
            let Some(result) = self
                .lock
                .borrow()
                .as_ref()
                .map(|lock| fcntl_lock(lock, FlockOperation::NonBlockingLockExclusive))
            else {
                return 1;
            };
            match result {
                Ok(()) => self.has_come.set(true),
                Err(Errno::AGAIN | Errno::ACCESS) => {
                    if said.elapsed() > REPORT {
                        said = Instant::now();
                        warn!(
                            "another process still routes the realms of this worker; waiting for it to end"
                        );
                    }
                    sleep(LOOK).await;
                }
                Err(e) => {
                    warn!(
                        "the lock that keeps two processes from routing the same realms can't be had: {e}; going on without"
                    );
                    self.has_come.set(true);
                }
            }
        }
        self.changed.notify_waiters();
        self.lock.borrow().as_ref().and_then(count).unwrap_or(1)
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

/// Counts a holder of the lock, in the file itself.
fn count(lock: &OwnedFd) -> Option<u64> {
    let mut digits = [0; 20];
    let length = pread(lock, &mut digits, 0).ok()?;
    let before = std::str::from_utf8(&digits[..length]).ok().and_then(|text| text.parse().ok());
    let number = before.unwrap_or(0_u64).saturating_add(1);
    pwrite(lock, number.to_string().as_bytes(), 0).ok()?;
    Some(number)
}
