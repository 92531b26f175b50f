//! What a client is sent, and what must be so then.

use crate::client::{Pending, Subscribed};
use crate::world::{LATE, World};
use jackfield_wamp::{Id, Message, kind};
use std::collections::BTreeSet;

impl World {
    pub(crate) fn got(&mut self, edge: u64, hub: Option<u64>, id: Id, message: &Message) {
        let since = self.moment();
        self.say(|| format!("    {id} at {edge} gets {message:?}"));
        let Some(client) = self.clients.get_mut(&id) else { return };
        assert_eq!(client.edge, edge);
        match message {
            Message::Event { subscription, details, payload, .. } => {
                let (args, _) = payload.decode().unwrap();
                if client.leaves == Some(*subscription) {
                    let session = args[0].as_u64().unwrap();
                    let is_new = client.has_left.insert(session);
                    // Who has left, and whose edge and hub have died before that was settled, leaves once more with its edge.
                    let is_dead = !self.dead_edges.is_empty() && self.left.contains(&session);
                    assert!(
                        is_new || is_dead && client.has_left_twice.insert(session),
                        "{id} hears twice that {session} has left"
                    );
                    return;
                }
                let (publisher, number) = (args[0].as_u64().unwrap(), args[1].as_u64().unwrap());
                let own = client.subscriptions.get_mut(subscription);
                let own = own.unwrap_or_else(|| panic!("{id} has no subscription {subscription}"));
                assert_eq!(own.topic, self.publications[number as usize].topic);
                let is_new = own.got.insert(number);
                let may_be_double = publisher >= LATE && !self.dead_edges.is_empty();
                // Retained ones come topic by topic.
                let any_order = may_be_double || client.wants_retained;
                assert!(is_new || may_be_double, "{id} gets event {number} twice");
                let last = client.last_of.insert(publisher, number);
                assert!(
                    last.is_none_or(|last| last < number) || any_order,
                    "{id} gets event {number} after {last:?}"
                );
                if self.publications[number as usize].retained {
                    client.retained.entry(own.topic).or_default().push(number);
                }
                assert!(client.wants_retained || details.get("retained").is_none());
                self.events += 1;
            }
            Message::Invocation { request, registration, payload, .. } => {
                let (args, _) = payload.decode().unwrap();
                let number = args[0].as_u64().unwrap();
                assert!(client.invocations.insert(*request, number).is_none());
                // As long as it registers anew nothing, it takes one call at a time.
                let name = client.registrations.get(registration).filter(|name| **name != "com.single");
                if self.queues && name.is_some() && !client.has_unregistered {
                    let busy = client.working.insert(*registration, *request);
                    let is_free = busy.is_none_or(|request| !client.invocations.contains_key(&request));
                    assert!(is_free, "{id} gets call {number} while it works on another one");
                }
                let call = &mut self.calls[number as usize];
                call.delivered += 1;
                // A callee that dies with its edge may have had it.
                let once = call.delivered == 1 || !self.dead_edges.is_empty();
                assert!(once, "call {number} is delivered twice");
                let is_wanted = call.withdrawn.is_none_or(|last| hub.is_some_and(|hub| hub <= last));
                assert!(
                    is_wanted,
                    "call {number} is delivered though its caller does not want it any longer"
                );
            }
            // It answers nonetheless.
            Message::Interrupt { request, .. } => {
                client.interrupted.insert(*request);
            }
            Message::Unsubscribed { request: 0, details: Some(details) } => {
                let subscription = details.get("subscription").unwrap().as_u64().unwrap();
                client.subscriptions.remove(&subscription);
                client.leaves = client.leaves.filter(|leaves| *leaves != subscription);
            }
            Message::Unregistered { request: 0, details: Some(details) } => {
                let registration = details.get("registration").unwrap().as_u64().unwrap();
                client.registrations.remove(&registration);
            }
            Message::Subscribed { request, subscription } => {
                let topic = match client.pending.remove(request) {
                    Some(Pending::Subscribe(topic)) => topic,
                    Some(Pending::Leaves) => {
                        client.leaves = Some(*subscription);
                        client.leaves_since = self.gone.len();
                        return;
                    }
                    other => panic!("{other:?}: {message:?}"),
                };
                let new = Subscribed { topic, since, got: BTreeSet::new() };
                client.subscriptions.entry(*subscription).or_insert(new);
            }
            Message::Unsubscribed { request, .. } => {
                let Some(Pending::Unsubscribe(own)) = client.pending.remove(request) else {
                    panic!("{message:?}")
                };
                client.subscriptions.remove(&own);
            }
            Message::Registered { request, registration } => {
                let Some(Pending::Register(name)) = client.pending.remove(request) else {
                    panic!("{message:?}")
                };
                client.registrations.insert(*registration, name);
            }
            Message::Unregistered { request, .. } => {
                let Some(Pending::Unregister(own)) = client.pending.remove(request) else {
                    panic!("{message:?}")
                };
                client.registrations.remove(&own);
            }
            Message::Published { request, .. } => {
                assert_eq!(client.pending.remove(request), Some(Pending::Publish));
            }
            Message::Result { request, payload, .. } => {
                let number = match client.pending.remove(request) {
                    Some(Pending::Call(number)) => number,
                    Some(Pending::Testament(number)) => {
                        client.testament = Some(number);
                        return;
                    }
                    Some(Pending::Meta) => {
                        client.answer = payload.decode().unwrap().0.into_iter().next();
                        return;
                    }
                    other => panic!("{other:?}: {message:?}"),
                };
                assert_eq!(payload.decode().unwrap().0[0].as_u64(), Some(number));
                self.calls[number as usize].answer = Some(Ok(()));
                self.results += 1;
            }
            Message::Error { request_type, request, error, .. } => {
                let pending = client.pending.remove(request);
                match pending {
                    Some(Pending::Call(number)) => {
                        self.calls[number as usize].answer = Some(Err(error.clone()));
                        if hub.is_none() {
                            self.withdrawn(edge, number);
                        }
                    }
                    Some(Pending::Register(_)) => assert_eq!(*request_type, kind::REGISTER),
                    other => panic!("{other:?}: {message:?}"),
                }
            }
            other => panic!("{other:?}"),
        }
    }
}
