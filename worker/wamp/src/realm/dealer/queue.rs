//! Calls that wait for a callee at its limit.

use super::call::NO_FURTHER_INPUT;
use super::{Dealer, Target, input_size};
use crate::realm::{Effects, Realm, errors};
use crate::{Id, Message};

impl Dealer {
    /// How many calls of a procedure may wait.
    fn limit_of_queue(&self, procedure: &str) -> usize {
        self.queue_limits.best(procedure).unwrap_or(self.queue_limit)
    }
}

impl Realm {
    /// Whether a further call with arguments of `size` bytes may wait; why not, for people.
    pub(crate) fn room_in_queue(&self, registration: usize, size: usize) -> Result<(), String> {
        let entry = &self.dealer.registrations[registration];
        let limit = self.dealer.limit_of_queue(&entry.uri);
        let bytes = self.config.bounds.queued_bytes;
        if entry.queue.len() < limit {
            let fits = self.dealer.queued_bytes + size <= bytes;
            return if fits { Ok(()) } else { Err(format!("calls of {bytes} bytes may wait in the realm")) };
        }
        Err(if limit == 0 {
            "the callees have as many calls as they take at a time".to_owned()
        } else {
            format!("the callees have as many calls as they take at a time, and {limit} are waiting")
        })
    }

    /// Refuses the last of the calls that wait without room, since nobody knew whether they had to.
    pub(crate) fn refuse_surplus(&mut self, registration: usize, out: &mut Effects) {
        let Some(entry) = self.dealer.registrations.get(registration) else { return };
        let limit = self.dealer.limit_of_queue(&entry.uri);
        for key in entry.queue.iter().skip(limit).copied().collect::<Vec<_>>() {
            let text = "the callees had as many calls as they take at a time when another process took over";
            self.give_up(key, errors::MAX_CONCURRENCY, text, out);
        }
    }

    /// Gives waiting calls to the callees that are free.
    pub(crate) fn serve_queue(&mut self, registration: usize, out: &mut Effects) {
        while let Some(entry) = self.dealer.registrations.get_mut(registration) {
            if self.dealer.frozen {
                return;
            }
            let Some(&key) = entry.queue.front() else { return };
            let forwarded = self.dealer.calls[key].is_forwarded();
            let Some(at) = entry.pick(&mut self.ids, forwarded) else { return };
            entry.queue.pop_front();
            let (session, id) = (entry.callees[at].session, entry.id);
            if self.dealer.calls[key].is_progressive() && !self.takes_further_input(session) {
                self.fail(key, errors::FEATURE_NOT_SUPPORTED, NO_FURTHER_INPUT, out);
                continue;
            }
            self.dealer.registrations[registration].callees[at].active += 1;
            let request = self.next_invocation(session, key);
            let target = Target::Callee { session, request };
            let Target::Queued(inputs) = std::mem::replace(&mut self.dealer.calls[key].target, target) else {
                continue;
            };
            self.dealer.queued_bytes -= inputs.iter().map(input_size).sum::<usize>();
            for (details, payload) in inputs {
                let message = Message::Invocation { request, registration: id, details, payload };
                self.send(session, message, out);
            }
        }
    }

    /// Takes back the place that a call had at a callee, and gives it to the next one.
    pub(crate) fn release(&mut self, registration: Id, callee: Id, out: &mut Effects) {
        let Some(&key) = self.dealer.by_id.get(&registration) else { return };
        let entry = &mut self.dealer.registrations[key];
        if let Some(callee) = entry.callees.iter_mut().find(|entry| entry.session == callee) {
            callee.active = callee.active.saturating_sub(1);
            self.serve_queue(key, out);
        }
    }
}
