//! What clients do.

use super::{INVOKE, META, Simulation, TOPICS, options};
use jackfield_wamp::{Dict, Id, Message, Payload, Value, kind};
use std::time::Duration;

impl Simulation {
    pub(super) fn subscribe(&mut self, client: Id) {
        let mut options = options(&[("get_retained", self.chance(30).into())]);
        let topic = if self.chance(10) {
            options.push("match", "prefix");
            "wamp.".to_owned()
        } else {
            self.pattern(&mut options)
        };
        let request = self.request(client, kind::SUBSCRIBE);
        self.send(client, Message::Subscribe { request, options, topic });
    }

    pub(super) fn unsubscribe(&mut self, client: Id) {
        let subscriptions = self.clients[&client].subscriptions.clone();
        let subscription = self.some_id(&subscriptions);
        let request = self.request_about(client, kind::UNSUBSCRIBE, subscription);
        self.send(client, Message::Unsubscribe { request, subscription });
    }

    pub(super) fn publish(&mut self, client: Id) {
        let acknowledge = self.chance(50);
        let mut options = options(&[("acknowledge", acknowledge.into()), ("retain", self.chance(10).into())]);
        let include_me = self.chance(30);
        if include_me {
            options.push("exclude_me", false);
        }
        if self.chance(20)
            && let Some(other) = self.somebody()
        {
            let key = self.one_of(&["eligible", "exclude"]);
            options.push(key, vec![Value::from(other)]);
        }
        if self.chance(20) {
            let key = self.one_of(&["eligible_authid", "exclude_authid"]);
            options.push(key, vec![Value::from("joe")]);
        }
        let topic = self.one_of(&TOPICS).to_owned();
        self.number += 1;
        let args = vec![client.into(), self.number.into(), include_me.into()];
        let payload = Payload::of(args, Dict::new());
        let request = if acknowledge { self.request(client, kind::PUBLISH) } else { 1 };
        self.send(client, Message::Publish { request, options, topic, payload });
    }

    pub(super) fn register(&mut self, client: Id) {
        let mut options = options(&[("invoke", self.one_of(&INVOKE).into())]);
        if self.chance(40) {
            options.push("concurrency", 1 + self.random.below(2) as u64);
        }
        if self.chance(10) {
            options.push("force_reregister", true);
        }
        if self.chance(10) {
            options.push("forward_timeout", true);
        }
        let procedure = self.pattern(&mut options);
        let request = self.request(client, kind::REGISTER);
        self.send(client, Message::Register { request, options, procedure });
    }

    pub(super) fn unregister(&mut self, client: Id) {
        let registrations = self.clients[&client].registrations.clone();
        let registration = self.some_id(&registrations);
        let request = self.request_about(client, kind::UNREGISTER, registration);
        self.send(client, Message::Unregister { request, registration });
    }

    pub(super) fn call(&mut self, client: Id) {
        let open = self.clients[&client].open.clone();
        let further = !open.is_empty() && self.chance(50);
        let request = if further { self.some_id(&open) } else { self.request(client, kind::CALL) };
        let mut options = Dict::new();
        if self.chance(20) {
            options.push("timeout", 1 + self.random.below(50) as u64);
        }
        if self.chance(30) {
            options.push("receive_progress", true);
        }
        let more = self.chance(if further { 50 } else { 15 });
        if more {
            options.push("progress", true);
        }
        if let Some(client) = self.clients.get_mut(&client) {
            if more {
                client.open.insert(request);
            } else {
                client.open.remove(&request);
            }
        }
        let procedure = self.one_of(&TOPICS).to_owned();
        let payload = self.marked(client);
        self.send(client, Message::Call { request, options, procedure, payload });
    }

    pub(super) fn call_meta(&mut self, client: Id) {
        let procedure = self.one_of(&META);
        let other = self.somebody().unwrap_or_default();
        let (subscriptions, registrations) = match self.clients.get(&other) {
            Some(other) => (other.subscriptions.clone(), other.registrations.clone()),
            None => Default::default(),
        };
        let args = match procedure {
            "wamp.session.kill" => vec![Value::from(other)],
            "wamp.subscription.remove_subscriber" => vec![self.some_id(&subscriptions).into(), other.into()],
            "wamp.registration.remove_callee" => vec![self.some_id(&registrations).into(), other.into()],
            "wamp.session.add_testament" => {
                self.number += 1;
                // A testament comes after all else that the session has published.
                let args = vec![Value::from(client), Value::from(self.number + 1_000_000)];
                vec!["com.a".into(), args.into(), Dict::new().into()]
            }
            _ => Vec::new(),
        };
        let request = self.request(client, kind::CALL);
        let (options, procedure) = (Dict::new(), procedure.to_owned());
        let payload = Payload::of(args, Dict::new());
        self.send(client, Message::Call { request, options, procedure, payload });
    }

    pub(super) fn cancel(&mut self, client: Id) {
        let pending = self.clients[&client].pending.clone();
        let calls =
            pending.into_iter().filter(|(_, about)| about.0 == kind::CALL).map(|(id, _)| id).collect();
        let request = self.some_id(&calls);
        let options = match self.random.below(4) {
            0 => Dict::new(),
            at => options(&[("mode", ["skip", "kill", "killnowait"][at - 1].into())]),
        };
        self.send(client, Message::Cancel { request, options });
    }

    pub(super) fn answer(&mut self, client: Id) {
        let own = &self.clients[&client];
        let invocations = own.invocations.clone();
        let late = 1 + self.random.below(own.last_invocation.max(1) as usize) as u64;
        let request =
            if invocations.is_empty() || self.chance(10) { late } else { self.some_id(&invocations) };
        if self.clients[&client].last_invocation < request {
            return;
        }
        let progress = self.chance(20);
        if !progress && let Some(own) = self.clients.get_mut(&client) {
            own.invocations.remove(&request);
        }
        let allow = match self.random.below(4) {
            0 => Value::from(true),
            1 => Value::from(options(&[("allow", true.into()), ("cache", self.chance(20).into())])),
            2 => Value::from(false),
            _ => Value::from("nonsense"),
        };
        let payload = Payload::one(allow);
        if !progress && self.chance(30) {
            let (details, error) = (Dict::new(), "com.error".to_owned());
            let request_type = kind::INVOCATION;
            return self.send(client, Message::Error { request_type, request, details, error, payload });
        }
        let options = options(&[("progress", progress.into())]);
        self.send(client, Message::Yield { request, options, payload });
    }

    pub(super) fn call_by_router(&mut self) {
        self.token += 1;
        let token = self.token;
        self.tokens.insert(token);
        let procedure = self.one_of(&["com.a", "com.b.c", "wamp.session.count"]);
        let timeout = Duration::from_millis(20);
        let what = format!("the router calls {procedure}");
        self.act(&what, |realm, now, out| realm.call(now, token, procedure, Payload::None, timeout, out));
    }

    pub(super) fn kill(&mut self, client: Id) {
        self.act(&format!("{client} is killed"), |realm, now, out| {
            assert!(realm.kill(now, client, None, None, out));
        });
        assert!(!self.clients.contains_key(&client), "no GOODBYE for {client}");
    }

    pub(super) fn reload(&mut self) {
        let config = self.config.clone();
        self.act("another configuration", |realm, _, _| realm.reload(config));
    }
}
