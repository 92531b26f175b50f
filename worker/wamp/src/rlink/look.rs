//! What there is at one end: found out, and mirrored at the other end.

use super::bridge::{Bridge, whose};
use super::end::{Asked, Watch};
use super::mirror::{About, Copy};
use super::{Kind, Side, is_link, is_own};
use crate::{Dict, Id, Message, Value};

/// Another client has registered the same.
const IN_THE_WAY: [&str; 2] =
    ["wamp.error.procedure_already_exists", "wamp.error.procedure_exists_with_different_invocation_policy"];

impl Bridge {
    /// Finds out about an entry, as soon as there is room for the questions.
    pub(super) fn look(&mut self, side: Side, kind: Kind, id: Id) {
        let Some(mirror) = self.mirrors.get_mut(&(side, kind)) else { return };
        let Some(entry) = mirror.entry(id) else {
            if !std::mem::replace(&mut mirror.full, true) {
                let text = format!("{} has more than can be mirrored; the rest is left out", whose(side));
                self.notice(text);
            }
            return;
        };
        if entry.asked {
            entry.changed = true;
            return;
        }
        entry.asked = true;
        mirror.queue(id);
        self.look_at_next(side, kind);
    }

    fn look_at_next(&mut self, side: Side, kind: Kind) {
        while let Some(mirror) = self.mirrors.get_mut(&(side, kind))
            && let Some(id) = mirror.next()
        {
            let known = mirror.get(id).is_some_and(|entry| entry.about.is_some());
            let end = self.end(side);
            if !known {
                end.call(Asked::About(kind, id), kind.meta("get"), vec![id.into()]);
            }
            end.call(Asked::Members(kind, id), kind.meta(kind.members()), vec![id.into()]);
        }
    }

    /// What an entry is.
    pub(super) fn is(&mut self, side: Side, kind: Kind, id: Id, details: &Value) {
        if let Some(entry) = self.mirrors.get_mut(&(side, kind)).and_then(|mirror| mirror.get(id)) {
            entry.about = About::read(details);
        }
    }

    /// Who has an entry.
    pub(super) fn are_there(&mut self, side: Side, kind: Kind, id: Id, mut members: Vec<Id>) {
        let links = &self.end(side).links;
        members.retain(|session| !links.contains(session));
        if let Some(entry) = self.mirrors.get_mut(&(side, kind)).and_then(|mirror| mirror.get(id)) {
            entry.witness = None;
            entry.candidates = members;
            let of_others = entry.about.as_ref().is_some_and(|about| !is_own(&about.uri));
            if !of_others {
                entry.candidates.clear();
            }
        }
        self.look_on(side, kind, id);
    }

    /// Asks who the next one is of those who have an entry, or is done with it.
    pub(super) fn look_on(&mut self, side: Side, kind: Kind, id: Id) {
        let Some(mirror) = self.mirrors.get_mut(&(side, kind)) else { return };
        let next = mirror.get(id).and_then(|entry| entry.candidates.pop());
        match next {
            Some(session) => {
                let asked = Asked::Who(kind, id, session);
                self.end(side).call(asked, "wamp.session.get".into(), vec![session.into()]);
            }
            None => self.looked(side, kind, id),
        }
    }

    /// Who one of those is that have an entry.
    pub(super) fn is_who(&mut self, side: Side, kind: Kind, id: Id, session: Id, details: &Value) {
        if is_link(details) {
            self.end(side).links.insert(session);
            return self.look_on(side, kind, id);
        }
        if let Some(entry) = self.mirrors.get_mut(&(side, kind)).and_then(|mirror| mirror.get(id)) {
            entry.candidates.clear();
            entry.witness = Some(session);
        }
        self.looked(side, kind, id);
    }

    fn looked(&mut self, side: Side, kind: Kind, id: Id) {
        let Some(mirror) = self.mirrors.get_mut(&(side, kind)) else { return };
        mirror.done();
        if let Some(entry) = mirror.get(id) {
            entry.asked = false;
            if std::mem::take(&mut entry.changed) {
                self.look(side, kind, id);
            } else {
                self.settle(side, kind, id);
            }
        }
        self.look_at_next(side, kind);
    }

    /// An entry that was asked about is not there any longer.
    pub(super) fn is_gone(&mut self, side: Side, kind: Kind, id: Id) {
        let Some(mirror) = self.mirrors.get_mut(&(side, kind)) else { return };
        // Both questions have that answer.
        if mirror.get(id).is_some() {
            mirror.done();
            self.forget(side, kind, id);
        }
        self.look_at_next(side, kind);
    }

    /// Something has become of an entry.
    pub(super) fn happened(&mut self, side: Side, kind: Kind, watch: Watch, session: Id, id: Id) {
        if watch == Watch::Deleted && kind == Kind::Registration {
            let other = (side.other(), kind);
            let blocked =
                self.mirrors.get_mut(&other).map(|mirror| mirror.blocked_by(id)).unwrap_or_default();
            for entry in blocked {
                self.retry(side.other(), entry);
            }
        }
        let is_link = self.end(side).links.contains(&session);
        let Some(mirror) = self.mirrors.get_mut(&(side, kind)) else { return };
        let entry = mirror.get(id);
        let (asked, witness) = entry.map_or((false, None), |entry| (entry.asked, entry.witness));
        match watch {
            Watch::Entered if is_link || (witness.is_some() && !asked) => {}
            Watch::Entered => self.look(side, kind, id),
            Watch::Left | Watch::Deleted if asked => self.look(side, kind, id),
            Watch::Left if witness == Some(session) => self.look(side, kind, id),
            Watch::Left => {}
            Watch::Deleted => self.forget(side, kind, id),
        }
    }

