//! YIELD, ERROR and the end of a call.

use super::{Call, CallKey, Caller, Target};
use crate::realm::options;
use crate::realm::{Effect, Effects, Realm, errors};
use crate::{Dict, Id, Message, Payload, kind, uri};

impl Realm {
    pub(crate) fn on_yield(
        &mut self,
        session: Id,
        (request, options, payload): (Id, Dict, Payload),
        out: &mut Effects,
    ) {
        let Some(key) = self.invoked(session, request, "YIELD", out) else { return };
        let parsed = match options::Yield::parse(&options) {
            Ok(parsed) => parsed,
            Err(text) => return self.violation(session, &format!("YIELD: {text}"), out),
        };
        let opaque = payload.is_opaque();
        let details = parsed.passed.into_details(opaque);
        if !parsed.progress {
            let call = self.take_call(key);
            self.respond(call.caller, details, payload, out);
            return self.leave_callee(&call, out);
        }
        if let Caller::Session { session, request } = self.dealer.calls[key].caller {
            let details = details.with("progress", true);
            self.send(session, Message::Result { request, details, payload }, out);
        }
    }

    /// ERROR of a callee.
    pub(crate) fn on_invocation_error(
        &mut self,
        session: Id,
        (request, details, error, payload): (Id, Dict, String, Payload),
        out: &mut Effects,
    ) {
        let Some(key) = self.invoked(session, request, "ERROR", out) else { return };
        if !uri::is_valid(&error, uri::Check::Loose) {
            let text = format!("'{}' in ERROR is not a URI", errors::short(&error));
            return self.violation(session, &text, out);
        }
        let opaque = payload.is_opaque();
        let parsed = options::Yield::parse(&details).unwrap_or_default();
        let details = parsed.passed.into_details(opaque);
        let call = self.take_call(key);
        self.respond_error(call.caller, &error, details, payload, out);
        self.leave_callee(&call, out);
    }

    /// The call that a session was invoked for. None: it has been answered, or the session was never invoked so.
    fn invoked(&mut self, session: Id, request: Id, name: &str, out: &mut Effects) -> Option<CallKey> {
        let own = self.sessions.get(&session)?;
        if let Some(key) = own.invocations.get(&request) {
            return Some(*key);
        }
        if request > own.last_invocation && request <= self.dealer.last_invocation {
            let text = format!("{name} for the invocation {request} of somebody else");
            self.violation(session, &text, out);
        } else {
            self.counters.late_answers += 1;
        }
        None
    }

    /// Takes a call out of all tables.
    fn take_call(&mut self, key: CallKey) -> Call {
        self.forget_caller(key);
        let call = self.dealer.calls.remove(key);
        self.dealer.queued_bytes -= call.target.size();
        if let Target::Callee { session, request } = call.target
            && let Some(own) = self.sessions.get_mut(&session)
        {
            own.invocations.remove(&request);
        }
        call
    }

    /// Gives the place that a call had at its callee to the next one.
    fn leave_callee(&mut self, call: &Call, out: &mut Effects) {
        if let Target::Callee { session, .. } = call.target {
            self.release(call.registration, session, out);
        }
    }

    /// Ends a call that nobody is to be told of.
    pub(crate) fn end_call(&mut self, key: CallKey, out: &mut Effects) {
        let call = self.take_call(key);
        self.leave_callee(&call, out);
    }

    /// Takes a call from its caller, who has been answered or is gone; gives who it was. As long as the callee has a
    /// limited number of calls at a time, its place stays taken until it answers.
    pub(crate) fn abandon(&mut self, key: CallKey, out: &mut Effects) -> Caller {
        let caller = self.forget_caller(key);
        let call = &mut self.dealer.calls[key];
        call.caller = Caller::Nobody;
        let (registration, busy) = (call.registration, matches!(call.target, Target::Callee { .. }));
        if !busy {
            let entry = self.dealer.by_id.get(&registration).copied();
            if let Some(entry) = entry.and_then(|entry| self.dealer.registrations.get_mut(entry)) {
                entry.queue.retain(|waiting| *waiting != key);
            }
            let call = self.dealer.calls.remove(key);
            self.dealer.queued_bytes -= call.target.size();
        } else if !self.is_limited(key) {
            self.end_call(key, out);
        }
        caller
    }

    /// Whether the callee of a call takes a limited number of calls at a time.
    fn is_limited(&self, key: CallKey) -> bool {
        let call = &self.dealer.calls[key];
        let Target::Callee { session, .. } = call.target else { return false };
        let entry = self.dealer.by_id.get(&call.registration).map(|entry| &self.dealer.registrations[*entry]);
        let mut callees = entry.into_iter().flat_map(|entry| &entry.callees);
        callees.any(|callee| callee.session == session && callee.concurrency > 0)
    }

    /// Takes a call out of the tables of its caller and of the timers.
    fn forget_caller(&mut self, key: CallKey) -> Caller {
        let call = &mut self.dealer.calls[key];
        if let Some(deadline) = call.deadline.take() {
            self.dealer.timers.remove(&deadline);
        }
        let open = call.input.take().is_some();
        if let Caller::Session { session, request } = call.caller
            && let Some(own) = self.sessions.get_mut(&session)
        {
            own.calls.remove(&request);
            if open {
                own.end_input(request);
            }
        }
        call.caller
    }

    /// Ends a call whose callee cannot answer any more by an ERROR.
    pub(crate) fn fail(&mut self, key: CallKey, error: &str, text: &str, out: &mut Effects) {
        let call = self.take_call(key);
        self.respond_error(call.caller, error, Dict::new(), Payload::one(text), out);
        self.leave_callee(&call, out);
    }

    /// Answers a caller.
    pub(crate) fn respond(&mut self, caller: Caller, details: Dict, payload: Payload, out: &mut Effects) {
        match caller {
            Caller::Session { session, request } => {
                self.counters.results += 1;
                self.send(session, Message::Result { request, details, payload }, out);
            }
            Caller::Authorizer(session) => self.authorized(session, Ok(payload)),
            Caller::Will(key) => self.authorized_will(key, Ok(payload)),
            Caller::Router(token) => out.push(Effect::Answer { token, answer: Ok(payload) }),
            Caller::Nobody => {}
        }
    }

    /// Answers a caller by an ERROR.
    pub(crate) fn respond_error(
        &mut self,
        caller: Caller,
        error: &str,
        details: Dict,
        payload: Payload,
        out: &mut Effects,
    ) {
        let error = error.to_owned();
        match caller {
            Caller::Session { session, request } => {
                self.counters.errors += 1;
                let request_type = kind::CALL;
                self.send(session, Message::Error { request_type, request, details, error, payload }, out);
            }
            Caller::Authorizer(session) => self.authorized(session, Err((error, payload))),
            Caller::Will(key) => self.authorized_will(key, Err((error, payload))),
            Caller::Router(token) => out.push(Effect::Answer { token, answer: Err((error, payload)) }),
            Caller::Nobody => {}
        }
    }
}
