//! What a process with clients has of each realm, where another process has the realms.

use super::share::in_turn;
use jackfield_shared::config::RealmLink;
use jackfield_wamp::Now;
use jackfield_wamp::link::{self, Edge};
use jackfield_wamp::realm::Effect;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// The part of each realm that this process has, by the place of the realm in the configuration.
pub(super) struct Edges {
    number: u64,
    list: Vec<Part>,
    /// Those in which something has happened since their links were woken.
    touched: Vec<usize>,
    /// Bytes of clients' messages that may wait for the process that has the realm; beyond that no client of it is read.
    most_unsettled: usize,
    /// How long the realms may be on their way to another process.
    takeover_timeout: Duration,
    /// Until when that is waited for once the clients have gone.
    settled_by: Option<Instant>,
    /// Who waits until nothing waits for the processes that have the realms.
    settling: Vec<Waker>,
}

/// The part of one realm.
struct Part {
    edge: Edge,
    /// There is something to be sent.
    link: Rc<Notify>,
    /// Connections that are not read, because too much waits.
    paused: Vec<Waker>,
}

impl Edges {
    /// `number` is that of the process.
    pub(super) fn new(number: u64, edges: Vec<Edge>, bounds: &RealmLink) -> Self {
        let most_unsettled = usize::try_from(bounds.max_unsettled_size).unwrap_or(usize::MAX);
        let takeover_timeout = bounds.takeover_timeout;
        let part = |edge| Part { edge, link: Rc::default(), paused: Vec::new() };
        let list = edges.into_iter().map(part).collect();
        Self {
            number,
            list,
            touched: Vec::new(),
            most_unsettled,
            takeover_timeout,
            settled_by: None,
            settling: Vec::new(),
        }
    }

    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// The part of a realm in which something is about to happen.
    pub(super) fn touch(&mut self, realm: usize) -> &mut Edge {
        if self.touched.last() != Some(&realm) {
            self.touched.push(realm);
        }
        &mut self.list[realm].edge
    }

    /// Wakes those links that have something to send.
    pub(super) fn wake(&mut self) {
        for realm in self.touched.drain(..) {
            let Part { edge, link, .. } = &mut self.list[realm];
            if !edge.output().is_empty() {
                link.notify_one();
            }
        }
    }

    /// Whether a message of a client of a realm can be taken now; if not, `cx` is woken when it can.
    pub(super) fn takes(&mut self, realm: usize, cx: &Context<'_>) -> bool {
        let Part { edge, paused, .. } = &mut self.list[realm];
        let takes = edge.unsettled() <= self.most_unsettled;
        if !takes && !paused.iter().any(|waker| waker.will_wake(cx.waker())) {
            paused.push(cx.waker().clone());
        }
        takes
    }

    /// Until when the last words of clients that have gone may be on their way: as long as a takeover may take since this was
    /// asked first.
    pub(super) fn settled_by(&mut self) -> Instant {
        *self.settled_by.get_or_insert_with(|| Instant::now() + self.takeover_timeout)
    }

    /// Whether all that clients have said is routed; if not, `cx` is woken when that may be so.
    pub(super) fn is_settled(&mut self, cx: &Context<'_>) -> bool {
        let is_settled = self.list.iter().all(|part| part.edge.unsettled() == 0);
        if !is_settled && !self.settling.iter().any(|waker| waker.will_wake(cx.waker())) {
            self.settling.push(cx.waker().clone());
        }
        is_settled
    }

    pub(super) fn feed(&mut self, realm: usize, bytes: &[u8]) {
        self.list[realm].edge.feed(bytes);
    }

    /// Takes some of what the process with the realm has sent. True: there may be more.
    pub(super) fn turn(&mut self, realm: usize, out: &mut Vec<Effect>) -> Result<bool, link::Error> {
        let began = Instant::now();
        let edge = self.touch(realm);
        let more = in_turn(|| began.elapsed(), |most| edge.turn(most, out))?;
        let Part { edge, paused, .. } = &mut self.list[realm];
        if edge.unsettled() <= self.most_unsettled / 2 {
            paused.drain(..).for_each(Waker::wake);
        }
        if edge.unsettled() == 0 {
            self.settling.drain(..).for_each(Waker::wake);
        }
        Ok(more)
    }

    /// Is woken when there is something to be sent.
    pub(super) fn waits(&self, realm: usize) -> Rc<Notify> {
        Rc::clone(&self.list[realm].link)
    }

    pub(super) fn output(&mut self, realm: usize) -> &mut Vec<u8> {
        self.list[realm].edge.output()
    }

    pub(super) fn disconnected(&mut self, realm: usize, out: &mut Vec<Effect>) {
        self.touch(realm).disconnected(out);
    }

    /// Does what was to be done by now.
    pub(super) fn expire(&mut self, now: Now, out: &mut Vec<Effect>) {
        for realm in 0..self.list.len() {
            if self.list[realm].edge.next_expiry().is_some_and(|next| next <= now.clock) {
                self.touch(realm).expire(now, out);
            }
        }
    }

    /// When there is something to be done next.
    pub(super) fn next_expiry(&self) -> Option<Duration> {
        self.list.iter().filter_map(|part| part.edge.next_expiry()).min()
    }
}
