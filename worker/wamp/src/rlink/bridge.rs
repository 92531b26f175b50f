//! The two ends of a link, and what goes from one to the other.

use super::end::{Asked, End, Watch};
use super::mirror::Mirror;
use super::{Kind, Side, Terms};
use crate::{Dict, Id, Message, Value, kind};
use std::collections::{BTreeMap, HashMap};

/// A link: messages of its two sessions come in, messages for them go out.
#[derive(Debug)]
pub struct Bridge {
    terms: Terms,
    local: End,
    remote: End,
    /// What there is at each end that is to be at the other one as well.
    pub(super) mirrors: BTreeMap<(Side, Kind), Mirror>,
    /// Calls under way, by the end of the caller and the request of the invocation there: their requests at the other end.
    pub(super) calls: HashMap<(Side, Id), Id>,
    notices: Vec<String>,
    failed: Option<String>,
}

impl Bridge {
    /// A link of two sessions that have joined and done nothing yet.
    #[must_use]
    pub fn new(terms: Terms, local: Id, remote: Id) -> Self {
        let mut bridge = Self {
            terms,
            local: End::new(local),
            remote: End::new(remote),
            mirrors: BTreeMap::new(),
            calls: HashMap::new(),
            notices: Vec::new(),
            failed: None,
        };
        // Nobody else has an id by chance.
        bridge.remote.call(Asked::Oneself, "wamp.session.get".into(), vec![local.into()]);
        for side in [Side::Local, Side::Remote] {
            for kind in Kind::ALL {
                bridge.watch(side, kind);
            }
        }
        bridge
    }

    /// Asks for what there is of a kind, and for what becomes of it.
    fn watch(&mut self, side: Side, kind: Kind) {
        let mirrored = self.terms.mirrors(side, kind);
        let blocks = kind == Kind::Registration && self.terms.mirrors(side.other(), kind);
        let events: &[(&str, Watch)] = match kind {
            Kind::Subscription => &[("on_subscribe", Watch::Entered), ("on_unsubscribe", Watch::Left)],
            Kind::Registration => &[("on_register", Watch::Entered), ("on_unregister", Watch::Left)],
        };
        let events = if mirrored { events } else { &[] };
        let deleted = (mirrored || blocks).then_some(("on_delete", Watch::Deleted));
        for (name, watch) in events.iter().copied().chain(deleted) {
            let topic = kind.meta(name);
            let options = Dict::new();
            let asked = Asked::Watch(kind, watch);
            self.end(side).ask(asked, |request| Message::Subscribe { request, options, topic });
        }
        if mirrored {
            self.mirrors.insert((side, kind), Mirror::default());
            self.end(side).call(Asked::List(kind), kind.meta("list"), Vec::new());
        }
    }

    pub(super) const fn end(&mut self, side: Side) -> &mut End {
        match side {
            Side::Local => &mut self.local,
            Side::Remote => &mut self.remote,
        }
    }

    pub(super) const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Takes what is to be sent by the session of a side.
    pub fn take_output(&mut self, side: Side) -> Vec<Message> {
        std::mem::take(&mut self.end(side).output).into()
    }

    /// Takes the first message that is to be sent by the session of a side.
    pub fn take_one(&mut self, side: Side) -> Option<Message> {
        self.end(side).output.pop_front()
    }

