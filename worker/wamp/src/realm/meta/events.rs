//! The events of the meta API. Subscriptions to topics of `wamp.` have none.

use super::registration::registration_details;
use crate::realm::broker::Publication;
use crate::realm::session::Session;
use crate::realm::{Effects, Realm};
use crate::{Dict, Id, Now, Payload, Value};

impl Realm {
    /// Publishes an event of the router itself, if somebody listens.
    fn tell(&mut self, now: Now, topic: &str, args: impl FnOnce(&Self) -> Vec<Value>, out: &mut Effects) {
        if !self.config.meta_api || !self.broker.is_listened_to(topic) {
            return;
        }
        let payload = Payload::of(args(self), Dict::new());
        let mut details = Dict::new();
        self.service.disclose("publisher", &mut details);
        let publication = Publication {
            order: self.order,
            again: false,
            id: self.ids.id(),
            topic: topic.to_owned(),
            details,
            payload,
            filter: None,
            exclude_me: None,
            publisher: Some(self.service.clone()),
        };
        self.dispatch(now, publication, out);
    }

    pub(crate) fn tell_joined(&mut self, now: Now, session: Id, out: &mut Effects) {
        let details = |this: &Self| {
            this.sessions.get(&session).map(|own| this.session_details(own).into()).into_iter().collect()
        };
        self.tell(now, "wamp.session.on_join", details, out);
    }

    pub(crate) fn tell_left(&mut self, now: Now, session: &Session, out: &mut Effects) {
        let identity = &session.identity;
        let args = |_: &Self| {
            vec![identity.session.into(), (&*identity.authid).into(), (&*identity.authrole).into()]
        };
        self.tell(now, "wamp.session.on_leave", args, out);
    }

    pub(crate) fn tell_subscribed(
        &mut self,
        now: Now,
        session: Id,
        subscription: Id,
        created: bool,
        out: &mut Effects,
    ) {
        if created {
            let details = |this: &Self| {
                let details = this.known_subscription(subscription).map(|known| known.details());
                vec![session.into(), details.unwrap_or_default().into()]
            };
            self.tell(now, "wamp.subscription.on_create", details, out);
        }
        let args = |_: &Self| vec![session.into(), subscription.into()];
        self.tell(now, "wamp.subscription.on_subscribe", args, out);
    }

    pub(crate) fn tell_unsubscribed(
        &mut self,
        now: Now,
        session: Id,
        subscription: Id,
        deleted: bool,
        out: &mut Effects,
    ) {
        let args = |_: &Self| vec![session.into(), subscription.into()];
        self.tell(now, "wamp.subscription.on_unsubscribe", args, out);
        if deleted {
            self.tell(now, "wamp.subscription.on_delete", args, out);
        }
    }

    pub(crate) fn tell_registered(
        &mut self,
        now: Now,
        session: Id,
        registration: Id,
        created: bool,
        out: &mut Effects,
    ) {
        if created {
            let details = |this: &Self| {
                let key = this.dealer.by_id.get(&registration);
                let details = key.map(|key| registration_details(&this.dealer.registrations[*key]));
                vec![session.into(), details.unwrap_or_default().into()]
            };
            self.tell(now, "wamp.registration.on_create", details, out);
        }
        let args = |_: &Self| vec![session.into(), registration.into()];
        self.tell(now, "wamp.registration.on_register", args, out);
    }

    pub(crate) fn tell_unregistered(
        &mut self,
        now: Now,
        session: Id,
        registration: Id,
        deleted: bool,
        out: &mut Effects,
    ) {
        let args = |_: &Self| vec![session.into(), registration.into()];
        self.tell(now, "wamp.registration.on_unregister", args, out);
        if deleted {
            self.tell(now, "wamp.registration.on_delete", args, out);
        }
    }
}