    fn forget(&mut self, side: Side, kind: Kind, id: Id) {
        let entry = self.mirrors.get_mut(&(side, kind)).and_then(|mirror| mirror.remove(id));
        if let Some(Copy::There(copy)) = entry.map(|entry| entry.copy) {
            self.exit(side.other(), kind, copy);
        }
    }

    /// Has an entry at the other end as well, or not, as it is to be now.
    fn settle(&mut self, side: Side, kind: Kind, id: Id) {
        let Some(entry) = self.mirrors.get_mut(&(side, kind)).and_then(|mirror| mirror.get(id)) else {
            return;
        };
        let wanted = entry.about.clone().filter(|_| entry.witness.is_some());
        match (wanted, entry.copy) {
            (Some(about), Copy::None) => {
                entry.copy = Copy::Asked;
                self.enter(side.other(), kind, id, about);
            }
            (None, Copy::There(copy)) => {
                entry.copy = Copy::None;
                self.exit(side.other(), kind, copy);
            }
            (None, Copy::Refused | Copy::Blocked(_)) => entry.copy = Copy::None,
            (Some(_), _) | (None, Copy::None | Copy::Asked) => {}
        }
    }

    fn enter(&mut self, side: Side, kind: Kind, id: Id, about: About) {
        let (options, uri) = (about.options(), about.uri);
        self.end(side).ask(Asked::Enter(kind, id), |request| match kind {
            Kind::Subscription => Message::Subscribe { request, options, topic: uri },
            Kind::Registration => Message::Register { request, options, procedure: uri },
        });
    }

    fn exit(&mut self, side: Side, kind: Kind, copy: Id) {
        let end = self.end(side);
        end.copies.remove(&(kind, copy));
        end.ask(Asked::Exit, |request| match kind {
            Kind::Subscription => Message::Unsubscribe { request, subscription: copy },
            Kind::Registration => Message::Unregister { request, registration: copy },
        });
    }

    /// A subscription or registration of this end is there.
    pub(super) fn entered(&mut self, side: Side, request: Id, copy: Id) {
        let (kind, id) = match self.end(side).answered(request, false) {
            Some(Asked::Watch(kind, watch)) => {
                self.end(side).watches.insert(copy, (kind, watch));
                return;
            }
            Some(Asked::Enter(kind, id)) => (kind, id),
            _ => return,
        };
        let origin = (side.other(), kind);
        match self.mirrors.get_mut(&origin).and_then(|mirror| mirror.get(id)) {
            Some(entry) => {
                entry.copy = Copy::There(copy);
                self.end(side).copies.insert((kind, copy), id);
                self.settle(side.other(), kind, id);
            }
            None => self.exit(side, kind, copy),
        }
    }

    /// A subscription or registration was refused.
    pub(super) fn not_entered(&mut self, side: Side, kind: Kind, id: Id, error: &str) {
        let origin = (side.other(), kind);
        let Some(entry) = self.mirrors.get_mut(&origin).and_then(|mirror| mirror.get(id)) else { return };
        if kind == Kind::Registration && IN_THE_WAY.contains(&error) {
            entry.copy = Copy::Blocked(None);
            return self.ask_for_blocker(side, id);
        }
        entry.copy = Copy::Refused;
        let uri = entry.about.as_ref().map(|about| about.uri.clone()).unwrap_or_default();
        let what = if kind == Kind::Subscription { "subscribe to" } else { "register" };
        self.notice(format!("{} does not let the link {what} \"{uri}\": {error}", whose(side)));
        self.settle(side.other(), kind, id);
    }

    /// Which registration at `side` is in the way of an entry of the other side.
    fn ask_for_blocker(&mut self, side: Side, id: Id) {
        let origin = (side.other(), Kind::Registration);
        let entry = self.mirrors.get_mut(&origin).and_then(|mirror| mirror.get(id));
        let Some(about) = entry.and_then(|entry| entry.about.clone()) else { return };
        let options = Dict::new().with("match", about.policy.as_str());
        let args = vec![about.uri.into(), options.into()];
        self.end(side).call(Asked::Blocker(id), Kind::Registration.meta("lookup"), args);
    }

    pub(super) fn blocker(&mut self, side: Side, id: Id, blocker: Option<Id>) {
        let origin = (side.other(), Kind::Registration);
        let Some(entry) = self.mirrors.get_mut(&origin).and_then(|mirror| mirror.get(id)) else { return };
        if entry.copy != Copy::Blocked(None) {
            return;
        }
        match blocker {
            Some(blocker) => entry.copy = Copy::Blocked(Some(blocker)),
            // It is gone by now.
            None => self.retry(side.other(), id),
        }
    }

    fn retry(&mut self, side: Side, id: Id) {
        if let Some(entry) =
            self.mirrors.get_mut(&(side, Kind::Registration)).and_then(|mirror| mirror.get(id))
        {
            entry.copy = Copy::None;
            self.settle(side, Kind::Registration, id);
        }
    }

    /// The router has taken a subscription or registration away.
    pub(super) fn revoked(&mut self, side: Side, kind: Kind, details: Option<&Dict>) {
        let key = if kind == Kind::Subscription { "subscription" } else { "registration" };
        let copy = details.and_then(|details| details.get(key)?.as_id());
        let Some(id) = copy.and_then(|copy| self.end(side).copies.remove(&(kind, copy))) else { return };
        let origin = (side.other(), kind);
        let Some(entry) = self.mirrors.get_mut(&origin).and_then(|mirror| mirror.get(id)) else { return };
        match kind {
            Kind::Subscription => entry.copy = Copy::Refused,
            // By another client, most likely, that wants to be the one.
            Kind::Registration => {
                entry.copy = Copy::Blocked(None);
                self.ask_for_blocker(side, id);
            }
        }
    }
}
