//! What happens when the process, or the machine, is out of descriptors or memory: accepting pauses, says so
//! once, goes on when something has become free, and says that, too.

use crate::log::Throttle;
use rustix::io::Errno;
use std::cell::Cell;
use std::io;
use std::time::Duration;
use tokio::sync::Notify;
use tracing::{info, warn};

/// How long to wait for a descriptor when none of our own connections ends.
const RETRY: Duration = Duration::from_millis(500);
/// How often the pause is reported while it comes and goes.
const REPORT: Duration = Duration::from_secs(10);

/// Shared by all listeners of the process: what they lack, they lack together.
#[derive(Debug)]
pub(crate) struct Pressure {
    paused: Cell<bool>,
    reported: Cell<bool>,
    freed: Notify,
    throttle: Throttle,
}

impl Pressure {
    pub(crate) fn new() -> Self {
        Self {
            paused: Cell::new(false),
            reported: Cell::new(false),
            freed: Notify::new(),
            throttle: Throttle::new(REPORT),
        }
    }

    /// What is lacking, if `error` of accept(2) means that something is.
    pub(crate) fn lacking(error: &io::Error) -> Option<String> {
        match Errno::from_io_error(error)? {
            Errno::MFILE => {
                let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
                let limit = limit.map_or_else(|| "unlimited".into(), |n| n.to_string());
                Some(format!(
                    "the limit of {limit} open files of this process is reached (RLIMIT_NOFILE; see `limits.nofile`)"
                ))
            }
            Errno::NFILE => Some("the machine's limit of open files is reached (fs.file-max)".into()),
            Errno::NOBUFS | Errno::NOMEM => {
                Some(format!("the kernel is out of memory for sockets ({error})"))
            }
            _ => None,
        }
    }

    /// Waits until it may be worth trying again.
    pub(crate) async fn wait(&self, address: &str, lacking: &str) {
        self.paused.set(true);
        if self.throttle.pass().is_some() {
            self.reported.set(true);
            warn!("{address}: accepting pauses: {lacking}");
        }
        let _ = tokio::time::timeout(RETRY, self.freed.notified()).await;
    }

    /// A connection has ended.
    pub(crate) fn freed(&self) {
        if self.paused.get() {
            self.freed.notify_one();
        }
    }

    /// A connection could be accepted. (That there is none to accept says nothing: accept(2) takes a descriptor
    /// before it looks.)
    pub(crate) fn accepted(&self, address: &str) {
        if self.paused.replace(false) && self.reported.replace(false) {
            info!("{address}: accepting goes on");
        }
    }
}

/// Raises the limit of open files as far as the process may; every connection needs at least one.
pub(crate) fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum
        && let Err(e) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })
    {
        let limit = limit.current.map_or_else(|| "what it is".to_owned(), |limit| limit.to_string());
        warn!("the limit of open files stays at {limit}: {e}");
    }
}
