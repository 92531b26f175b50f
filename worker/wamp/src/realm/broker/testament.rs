//! Testaments: events that a session leaves behind.

use super::Publication;
use crate::realm::options;
use crate::realm::permission::{Action, Verdict};
use crate::realm::session::Session;
use crate::realm::{Effects, Realm};
use crate::uri::Match;
use crate::{Now, Payload, uri};

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
#[derive(Debug)]
pub(crate) struct Testament {
    pub(crate) scope: Scope,
    pub(crate) topic: String,
    pub(crate) payload: Payload,
    pub(crate) options: options::Publish,
}

impl Realm {
    /// Publishes the testaments of a session that has left.
    pub(crate) fn execute_testaments(&mut self, now: Now, session: &mut Session, out: &mut Effects) {
        let mut testaments = std::mem::take(&mut session.testaments);
        testaments.sort_by_key(|testament| testament.scope != Scope::Detached);
        for testament in testaments {
            let permissions = self.roles.get(&session.identity.authrole);
            let verdict =
                permissions.and_then(|p| p.verdict(Action::Publish, Match::Exact, &testament.topic));
            let Some(Verdict::Allowed { disclose }) = verdict else {
                self.counters.denied += 1;
                continue;
            };
            if uri::is_reserved(&testament.topic) {
                continue;
            }
            let mut details = testament.options.passed.into_details(false);
            if disclose {
                session.identity.disclose("publisher", &mut details);
            }
            let publication = Publication {
                id: self.ids.id(),
                topic: testament.topic,
                details,
                payload: testament.payload,
                filter: testament.options.filter,
                exclude_me: None,
                publisher: Some(session.identity.clone()),
            };
            if testament.options.retain
                && self.broker.retained.keep(&publication, &self.config.bounds).is_err()
            {
                self.counters.denied += 1;
                continue;
            }
            self.dispatch(now, publication, out);
        }
    }
}
