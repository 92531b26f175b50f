//! Event history: the last events of configured topics.

use super::{Filter, Publication};
use crate::planted::planted;
use crate::realm::config::Store;
use crate::realm::pattern::Patterns;
use crate::realm::session::Identity;
use crate::realm::{Lasting, LastingEvent};
use crate::uri::Match;
use crate::{Dict, Id, Now, Payload};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

/// The history of a realm.
#[derive(Debug, Default)]
pub(crate) struct History {
    topics: Vec<Topic>,
    table: Patterns<usize>,
    bytes: usize,
    /// Room for the topics that one publication belongs to.
    scratch: Vec<usize>,
}

#[derive(Debug)]
pub(crate) struct Topic {
    /// The id of the topic's subscription, with subscribers or without.
    pub(crate) id: Id,
    pub(crate) uri: String,
    pub(crate) policy: Match,
    /// Since 1970.
    pub(crate) created: Duration,
    limit: usize,
    pub(crate) events: VecDeque<Rc<Event>>,
}

/// An event that has been.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) publication: Id,
    /// Its place in the order of the realm.
    placed: u64,
    /// Since 1970.
    pub(crate) time: Duration,
    pub(crate) topic: String,
    pub(crate) publisher: Option<Identity>,
    pub(crate) details: Dict,
    pub(crate) payload: Payload,
    pub(crate) filter: Option<Box<Filter>>,
    size: usize,
}

impl History {
    /// The history of a configuration; what `before` has of the same topics is kept.
    /// `id` gives the ids of the subscriptions to new topics.
    pub(crate) fn new(store: Option<&Store>, before: Self, mut id: impl FnMut(Match, &str) -> Id) -> Self {
        let mut this = Self::default();
        let mut old = before.topics;
        for kept in store.map_or(&[][..], |store| &store.event_history) {
            let limit = kept.limit.or(store.map(|store| store.limit)).unwrap_or_default();
            if this.table.get(kept.policy, &kept.uri).is_some() {
                continue;
            }
            let known = old.iter().position(|topic| topic.policy == kept.policy && topic.uri == kept.uri);
            let mut topic = known.map_or_else(
                || Topic {
                    id: id(kept.policy, &kept.uri),
                    uri: kept.uri.clone(),
                    policy: kept.policy,
                    created: Duration::ZERO,
                    limit,
                    events: VecDeque::new(),
                },
                |at| old.swap_remove(at),
            );
            topic.limit = limit;
            let surplus = topic.events.len().saturating_sub(limit);
            topic.events.drain(..surplus);
            this.bytes += topic.events.iter().map(|event| event.size).sum::<usize>();
            this.table.insert(kept.policy, &kept.uri, this.topics.len());
            this.topics.push(topic);
        }
        this
    }

    /// The bytes of all events, about.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether events of a topic are kept.
    pub(crate) fn keeps(&self, topic: &str) -> bool {
        !self.table.is_empty() && self.table.best(topic).is_some()
    }

    /// The id of the subscription to a configured topic.
    pub(crate) fn id(&self, policy: Match, uri: &str) -> Option<Id> {
        self.table.get(policy, uri).map(|at| self.topics[at].id)
    }

    /// The configured topic whose subscription has this id.
    pub(crate) fn topic(&self, subscription: Id) -> Option<&Topic> {
        self.topics.iter().find(|topic| topic.id == subscription)
    }

    /// All configured topics.
    pub(crate) fn topics(&self) -> &[Topic] {
        &self.topics
    }

    /// Gives the subscription to a configured topic the id that it had before.
    pub(crate) fn set_id(&mut self, policy: Match, uri: &str, id: Id) {
        if let Some(at) = self.table.get(policy, uri) {
            self.topics[at].id = id;
        }
    }

    /// All events, to be kept by somebody else.
    pub(crate) fn lasting(&self) -> impl Iterator<Item = Lasting> {
        // Those of several topics are there once for each.
        self.topics.iter().flat_map(|topic| &topic.events).map(|event| {
            Lasting::Event(Box::new(LastingEvent {
                past: true,
                order: event.placed,
                time: event.time,
                publication: event.publication,
                topic: event.topic.clone(),
                details: event.details.clone(),
                payload: event.payload.clone(),
                receivers: event.filter.as_deref().map_or_else(Dict::new, Filter::options),
                except: None,
                publisher: event.publisher.as_ref().map(Identity::parts),
            }))
        })
    }

    /// Keeps an event in all configured topics that cover it. Beyond the bound in bytes the oldest ones of these
    /// topics go. Tells whether it was kept, and which events are in no topic any longer.
    pub(crate) fn record(&mut self, now: Now, publication: &Publication, bound: usize) -> (bool, Vec<Id>) {
        let mut gone = Vec::new();
        if self.table.is_empty() {
            return (false, gone);
        }
        let mut found = std::mem::take(&mut self.scratch);
        self.table.all(&publication.topic, &mut found);
        let size = publication.payload.size()
            + publication.topic.len()
            + publication.filter.as_ref().map_or(0, |filter| filter.size())
            + 128;
        let mut recorded = false;
        if !found.is_empty() && size <= bound {
            let event = Rc::new(Event {
                publication: publication.id,
                placed: publication.order,
                time: now.wall,
                topic: publication.topic.clone(),
                publisher: publication.publisher.clone(),
                details: publication.details.clone(),
                payload: publication.payload.clone(),
                filter: publication.filter.clone(),
                size,
            });
            for &at in &found {
                let topic = &mut self.topics[at];
                let mut place = topic.events.len();
                if publication.again {
                    // It has one place, that of the last time.
                    let had = topic.events.iter().position(|had| had.publication == publication.id);
                    if let Some(had) =
                        planted!(DoubleHistory, None, had).and_then(|had| topic.events.remove(had))
                    {
                        self.bytes -= had.size;
                    }
                    let later = topic.events.iter().rev().take_while(|had| had.placed > publication.order);
                    place = topic.events.len() - later.count();
                }
                topic.events.insert(place, Rc::clone(&event));
                self.bytes += size;
                while topic.events.len() > topic.limit || self.bytes > bound {
                    let Some(oldest) = topic.events.pop_front() else { break };
                    self.bytes -= oldest.size;
                    if Rc::strong_count(&oldest) == 1 && oldest.publication != publication.id {
                        gone.push(oldest.publication);
                    }
                }
            }
            recorded = Rc::strong_count(&event) > 1;
        }
        found.clear();
        self.scratch = found;
        (recorded, gone)
    }
}
