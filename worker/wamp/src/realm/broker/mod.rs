//! The broker: subscriptions, publications, what is kept of them.

mod filter;
mod history;
mod publish;
mod retained;
mod subscribe;
mod testament;

pub(crate) use filter::Filter;
pub(crate) use history::{Event, History};
pub(crate) use publish::Publication;
pub(crate) use retained::Retained;
pub(crate) use testament::{Scope, Testament, Will};

use super::hash::{IdHash, IdMap};
use super::pattern::Patterns;
use crate::Id;
use crate::uri::Match;
use slab::Slab;
use std::time::Duration;

/// Subscriptions and what is kept of publications.
#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) subscriptions: Slab<Subscription>,
    pub(crate) by_id: IdMap<usize>,
    pub(crate) table: Patterns<usize>,
    pub(crate) retained: Retained,
    pub(crate) history: History,
    /// Room for the subscriptions that one publication goes to.
    scratch: Vec<usize>,
}

/// A subscription: it is there as long as it has subscribers.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) id: Id,
    pub(crate) uri: Box<str>,
    pub(crate) policy: Match,
    /// Since 1970.
    pub(crate) created: Duration,
    /// In the order of subscribing.
    pub(crate) subscribers: Vec<Id>,
}

impl Broker {
    pub(crate) fn new(hash: IdHash, history: History) -> Self {
        Self {
            subscriptions: Slab::new(),
            by_id: hash.map(),
            table: Patterns::default(),
            retained: Retained::default(),
            history,
            scratch: Vec::new(),
        }
    }

    /// Whether an event of this topic would have a receiver or be kept.
    pub(crate) fn is_listened_to(&self, topic: &str) -> bool {
        if self.table.exact(topic).is_some() {
            return true;
        }
        self.table.has_patterns() && self.table.best(topic).is_some() || self.history.keeps(topic)
    }
}
