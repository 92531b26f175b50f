//! A slot of a worker: an index, and the processes that have it. One sits in it, its successor may be starting, and
//! predecessors may drain.
//!
//! ```text
//! stopped ─► starting ─► ready ─► draining ─► stopped
//!               │ ▲ ▲      │
//!               │ │ └──────┤ a successor is on its way already
//!               ▼ │        ▼
//!             backoff    failed
//! ```

use crate::id::ProcessId;
use crate::process::Process;
use crate::restart::History;
use jackfield_shared::status::{Exit, State};

/// A slot.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Slot {
    seat: Seat,
    leaving: Vec<Process>,
    /// Why it is in its state, where there is something to say.
    reason: Option<String>,
    /// Counts the changes of state: a planned restart is meant only for the state it was planned in.
    changes: u64,
    /// Whether its own sockets rest, since nobody can accept from them.
    pub(crate) rests: bool,
    pub(crate) standing: Standing,
    pub(crate) restarts: u64,
    pub(crate) last_exit: Option<Exit>,
    /// Which process ended last, and its end in one line.
    pub(crate) last_end: Option<(ProcessId, String)>,
    pub(crate) history: History,
}

/// Who sits in the slot.
#[derive(Clone, Debug, Default, PartialEq)]
enum Seat {
    #[default]
    Stopped,
    Failed,
    Backoff,
    /// Nobody any more; those who did drain.
    Draining,
    Starting(Process),
    Ready {
        current: Process,
        successor: Option<Process>,
    },
}

/// Whether the slot is part of the configuration in effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Standing {
    #[default]
    InEffect,
    /// It is of a configuration that may still be given up: its process is not started again.
    Arriving,
    /// There is to be no process here any more.
    Retired,
}

/// What a process is in its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The one whose state is the slot's.
    Current,
    /// The one that takes the place of the current one once it is ready.
    Successor,
    /// One that was told to drain.
    Leaving,
}

/// How a slot without a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    Stopped,
    Failed,
    Backoff,
}

/// What the end of a process means for its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// One that drained.
    Left,
    /// A successor that never took its place.
    Successor,
    /// The current one; its successor, which was starting, takes its place.
    Succeeded,
    /// The current one, and the slot has nobody now.
    Vacant,
}

impl Slot {
    /// The state of the current process.
    #[must_use]
    pub fn state(&self) -> State {
        match self.seat {
            Seat::Stopped => State::Stopped,
            Seat::Failed => State::Failed,
            Seat::Backoff => State::Backoff,
            Seat::Draining => State::Draining,
            Seat::Starting(_) => State::Starting,
            Seat::Ready { .. } => State::Ready,
        }
    }

    /// Why it is in its state, where there is something to say.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// The process whose state is the slot's.
    #[must_use]
    pub fn current(&self) -> Option<&Process> {
        match &self.seat {
            Seat::Starting(current) | Seat::Ready { current, .. } => Some(current),
            _ => None,
        }
    }

    /// The process that takes the place of the current one once it is ready.
    #[must_use]
    pub fn successor(&self) -> Option<&Process> {
        match &self.seat {
            Seat::Ready { successor, .. } => successor.as_ref(),
            _ => None,
        }
    }

    /// Processes that were told to drain, the last one last.
    #[must_use]
    pub fn leaving(&self) -> &[Process] {
        &self.leaving
    }

    /// How often a process was started after its predecessor had ended by itself.
    #[must_use]
    pub fn restarts(&self) -> u64 {
        self.restarts
    }

    /// How the last process ended.
    #[must_use]
    pub fn last_exit(&self) -> Option<&Exit> {
        self.last_exit.as_ref()
    }

