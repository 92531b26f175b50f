//! `wamp.subscription.*`

use super::session::{list, no_such_session_text};
use super::{Arguments, Refused, Reply};
use crate::realm::{Effects, Realm, errors};
use crate::time::rfc3339;
use crate::uri::Match;
use crate::{Dict, Id, Now, Value};
use std::time::Duration;

/// A subscription that has subscribers or a history.
pub(crate) struct Known<'a> {
    pub(crate) id: Id,
    pub(crate) uri: &'a str,
    pub(crate) policy: Match,
    created: Duration,
    pub(crate) subscribers: &'a [Id],
}

impl Realm {
    pub(crate) fn meta_subscription(
        &mut self,
        now: Now,
        caller: Option<Id>,
        name: &str,
        arguments: &Arguments,
        out: &mut Effects,
    ) -> Option<Result<Reply, Refused>> {
        Some(match name {
            "list" => arguments.only(&[]).map(|()| Value::from(self.list_subscriptions()).into()),
            "lookup" => self.lookup_subscription(arguments),
            "match" => self.match_subscriptions(arguments),
            "get" => self.subscription_of(arguments).map(|known| Value::from(known.details()).into()),
            "list_subscribers" => {
                self.subscription_of(arguments).map(|known| list(known.subscribers.to_vec()).into())
            }
            "count_subscribers" => {
                self.subscription_of(arguments).map(|known| (known.subscribers.len() as u64).into())
            }
            "remove_subscriber" => self.remove_subscriber(now, arguments, out),
            "get_events" => self.get_events(caller, arguments),
            _ => return None,
        })
    }

    fn list_subscriptions(&self) -> Dict {
        let live = self.broker.subscriptions.iter().map(|(_, s)| (s.created, &*s.uri, s.policy, s.id));
        let kept = self.broker.history.topics().iter();
        let kept = kept.filter(|topic| !self.broker.by_id.contains_key(&topic.id));
        let mut all: Vec<_> = live.chain(kept.map(|t| (t.created, t.uri.as_str(), t.policy, t.id))).collect();
        all.sort_unstable();
        let of = |policy| list(all.iter().filter(|s| s.2 == policy).map(|s| s.3).collect());
        Match::ALL.into_iter().fold(Dict::new(), |dict, policy| dict.with(policy.name(), of(policy)))
    }

    fn lookup_subscription(&self, arguments: &Arguments) -> Result<Reply, Refused> {
        arguments.only(&["topic", "options"])?;
        let topic = arguments.text(0, "topic")?;
        let policy = arguments.policy(1, "options")?;
        let live = self.broker.table.get(policy, topic).map(|key| self.broker.subscriptions[key].id);
        let id = live.or_else(|| self.broker.history.id(policy, topic));
        Ok(id.map_or(Value::Null, Value::from).into())
    }

    fn match_subscriptions(&self, arguments: &Arguments) -> Result<Reply, Refused> {
        arguments.only(&["topic"])?;
        let topic = arguments.text(0, "topic")?;
        let mut keys = Vec::new();
        self.broker.table.all(topic, &mut keys);
        let ids: Vec<_> = keys.into_iter().map(|key| self.broker.subscriptions[key].id).collect();
        Ok(if ids.is_empty() { Value::Null } else { list(ids) }.into())
    }

    /// The subscription with an id.
    pub(crate) fn known_subscription(&self, id: Id) -> Result<Known<'_>, Refused> {
        if let Some(key) = self.broker.by_id.get(&id) {
            let s = &self.broker.subscriptions[*key];
            let (uri, policy, created) = (&*s.uri, s.policy, s.created);
            return Ok(Known { id, uri, policy, created, subscribers: &s.subscribers });
        }
        if let Some(topic) = self.broker.history.topic(id) {
            let (uri, policy, created) = (topic.uri.as_str(), topic.policy, topic.created);
            return Ok(Known { id, uri, policy, created, subscribers: &[] });
        }
        let text = format!("no subscription with ID {id} exists on this broker");
        Err(Refused::new(errors::NO_SUCH_SUBSCRIPTION, text))
    }

    fn subscription_of(&self, arguments: &Arguments) -> Result<Known<'_>, Refused> {
        arguments.only(&["subscription_id"])?;
        self.known_subscription(arguments.id(0, "subscription_id")?)
    }

    fn remove_subscriber(
        &mut self,
        now: Now,
        arguments: &Arguments,
        out: &mut Effects,
    ) -> Result<Reply, Refused> {
        arguments.only(&["subscription_id", "subscriber_id", "reason"])?;
        let id = self.known_subscription(arguments.id(0, "subscription_id")?)?.id;
        let subscriber = arguments.id(1, "subscriber_id")?;
        let reason = arguments.text_if(2, "reason")?;
        if !self.sessions.contains_key(&subscriber) {
            return Err(Refused::with_message(errors::NO_SUCH_SESSION, no_such_session_text(subscriber)));
        }
        if !self.revoke_subscription(now, subscriber, id, reason, out) {
            let text = format!("session {subscriber} is not subscribed on subscription {id} on this broker");
            return Err(Refused::new(errors::NO_SUCH_SUBSCRIPTION, text));
        }
        Ok(Value::Null.into())
    }
}

impl Known<'_> {
    /// Its details, as the meta API tells them.
    pub(crate) fn details(&self) -> Dict {
        Dict::new()
            .with("id", self.id)
            .with("created", rfc3339(self.created))
            .with("uri", self.uri)
            .with("match", self.policy.name())
    }
}
