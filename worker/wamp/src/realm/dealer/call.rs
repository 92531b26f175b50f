//! CALL and the way of an invocation to its callee.

use super::{Call, CallKey, Caller, Target, input_size};
use crate::realm::options;
use crate::realm::permission::{Action, Verdict};
use crate::realm::{Effects, Realm, errors};
use crate::uri::Match;
use crate::{Dict, Id, Message, Now, Payload, Value, kind, rlink, uri};
use std::time::Duration;

/// How many further arguments of a progressive call wait together with it.
const WAITING_INPUTS: usize = 1000;

pub(crate) const NO_FURTHER_INPUT: &str = "the callee takes no progressive invocations";

/// A call before it goes to a callee.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) details: Dict,
    pub(crate) payload: Payload,
    /// Further arguments are to come.
    pub(crate) progress: bool,
    /// Zero: none.
    pub(crate) timeout: Duration,
}

impl Realm {
    pub(crate) fn on_call(
        &mut self,
        now: Now,
        session: Id,
        (request, options, procedure, payload): (Id, Dict, String, Payload),
        verdict: Option<Verdict>,
        out: &mut Effects,
    ) {
        let Some(own) = self.sessions.get_mut(&session) else { return };
        let pending = own.calls.get(&request).copied();
        let parsed = match options::Call::parse(&options) {
            Ok(parsed) => parsed,
            Err(text) => match pending {
                Some(key) => return self.give_up(key, errors::INVALID_ARGUMENT, &text, out),
                None => {
                    let more = options.get("progress").and_then(Value::as_bool) == Some(true);
                    return self.refuse_call((session, request, more), errors::INVALID_ARGUMENT, text, out);
                }
            },
        };
        let call = (session, request, parsed.progress);
        let opaque = payload.is_opaque();
        if let Some(key) = pending {
            return self.further_input(session, key, parsed.progress, payload, out);
        }
        if own.is_late_input(request, parsed.progress) {
            return;
        }
        // A procedure that somebody has registered has been checked.
        let exact = self.dealer.table.exact(&procedure);
        if exact.is_none() && !uri::is_valid(&procedure, self.config.uri_check) {
            let text = format!("call with invalid procedure URI '{}'", errors::short(&procedure));
            return self.refuse_call(call, errors::INVALID_URI, text, out);
        }
        let question = (Action::Call, Match::Exact);
        let disclose = match self.authorize(now, session, question, &procedure, &options, verdict, out) {
            None => return self.hold(session, Message::Call { request, options, procedure, payload }, out),
            Some(Verdict::Allowed { disclose }) => disclose,
            Some(verdict) => {
                self.end_input(call);
                return self.deny(session, request, Action::Call, &procedure, &verdict, out);
            }
        };
        self.counters.calls += 1;
        if uri::is_reserved(&procedure) {
            self.end_input(call);
            let caller = Caller::Session { session, request };
            return self.call_meta(now, caller, &procedure, &payload, out);
        }
        let Some(key) = exact.or_else(|| self.dealer.table.best(&procedure)) else {
            let text = format!("no callee registered for procedure <{}>", errors::short(&procedure));
            return self.refuse_call(call, errors::NO_SUCH_PROCEDURE, text, out);
        };
        let Some(own) = self.sessions.get(&session) else { return };
        if own.calls.len() >= self.config.bounds.calls {
            let text =
                format!("a session may have {} calls that are not answered yet", self.config.bounds.calls);
            return self.refuse_call(call, errors::LIMIT_REACHED, text, out);
        }
        let mut details = parsed.passed.into_details(opaque);
        if disclose {
            own.identity.disclose("caller", &mut details);
        }
        if self.dealer.registrations[key].policy != Match::Exact {
            details.push("procedure", procedure);
        }
        if parsed.timeout > 0 {
            details.push("timeout", parsed.timeout);
        }
        if parsed.receive_progress {
            details.push("receive_progress", true);
        }
        let invocation = Invocation {
            details,
            payload,
            progress: parsed.progress,
            timeout: self.config.call_timeout_unit.of(parsed.timeout),
        };
        let caller = Caller::Session { session, request };
        if let Err((error, text)) = self.invoke(now, key, caller, invocation, out) {
            self.refuse_call(call, error, text, out);
        }
    }

    /// Answers a call that goes to nobody.
    fn refuse_call(&mut self, call: (Id, Id, bool), error: &str, text: String, out: &mut Effects) {
        self.end_input(call);
        errors::refuse(out, call.0, kind::CALL, call.1, error, text);
    }

    /// Lets further arguments of a call that is answered be for nobody, if there are to be any.
    fn end_input(&mut self, (session, request, progress): (Id, Id, bool)) {
        if progress && let Some(own) = self.sessions.get_mut(&session) {
            own.end_input(request);
        }
    }

    /// Calls a procedure for the router itself. None: it has been answered.
    pub(crate) fn call_for_router(
        &mut self,
        now: Now,
        caller: Caller,
        procedure: &str,
        payload: Payload,
        timeout: Duration,
        out: &mut Effects,
    ) -> Option<CallKey> {
        self.counters.calls += 1;
        if uri::is_reserved(procedure) {
            self.call_meta(now, caller, procedure, &payload, out);
            return None;
        }
        let Some(key) = self.dealer.table.best(procedure) else {
            let text = format!("no callee registered for procedure <{}>", errors::short(procedure));
            self.respond_error(caller, errors::NO_SUCH_PROCEDURE, Dict::new(), Payload::one(text), out);
            return None;
        };
        let mut details = Dict::new();
        self.service.disclose("caller", &mut details);
        if self.dealer.registrations[key].policy != Match::Exact {
            details.push("procedure", procedure);
        }
        let invocation = Invocation { details, payload, progress: false, timeout };
        match self.invoke(now, key, caller, invocation, out) {
            Ok(call) => Some(call),
            Err((error, text)) => {
                self.respond_error(caller, error, Dict::new(), Payload::one(text), out);
                None
            }
        }
    }

