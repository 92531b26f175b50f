//! How a hub takes over the realms of another one that has died: it asks every edge, and does again what is not settled.

use super::hub::{Connection, Hub};
use super::up::{Called, Op, Up};
use crate::planted::planted;
use crate::realm::{Realm, Restored, Stamp};
use crate::{Id, Message, Now, uri};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

/// The edges that are waited for.
#[derive(Debug)]
pub(super) struct Gathering {
    expected: BTreeSet<u64>,
    pub(super) until: Duration,
    limit: Duration,
}

/// What is to be done, at its place in the order.
enum Action {
    Restore(Option<Id>, Op),
    Again(u64, Option<Id>, bool, Op),
    Called(Box<Called>),
}

/// Places of CALLs that callees have, by their edges and numbers.
type Places = HashMap<(u64, u64), u64>;

/// A caller: session, request, and how long it waits yet.
type Caller = (Id, Id, Option<Duration>);

impl Hub {
    /// Takes the realms over: nothing is done before these edges have told what their sessions have, or `limit` is over.
    pub fn take_over(&mut self, now: Now, edges: impl IntoIterator<Item = u64>, limit: Duration) {
        let until = now.clock.saturating_add(limit);
        self.gathering = Some(Gathering { expected: edges.into_iter().collect(), until, limit });
        self.look_whether_all_have_told(now);
    }

    /// Whether edges are waited for.
    #[must_use]
    pub const fn is_gathering(&self) -> bool {
        self.gathering.is_some()
    }

    /// These are the edges that there are; others have ended.
    pub fn set_edges(&mut self, now: Now, edges: &[u64]) {
        if let Some(gathering) = &mut self.gathering {
            gathering.expected.retain(|edge| edges.contains(edge));
            self.look_whether_all_have_told(now);
        }
    }

    pub(super) fn look_whether_all_have_told(&mut self, now: Now) {
        let Some(gathering) = &self.gathering else { return };
        let has_told = |edge: &u64| {
            self.edges.get(edge).and_then(|link| self.links.get(link)).is_some_and(|link| link.complete)
        };
        // Whoever has begun is waited for, known or not.
        let begun = self.links.values().all(|link| link.edge.is_none() || link.complete);
        if begun && gathering.expected.iter().all(has_told) {
            self.open(now);
        }
    }

    /// Goes on without those that have not told.
    pub(super) fn give_up_waiting(&mut self, now: Now) {
        let Some(gathering) = &self.gathering else { return };
        let complete: BTreeSet<_> =
            self.links.values().filter(|link| link.complete).filter_map(|link| link.edge).collect();
        let begun = self.links.values().filter_map(|link| link.edge);
        let stuck: BTreeSet<_> = gathering.expected.iter().copied().chain(begun).collect();
        for edge in stuck.difference(&complete) {
            let limit = gathering.limit.as_secs_f64();
            let text =
                format!("it did not tell the new realm process within {limit} s what its sessions have");
            self.stuck.push((*edge, text));
            if let Some(connection) = self.edges.remove(edge) {
                self.links.remove(&connection);
            }
        }
        self.open(now);
    }

    fn open(&mut self, now: Now) {
        self.gathering = None;
        let connections: Vec<_> = self.edges.values().copied().collect();
        let dead = self.take_in_kept(now, &connections);
        self.choose_holders();
        // What was under way at an edge that has died nobody knows.
        self.restore(now, &connections, !dead.is_empty());
        self.end_dead(now, dead);
        self.tell_new_holders();
        self.go_on(now);
    }

