//! `wamp.subscription.get_events`

use super::{Arguments, Refused, Reply};
use crate::realm::broker::Event;
use crate::realm::permission::{Action, Verdict};
use crate::realm::{Realm, errors};
use crate::time::{self, rfc3339};
use crate::{Dict, Id, Value};
use std::time::Duration;

/// How many events are given when the caller does not say.
const DEFAULT_LIMIT: u64 = 10;

/// The arguments beyond the subscription and the number of events.
const FILTERS: [&str; 10] = [
    "reverse",
    "from_time",
    "after_time",
    "before_time",
    "until_time",
    "topic",
    "from_publication",
    "after_publication",
    "before_publication",
    "until_publication",
];

impl Realm {
    /// The events of a subscription whose history is kept. With no other arguments than `subscription_id` and `limit`
    /// they come as from Crossbar.io, the newest first; else as the specification has it, the oldest first.
    pub(crate) fn get_events(&self, caller: Option<Id>, arguments: &Arguments) -> Result<Reply, Refused> {
        let names: Vec<_> = ["subscription_id", "limit"].into_iter().chain(FILTERS).collect();
        arguments.only(&names)?;
        let known = self.known_subscription(arguments.id(0, "subscription_id")?)?;
        let limit = arguments.number(1, "limit")?.unwrap_or(DEFAULT_LIMIT) as usize;
        let Some(topic) = self.broker.history.topic(known.id) else {
            let text = "event history for the given subscription is not available or enabled";
            return Err(Refused::with_message(errors::HISTORY_UNAVAILABLE, text));
        };
        let own = caller.and_then(|caller| self.sessions.get(&caller));
        if let Some(own) = own
            && !known.subscribers.contains(&own.identity.session)
        {
            let permissions = self.roles.get(own.role);
            let verdict = permissions.and_then(|p| p.verdict(Action::Subscribe, known.policy, known.uri));
            if !matches!(verdict, Some(Verdict::Allowed { .. })) {
                let text = "the session is neither subscribed nor known to be allowed to";
                return Err(Refused::new(errors::NOT_AUTHORIZED, text));
            }
        }
        let admitted = |event: &&Event| {
            own.is_none_or(|own| event.filter.as_ref().is_none_or(|filter| filter.admits(&own.identity)))
        };
        let events = topic.events.iter().map(|event| &**event).filter(admitted);
        if !arguments.has_any(2, &FILTERS) {
            let list = events.rev().take(limit).map(|event| self.event_as_crossbar(event)).collect();
            return Ok(Value::List(list).into());
        }
        let wanted = Wanted::read(arguments)?;
        let events: Vec<_> = events.filter(|event| wanted.topic.is_none_or(|t| t == event.topic)).collect();
        let events = wanted.range(&events);
        let specified = |event: &&Event| event_as_specified(event, known.id);
        let list = if wanted.reverse {
            events.iter().rev().take(limit).map(specified).collect()
        } else {
            events.iter().take(limit).map(specified).collect()
        };
        Ok(Value::List(list).into())
    }

    fn event_as_crossbar(&self, event: &Event) -> Value {
        let (args, kwargs) = content(event);
        let publisher = event.publisher.as_ref();
        Dict::new()
            .with("time_ns", u64::try_from(event.time.as_nanos()).unwrap_or(u64::MAX))
            .with("realm", self.config.name.as_str())
            .with("session_id", publisher.map_or(Value::Null, |p| p.session.into()))
            .with("authid", publisher.map_or(Value::Null, |p| (&*p.authid).into()))
            .with("authrole", publisher.map_or(Value::Null, |p| (&*p.authrole).into()))
            .with("publication", event.publication)
            .with("topic", event.topic.as_str())
            .with("args", args)
            .with("kwargs", kwargs)
            .into()
    }
}

fn event_as_specified(event: &Event, subscription: Id) -> Value {
    let (args, kwargs) = content(event);
    let mut details = event.details.clone();
    details.push("topic", event.topic.as_str());
    Dict::new()
        .with("timestamp", rfc3339(event.time))
        .with("subscription", subscription)
        .with("publication", event.publication)
        .with("details", details)
        .with("args", args)
        .with("kwargs", kwargs)
        .into()
}

/// The arguments of an event; null where there are none or where they are encrypted.
fn content(event: &Event) -> (Value, Value) {
    match event.payload.decode() {
        Ok((args, kwargs)) => {
            let args = if args.is_empty() { Value::Null } else { Value::List(args) };
            (args, if kwargs.is_empty() { Value::Null } else { kwargs.into() })
        }
        Err(_) => (Value::Null, Value::Null),
    }
}

/// The events that a caller wants.
struct Wanted<'a> {
    reverse: bool,
    topic: Option<&'a str>,
    times: [Option<Duration>; 4],
    publications: [Option<u64>; 4],
}

impl<'a> Wanted<'a> {
    fn read(arguments: &'a Arguments) -> Result<Self, Refused> {
        let mut this = Self {
            reverse: arguments.boolean(2, "reverse")?.unwrap_or_default(),
            topic: arguments.text_if(7, "topic")?,
            times: [None; 4],
            publications: [None; 4],
        };
        for (at, name) in FILTERS[1..5].iter().enumerate() {
            if let Some(text) = arguments.text_if(3 + at, name)? {
                let time = time::parse(text);
                let time =
                    time.ok_or_else(|| Refused::argument(format!("'{name}' is not a time (RFC 3339)")))?;
                this.times[at] = Some(time);
            }
        }
        for (at, name) in FILTERS[6..].iter().enumerate() {
            this.publications[at] = arguments.number(8 + at, name)?;
        }
        Ok(this)
    }

    /// The events from the first to the last wanted one.
    fn range<'e>(&self, events: &'e [&'e Event]) -> &'e [&'e Event] {
        let place = |publication: Option<u64>| {
            publication.map(|id| events.iter().position(|event| event.publication == id))
        };
        let [from_time, after_time, before_time, until_time] = self.times;
        let first = |early: &dyn Fn(&Event) -> bool| events.partition_point(|event| early(event));
        let mut start = 0;
        let mut end = events.len();
        start = from_time.map_or(start, |time| start.max(first(&|event| event.time < time)));
        start = after_time.map_or(start, |time| start.max(first(&|event| event.time <= time)));
        end = before_time.map_or(end, |time| end.min(first(&|event| event.time < time)));
        end = until_time.map_or(end, |time| end.min(first(&|event| event.time <= time)));
        let [from, after, before, until] = self.publications;
        // A publication that is not there any more was before all that are.
        start = place(from).map_or(start, |at| start.max(at.unwrap_or_default()));
        start = place(after).map_or(start, |at| start.max(at.map_or(0, |at| at + 1)));
        end = place(before).map_or(end, |at| end.min(at.unwrap_or_default()));
        end = place(until).map_or(end, |at| end.min(at.map_or(0, |at| at + 1)));
        if start < end { &events[start..end] } else { &[] }
    }
}
