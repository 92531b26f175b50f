//! CANCEL, time limits, and calls whose caller or callee leaves.

use super::{CallKey, Caller, Target};
use crate::planted::planted;
use crate::realm::hash::IdMap;
use crate::realm::options::CancelMode;
use crate::realm::{Effects, Realm, errors};
use crate::{Dict, Id, Message, Now, Payload};
use std::time::Duration;

impl Realm {
    pub(crate) fn on_cancel(
        &mut self,
        now: Now,
        session: Id,
        request: Id,
        options: &Dict,
        out: &mut Effects,
    ) {
        let Some(own) = self.sessions.get(&session) else { return };
        let Some(&key) = own.calls.get(&request) else { return };
        let call = &self.dealer.calls[key];
        if call.killed {
            return;
        }
        let asked = match CancelMode::parse(options) {
            Ok(asked) => asked,
            Err(text) => return self.give_up(key, errors::INVALID_ARGUMENT, &text, out),
        };
        let callee = match call.target {
            Target::Callee { session, .. } => self.sessions.get(&session),
            Target::Queued(_) => None,
        };
        let interrupts = callee.is_some_and(|callee| callee.features.callee_canceling);
        let mode = asked.unwrap_or(CancelMode::KillNoWait);
        if interrupts && mode != CancelMode::Skip {
            let mut details = Dict::new();
            if let Some(mode) = asked {
                details.push("mode", mode.name());
            }
            for key in ["reason", "forward_for"] {
                if let Some(value) = options.get(key) {
                    details.push(key, value.clone());
                }
            }
            self.interrupt(key, details, out);
            if mode == CancelMode::Kill {
                return self.await_kill(now, key);
            }
        }
        let caller = self.abandon(key, out);
        self.respond_error(caller, errors::CANCELED, Dict::new(), Payload::None, out);
    }

    /// Lets a call that was killed end at last if its callee does not answer.
    fn await_kill(&mut self, now: Now, key: CallKey) {
        let limit = (now.clock.saturating_add(self.config.kill_timeout), self.place());
        let call = &mut self.dealer.calls[key];
        call.killed = true;
        match call.deadline {
            Some(deadline) if deadline < limit => return,
            Some(deadline) => {
                self.dealer.timers.remove(&deadline);
            }
            None => {}
        }
        call.deadline = Some(limit);
        self.dealer.timers.insert(limit, key);
    }

    /// Sends INTERRUPT to the callee of a call, if it takes it.
    fn interrupt(&mut self, key: CallKey, options: Dict, out: &mut Effects) {
        let Target::Callee { session, request } = self.dealer.calls[key].target else { return };
        let takes_it = self.sessions.get(&session).is_some_and(|callee| callee.features.callee_canceling);
        if planted!(NoInterrupt, false, takes_it) {
            self.send(session, Message::Interrupt { request, options }, out);
        }
    }

    /// Ends a call by an ERROR; the callee is told to stop.
    pub(crate) fn give_up(&mut self, key: CallKey, error: &str, text: &str, out: &mut Effects) {
        self.stop(key, out);
        let caller = self.abandon(key, out);
        self.respond_error(caller, error, Dict::new(), Payload::one(text), out);
    }

    fn stop(&mut self, key: CallKey, out: &mut Effects) {
        if !self.dealer.calls[key].killed {
            let mode = CancelMode::KillNoWait.name();
            self.interrupt(key, Dict::new().with("mode", mode), out);
        }
    }

    /// Ends the calls that are past their time limits.
    pub(crate) fn expire_calls(&mut self, now: Now, out: &mut Effects) {
        while let Some(entry) = self.dealer.timers.first_entry() {
            if entry.key().0 > now.clock {
                return;
            }
            let key = *entry.get();
            if self.dealer.calls[key].killed {
                self.give_up(
                    key,
                    errors::CANCELED,
                    "the callee did not answer after it was told to stop",
                    out,
                );
            } else {
                self.counters.timeouts += 1;
                self.give_up(key, errors::TIMEOUT, errors::TIMEOUT_REACHED, out);
            }
        }
    }

    /// When the next call is past its time limit.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        self.dealer.timers.first_key_value().map(|((deadline, _), _)| *deadline)
    }

    /// Ends the calls that a session that is gone was invoked for.
    pub(crate) fn callee_is_gone(&mut self, session: Id, invocations: IdMap<CallKey>, out: &mut Effects) {
        for (request, key) in in_order(invocations) {
            // One of them may have ended since it left.
            if self.dealer.calls.get(key).is_some_and(|call| call.target.is(session, request)) {
                self.fail(key, errors::CANCELED, "callee disconnected from in-flight request", out);
            }
        }
    }

    /// Ends the calls of a session that is gone.
    pub(crate) fn caller_is_gone(&mut self, session: Id, calls: IdMap<CallKey>, out: &mut Effects) {
        for (request, key) in in_order(calls) {
            let caller = Caller::Session { session, request };
            if self.dealer.calls.get(key).is_some_and(|call| call.caller == caller) {
                self.drop_call(key, out);
            }
        }
    }

    /// Ends a call that nobody wants to be answered any more; the callee is told to stop.
    pub(crate) fn drop_call(&mut self, key: CallKey, out: &mut Effects) {
        self.stop(key, out);
        self.abandon(key, out);
    }
}

/// The calls of a session by their requests.
fn in_order(calls: IdMap<CallKey>) -> Vec<(Id, CallKey)> {
    let mut calls: Vec<_> = calls.into_iter().collect();
    calls.sort_unstable();
    calls
}
