//! How a realm is built up again from what its sessions have, after the process that had it has died.
//!
//! What a session has done is done again, in the order of the numbers that the realm gave it then, with the ids that were
//! confirmed then.

use super::dealer::{Call, Caller, Target};
use super::permission::{Action, Verdict};
use super::{Effect, Effects, ForHub, Realm, errors, options};
use crate::planted::planted;
use crate::{Dict, Id, Message, Now, Payload};
use std::time::Duration;

/// Where a message comes from: by this it is told from others if it comes again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// The process that its session is connected to; 0: this one, and there are no others.
    pub edge: u64,
    /// Its number among the messages from there.
    pub number: u64,
    /// The id that what it makes is to have: of a publication; of a subscription or registration that was confirmed with it.
    pub id: Option<Id>,
    /// Whether it may have been done before by a process that has died.
    pub again: bool,
}

impl Stamp {
    /// The id that its session was told.
    pub(crate) fn confirmed(&self) -> Option<Id> {
        self.id.filter(|_| self.again)
    }
}

/// A call that a callee is working on.
#[derive(Clone, Debug)]
pub struct Restored {
    /// Where its first CALL came from.
    pub name: Option<(u64, u64)>,
    /// Session and request of the caller; none: it is gone.
    pub caller: Option<(Id, Id)>,
    /// Session and request of the callee.
    pub callee: (Id, Id),
    /// The registration that it was called by.
    pub registration: Id,
    /// The details that further arguments repeat, while such may come.
    pub input: Option<Dict>,
    /// By when it has to be answered, by the clock of [`Now`].
    pub deadline: Option<Duration>,
    /// Whether the callee has answered it, by a message that is still to be done.
    pub answered: bool,
}

impl Realm {
    /// Sets where the messages of the steps that follow come from.
    pub const fn set_stamp(&mut self, stamp: Stamp) {
        self.stamp = stamp;
    }

    pub(crate) fn tell_held(&self, out: &mut Effects) {
        if self.stamp.edge != 0 {
            out.push(Effect::Hub(ForHub::Held));
        }
    }

    pub(crate) fn tell_queued(&self, out: &mut Effects) {
        if self.stamp.edge != 0 {
            out.push(Effect::Hub(ForHub::Queued));
        }
    }

    /// Goes on with a message that was held.
    pub(crate) fn resume(&mut self, stamp: Stamp, out: &mut Effects) {
        self.stamp = stamp;
        if stamp.edge != 0 {
            out.push(Effect::Hub(ForHub::Cause(stamp)));
        }
    }

    /// Does again what a session was allowed to do and told that it is done. What it may not have any longer, because the
    /// configuration is another one, it loses.
    pub fn redo(&mut self, now: Now, session: Id, message: Message, out: &mut Vec<Effect>) {
        let lost = self.forbidden(session, &message).zip(self.stamp.id);
        let verdict = Some(Verdict::Allowed { disclose: false });
        self.handle(now, session, message, verdict, out);
        let reason = Some(errors::NOT_AUTHORIZED);
        match lost {
            Some((Action::Subscribe, id)) => {
                self.revoke_subscription(now, session, id, reason, out);
            }
            Some((_, id)) => {
                self.revoke_registration(now, session, id, reason, out);
            }
            None => {}
        }
        self.settle(now, out);
    }

    /// What a session has by this message, if its role does not permit it. An authorizer is not asked again.
    fn forbidden(&self, session: Id, message: &Message) -> Option<Action> {
        let (action, options, uri) = match message {
            Message::Subscribe { options, topic, .. } => (Action::Subscribe, options, topic),
            Message::Register { options, procedure, .. } => (Action::Register, options, procedure),
            _ => return None,
        };
        let policy = match action {
            Action::Subscribe => options::Subscribe::parse(options).ok()?.policy,
            _ => options::Register::parse(options).ok()?.policy,
        };
        let permissions = self.roles.get(self.sessions.get(&session)?.role);
        let is_denied = match permissions {
            Some(permissions) => permissions.verdict(action, policy, uri) == Some(Verdict::Denied),
            None => true,
        };
        is_denied.then_some(action)
    }

    /// Takes a call in that a callee is working on; one that nobody waits for is interrupted.
    pub fn restore_call(&mut self, now: Now, call: Restored, out: &mut Vec<Effect>) {
        let (callee, request) = call.callee;
        if !self.sessions.contains_key(&callee) {
            return;
        }
        let caller = call.caller.filter(|(session, _)| self.sessions.contains_key(session));
        let caller = caller.map_or(Caller::Nobody, |(session, request)| Caller::Session { session, request });
        if caller == Caller::Nobody && call.answered {
            return;
        }
        let deadline = call.deadline.map(|at| (at, self.place()));
        let key = self.dealer.calls.insert(Call {
            caller,
            name: call.name,
            registration: call.registration,
            target: Target::Callee { session: callee, request },
            input: call.input.map(Box::new),
            killed: false,
            deadline,
        });
        if let Some(deadline) = deadline {
            self.dealer.timers.insert(deadline, key);
        }
        if let Some(own) = self.sessions.get_mut(&callee) {
            own.invocations.insert(request, key);
        }
        self.invoked_until(callee, request);
        let entry = self.dealer.by_id.get(&call.registration).copied();
        if let Some(entry) = planted!(ForgottenSlots, None, entry) {
            self.dealer.registrations[entry].take_place(callee);
        }
        if let Caller::Session { session, request } = caller
            && let Some(own) = self.sessions.get_mut(&session)
        {
            own.calls.insert(request, key);
        }
        if caller == Caller::Nobody {
            self.drop_call(key, out);
        }
        self.settle(now, out);
    }

    /// Lets the calls that wait for a callee wait on, until all is known that callees are working on.
    pub fn freeze(&mut self) {
        self.dealer.frozen = planted!(EarlyDelivery, false, true);
    }

    /// Gives those calls to the callees that are free.
    pub fn thaw(&mut self, out: &mut Vec<Effect>) {
        self.dealer.frozen = false;
        let keys: Vec<_> = self.dealer.registrations.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.serve_queue(key, out);
            self.refuse_surplus(key, out);
        }
    }

    /// Notes that a session got invocations up to this request.
    pub fn invoked_until(&mut self, session: Id, request: Id) {
        if let Some(own) = self.sessions.get_mut(&session) {
            own.last_invocation = own.last_invocation.max(request);
            self.dealer.last_invocation = self.dealer.last_invocation.max(request);
        }
    }

    /// Answers a call that no callee has and none will get; `canceled`: as its caller wanted.
    pub fn lost_call(&mut self, session: Id, request: Id, canceled: bool, out: &mut Vec<Effect>) {
        let caller = Caller::Session { session, request };
        let (error, payload) = if canceled {
            (errors::CANCELED, Payload::None)
        } else {
            (errors::NETWORK_FAILURE, Payload::one("the connection to the callee was lost"))
        };
        self.respond_error(caller, error, Dict::new(), payload, out);
    }

    /// Where the CALL came from that a session was invoked for.
    #[must_use]
    pub fn call_name(&self, callee: Id, request: Id) -> Option<(u64, u64)> {
        let key = self.sessions.get(&callee)?.invocations.get(&request)?;
        self.dealer.calls.get(*key)?.name
    }

    /// The time limit of a CALL with these options.
    #[must_use]
    pub fn time_limit(&self, options: &Dict) -> Option<Duration> {
        let timeout = options.get("timeout").and_then(crate::Value::as_u64).filter(|timeout| *timeout > 0)?;
        Some(self.config.call_timeout_unit.of(timeout))
    }
}
