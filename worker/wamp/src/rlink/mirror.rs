//! What there is at one end, of one kind, and what of it is at the other end as well.

use crate::{Dict, Id, Value};
use std::collections::{HashMap, VecDeque};

/// Subscriptions or registrations of a router that are looked at; what goes beyond that is not mirrored.
const MOST: usize = 100_000;
/// Those that are asked about at a time.
const MOST_ASKED: usize = 64;

/// What there is at one end, of one kind.
#[derive(Debug, Default)]
pub(super) struct Mirror {
    entries: HashMap<Id, Entry>,
    /// Those that are asked about.
    asked: usize,
    /// Those that are to be asked about.
    waiting: VecDeque<Id>,
    /// Whether it was said that there are too many.
    pub(super) full: bool,
}

/// A subscription or a registration.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// What it is, once that is known.
    pub(super) about: Option<About>,
    /// Whether it is asked about, or waits for that.
    pub(super) asked: bool,
    /// Whether something has happened since.
    pub(super) changed: bool,
    /// Who may be somebody it is there for.
    pub(super) candidates: Vec<Id>,
    /// Somebody it is there for, other than links.
    pub(super) witness: Option<Id>,
    /// What of it is at the other end.
    pub(super) copy: Copy,
}

/// What there is of an entry at the other end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Copy {
    #[default]
    None,
    /// It was asked for.
    Asked,
    /// It is there, by this id.
    There(Id),
    /// The router does not want it.
    Refused,
    /// This registration is in the way; none: that is being asked.
    Blocked(Option<Id>),
}

/// A URI, how it is compared, and how one of several callees is chosen.
#[derive(Clone, Debug)]
pub(super) struct About {
    pub(super) uri: String,
    pub(super) policy: String,
    pub(super) invoke: String,
}

impl About {
    /// As the meta API tells it.
    pub(super) fn read(details: &Value) -> Option<Self> {
        let text = |key: &str| details.get(key).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            uri: text("uri")?,
            policy: text("match").unwrap_or_else(|| "exact".into()),
            invoke: text("invoke").unwrap_or_else(|| "single".into()),
        })
    }

    /// The options to ask for the same by.
    pub(super) fn options(&self) -> Dict {
        let mut options = Dict::new();
        if self.policy != "exact" {
            options.push("match", self.policy.as_str());
        }
        if self.invoke != "single" {
            options.push("invoke", self.invoke.as_str());
        }
        options
    }
}

impl Mirror {
    /// The entry with an id.
    pub(super) fn get(&mut self, id: Id) -> Option<&mut Entry> {
        self.entries.get_mut(&id)
    }

    /// The same; made if there is none and there is room for it.
    pub(super) fn entry(&mut self, id: Id) -> Option<&mut Entry> {
        if self.entries.len() >= MOST && !self.entries.contains_key(&id) {
            return None;
        }
        Some(self.entries.entry(id).or_default())
    }

    /// Takes an entry away.
    pub(super) fn remove(&mut self, id: Id) -> Option<Entry> {
        self.entries.remove(&id)
    }

    /// Lets an entry be asked about as soon as there is room.
    pub(super) fn queue(&mut self, id: Id) {
        self.waiting.push_back(id);
    }

    /// The next one to be asked about, if there is room.
    pub(super) fn next(&mut self) -> Option<Id> {
        while self.asked < MOST_ASKED {
            let id = self.waiting.pop_front()?;
            if self.entries.contains_key(&id) {
                self.asked += 1;
                return Some(id);
            }
        }
        None
    }

    /// One is not asked about any longer.
    pub(super) fn done(&mut self) {
        self.asked = self.asked.saturating_sub(1);
    }

    /// Entries that a registration of the other end is in the way of.
    pub(super) fn blocked_by(&self, blocker: Id) -> Vec<Id> {
        let blocked = |entry: &Entry| entry.copy == Copy::Blocked(Some(blocker));
        self.entries.iter().filter(|(_, entry)| blocked(entry)).map(|(id, _)| *id).collect()
    }

    /// How many of them are at the other end as well.
    pub(super) fn copied(&self) -> usize {
        self.entries.values().filter(|entry| matches!(entry.copy, Copy::There(_))).count()
    }
}
