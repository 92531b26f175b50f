//! What clients do.

use crate::client::{Client, Pending};
use crate::world::{Call, FEATURES, PROCEDURES, Publication, REALM, TOPICS, World};
use jackfield_wamp::realm::Joining;
use jackfield_wamp::{Dict, Id, Message, Payload};

impl World {
    pub(crate) fn send(&mut self, id: Id, message: Message) {
        let Some(client) = self.clients.get(&id) else { return };
        self.say(|| format!("{id} at {} says {message:?}", client.edge));
        let edge = client.edge;
        let Some(process) = self.processes.get_mut(&edge) else { return };
        let mut effects = Vec::new();
        process.edge.receive(self.now, &self.realm, id, message, &mut effects);
        self.carry_out(edge, None, effects);
    }

    pub(crate) fn act(&mut self, number: u64) {
        let own: Vec<_> = self.clients.iter().filter(|(_, c)| c.edge == number).map(|(id, _)| *id).collect();
        // Alone there, it publishes what waits for nobody that is told late.
        let most = if self.is_told_late(number) { 1 } else { 4 };
        if own.is_empty() || (own.len() < most && self.chance(15)) {
            let id = self.join(number);
            if self.chance(40) {
                self.hear_of_leaves(id);
            }
            return;
        }
        let id = own[self.random.below(own.len())];
        match self.random.below(100) {
            0..3 => self.leave(id),
            3..15 => self.subscribe(id),
            15..20 => self.unsubscribe(id),
            20..30 => self.register(id),
            30..34 => self.unregister(id),
            34..60 => self.publish(id),
            60..80 => self.call(id),
            80..86 => self.cancel(id),
            86..88 => self.hear_of_leaves(id),
            88..90 => self.leave_something(id),
            _ => _ = self.answer(id),
        }
    }

    pub(crate) fn join(&mut self, number: u64) -> Id {
        let session = self.random.id();
        let joining = Joining {
            session,
            authid: "joe".to_owned(),
            authrole: "user".to_owned(),
            authmethod: "anonymous".to_owned(),
            authprovider: "static".to_owned(),
            authextra: None,
            transport: Dict::new(),
            features: FEATURES,
        };
        self.say(|| format!("{session} joins at {number}"));
        self.clients.insert(session, Client { edge: number, ..Client::default() });
        if let Some(process) = self.processes.get_mut(&number) {
            process.edge.join(REALM, joining);
        }
        session
    }

    pub(crate) fn leave(&mut self, id: Id) {
        self.say(|| format!("{id} leaves"));
        let Some(client) = self.clients.remove(&id) else { return };
        for pending in client.pending.values() {
            if let Pending::Call(number) = pending {
                self.withdrawn(client.edge, *number);
            }
        }
        self.left.insert(id);
        self.has_gone(id, &client);
        if let Some(process) = self.processes.get_mut(&client.edge) {
            process.edge.leave(id);
        }
    }

    fn subscribe(&mut self, id: Id) {
        let topic = TOPICS[if self.retains { 0 } else { self.random.below(TOPICS.len()) }];
        let Some(client) = self.clients.get_mut(&id) else { return };
        let request = client.request(Pending::Subscribe(topic));
        self.send(id, Message::Subscribe { request, options: Dict::new(), topic: topic.to_owned() });
    }

    fn unsubscribe(&mut self, id: Id) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let Some(&subscription) = client.subscriptions.keys().next() else { return };
        if client
            .pending
            .values()
            .any(|pending| matches!(pending, Pending::Unsubscribe(_) | Pending::Subscribe(_)))
        {
            return;
        }
        let request = client.request(Pending::Unsubscribe(subscription));
        self.send(id, Message::Unsubscribe { request, subscription });
    }

    fn register(&mut self, id: Id) {
        let procedure = PROCEDURES[self.random.below(PROCEDURES.len())];
        let Some(client) = self.clients.get_mut(&id) else { return };
        let request = client.request(Pending::Register(procedure));
        let mut options = Dict::new();
        if procedure != "com.single" {
            options = options.with("invoke", "roundrobin");
            if self.queues {
                options = options.with("concurrency", 1_u64);
            }
        }
        self.send(id, Message::Register { request, options, procedure: procedure.to_owned() });
    }

    fn unregister(&mut self, id: Id) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let Some(&registration) = client.registrations.keys().next() else { return };
        if client
            .pending
            .values()
            .any(|pending| matches!(pending, Pending::Unregister(_) | Pending::Register(_)))
        {
            return;
        }
        let request = client.request(Pending::Unregister(registration));
        client.has_unregistered = true;
        self.send(id, Message::Unregister { request, registration });
    }

    fn publish(&mut self, id: Id) {
        let topic = TOPICS[if self.retains { 0 } else { self.random.below(TOPICS.len()) }];
        let acknowledge = self.chance(if self.retains { 10 } else { 50 });
        let Some(client) = self.clients.get_mut(&id) else { return };
        let (edge, number) = (client.edge, self.publications.len() as u64);
        let request = if acknowledge { client.request(Pending::Publish) } else { 0 };
        let retained = self.retains || self.chance(30);
        let at = Some(self.moment());
        self.publications.push(Publication { publisher: id, topic, edge, at, retained });
        let options = Dict::new().with("acknowledge", acknowledge).with("retain", retained);
        let payload = Payload::of(vec![id.into(), number.into()], Dict::new());
        self.send(id, Message::Publish { request, options, topic: topic.to_owned(), payload });
    }

    fn call(&mut self, id: Id) {
        let procedure = PROCEDURES[self.random.below(PROCEDURES.len())];
        let Some(client) = self.clients.get_mut(&id) else { return };
        let number = self.calls.len() as u64;
        let request = client.request(Pending::Call(number));
        self.calls.push(Call { caller: id, procedure, ..Call::default() });
        let payload = Payload::one(number);
        let mut options = Dict::new();
        if self.chance(20) {
            options = options.with("timeout", 1 + self.random.below(100) as u64);
        }
        self.send(id, Message::Call { request, options, procedure: procedure.to_owned(), payload });
    }

    fn cancel(&mut self, id: Id) {
        let Some(client) = self.clients.get(&id) else { return };
        let edge = client.edge;
        let call = |(request, pending): (&Id, &Pending)| match pending {
            Pending::Call(number) => Some((*request, *number)),
            _ => None,
        };
        let Some((request, number)) = client.pending.iter().filter_map(call).next() else { return };
        let mode = [None, Some("skip"), Some("kill"), Some("killnowait")][self.random.below(4)];
        let options = mode.map_or_else(Dict::new, |mode| Dict::new().with("mode", mode));
        self.calls[number as usize].skipped |= mode == Some("skip");
        self.withdrawn(edge, number);
        self.send(id, Message::Cancel { request, options });
        let is_answered = self.calls[number as usize].answer.is_some();
        let is_away = self.processes[&edge].edge.is_away();
        let call = &mut self.calls[number as usize];
        call.killed |= mode == Some("kill");
        assert!(is_answered || !is_away || call.killed, "call {number} is not answered at once");
    }

    /// Answers the next invocation of a client, if there is one.
    pub(crate) fn answer(&mut self, id: Id) -> bool {
        let Some(client) = self.clients.get_mut(&id) else { return false };
        let Some((request, number)) = client.invocations.pop_first() else { return false };
        let payload = Payload::one(number);
        self.send(id, Message::Yield { request, options: Dict::new(), payload });
        true
    }
}
