//! Whether a request is allowed, and the procedures of the realm that are asked about it.

use super::broker::Will;
use super::dealer::{CallKey, Caller};
use super::permission::{Action, Permissions, Verdict};
use super::{Effects, Realm, Stamp, errors};
use crate::uri::Match;
use crate::{Dict, Id, Message, Now, Payload, Value, kind};

/// What the authorizer of a session is asked. Whatever the session sends meanwhile waits, so that the order of its
/// requests is kept.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    action: Action,
    policy: Match,
    uri: String,
    /// The request that waits for the answer.
    message: Option<(Stamp, Message)>,
    /// The call of the authorizer, as long as it is not answered.
    call: Option<CallKey>,
    verdict: Option<Verdict>,
}

impl Asked {
    /// The request that waits for the answer.
    pub(crate) fn message(&self) -> Option<&Message> {
        self.message.as_ref().map(|(_, message)| message)
    }

    /// Where that came from.
    pub(crate) fn stamp(&self) -> Option<Stamp> {
        self.message.as_ref().map(|(stamp, _)| *stamp)
    }

    /// The call of the authorizer that is not answered.
    pub(crate) const fn call(&self) -> Option<CallKey> {
        self.call
    }
}

/// The arguments of an authorizer.
pub(crate) fn question(details: Dict, action: Action, uri: &str, options: &Dict) -> Payload {
    let args = vec![details.into(), uri.into(), action.name().into(), options.clone().into()];
    Payload::of(args, Dict::new())
}

/// Somebody whose authorizer has answered.
#[derive(Debug)]
pub(crate) enum Ready {
    Session(Id),
    Will(Will, Verdict),
}

impl Realm {
    /// Whether a session may do something. None: its authorizer is being asked; the request is to be held.
    /// `verdict` is what was answered before, if so.
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn authorize(
        &mut self,
        now: Now,
        session: Id,
        (action, policy): (Action, Match),
        uri: &str,
        options: &Dict,
        verdict: Option<Verdict>,
        out: &mut Effects,
    ) -> Option<Verdict> {
        if verdict.is_some() {
            return verdict;
        }
        let Some(own) = self.sessions.get_mut(&session) else { return Some(Verdict::Denied) };
        let Some(permissions) = self.roles.get(own.role) else { return Some(Verdict::Denied) };
        if let Some(verdict) = permissions.verdict(action, policy, uri) {
            return Some(verdict);
        }
        let Permissions::Dynamic(role) = permissions else { return Some(Verdict::Denied) };
        let authorizer = role.authorizer.clone();
        let payload = question(own.details(), action, uri, options);
        own.asked = Some(Box::new(Asked {
            action,
            policy,
            uri: uri.to_owned(),
            message: None,
            call: None,
            verdict: None,
        }));
        let timeout = self.config.authorizer_timeout;
        let call = self.call_for_router(now, Caller::Authorizer(session), &authorizer, payload, timeout, out);
        let asked = &mut self.sessions.get_mut(&session)?.asked;
        if asked.as_ref().is_some_and(|asked| asked.verdict.is_some()) {
            return asked.take().and_then(|asked| asked.verdict);
        }
        asked.as_mut()?.call = call;
        None
    }

    /// Keeps a request until the authorizer has answered.
    pub(crate) fn hold(&mut self, session: Id, message: Message, out: &mut Effects) {
        if let Some(asked) = self.sessions.get_mut(&session).and_then(|own| own.asked.as_mut()) {
            asked.message = Some((self.stamp, message));
            self.tell_held(out);
        }
    }

    /// Takes the answer of an authorizer.
    pub(crate) fn authorized(&mut self, session: Id, answer: Result<Payload, (String, Payload)>) {
        let Some(own) = self.sessions.get_mut(&session) else { return };
        let role = own.role;
        let Some(asked) = own.asked.as_mut() else { return };
        asked.call = None;
        let (verdict, keep) = read(answer, asked.action, self.roles.get_mut(role));
        if keep && let Some(Permissions::Dynamic(role)) = self.roles.get_mut(role) {
            let bound = self.config.bounds.authorizations;
            role.cache.keep(asked.action, asked.policy, &asked.uri, verdict.clone(), bound);
        }
        asked.verdict = Some(verdict);
        self.ready.push_back(Ready::Session(session));
    }

