//! What outlives hubs and edges: testaments and ends of sessions, retained events, the event history.

use crate::client::{Client, Pending};
use crate::world::{HISTORY, LATE, MOST, Publication, TOPICS, World};
use jackfield_wamp::realm::Lasting;
use jackfield_wamp::{Dict, Id, Message, Payload, Value};
use std::collections::{BTreeMap, BTreeSet};

impl World {
    /// A session has gone: its testament is to be published, and its end told.
    pub(crate) fn has_gone(&mut self, id: Id, client: &Client) {
        self.gone.push((id, client.is_settled));
        let at = self.moment();
        if let Some(number) = client.testament.filter(|_| client.is_settled) {
            self.publications[number as usize].at = Some(at);
        }
    }

    pub(crate) fn hear_of_leaves(&mut self, id: Id) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        if client.leaves.is_none() && !client.pending.values().any(|pending| *pending == Pending::Leaves) {
            let request = client.request(Pending::Leaves);
            let topic = "wamp.session.on_leave".to_owned();
            self.send(id, Message::Subscribe { request, options: Dict::new(), topic });
        }
    }

    pub(crate) fn leave_something(&mut self, id: Id) {
        let topic = TOPICS[self.random.below(TOPICS.len())];
        let number = self.publications.len() as u64;
        let Some(client) = self.clients.get_mut(&id) else { return };
        let has_one = |pending: &Pending| matches!(pending, Pending::Testament(_));
        if client.testament.is_some() || client.pending.values().any(has_one) {
            return;
        }
        // It has to be settled anew.
        client.is_settled = false;
        let request = client.request(Pending::Testament(number));
        let retained = false;
        self.publications.push(Publication { publisher: id, topic, edge: 0, at: None, retained });
        let content = vec![Value::from(LATE + id), number.into()];
        let payload = Payload::of(vec![topic.into(), content.into(), Dict::new().into()], Dict::new());
        let procedure = "wamp.session.add_testament".to_owned();
        self.send(id, Message::Call { request, options: Dict::new(), procedure, payload });
    }

    /// When a hub has taken the realm over: nobody has got another event after one that is retained.
    pub(crate) fn check_taken_over(&mut self) {
        let Some(hub) = self.hub.as_ref().filter(|hub| !hub.is_gathering()) else { return };
        let is_new = std::mem::replace(&mut self.looked_at, self.takeovers) != self.takeovers;
        if !is_new || !self.dead_edges.is_empty() {
            return;
        }
        for lasting in hub.realms()[0].lasting() {
            let Lasting::Event(event) = lasting else { continue };
            if event.past {
                continue;
            }
            let number = event.payload.decode().unwrap().0[1].as_u64().unwrap();
            for (id, client) in &self.clients {
                let seen = client.retained.get(&*event.topic).map_or(&[][..], Vec::as_slice);
                if let Some(at) = seen.iter().position(|seen| *seen == number) {
                    assert_eq!(at + 1, seen.len(), "{number} is retained, and {id} has had {seen:?} already");
                }
            }
        }
    }

    /// When everything has arrived.
    pub(crate) fn check_lasting(&mut self) {
        if self.was_alone {
            return;
        }
        for (id, client) in self.clients.iter().filter(|(_, client)| client.leaves.is_some()) {
            for (session, is_settled) in &self.gone[client.leaves_since..] {
                let has_heard = !is_settled || client.has_left.contains(session);
                assert!(has_heard, "{id} has not heard that {session} has left");
            }
        }
        let Some(&number) = self.processes.keys().next() else { return };
        let id = self.join(number);
        for topic in TOPICS {
            let Some(client) = self.clients.get_mut(&id) else { return };
            client.wants_retained = true;
            let request = client.request(Pending::Subscribe(topic));
            let options = Dict::new().with("get_retained", true);
            self.send(id, Message::Subscribe { request, options, topic: topic.to_owned() });
        }
        self.settle();
        for topic in TOPICS {
            self.check_retained(id, topic);
        }
        let subscription = self.ask(id, "wamp.subscription.lookup", vec![HISTORY.into()]);
        let subscription = subscription.as_u64().unwrap();
        let Value::List(events) =
            self.ask(id, "wamp.subscription.get_events", vec![subscription.into(), MOST.into()])
        else {
            panic!("no events")
        };
        self.check_history(&events);
    }

    fn ask(&mut self, id: Id, procedure: &str, args: Vec<Value>) -> Value {
        let Some(client) = self.clients.get_mut(&id) else { return Value::Null };
        let request = client.request(Pending::Meta);
        let payload = Payload::of(args, Dict::new());
        let procedure = procedure.to_owned();
        self.send(id, Message::Call { request, options: Dict::new(), procedure, payload });
        self.settle();
        self.clients.get_mut(&id).and_then(|client| client.answer.take()).unwrap()
    }

    /// The last event that was to be retained is: nobody has got another one after it.
    fn check_retained(&self, id: Id, topic: &str) {
        let got: Vec<_> = self.clients[&id].subscriptions.values().filter(|own| own.topic == topic).collect();
        let got: Vec<_> = got.into_iter().flat_map(|own| &own.got).copied().collect();
        let all = self.publications.iter().enumerate().filter(|(_, one)| one.retained && one.topic == topic);
        let all: Vec<_> = all.filter(|(_, one)| !self.dead_edges.contains(&one.edge)).collect();
        let Some(&number) = got.first() else {
            return assert!(all.is_empty(), "nothing of {topic} is retained of {} events", all.len());
        };
        assert_eq!(got.len(), 1, "{topic}");
        let publisher = self.publications[number as usize].publisher;
        let later = all.iter().find(|(at, one)| one.publisher == publisher && *at as u64 > number);
        assert!(later.is_none(), "of {topic} {number} is retained, not {}", later.unwrap().0);
        for (other, client) in &self.clients {
            let seen = client.retained.get(topic).map_or(&[][..], Vec::as_slice);
            let Some(at) = seen.iter().position(|seen| *seen == number).filter(|_| other != &id) else {
                continue;
            };
            assert_eq!(at + 1, seen.len(), "of {topic} {number} is retained; {other} has had {seen:?}");
        }
    }

    /// Each event is in the history once, those of a publisher in their order.
    fn check_history(&self, events: &[Value]) {
        let (mut seen, mut last) = (BTreeSet::new(), BTreeMap::new());
        // The newest is the first.
        for event in events.iter().rev() {
            let event = event.clone().into_dict().unwrap();
            let args = event.get("args").and_then(Value::as_list).unwrap();
            let (publisher, number) = (args[0].as_u64().unwrap(), args[1].as_u64().unwrap());
            assert!(seen.insert(number), "event {number} is in the history twice");
            let before = last.insert(publisher, number);
            assert!(
                before.is_none_or(|before| before < number),
                "{number} comes after {before:?} in the history"
            );
        }
        for (number, one) in self.publications.iter().enumerate() {
            let due = one.topic == HISTORY && one.at.is_some() && !self.dead_edges.contains(&one.edge);
            assert!(!due || seen.contains(&(number as u64)), "event {number} is not in the history");
        }
    }
}