    /// Takes what there is to be said to an operator.
    pub fn take_notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }

    /// Why the link is of no use, if it is not.
    #[must_use]
    pub fn failed(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    /// Subscriptions and registrations that are mirrored.
    #[must_use]
    pub fn mirrored(&self) -> (usize, usize) {
        let count = |wanted| {
            let of_kind = self.mirrors.iter().filter(|((_, kind), _)| *kind == wanted);
            of_kind.map(|(_, mirror)| mirror.copied()).sum()
        };
        (count(Kind::Subscription), count(Kind::Registration))
    }

    pub(super) fn notice(&mut self, text: String) {
        // The router is asked for the same again and again, and may refuse it each time.
        if self.notices.len() < 16 {
            self.notices.push(text);
        }
    }

    fn fail(&mut self, text: String) {
        self.failed.get_or_insert(text);
    }

    /// Takes a message of the session of a side.
    pub fn receive(&mut self, side: Side, message: Message) {
        match message {
            Message::Subscribed { request, subscription } => self.entered(side, request, subscription),
            Message::Registered { request, registration } => self.entered(side, request, registration),
            Message::Unsubscribed { request: 0, details } => {
                self.revoked(side, Kind::Subscription, details.as_ref());
            }
            Message::Unregistered { request: 0, details } => {
                self.revoked(side, Kind::Registration, details.as_ref());
            }
            Message::Unsubscribed { request, .. }
            | Message::Unregistered { request, .. }
            | Message::Published { request, .. } => {
                self.end(side).answered(request, false);
            }
            Message::Event { subscription, publication, details, payload } => {
                if let Some((kind, watch)) = self.end(side).watches.get(&subscription).copied() {
                    let args = payload.decode().map(|(args, _)| args).unwrap_or_default();
                    let id = |at: usize| args.get(at).and_then(Value::as_id);
                    if let (Some(session), Some(entry)) = (id(0), id(1)) {
                        self.happened(side, kind, watch, session, entry);
                    }
                } else {
                    self.bring_event(side, subscription, publication, details, payload);
                }
            }
            Message::Invocation { request, registration, details, payload } => {
                self.bring_call(side, request, registration, details, payload);
            }
            Message::Interrupt { request, options } => self.bring_interrupt(side, request, &options),
            Message::Result { request, details, payload } => {
                let more = details.get("progress").and_then(Value::as_bool) == Some(true);
                match self.end(side).answered(request, more) {
                    Some(Asked::Call(invocation)) => {
                        self.bring_result(side, invocation, &details, payload, more);
                    }
                    Some(asked) => {
                        let args = payload.decode().map(|(args, _)| args).unwrap_or_default();
                        self.told(side, asked, args.into_iter().next().unwrap_or(Value::Null));
                    }
                    None => {}
                }
            }
            Message::Error { request_type: kind::INVOCATION, .. } => {}
            Message::Error { request, details, error, payload, .. } => {
                match self.end(side).answered(request, false) {
                    Some(Asked::Call(invocation)) => {
                        self.bring_error(side, invocation, &details, error, payload);
                    }
                    Some(asked) => self.refused(side, asked, &error),
                    None => {}
                }
            }
            other => self.fail(format!("{} has sent {} in a session", whose(side), other.name())),
        }
    }

    /// A request of this end was refused.
    fn refused(&mut self, side: Side, asked: Asked, error: &str) {
        match asked {
            Asked::Watch(..) | Asked::List(_) => self.fail(format!(
                "{} does not tell a link what its clients have ({error}): it needs a role that may call and subscribe to \
                 what begins with \"wamp.\", in a realm with the meta API",
                whose(side)
            )),
            Asked::About(kind, id) | Asked::Members(kind, id) => self.is_gone(side, kind, id),
            Asked::Who(kind, id, _) => self.look_on(side, kind, id),
            Asked::Enter(kind, id) => self.not_entered(side, kind, id, error),
            Asked::Blocker(id) => self.blocker(side, id, None),
            Asked::Publish => {
                self.notice(format!("an event can't be brought to {}: {error}", whose(side)));
            }
            // Such a session is not there: the router is another one.
            Asked::Oneself | Asked::Exit | Asked::Call(_) => {}
        }
    }

    /// A procedure of the meta API has answered.
    fn told(&mut self, side: Side, asked: Asked, value: Value) {
        match asked {
            Asked::Oneself => self.fail(
                "it leads back to its own realm: its \"transport\" has to be that of another router, or \"realm\" another one"
                    .into(),
            ),
            Asked::List(kind) => {
                let all = ["exact", "prefix", "wildcard"].into_iter().filter_map(|policy| value.get(policy)?.as_list());
                let all: Vec<_> = all.flatten().filter_map(Value::as_id).collect();
                all.into_iter().for_each(|id| self.look(side, kind, id));
            }
            Asked::About(kind, id) => self.is(side, kind, id, &value),
            Asked::Members(kind, id) => {
                let members = value.as_list().unwrap_or_default().iter().filter_map(Value::as_id).collect();
                self.are_there(side, kind, id, members);
            }
            Asked::Who(kind, id, session) => self.is_who(side, kind, id, session, &value),
            Asked::Blocker(id) => self.blocker(side, id, value.as_id()),
            Asked::Watch(..) | Asked::Enter(..) | Asked::Exit | Asked::Publish | Asked::Call(_) => {}
        }
    }
}

/// A router, for people.
pub(super) const fn whose(side: Side) -> &'static str {
    match side {
        Side::Local => "the router of this node",
        Side::Remote => "the router at the other end",
    }
}