    /// Takes the answer of an authorizer about a testament.
    pub(crate) fn authorized_will(&mut self, key: usize, answer: Result<Payload, (String, Payload)>) {
        let will = self.wills.remove(key);
        let role = self.roles.find(will.authrole());
        let (verdict, _) = read(answer, Action::Publish, self.roles.get_mut(role));
        self.ready.push_back(Ready::Will(will, verdict));
    }

    /// Goes on with those whose authorizers have answered.
    pub(crate) fn settle(&mut self, now: Now, out: &mut Effects) {
        while let Some(ready) = self.ready.pop_front() {
            let session = match ready {
                Ready::Session(session) => session,
                Ready::Will(will, verdict) => {
                    self.execute_will(now, will, Some(verdict), out);
                    continue;
                }
            };
            let Some(own) = self.sessions.get_mut(&session) else { continue };
            let answered = own.asked.take_if(|asked| asked.verdict.is_some() && asked.message.is_some());
            if let Some(asked) = answered
                && let Some((stamp, message)) = asked.message
            {
                self.resume(stamp, out);
                self.handle(now, session, message, asked.verdict, out);
            }
            while let Some(own) = self.sessions.get_mut(&session) {
                if own.asked.is_some() || own.violated {
                    break;
                }
                let Some((stamp, message)) = own.held.pop_front() else { break };
                own.held_bytes -= message.size();
                self.resume(stamp, out);
                self.handle(now, session, message, None, out);
            }
        }
    }

    /// Answers a request that is not allowed.
    pub(crate) fn deny(
        &mut self,
        session: Id,
        request: Id,
        action: Action,
        uri: &str,
        verdict: &Verdict,
        out: &mut Effects,
    ) {
        self.counters.denied += 1;
        let kind = match action {
            Action::Call => kind::CALL,
            Action::Register => kind::REGISTER,
            Action::Publish => kind::PUBLISH,
            Action::Subscribe => kind::SUBSCRIBE,
        };
        let what = format!("{} {} '{}'", action.name(), action.object(), errors::short(uri));
        let (error, text) = match verdict {
            // Why is for the operator.
            Verdict::Failed => (
                errors::AUTHORIZATION_FAILED,
                format!("the authorizer could not say whether the session may {what}"),
            ),
            _ => (
                errors::NOT_AUTHORIZED,
                format!("the session is not authorized to {what} on realm '{}'", self.config.name),
            ),
        };
        errors::refuse(out, session, kind, request, error, text);
    }
}

/// The verdict of an authorizer, and whether it may be kept. Its role remembers a failure until the next answer.
fn read(
    answer: Result<Payload, (String, Payload)>,
    action: Action,
    permissions: Option<&mut Permissions>,
) -> (Verdict, bool) {
    let disclose = permissions.as_ref().is_some_and(|p| p.discloses(action));
    let (read, failure) = match try_read(answer, disclose) {
        Ok(read) => (read, None),
        Err(text) => ((Verdict::Failed, false), Some(text)),
    };
    if let Some(Permissions::Dynamic(role)) = permissions {
        role.failure = failure;
    }
    read
}

fn try_read(answer: Result<Payload, (String, Payload)>, disclose: bool) -> Result<(Verdict, bool), String> {
    let payload =
        answer.map_err(|(error, _)| format!("the authorizer failed with {}", errors::short(&error)))?;
    let (args, _) = payload.decode().map_err(|_| "the authorizer's answer cannot be read".to_owned())?;
    let verdict = |allow, disclose| if allow { Verdict::Allowed { disclose } } else { Verdict::Denied };
    match args.into_iter().next() {
        Some(Value::Bool(allow)) => Ok((verdict(allow, disclose), false)),
        Some(Value::Map(entries)) => {
            let (mut allow, mut disclose, mut keep) = (None, disclose, false);
            for (key, value) in &entries {
                let key = key.as_str().unwrap_or_default();
                let Some(value) = value.as_bool() else {
                    return Err(format!("the authorizer's '{}' is not true or false", errors::short(key)));
                };
                match key {
                    "allow" => allow = Some(value),
                    "disclose" => disclose = value,
                    "cache" => keep = value,
                    _ => {
                        return Err(format!(
                            "the authorizer answered an unknown key '{}'",
                            errors::short(key)
                        ));
                    }
                }
            }
            let allow = allow.ok_or_else(|| "the authorizer's answer has no 'allow'".to_owned())?;
            Ok((verdict(allow, disclose), keep))
        }
        other => Err(format!(
            "the authorizer answered {}, not true, false or a dictionary with 'allow'",
            other.as_ref().map_or("nothing", Value::describe)
        )),
    }
}