    /// Whether it belongs to the configuration in effect.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.standing == Standing::InEffect
    }

    /// Whether there is to be no process here any more.
    #[must_use]
    pub fn is_retired(&self) -> bool {
        self.standing == Standing::Retired
    }

    /// All its processes.
    pub fn processes(&self) -> impl Iterator<Item = &Process> {
        self.current().into_iter().chain(self.successor()).chain(&self.leaving)
    }

    /// Whether it has no process at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.processes().next().is_none()
    }

    /// What the process of this name is here.
    #[must_use]
    pub fn role(&self, id: ProcessId) -> Option<Role> {
        let is = |process: &Process| process.id == id;
        if self.current().is_some_and(is) {
            Some(Role::Current)
        } else if self.successor().is_some_and(is) {
            Some(Role::Successor)
        } else {
            self.leaving.iter().any(is).then_some(Role::Leaving)
        }
    }

    /// The process of this name.
    pub(crate) fn process_mut(&mut self, id: ProcessId) -> Option<&mut Process> {
        self.processes_mut().find(|process| process.id == id)
    }

    pub(crate) fn processes_mut(&mut self) -> impl Iterator<Item = &mut Process> {
        let (current, successor) = match &mut self.seat {
            Seat::Starting(current) => (Some(current), None),
            Seat::Ready { current, successor } => (Some(current), successor.as_mut()),
            _ => (None, None),
        };
        current.into_iter().chain(successor).chain(&mut self.leaving)
    }

    /// How many changes of state there were.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    fn sit(&mut self, seat: Seat, reason: Option<String>) {
        (self.seat, self.reason) = (seat, reason);
        self.changes += 1;
    }

    /// Seats a process that is starting, unless somebody sits there; returns whether it sits.
    pub(crate) fn start(&mut self, process: Process) -> bool {
        let is_free = self.current().is_none();
        if is_free {
            self.rests = false;
            self.sit(Seat::Starting(process), None);
        }
        is_free
    }

    /// Lets a process start beside one that is ready and has no successor; returns whether there is such a one.
    pub(crate) fn start_successor(&mut self, process: Process) -> bool {
        match &mut self.seat {
            Seat::Ready { successor: successor @ None, .. } => {
                *successor = Some(process);
                true
            }
            _ => false,
        }
    }

    /// Notes that a process is ready: `None` if that changes nothing, else whoever it takes the place of.
    pub(crate) fn ready(&mut self, id: ProcessId) -> Option<Option<Process>> {
        match std::mem::take(&mut self.seat) {
            Seat::Starting(current) if current.id == id => {
                self.sit(Seat::Ready { current, successor: None }, None);
                Some(None)
            }
            Seat::Ready { current: predecessor, successor: Some(current) } if current.id == id => {
                self.seat = Seat::Ready { current, successor: None };
                Some(Some(predecessor))
            }
            other => {
                self.seat = other;
                None
            }
        }
    }

    /// Takes out a process that has ended.
    pub(crate) fn end(&mut self, id: ProcessId, why: &str) -> Option<(Process, Ending)> {
        match std::mem::take(&mut self.seat) {
            Seat::Starting(current) if current.id == id => {
                self.sit(Seat::Stopped, Some(why.to_owned()));
                return Some((current, Ending::Vacant));
            }
            Seat::Ready { current, successor: Some(successor) } if current.id == id => {
                self.sit(Seat::Starting(successor), Some(why.to_owned()));
                return Some((current, Ending::Succeeded));
            }
            Seat::Ready { current, successor: None } if current.id == id => {
                self.sit(Seat::Stopped, Some(why.to_owned()));
                return Some((current, Ending::Vacant));
            }
            Seat::Ready { current, successor: Some(successor) } if successor.id == id => {
                self.seat = Seat::Ready { current, successor: None };
                return Some((successor, Ending::Successor));
            }
            other => self.seat = other,
        }
        let position = self.leaving.iter().position(|process| process.id == id)?;
        let process = self.leaving.remove(position);
        if matches!(self.seat, Seat::Draining) && self.leaving.is_empty() {
            self.sit(Seat::Stopped, None);
        }
        Some((process, Ending::Left))
    }

    /// Settles how a slot without a process is; one with a process stays as it is.
    pub(crate) fn rest(&mut self, rest: Rest, reason: Option<String>) {
        if self.current().is_some() {
            return;
        }
        let seat = match rest {
            Rest::Stopped => Seat::Stopped,
            Rest::Failed => Seat::Failed,
            Rest::Backoff => Seat::Backoff,
        };
        self.sit(seat, reason);
    }

    /// Takes out who sits here and the successor: they are to drain, and [`Self::leave`] is to be called with each.
    pub(crate) fn stop(&mut self) -> Vec<Process> {
        match std::mem::take(&mut self.seat) {
            Seat::Starting(current) => {
                self.sit(Seat::Draining, None);
                vec![current]
            }
            Seat::Ready { current, successor } => {
                self.sit(Seat::Draining, None);
                [current].into_iter().chain(successor).collect()
            }
            seat @ (Seat::Draining | Seat::Stopped) => {
                self.seat = seat;
                Vec::new()
            }
            Seat::Failed | Seat::Backoff => {
                self.sit(Seat::Stopped, None);
                Vec::new()
            }
        }
    }

    /// Takes in a process that was told to drain.
    pub(crate) fn leave(&mut self, process: Process) {
        self.leaving.push(process);
    }

    /// Builds up what another image of the executable has told. A state without the process that belongs to it comes
    /// back as one that is to be started.
    pub(crate) fn restore(&mut self, state: State, reason: Option<String>, processes: Vec<(Role, Process)>) {
        let (mut current, mut successor) = (None, None);
        for (role, process) in processes {
            match role {
                Role::Current => current = Some(process),
                Role::Successor => successor = Some(process),
                Role::Leaving => self.leaving.push(process),
            }
        }
        let seat = match (state, current.or_else(|| successor.take())) {
            (State::Ready, Some(current)) if current.ready.is_some() => Seat::Ready { current, successor },
            (_, Some(current)) => {
                self.leaving.extend(successor);
                Seat::Starting(current)
            }
            (State::Failed, None) => Seat::Failed,
            (State::Draining, None) if !self.leaving.is_empty() => Seat::Draining,
            (State::Stopped | State::Draining, None) => Seat::Stopped,
            (State::Backoff | State::Starting | State::Ready, None) => Seat::Backoff,
        };
        self.sit(seat, reason);
    }
}

#[cfg(test)]
#[path = "slot_tests.rs"]
mod tests;