    /// Sends a call to a callee, or lets it wait for one.
    fn invoke(
        &mut self,
        now: Now,
        registration: usize,
        caller: Caller,
        invocation: Invocation,
        out: &mut Effects,
    ) -> Result<CallKey, (&'static str, String)> {
        let Invocation { mut details, payload, progress, timeout } = invocation;
        let entry = &mut self.dealer.registrations[registration];
        let forwarded = rlink::is_forwarded(&details);
        if forwarded && !entry.takes_forwarded() {
            let text = format!("no callee of this router has registered <{}>", errors::short(&entry.uri));
            return Err((errors::NO_SUCH_PROCEDURE, text));
        }
        // Until all is known that callees are working on nobody knows which of them are free.
        let frozen = self.dealer.frozen;
        let waiting = !entry.queue.is_empty() || frozen && entry.is_limited();
        let place = if waiting { None } else { entry.pick(&mut self.ids, forwarded) };
        if place.is_none() && !frozen {
            let room = self.room_in_queue(registration, details.size() + payload.size());
            room.map_err(|text| (errors::MAX_CONCURRENCY, text))?;
        }
        if progress && let Some(at) = place {
            let callee = self.dealer.registrations[registration].callees[at].session;
            if !self.takes_further_input(callee) {
                return Err((errors::FEATURE_NOT_SUPPORTED, NO_FURTHER_INPUT.to_owned()));
            }
        }
        let input = progress.then(|| Box::new(details.clone()));
        if progress {
            details.push("progress", true);
        }
        let entry = &mut self.dealer.registrations[registration];
        let mut call = Call {
            caller,
            name: matches!(caller, Caller::Session { .. }).then_some((self.stamp.edge, self.stamp.number)),
            registration: entry.id,
            target: Target::Queued(Vec::new()),
            input,
            killed: false,
            deadline: None,
        };
        let key = self.dealer.calls.vacant_key();
        let mut timed = false;
        let content = match place {
            Some(at) => {
                let callee = &mut entry.callees[at];
                callee.active += 1;
                let session = callee.session;
                let forward = callee.forward_timeout;
                let features = self.sessions.get(&session).map(|own| own.features);
                timed = forward && features.is_some_and(|features| features.callee_timeout);
                let request = self.next_invocation(session, key);
                call.target = Target::Callee { session, request };
                Some((session, request, call.registration))
            }
            None => {
                entry.queue.push_back(key);
                None
            }
        };
        if !timeout.is_zero() && !timed {
            let deadline = (now.clock.saturating_add(timeout), self.place());
            call.deadline = Some(deadline);
            self.dealer.timers.insert(deadline, key);
        }
        if let Caller::Session { session, request } = caller
            && let Some(own) = self.sessions.get_mut(&session)
        {
            own.calls.insert(request, key);
        }
        match content {
            Some((session, request, registration)) => {
                self.dealer.calls.insert(call);
                self.send(session, Message::Invocation { request, registration, details, payload }, out);
            }
            None => {
                call.target = Target::Queued(vec![(details, payload)]);
                self.dealer.queued_bytes += call.target.size();
                self.dealer.calls.insert(call);
                self.tell_queued(out);
            }
        }
        Ok(key)
    }

    /// Whether a callee takes the arguments of one call in several invocations.
    pub(crate) fn takes_further_input(&self, callee: Id) -> bool {
        self.sessions
            .get(&callee)
            .is_some_and(|own| own.features.callee_progressive_invocations && own.features.callee_canceling)
    }

    /// The request of the next invocation of a callee.
    pub(crate) fn next_invocation(&mut self, session: Id, key: CallKey) -> Id {
        let Some(own) = self.sessions.get_mut(&session) else { return 0 };
        own.last_invocation += 1;
        let request = own.last_invocation;
        own.invocations.insert(request, key);
        self.dealer.last_invocation = self.dealer.last_invocation.max(request);
        request
    }

    /// Brings further arguments of a progressive call to its callee, with the options of the first ones.
    fn further_input(
        &mut self,
        session: Id,
        key: CallKey,
        progress: bool,
        payload: Payload,
        out: &mut Effects,
    ) {
        let call = &mut self.dealer.calls[key];
        let Some(input) = &call.input else {
            let text = "a CALL has the request of another one that is not answered yet";
            return self.violation(session, text, out);
        };
        let mut details = (**input).clone();
        if progress {
            details.push("progress", true);
        } else {
            call.input = None;
        }
        let input = (details, payload);
        let added = input_size(&input);
        let full = self.dealer.queued_bytes + added > self.config.bounds.queued_bytes;
        match &mut call.target {
            Target::Queued(inputs) if inputs.len() > WAITING_INPUTS || full => {
                let text = "too many further arguments wait for a callee";
                self.give_up(key, errors::LIMIT_REACHED, text, out);
            }
            Target::Queued(inputs) => {
                inputs.push(input);
                self.dealer.queued_bytes += added;
                self.tell_queued(out);
            }
            Target::Callee { session, request } => {
                let (session, request, registration) = (*session, *request, call.registration);
                let (details, payload) = input;
                self.send(session, Message::Invocation { request, registration, details, payload }, out);
            }
        }
    }
}
