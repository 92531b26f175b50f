//! Events and calls, from one end to the other.

use super::bridge::Bridge;
use super::end::Asked;
use super::{Kind, Side, is_forwarded, is_own};
use crate::{Dict, Id, Message, Payload, Value, kind};

/// What a call over two links is refused with.
const NO_CALLEE: &str = "wamp.error.no_available_callee";

impl Bridge {
    /// Publishes an event at the other end, where somebody has subscribed to it.
    pub(super) fn bring_event(
        &mut self,
        side: Side,
        subscription: Id,
        publication: Id,
        details: Dict,
        payload: Payload,
    ) {
        let Some(&id) = self.end(side).copies.get(&(Kind::Subscription, subscription)) else { return };
        if is_forwarded(&details) || !self.end(side).is_new(publication) {
            return;
        }
        let to = side.other();
        let topic = match details.get("topic").and_then(Value::as_str) {
            Some(topic) => topic.to_owned(),
            None => match self.uri(to, Kind::Subscription, id) {
                Some(uri) => uri,
                None => return,
            },
        };
        if is_own(&topic) {
            return;
        }
        let mut options = passed(&details).with("acknowledge", true);
        options.push("forward_for", self.forward_for(side, &details, "publisher"));
        let excluded = &self.terms().exclude_authid;
        if to == Side::Remote && !excluded.is_empty() {
            let excluded: Vec<Value> = excluded.iter().map(|authid| authid.as_str().into()).collect();
            options.push("exclude_authid", excluded);
        }
        self.end(to).ask(Asked::Publish, |request| Message::Publish { request, options, topic, payload });
    }

    /// Calls at the other end, or hands further arguments of a call on.
    pub(super) fn bring_call(
        &mut self,
        side: Side,
        invocation: Id,
        registration: Id,
        details: Dict,
        payload: Payload,
    ) {
        let to = side.other();
        let id = self.end(side).copies.get(&(Kind::Registration, registration)).copied();
        let procedure = match details.get("procedure").and_then(Value::as_str) {
            Some(procedure) => Some(procedure.to_owned()),
            None => id.and_then(|id| self.uri(to, Kind::Registration, id)),
        };
        let procedure = procedure.filter(|_| id.is_some() && !is_forwarded(&details));
        let Some(procedure) = procedure else {
            let text = "what has come over a link does not go over another one";
            return self.end(side).output.push_back(Message::Error {
                request_type: kind::INVOCATION,
                request: invocation,
                details: Dict::new(),
                error: NO_CALLEE.into(),
                payload: Payload::one(text),
            });
        };
        let mut options = passed(&details);
        for key in ["receive_progress", "progress"] {
            if details.get(key).and_then(Value::as_bool) == Some(true) {
                options.push(key, true);
            }
        }
        options.push("forward_for", self.forward_for(side, &details, "caller"));
        match self.calls.get(&(side, invocation)).copied() {
            Some(request) => {
                self.end(to).output.push_back(Message::Call { request, options, procedure, payload });
            }
            None => {
                let message = |request| Message::Call { request, options, procedure, payload };
                let request = self.end(to).ask(Asked::Call(invocation), message);
                self.calls.insert((side, invocation), request);
            }
        }
    }

    /// Cancels a call at the other end.
    pub(super) fn bring_interrupt(&mut self, side: Side, invocation: Id, options: &Dict) {
        let Some(&request) = self.calls.get(&(side, invocation)) else { return };
        let mode = options.get("mode").and_then(Value::as_str).unwrap_or("killnowait");
        let options = Dict::new().with("mode", mode);
        self.end(side.other()).output.push_back(Message::Cancel { request, options });
    }

    /// Answers an invocation by the result of the call.
    pub(super) fn bring_result(
        &mut self,
        side: Side,
        invocation: Id,
        details: &Dict,
        payload: Payload,
        more: bool,
    ) {
        let mut options = passed(details);
        let to = side.other();
        if more {
            options.push("progress", true);
        } else {
            self.calls.remove(&(to, invocation));
        }
        self.end(to).output.push_back(Message::Yield { request: invocation, options, payload });
    }

    /// Answers an invocation by the error of the call.
    pub(super) fn bring_error(
        &mut self,
        side: Side,
        invocation: Id,
        details: &Dict,
        error: String,
        payload: Payload,
    ) {
        let to = side.other();
        self.calls.remove(&(to, invocation));
        self.end(to).output.push_back(Message::Error {
            request_type: kind::INVOCATION,
            request: invocation,
            details: passed(details),
            error,
            payload,
        });
    }

    /// The URI of an entry.
    fn uri(&mut self, side: Side, kind: Kind, id: Id) -> Option<String> {
        let entry = self.mirrors.get_mut(&(side, kind))?.get(id)?;
        entry.about.as_ref().map(|about| about.uri.clone())
    }

    /// On whose behalf something goes over the link: who is disclosed, else the link itself.
    fn forward_for(&mut self, side: Side, details: &Dict, who: &str) -> Vec<Value> {
        let text = |key: &str| details.get(&format!("{who}_{key}")).and_then(Value::as_str);
        let own = self.end(side).session;
        let hop = match details.get(who).and_then(Value::as_id) {
            Some(session) => Dict::new()
                .with("session", session)
                .with("authid", text("authid").unwrap_or_default())
                .with("authrole", text("authrole").unwrap_or_default()),
            None => {
                Dict::new().with("session", own).with("authid", super::MARK).with("authrole", super::MARK)
            }
        };
        vec![hop.into()]
    }
}

/// What belongs to a payload that routers don't look into.
fn passed(details: &Dict) -> Dict {
    let belongs = |key: &str| key.starts_with("enc_") || key.starts_with("ppt_");
    Dict(details.0.iter().filter(|(key, _)| belongs(key)).cloned().collect())
}
