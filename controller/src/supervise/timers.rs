//! Doing what is due.

use super::Supervisor;
use super::due::Due;
use std::time::Instant;

impl Supervisor {
    /// When something is to be done next.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.timers.next().into_iter().chain(self.fleet.next_timer()).min()
    }

    /// Does everything whose time has come.
    pub(super) fn do_what_is_due(&mut self, now: Instant) {
        while let Some((_, thing)) = self.timers.pop_due(now) {
            match thing {
                Due::TicketKeys => self.change_ticket_keys(now),
                Due::Alive => self.is_alive(now),
                Due::Gather => self.end_gathers(now),
            }
        }
        if self.fleet.next_timer().is_some_and(|at| at <= now) {
            self.feed(jackfield_fleet::Event::Tick);
        }
    }
}
