//! Retained events: the last one of a topic, for those who subscribe later.

use super::{Filter, Publication};
use crate::planted::planted;
use crate::realm::config::Bounds;
use crate::realm::session::Identity;
use crate::realm::{Effects, Lasting, LastingEvent, Realm};
use crate::uri::Match;
use crate::{Dict, Id, Message, Payload};
use std::collections::BTreeMap;
use std::time::Duration;

/// The retained events of a realm.
#[derive(Debug, Default)]
pub(crate) struct Retained {
    topics: BTreeMap<Box<str>, Topic>,
    bytes: usize,
    order: u64,
}

#[derive(Debug, Default)]
struct Topic {
    /// The id of the topic's subscription. It stays the same as long as an event is retained.
    subscription: Option<Id>,
    /// The oldest first. An event for everybody takes the place of all before it, one for some sessions that of the
    /// one that was for the same: so each session finds the last event that it would have got.
    events: Vec<Event>,
}

#[derive(Debug)]
struct Event {
    order: u64,
    /// Its place in the order of the realm.
    placed: u64,
    publication: Id,
    details: Dict,
    payload: Payload,
    filter: Option<Box<Filter>>,
    exclude_me: Option<Id>,
    size: usize,
}

impl Retained {
    /// The bytes of all of them, about.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many topics have one.
    pub(crate) fn topics(&self) -> usize {
        self.topics.len()
    }

    /// Keeps an event in the place of the ones before it, and tells which those are; the error says why not. Nothing: it
    /// comes again, and there is a later one.
    pub(crate) fn keep(
        &mut self,
        publication: &Publication,
        bounds: &Bounds,
    ) -> Result<Option<Vec<Id>>, String> {
        let size = publication.payload.size()
            + publication.filter.as_ref().map_or(0, |filter| filter.size())
            + 2 * publication.topic.len()
            + 128;
        let again = planted!(EarlierRetained, false, publication.again);
        let later = |event: &Event| again && event.placed > publication.order;
        let same = |event: &Event| event.filter == publication.filter;
        let covers = |event: &Event| event.filter.is_none() || same(event);
        if let Some(topic) = self.topics.get(&*publication.topic)
            && topic.events.iter().any(|event| later(event) && covers(event))
        {
            return Ok(None);
        }
        let replaces = |event: &Event| (publication.filter.is_none() || same(event)) && !later(event);
        let freed = self.topics.get(&*publication.topic).map_or(0, |topic| {
            topic.events.iter().filter(|event| replaces(event)).map(|event| event.size).sum()
        });
        if self.bytes - freed + size > bounds.retained_bytes {
            let limit = bounds.retained_bytes;
            return Err(format!("the retained events of a realm may take {limit} bytes"));
        }
        self.order += 1;
        let topic = self.topics.entry(publication.topic.as_str().into()).or_default();
        let forgotten =
            topic.events.iter().filter(|event| replaces(event) && event.publication != publication.id);
        let mut forgotten: Vec<_> = forgotten.map(|event| event.publication).collect();
        topic.events.retain(|event| !replaces(event));
        let place = topic.events.iter().take_while(|event| !later(event)).count();
        let event = Event {
            order: self.order,
            placed: publication.order,
            publication: publication.id,
            details: publication.details.clone(),
            payload: publication.payload.clone(),
            filter: publication.filter.clone(),
            exclude_me: publication.exclude_me,
            size,
        };
        topic.events.insert(place, event);
        self.bytes = self.bytes - freed + size;
        if topic.events.len() > bounds.retained_variants.max(1) {
            let oldest = topic.events.remove(0);
            self.bytes -= oldest.size;
            forgotten.push(oldest.publication);
        }
        Ok(Some(forgotten))
    }

    /// All of them, to be kept by somebody else.
    pub(crate) fn lasting(&self) -> impl Iterator<Item = Lasting> {
        let events =
            self.topics.iter().flat_map(|(uri, topic)| topic.events.iter().map(move |event| (uri, event)));
        events.map(|(uri, event)| {
            Lasting::Event(Box::new(LastingEvent {
                past: false,
                order: event.placed,
                time: Duration::ZERO,
                publication: event.publication,
                topic: uri.to_string(),
                details: event.details.clone(),
                payload: event.payload.clone(),
                receivers: event.filter.as_deref().map_or_else(Dict::new, Filter::options),
                except: event.exclude_me,
                publisher: None,
            }))
        })
    }

    /// Forgets the events of a topic. False: there was none.
    pub(crate) fn forget(&mut self, topic: &str) -> bool {
        let Some(topic) = self.topics.remove(topic) else { return false };
        self.bytes -= topic.events.iter().map(|event| event.size).sum::<usize>();
        true
    }

    /// The id of the subscription to a topic: the one from before, if there is a retained event, else `new`.
    pub(crate) fn id(&mut self, topic: &str, new: Id) -> Id {
        self.topics.get_mut(topic).map_or(new, |topic| *topic.subscription.get_or_insert(new))
    }

    /// The topics that a subscription covers.
    fn matching<'a>(
        &'a self,
        policy: Match,
        uri: &'a str,
    ) -> Box<dyn Iterator<Item = (&'a str, &'a Topic)> + 'a> {
        let all = |range: std::collections::btree_map::Range<'a, Box<str>, Topic>| {
            range.map(|(uri, topic)| (&**uri, topic))
        };
        match policy {
            Match::Exact => {
                Box::new(self.topics.get_key_value(uri).map(|(uri, topic)| (&**uri, topic)).into_iter())
            }
            Match::Prefix => {
                let from = (std::ops::Bound::Included(uri), std::ops::Bound::Unbounded);
                Box::new(
                    all(self.topics.range::<str, _>(from))
                        .take_while(move |(topic, _)| topic.starts_with(uri)),
                )
            }
            Match::Wildcard => Box::new(
                all(self.topics.range::<str, _>(..)).filter(move |(topic, _)| policy.covers(uri, topic)),
            ),
        }
    }
}

impl Realm {
    /// Sends a new subscriber the retained events that it would have got, the oldest first.
    pub(crate) fn replay_retained(
        &mut self,
        identity: &Identity,
        subscription: Id,
        policy: Match,
        uri: &str,
        out: &mut Effects,
    ) {
        let mut events = Vec::new();
        for (topic, kept) in self.broker.retained.matching(policy, uri) {
            let admitted = |event: &&Event| {
                event.exclude_me != Some(identity.session)
                    && event.filter.as_ref().is_none_or(|filter| filter.admits(identity))
            };
            if let Some(event) = kept.events.iter().rev().find(admitted) {
                let mut details = event.details.clone();
                if policy != Match::Exact {
                    details.push("topic", topic);
                }
                details.push("retained", true);
                events.push(((event.placed, event.order), event.publication, details, event.payload.clone()));
            }
        }
        events.sort_unstable_by_key(|(order, ..)| *order);
        for (_, publication, details, payload) in events {
            self.counters.events += 1;
            self.send(identity.session, Message::Event { subscription, publication, details, payload }, out);
        }
    }
}
