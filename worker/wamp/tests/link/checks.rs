//! What must hold when everything has arrived.

use crate::world::World;
use std::collections::BTreeSet;

impl World {
    pub(crate) fn check(&self) {
        for (number, process) in &self.processes {
            assert_eq!(process.edge.unsettled(), 0, "edge {number} has something unsettled");
        }
        let hub = self.hub.as_ref().unwrap();
        assert!(!hub.is_gathering());
        let realm = &hub.realms()[0];
        assert_eq!(realm.inconsistency(), None);
        assert_eq!(realm.status().sessions, self.clients.len(), "sessions of the hub and of the edges");
        for (id, client) in &self.clients {
            assert!(client.pending.is_empty(), "{id} has no answer to {:?}", client.pending);
        }
        self.check_tables(realm.status());
        self.check_events();
        self.check_calls();
    }

    fn check_tables(&self, status: jackfield_wamp::realm::Status) {
        let mut topics: Vec<_> =
            self.clients.values().flat_map(|c| c.subscriptions.values()).map(|s| s.topic).collect();
        topics.sort_unstable();
        topics.dedup();
        let leaves = usize::from(self.clients.values().any(|client| client.leaves.is_some()));
        assert_eq!(status.subscriptions, topics.len() + leaves, "{topics:?}");
        let mut procedures: Vec<_> = self.clients.values().flat_map(|c| c.registrations.values()).collect();
        procedures.sort_unstable();
        procedures.dedup();
        assert_eq!(status.registrations, procedures.len(), "{procedures:?}");
        // All know one id of each topic and procedure.
        let ids = self.clients.values().flat_map(|client| &client.subscriptions);
        let ids: BTreeSet<_> = ids.map(|(id, subscribed)| (subscribed.topic, *id)).collect();
        assert_eq!(ids.len(), topics.len(), "{ids:?}");
        let ids = self.clients.values().flat_map(|client| &client.registrations);
        let ids: BTreeSet<_> = ids.map(|(id, procedure)| (*procedure, *id)).collect();
        assert_eq!(ids.len(), procedures.len(), "{ids:?}");
    }

    fn check_events(&self) {
        for (id, client) in &self.clients {
            for subscribed in client.subscriptions.values() {
                for (number, publication) in self.publications.iter().enumerate() {
                    let due = publication.at.is_some_and(|at| at >= subscribed.since)
                        && publication.topic == subscribed.topic
                        && publication.publisher != *id
                        && !self.dead_edges.contains(&publication.edge);
                    assert!(
                        !due || subscribed.got.contains(&(number as u64)),
                        "{id} has not got event {number} of {}",
                        publication.publisher
                    );
                }
            }
        }
    }

    /// Whoever works on a call that has ended was told to stop, before it has answered.
    pub(crate) fn check_interrupts(&self) {
        for (id, client) in &self.clients {
            for (request, number) in &client.invocations {
                let call = &self.calls[*number as usize];
                let has_ended = call.answer.is_some() || !self.clients.contains_key(&call.caller);
                let told = client.interrupted.contains(request) || call.skipped || !has_ended;
                assert!(told, "{id} works on call {number}, which has ended: {:?}", call.answer);
            }
        }
    }

    fn check_calls(&self) {
        for (number, call) in self.calls.iter().enumerate() {
            if self.clients.contains_key(&call.caller) {
                assert!(call.answer.is_some(), "call {number} of {} has no answer", call.caller);
            }
            if let Some(Err(error)) = &call.answer
                && self.dead_edges.is_empty()
            {
                let known = [
                    "wamp.error.no_such_procedure",
                    "wamp.error.canceled",
                    "wamp.error.timeout",
                    "crossbar.error.max_concurrency_reached",
                ];
                assert!(known.contains(&error.as_str()), "call {number} of {}: {error}", call.procedure);
            }
        }
    }
}
