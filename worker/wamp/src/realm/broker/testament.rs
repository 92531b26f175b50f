//! Testaments: events that a session leaves behind.

use super::Publication;
use crate::realm::dealer::Caller;
use crate::realm::permission::{Action, Permissions, Verdict};
use crate::realm::session::{Identity, Session};
use crate::realm::{Effects, Realm, authorize, options};
use crate::uri::Match;
use crate::{Dict, Id, Ids, Now, Payload, uri};
use std::collections::VecDeque;

/// When a testament is published. Sessions cannot be resumed, so both are when the session ends, detached ones first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Detached,
    Destroyed,
}

impl Scope {
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "detached" => Some(Self::Detached),
            "destroyed" => Some(Self::Destroyed),
            _ => None,
        }
    }
}

/// A testament.
#[derive(Clone, Debug)]
pub(crate) struct Testament {
    pub(crate) scope: Scope,
    pub(crate) topic: String,
    pub(crate) payload: Payload,
    pub(crate) options: options::Publish,
}

impl Testament {
    /// The arguments of the call that makes it.
    pub(crate) fn arguments(&self) -> Payload {
        let (args, kwargs) = self.payload.decode().unwrap_or_default();
        let scope = if self.scope == Scope::Detached { "detached" } else { "destroyed" };
        let args = vec![
            self.topic.as_str().into(),
            args.into(),
            kwargs.into(),
            self.options.options().into(),
            scope.into(),
        ];
        Payload::of(args, Dict::new())
    }

    /// The bytes that it takes, about.
    pub(crate) fn size(&self) -> usize {
        size_of::<Self>() + self.topic.len() + self.payload.size()
    }
}

/// What a session that has left is still to publish.
#[derive(Debug)]
pub(crate) struct Will {
    identity: Identity,
    /// Its details, for its authorizer.
    details: Dict,
    testaments: VecDeque<Testament>,
}

impl Will {
    pub(crate) fn authrole(&self) -> &str {
        &self.identity.authrole
    }
}

impl Realm {
    /// Publishes the testaments of a session that has left, one after the other: its authorizer may have to be asked.
    pub(crate) fn execute_testaments(&mut self, now: Now, session: &mut Session, out: &mut Effects) {
        if session.testaments.is_empty() {
            return;
        }
        let mut testaments = std::mem::take(&mut session.testaments);
        testaments.sort_by_key(|testament| testament.scope != Scope::Detached);
        let will = Will {
            identity: session.identity.clone(),
            details: session.details(),
            testaments: testaments.into(),
        };
        self.execute_will(now, will, None, out);
    }

    /// Goes on with the testaments of a session; `verdict` is what was answered about the first one.
    pub(crate) fn execute_will(
        &mut self,
        now: Now,
        mut will: Will,
        mut verdict: Option<Verdict>,
        out: &mut Effects,
    ) {
        while let Some(testament) = will.testaments.front() {
            let topic = testament.topic.as_str();
            let permissions = self.roles.get(self.roles.find(&will.identity.authrole));
            let known =
                || permissions.map_or(Some(Verdict::Denied), |p| p.verdict(ACTION, Match::Exact, topic));
            let verdict = match verdict.take().or_else(known) {
                _ if uri::is_reserved(topic) => Verdict::Denied,
                Some(verdict) => verdict,
                None => {
                    let Some(Permissions::Dynamic(role)) = permissions else { return };
                    let authorizer = role.authorizer.clone();
                    let question = authorize::question(will.details.clone(), ACTION, topic, &Dict::new());
                    let caller = Caller::Will(self.wills.insert(will));
                    let timeout = self.config.authorizer_timeout;
                    self.call_for_router(now, caller, &authorizer, question, timeout, out);
                    return;
                }
            };
            let Some(testament) = will.testaments.pop_front() else { return };
            match verdict {
                Verdict::Allowed { disclose } => self.execute_testament(now, &will, testament, disclose, out),
                Verdict::Denied => self.counters.denied += 1,
                // Who could not say it now is not asked again and again.
                Verdict::Failed => {
                    self.counters.denied += 1 + will.testaments.len() as u64;
                    return;
                }
            }
        }
    }

    fn execute_testament(
        &mut self,
        now: Now,
        will: &Will,
        testament: Testament,
        disclose: bool,
        out: &mut Effects,
    ) {
        let mut details = testament.options.passed.into_details(false);
        if disclose {
            will.identity.disclose("publisher", &mut details);
        }
        let publication = Publication {
            // The same if another process does it again.
            id: testament_id(will.identity.session, will.testaments.len()),
            order: self.order,
            again: self.stamp.again,
            topic: testament.topic,
            details,
            payload: testament.payload,
            filter: testament.options.filter,
            exclude_me: None,
            publisher: Some(will.identity.clone()),
        };
        if testament.options.retain && self.retain(&publication, out).is_err() {
            self.counters.denied += 1;
            return;
        }
        self.dispatch(now, publication, out);
    }
}

/// The id of the publication of a testament, of which so many are left.
fn testament_id(session: Id, left: usize) -> Id {
    Ids::seeded(session.wrapping_add((left as u64) << 54)).id()
}

const ACTION: Action = Action::Publish;