    /// Takes in what these edges have told. `died`: an edge has died together with the hub, and what its sessions were
    /// called for is not known.
    pub(super) fn restore(&mut self, now: Now, connections: &[Connection], died: bool) {
        let mut actions: Vec<(u64, u64, Action)> = Vec::new();
        let mut callers: HashMap<(u64, u64), Caller> = HashMap::new();
        let mut invoked: HashMap<Id, Id> = HashMap::new();
        let mut unsettled: Vec<Vec<(u64, u64, Action)>> = Vec::new();
        let mut seen = Places::new();
        for connection in connections {
            let Some(link) = self.links.get_mut(connection) else { continue };
            let Some(edge) = link.edge else { continue };
            let mut own = Vec::new();
            for told in std::mem::take(&mut link.told) {
                match told {
                    Up::Restore { order, id, op } => actions.push((order, edge, Action::Restore(id, op))),
                    // A call that waits for a callee: its place is known.
                    Up::Again { number, order, id, sent, op } if number <= link.settled => {
                        actions.push((order, edge, Action::Again(number, id, sent, op)));
                    }
                    Up::Again { number, order, id, sent, op } => {
                        own.push((order, edge, Action::Again(number, id, sent, op)));
                    }
                    Up::Calling { name, session, request, left_ms } => {
                        let left = left_ms.map(Duration::from_millis);
                        callers.insert((edge, name), (session, request, left));
                    }
                    Up::Called(called) => actions.push((called.order, edge, Action::Called(called))),
                    Up::InvokedUntil { session, request } => {
                        invoked.insert(session, request);
                    }
                    Up::Seen { edge, number, order } => {
                        seen.insert((edge, number), order);
                    }
                    Up::Hello { .. } | Up::Kept(..) | Up::End { .. } | Up::New { .. } => {}
                }
            }
            unsettled.push(own);
        }
        let called: Places =
            actions.iter().filter_map(|(order, _, action)| Some((action.called()?, *order))).collect();
        for mut own in unsettled {
            // What has no known place was done before what comes after it, if at all.
            let mut next = u64::MAX;
            for (order, edge, action) in own.iter_mut().rev() {
                let name = action.again(*edge);
                let exact = name.and_then(|name| seen.get(&name).or_else(|| called.get(&name)));
                *order = exact.copied().unwrap_or(if *order == 0 { next } else { *order });
                next = next.min(*order);
                *order = next;
            }
            actions.extend(own);
        }
        actions.sort_by_key(|(order, _, action)| (*order, matches!(action, Action::Called(_))));
        let known = actions.iter().map(|(order, ..)| *order).filter(|order| *order != u64::MAX).max();
        let top = self.order.max(known.unwrap_or_default());
        let adopted: HashSet<_> =
            called.keys().filter_map(|name| callers.get(name)).map(|c| (c.0, c.1)).collect();
        let again: HashSet<_> = actions.iter().filter_map(|(_, edge, action)| action.again(*edge)).collect();
        let withdrawn = self.withdrawn(connections, &actions);
        let mut lost = BTreeMap::new();
        self.realms.iter_mut().for_each(Realm::freeze);
        for (order, edge, action) in actions {
            // What had a place keeps it, so that others that tell of it later fit in.
            self.order = if order == u64::MAX { self.order.max(top) + 1 } else { order };
            match action {
                Action::Restore(id, op) => {
                    let joins = op.joins();
                    self.redo(now, Stamp { edge, number: 0, id, again: true }, op);
                    self.keep_revocations();
                    self.distribute(None);
                    self.joined(joins, &invoked);
                }
                Action::Again(number, id, sent, op) => {
                    let is_settled = self.link_mut(edge).is_some_and(|link| number <= link.settled);
                    let call = op.calls();
                    let is_adopted = call.is_some_and(|call| adopted.contains(&call));
                    let is_adopted = planted!(Undelivered, true, is_adopted);
                    if let Some(is_canceled) = withdrawn.of(&op, number).filter(|_| !is_adopted) {
                        lost.extend(call.filter(|_| is_canceled).map(|call| (call, true)));
                    } else if died
                        && sent
                        && !is_adopted
                        && op.is_for_callee()
                        && !called.contains_key(&(edge, number))
                    {
                        lost.extend(call.map(|call| (call, false)));
                    } else if !(is_settled && is_adopted) {
                        // Otherwise it was given to a callee with all that waited with it.
                        self.again(now, (edge, number), id, op, (&called, &invoked));
                    }
                }
                Action::Called(called) => self.called(now, edge, *called, &callers),
            }
        }
        let (realms, effects) = self.effects_mut();
        for realm in realms {
            realm.set_stamp(Stamp::default());
            realm.thaw(effects);
        }
        self.order = self.order.max(top) + 1;
        self.distribute(None);
        let order = self.order;
        for link in connections {
            if let Some(link) = self.links.get_mut(link).filter(|link| link.told_until > link.settled) {
                link.unsettled.skip_to(link.told_until, order);
            }
        }
        for (name, (session, request, _)) in &callers {
            if !called.contains_key(name) && !again.contains(name) {
                lost.entry((*session, *request)).or_insert(false);
            }
        }
        for ((session, request), is_canceled) in lost {
            let Some(&(at, _)) = self.sessions.get(&session) else { continue };
            let (realms, effects) = self.effects_mut();
            realms[at].lost_call(session, request, is_canceled, effects);
            self.distribute(None);
        }
        // By this they know who has the realms.
        for link in connections {
            if let Some(link) = self.links.get_mut(link) {
                link.acknowledge(&[]);
            }
        }
    }

