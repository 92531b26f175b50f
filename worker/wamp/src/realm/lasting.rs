//! What of a realm is to outlive the process that routes it: retained events, the event history, and the testaments of
//! sessions. Somebody else keeps it ([`ForHub::Keep`]), and gives it to the next process.

use super::broker::{Filter, Publication};
use super::session::Identity;
use super::{Effect, Effects, ForHub, Realm, options};
use crate::uri::Match;
use crate::{Dict, Id, Message, Now, Payload};
use std::time::Duration;

/// By what it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LastingKey {
    /// A retained event, by its publication.
    Retained(Id),
    /// An event of the history, by its publication.
    Past(Id),
    /// The subscription of a topic whose history is kept.
    Topic(Id),
    /// A session with its testaments.
    Session(Id),
}

/// What is kept.
#[derive(Clone, Debug)]
pub enum Lasting {
    /// An event.
    Event(Box<LastingEvent>),
    /// A topic whose history is kept.
    Topic {
        /// The id of its subscription.
        id: Id,
        /// How it is matched.
        policy: Match,
        /// The topic.
        uri: String,
    },
}

/// An event that is kept.
#[derive(Clone, Debug)]
pub struct LastingEvent {
    /// Of the history; else retained.
    pub past: bool,
    /// Its place in the order of the realm.
    pub order: u64,
    /// Since 1970.
    pub time: Duration,
    /// The id of the publication.
    pub publication: Id,
    /// The topic.
    pub topic: String,
    /// What every subscriber is told.
    pub details: Dict,
    /// The arguments.
    pub payload: Payload,
    /// For whom it is, as the options of PUBLISH say it.
    pub receivers: Dict,
    /// A session that does not get it.
    pub except: Option<Id>,
    /// Who has published it: session, authid, authrole.
    pub publisher: Option<(Id, String, String)>,
}

impl Lasting {
    /// By what it is found.
    #[must_use]
    pub const fn key(&self) -> LastingKey {
        match self {
            Self::Event(event) if event.past => LastingKey::Past(event.publication),
            Self::Event(event) => LastingKey::Retained(event.publication),
            Self::Topic { id, .. } => LastingKey::Topic(*id),
        }
    }
}

impl Lasting {
    /// Its place in the order of the realm; 0: it has none.
    #[must_use]
    pub fn order(&self) -> u64 {
        if let Self::Event(event) = self { event.order } else { 0 }
    }
}

impl Realm {
    /// Has the realm tell what is to outlive its process, and what no longer.
    pub const fn set_lasting(&mut self) {
        self.lasting = true;
    }

    /// Sets the place of what comes in the order of the realm.
    pub const fn set_order(&mut self, order: u64) {
        self.order = order;
    }

    /// All that is to outlive the process, without sessions.
    pub fn lasting(&self) -> impl Iterator<Item = Lasting> {
        let topics = self.broker.history.topics().iter();
        let topics =
            topics.map(|topic| Lasting::Topic { id: topic.id, policy: topic.policy, uri: topic.uri.clone() });
        topics.chain(self.broker.retained.lasting()).chain(self.broker.history.lasting())
    }

    /// Takes in what another process had.
    pub fn restore_lasting(&mut self, now: Now, lasting: Lasting) {
        match lasting {
            Lasting::Topic { id, policy, uri } => self.broker.history.set_id(policy, &uri, id),
            Lasting::Event(event) => {
                let LastingEvent { past, order, time, topic, .. } = *event;
                let filter = options::Publish::parse(&event.receivers).unwrap_or_default().filter;
                let identity = |(session, authid, authrole): (Id, String, String)| Identity {
                    session,
                    authid: authid.into(),
                    authrole: authrole.into(),
                };
                let publication = Publication {
                    id: event.publication,
                    order,
                    again: true,
                    topic,
                    details: event.details,
                    payload: event.payload,
                    filter,
                    exclude_me: event.except,
                    publisher: event.publisher.map(identity),
                };
                if past {
                    let now = Now { wall: time, ..now };
                    self.broker.history.record(now, &publication, self.config.bounds.history_bytes);
                } else {
                    // What has no room any longer was configured away.
                    _ = self.broker.retained.keep(&publication, &self.config.bounds);
                }
            }
        }
    }

    /// The testaments of a session, as the calls that make them.
    pub fn testaments(&self, session: Id) -> impl Iterator<Item = Message> {
        let own = self.sessions.get(&session).into_iter();
        own.flat_map(|own| &own.testaments).map(|testament| Message::Call {
            request: 0,
            options: Dict::new(),
            procedure: "wamp.session.add_testament".into(),
            payload: testament.arguments(),
        })
    }

    /// Who a session is: authid and authrole.
    #[must_use]
    pub fn identity(&self, session: Id) -> Option<(&str, &str)> {
        let identity = &self.sessions.get(&session)?.identity;
        Some((&identity.authid, &identity.authrole))
    }

    /// Retains an event; the error says why not.
    pub(crate) fn retain(&mut self, publication: &Publication, out: &mut Effects) -> Result<(), String> {
        let Some(forgotten) = self.broker.retained.keep(publication, &self.config.bounds)? else {
            return Ok(()); // It has a later one already.
        };
        if self.lasting {
            let name = self.config.name.as_str().into();
            out.push(Effect::Hub(ForHub::Keep(name, publication.lasting(false, Duration::ZERO))));
            out.extend(forgotten.into_iter().map(|id| Effect::Hub(ForHub::Forget(LastingKey::Retained(id)))));
        }
        Ok(())
    }

    /// Keeps an event in the history.
    pub(crate) fn record(&mut self, now: Now, publication: &Publication, out: &mut Effects) {
        let (recorded, forgotten) =
            self.broker.history.record(now, publication, self.config.bounds.history_bytes);
        if self.lasting {
            let keep = || {
                Effect::Hub(ForHub::Keep(
                    self.config.name.as_str().into(),
                    publication.lasting(true, now.wall),
                ))
            };
            out.extend(recorded.then(keep));
            out.extend(forgotten.into_iter().map(|id| Effect::Hub(ForHub::Forget(LastingKey::Past(id)))));
        }
    }
}

impl Publication {
    fn lasting(&self, past: bool, time: Duration) -> Lasting {
        let publisher = self.publisher.as_ref().filter(|_| past);
        Lasting::Event(Box::new(LastingEvent {
            past,
            order: self.order,
            time,
            publication: self.id,
            topic: self.topic.clone(),
            details: self.details.clone(),
            payload: self.payload.clone(),
            receivers: self.filter.as_deref().map_or_else(Dict::new, Filter::options),
            except: self.exclude_me.filter(|_| !past),
            publisher: publisher.map(Identity::parts),
        }))
    }
}

impl Identity {
    /// Session, authid and authrole.
    pub(crate) fn parts(&self) -> (Id, String, String) {
        (self.session, (*self.authid).to_owned(), (*self.authrole).to_owned())
    }
}
