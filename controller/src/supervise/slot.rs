//! A place for a process: an index of a worker. A process sits in it, and for a while there may be others:
//! its replacement, which is starting, and predecessors, which drain.

use super::event::Key;
use super::process::Process;
use super::state::may_follow;
use crate::decide::restart::History;
use jackfield_shared::status::{Exit, State};

/// A place for a process.
#[derive(Debug)]
pub(crate) struct Slot {
    /// The index.
    pub index: u16,
    /// Why it is in its state, where there is something to say.
    pub reason: Option<String>,
    /// The process whose state is the slot's.
    pub current: Option<Process>,
    /// The process that is to take the place of the current one, once it is ready.
    pub replacement: Option<Process>,
    /// Processes that were told to drain.
    pub leaving: Vec<Process>,
    /// How often a process was started after its predecessor had ended by itself.
    pub restarts: u64,
    /// How the last one ended.
    pub last_exit: Option<Exit>,
    /// Which process that was, and the end in one line.
    pub last_end: Option<(Key, String)>,
    /// What is known of its starts and ends.
    pub history: History,
    /// Counts the changes of state: a planned restart is meant only for the state it was planned in.
    pub changes: u64,
    /// Whether its process is for a configuration that may still be given up: it is not restarted then.
    pub arriving: bool,
    /// Whether there is to be no process here any more.
    pub retired: bool,
    state: State,
}

/// What a process is in its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The current process.
    Current,
    /// The replacement of the current one.
    Replacement,
    /// One that was told to drain.
    Leaving,
}

impl Slot {
    /// An empty place.
    pub(crate) fn new(index: u16) -> Self {
        Self {
            index,
            reason: None,
            current: None,
            replacement: None,
            leaving: Vec::new(),
            restarts: 0,
            last_exit: None,
            last_end: None,
            history: History::default(),
            changes: 0,
            arriving: false,
            retired: false,
            state: State::Stopped,
        }
    }

    /// The state of the current process.
    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// Goes on from where another image of the executable has stopped.
    pub(crate) fn restore(
        &mut self,
        state: State,
        reason: Option<String>,
        restarts: u64,
        last_exit: Option<Exit>,
    ) {
        (self.state, self.reason) = (state, reason);
        (self.restarts, self.last_exit) = (restarts, last_exit);
    }

    /// Puts a process in.
    pub(crate) fn put(&mut self, process: Process, role: Role) {
        match role {
            Role::Current => self.current = Some(process),
            Role::Replacement => self.replacement = Some(process),
            Role::Leaving => self.leaving.push(process),
        }
    }

    /// Goes on to another state.
    pub(crate) fn enter(&mut self, state: State, reason: Option<String>) {
        debug_assert!(may_follow(self.state, state), "{} must not follow {}", state, self.state);
        self.state = state;
        self.reason = reason;
        self.changes += 1;
    }

    /// All its processes.
    pub(crate) fn processes(&self) -> impl Iterator<Item = &Process> {
        self.current.iter().chain(&self.replacement).chain(&self.leaving)
    }

    /// All its processes.
    pub(crate) fn processes_mut(&mut self) -> impl Iterator<Item = &mut Process> {
        self.current.iter_mut().chain(&mut self.replacement).chain(&mut self.leaving)
    }

    /// Takes out the process of this name.
    pub(crate) fn take(&mut self, key: Key) -> Option<(Process, Role)> {
        let is = |process: &mut Process| process.key() == key;
        if let Some(process) = self.current.take_if(is) {
            return Some((process, Role::Current));
        }
        if let Some(process) = self.replacement.take_if(is) {
            return Some((process, Role::Replacement));
        }
        let position = self.leaving.iter().position(|process| process.key() == key)?;
        Some((self.leaving.remove(position), Role::Leaving))
    }

    /// What the process of this name is here.
    pub(crate) fn role(&self, key: Key) -> Option<Role> {
        let is = |process: &Process| process.key() == key;
        if self.current.as_ref().is_some_and(is) {
            Some(Role::Current)
        } else if self.replacement.as_ref().is_some_and(is) {
            Some(Role::Replacement)
        } else {
            self.leaving.iter().any(is).then_some(Role::Leaving)
        }
    }

    /// Whether it is a place of the configuration in effect.
    pub(crate) fn is_active(&self) -> bool {
        !self.arriving && !self.retired
    }

    /// Whether it has no process at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.processes().next().is_none()
    }
}