    /// The calls that their callers do not want any longer, as far as that has come by now.
    fn withdrawn(&self, connections: &[Connection], actions: &[(u64, u64, Action)]) -> Withdrawn {
        let mut withdrawn = Withdrawn::default();
        for (.., action) in actions {
            if let Action::Again(number, _, _, op) = action {
                withdrawn.note(*number, op);
            }
        }
        for link in connections.iter().filter_map(|connection| self.links.get(connection)) {
            link.later.iter().for_each(|(number, _, op)| withdrawn.note(*number, op));
        }
        withdrawn
    }

    fn joined(&mut self, session: Option<Id>, invoked: &HashMap<Id, Id>) {
        let Some(session) = session else { return };
        if let (Some(request), Some(&(at, _))) = (invoked.get(&session), self.sessions.get(&session)) {
            self.realms[at].invoked_until(session, *request);
        }
    }

    /// Does again what is not settled.
    fn again(
        &mut self,
        now: Now,
        (edge, number): (u64, u64),
        id: Option<Id>,
        op: Op,
        (called, invoked): (&Places, &HashMap<Id, Id>),
    ) {
        let settled = self.link_mut(edge).map_or(0, |link| link.settled);
        let is_new = number > settled;
        if is_new {
            self.expect(edge, number);
        }
        let is_called = called.contains_key(&(edge, number));
        if matches!(&op, Op::Message(_, Message::Call { .. })) && planted!(DeliveredAgain, false, is_called) {
            return;
        }
        let joins = op.joins();
        let stamp = Stamp { edge, number, id, again: true };
        let is_confirmed = matches!(&op, Op::Message(_, Message::Subscribe { .. } | Message::Register { .. }) if id.is_some());
        if is_confirmed {
            self.redo(now, stamp, op);
        } else {
            self.perform(now, stamp, op);
        }
        // A call that waited for a callee was settled: its INVOCATION is not to be taken for one that was seen.
        self.distribute(is_new.then_some((edge, number)));
        self.joined(joins, invoked);
    }

    /// Takes in a call that a callee is working on.
    fn called(&mut self, now: Now, edge: u64, called: Called, callers: &HashMap<(u64, u64), Caller>) {
        let Called { name, session, request, registration, input, answered, .. } = called;
        let Some(at) = self.owned(session, edge) else { return };
        let caller = name.and_then(|name| callers.get(&name));
        let restored = Restored {
            name,
            caller: caller.map(|(session, request, _)| (*session, *request)),
            callee: (session, request),
            registration,
            input,
            deadline: caller.and_then(|(.., left)| *left).map(|left| now.clock.saturating_add(left)),
            answered,
        };
        let (realms, effects) = self.effects_mut();
        realms[at].set_stamp(Stamp::default());
        realms[at].restore_call(now, restored, effects);
        self.distribute(None);
    }
}

/// Calls that their callers do not want any longer.
#[derive(Default)]
struct Withdrawn {
    /// The numbers of the CANCELs, by session and request.
    cancels: HashMap<(Id, Id), u64>,
    /// Sessions that have gone.
    gone: HashSet<Id>,
}

impl Withdrawn {
    fn note(&mut self, number: u64, op: &Op) {
        match op {
            Op::Message(session, Message::Cancel { request, .. }) => {
                self.cancels.insert((*session, *request), number);
            }
            Op::Leave(session) => _ = self.gone.insert(*session),
            _ => {}
        }
    }

    /// Whether the call that is made by this is one of them; if so, whether its caller waits for an answer.
    fn of(&self, op: &Op, number: u64) -> Option<bool> {
        let (session, request) = op.calls().filter(|_| op.is_for_callee())?;
        if self.gone.contains(&session) {
            return Some(false);
        }
        self.cancels.get(&(session, request)).filter(|cancel| **cancel > number).map(|_| true)
    }
}

impl Action {
    fn called(&self) -> Option<(u64, u64)> {
        if let Self::Called(called) = self { called.name } else { None }
    }

    fn again(&self, edge: u64) -> Option<(u64, u64)> {
        if let Self::Again(number, ..) = self { Some((edge, *number)) } else { None }
    }
}

impl Op {
    /// Session and request of a CALL.
    fn calls(&self) -> Option<(Id, Id)> {
        let Self::Message(session, Message::Call { request, .. }) = self else { return None };
        Some((*session, *request))
    }

    /// Whether it is a CALL that the hub does not answer by itself.
    fn is_for_callee(&self) -> bool {
        matches!(self, Self::Message(_, Message::Call { procedure, .. }) if !uri::is_reserved(procedure))
    }

    /// The session that joins, if one does.
    fn joins(&self) -> Option<Id> {
        if let Self::Join(_, joining) = self { Some(joining.session) } else { None }
    }
}
