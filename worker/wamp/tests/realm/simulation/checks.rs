//! What each client checks of what it gets.

use super::Simulation;
use jackfield_wamp::{Id, Message, Payload, kind};

impl Simulation {
    /// Checks what a client gets.
    pub(super) fn got(&mut self, to: Id, message: &Message) {
        if self.verbose {
            println!("    {to} gets {message:?}");
        }
        let queues = self.queues;
        let Some(client) = self.clients.get_mut(&to) else { panic!("{to} is gone and gets {message:?}") };
        let mut answered = |kind: u64, request: &Id| {
            let about = client.pending.remove(request).filter(|(pending, _)| *pending == kind);
            about.unwrap_or_else(|| panic!("{to} gets an answer too many: {message:?}")).1
        };
        match message {
            Message::Published { request, .. } => {
                answered(kind::PUBLISH, request);
            }
            Message::Subscribed { request, subscription } => {
                answered(kind::SUBSCRIBE, request);
                client.subscriptions.insert(*subscription);
            }
            Message::Unsubscribed { request: 0, details } => {
                let id = details.as_ref().and_then(|details| details.get("subscription")?.as_u64());
                assert!(client.subscriptions.remove(&id.unwrap_or_default()));
            }
            Message::Unsubscribed { request, .. } => {
                let about = answered(kind::UNSUBSCRIBE, request);
                client.subscriptions.remove(&about);
            }
            Message::Registered { request, registration } => {
                answered(kind::REGISTER, request);
                client.registrations.insert(*registration);
            }
            Message::Unregistered { request: 0, details } => {
                let id = details.as_ref().and_then(|details| details.get("registration")?.as_u64());
                assert!(client.registrations.remove(&id.unwrap_or_default()));
            }
            Message::Unregistered { request, .. } => {
                let about = answered(kind::UNREGISTER, request);
                client.registrations.remove(&about);
            }
            Message::Result { request, details, .. } if details.get("progress").is_some() => {
                assert_eq!(client.pending.get(request), Some(&(kind::CALL, 0)), "progress after the end");
            }
            Message::Result { request, .. } => {
                answered(kind::CALL, request);
            }
            Message::Error { request_type, request, .. } => {
                answered(*request_type, request);
            }
            Message::Invocation { request, registration, payload, details } => {
                if *request == client.last_invocation + 1 {
                    assert!(client.registrations.contains(registration), "INVOCATION before REGISTERED");
                    client.last_invocation += 1;
                    client.invocations.insert(*request);
                    if let Some((caller, number)) = mark(payload).filter(|_| details.get("caller").is_none())
                    {
                        let last = client.calls.insert(caller, number).unwrap_or_default();
                        assert!(queues || last < number, "an invocation overtakes another one of its caller");
                    }
                } else {
                    assert!(*request <= client.last_invocation, "invocations are not counted one by one");
                }
            }
            Message::Interrupt { request, .. } => assert!(*request <= client.last_invocation),
            Message::Event { subscription, payload, details, .. } => {
                self.events += 1;
                if let Payload::Values(values) = payload
                    && let [publisher, _, include_me] = &values.0[..]
                {
                    let own = publisher.as_u64() == Some(to);
                    assert!(
                        !own || include_me.as_bool() == Some(true),
                        "an event that its publisher excluded"
                    );
                }
                assert!(client.subscriptions.contains(subscription), "EVENT without a subscription");
                if details.get("retained").is_none()
                    && details.get("publisher").is_none()
                    && let Some((publisher, number)) = mark(payload)
                {
                    let last = client.events.insert(publisher, number).unwrap_or_default();
                    assert!(last <= number, "an event overtakes another one of its publisher");
                    let by = client.events_by.insert((publisher, *subscription), number);
                    assert!(by.unwrap_or_default() < number, "an event comes twice");
                }
            }
            other => panic!("{} is not for clients", other.name()),
        }
    }
}

/// Who has sent a payload, and its number.
fn mark(payload: &Payload) -> Option<(Id, u64)> {
    let Payload::Values(values) = payload else { return None };
    let [sender, number, ..] = &values.0[..] else { return None };
    Some((sender.as_u64()?, number.as_u64()?))
}
