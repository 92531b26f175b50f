//! The realms of a process by their names, and when they have something to do.

use jackfield_wamp::Dict;
use jackfield_wamp::realm::Realm;
use jackfield_wamp::session::Realms;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// The realms by their names.
pub(super) struct Known {
    pub(super) list: Vec<Realm>,
    pub(super) names: HashMap<String, usize>,
    /// Realms that something has happened in since their alarms were set.
    touched: Vec<usize>,
    /// When each realm has something to do next.
    alarms: Vec<Option<Duration>>,
    /// All of these times in order.
    pub(super) due: BTreeSet<(Duration, usize)>,
}

impl Known {
    pub(super) fn new(list: Vec<Realm>) -> Self {
        let names = list.iter().enumerate().map(|(index, realm)| (realm.name().to_owned(), index)).collect();
        let alarms = vec![None; list.len()];
        Self { list, names, touched: Vec::new(), alarms, due: BTreeSet::new() }
    }

    /// A realm in which something is about to happen.
    pub(super) fn touch(&mut self, index: usize) -> &mut Realm {
        if self.touched.last() != Some(&index) {
            self.touched.push(index);
        }
        &mut self.list[index]
    }

    /// When the first realm has something to do.
    pub(super) fn next_expiry(&mut self) -> Option<Duration> {
        for index in self.touched.drain(..) {
            let next = self.list[index].next_expiry();
            if next != self.alarms[index] {
                if let Some(before) = self.alarms[index] {
                    self.due.remove(&(before, index));
                }
                self.due.extend(next.map(|next| (next, index)));
                self.alarms[index] = next;
            }
        }
        self.due.first().map(|(next, _)| *next)
    }
}

impl Realms for Known {
    fn has_realm(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    fn has_role(&self, realm: &str, role: &str) -> bool {
        self.names.get(realm).is_some_and(|index| self.list[*index].has_role(role))
    }

    fn roles(&self, realm: &str) -> Dict {
        self.names.get(realm).map_or_else(Dict::new, |index| self.list[*index].roles())
    }
}
