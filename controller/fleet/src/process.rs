//! A process, from its spawn to its end.

use crate::heartbeat::Heartbeat;
use crate::id::{Inode, ProcessId};
use std::collections::BTreeSet;
use std::time::Instant;

/// What is known of a process.
#[derive(Clone, Debug, PartialEq)]
pub struct Process {
    pub(crate) id: ProcessId,
    pub(crate) spawned: Instant,
    pub(crate) ready: Option<Instant>,
    /// Whether it waits for the word to accept.
    pub(crate) prepared: bool,
    /// When it had the word, if it had to wait for it.
    pub(crate) told_to_accept: Option<Instant>,
    /// The generation of the configuration that it was started with.
    pub(crate) generation: u64,
    /// Inodes of the sockets it accepts from, or is about to.
    pub(crate) listening: BTreeSet<Inode>,
    /// Whether it has no room for sockets of others.
    pub(crate) is_full: bool,
    /// Whether it has accepted a connection.
    pub(crate) worked: bool,
    /// Whether its silence means that it is stuck.
    pub(crate) watched: bool,
    pub(crate) heartbeat: Heartbeat,
    /// For one that routes realms for others: which of these it was told of; absent: of none.
    pub(crate) edges: Option<BTreeSet<ProcessId>>,
    /// Until when it needs time for what it is doing.
    pub(crate) needs_until: Option<Instant>,
    /// For one that drains: when it must have ended.
    pub(crate) leaves_by: Option<Instant>,
    /// For one that drains: whether its sessions may stay until then.
    pub(crate) sessions_stay: bool,
    /// Why it ends, as it has said itself or as was decided.
    pub(crate) reason: Option<String>,
}

impl Process {
    pub(crate) fn new(id: ProcessId, spawned: Instant, generation: u64, watched: bool) -> Self {
        Self {
            id,
            spawned,
            ready: None,
            prepared: false,
            told_to_accept: None,
            generation,
            listening: BTreeSet::new(),
            is_full: false,
            worked: false,
            watched,
            heartbeat: Heartbeat::default(),
            edges: None,
            needs_until: None,
            leaves_by: None,
            sessions_stay: false,
            reason: None,
        }
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> ProcessId {
        self.id
    }

    /// When it was spawned.
    #[must_use]
    pub fn spawned(&self) -> Instant {
        self.spawned
    }

    /// When it said READY.
    #[must_use]
    pub fn ready(&self) -> Option<Instant> {
        self.ready
    }

    /// The generation of the configuration that it was started with.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Inodes of the sockets it accepts from, or is about to.
    #[must_use]
    pub fn listening(&self) -> &BTreeSet<Inode> {
        &self.listening
    }

    /// Whether it has no room for sockets of others.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// Whether its silence means that it is stuck.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.watched
    }

    /// When it must have ended, if it drains.
    #[must_use]
    pub fn leaves_by(&self) -> Option<Instant> {
        self.leaves_by
    }

    /// Whether its sessions may stay while it drains.
    #[must_use]
    pub fn sessions_stay(&self) -> bool {
        self.sessions_stay
    }

    /// Why it ends, as it has said itself or as was decided.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// Notes why it ends, unless that is known.
    pub(crate) fn ends_for(&mut self, reason: impl Into<String>) {
        self.reason.get_or_insert(reason.into());
    }
}
