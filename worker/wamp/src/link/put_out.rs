//! How what has come of a step goes out to the edges that it concerns.

use super::down::{
    begin_step, end_step, put_answer, put_forget, put_goodbye, put_invoke, put_keep, put_queued, put_send,
    put_violation,
};
use super::holders::Gone;
use super::hub::Hub;
use super::lasting;
use super::wire::put_message;
use crate::realm::{Effect, ForHub, LastingKey};
use crate::session::Answer;
use crate::{Id, Message};

impl Hub {
    /// Puts what has come of a step out to the edges that it concerns.
    pub(super) fn distribute(&mut self, cause: Option<(u64, u64)>) {
        if self.effects.is_empty() {
            return;
        }
        let mut effects = std::mem::take(&mut self.effects).into_iter().peekable();
        let (mut cause, mut late) = (cause, false);
        loop {
            let mut part = Vec::new();
            while let Some(effect) =
                effects.next_if(|effect| !matches!(effect, Effect::Hub(ForHub::Cause(_))))
            {
                part.push(effect);
            }
            self.put_out(cause, late, part);
            match effects.next() {
                Some(Effect::Hub(ForHub::Cause(stamp))) => {
                    (cause, late) = (Some((stamp.edge, stamp.number)), true)
                }
                _ => return,
            }
        }
    }

    fn put_out(&mut self, cause: Option<(u64, u64)>, late: bool, effects: Vec<Effect>) {
        let held = effects.iter().any(|effect| matches!(effect, Effect::Hub(ForHub::Held)));
        // What comes in the end is not to be taken for what has come now.
        let waits = held || effects.iter().any(|effect| matches!(effect, Effect::Hub(ForHub::Queued)));
        let shown = cause.filter(|_| !waits).unwrap_or_default();
        let floor = self.link_mut(shown.0).map_or(0, |link| link.settled);
        let mut frames = Frames { shown, floor, order: self.order, late, begun: Vec::new() };
        let (mut message_bytes, mut gone) = (Vec::new(), Vec::new());
        for effect in effects {
            match effect {
                Effect::Send { to, message } => {
                    let Some(&(at, edge)) = self.sessions.get(&to) else { continue };
                    let name = match message.message() {
                        Message::Invocation { request, .. } => Some(self.realms[at].call_name(to, *request)),
                        _ => None,
                    };
                    let Some(out) = frames.of(self, edge) else { continue };
                    if let Some(name) = name {
                        put_invoke(to, name, message.message(), out);
                    } else {
                        message_bytes.clear();
                        put_message(message.message(), &mut message_bytes);
                        put_send(&[to], &message_bytes, out);
                    }
                }
                Effect::Fan { to, message } => {
                    message_bytes.clear();
                    put_message(message.message(), &mut message_bytes);
                    for (edge, to) in self.by_edge(to) {
                        if let Some(out) = frames.of(self, edge) {
                            put_send(&to, &message_bytes, out);
                        }
                    }
                }
                Effect::Goodbye { session, reason, message } => {
                    let Some((_, edge)) = self.sessions.remove(&session) else { continue };
                    gone.push(session);
                    if let Some(out) = frames.of(self, edge) {
                        put_goodbye(session, &reason, message.as_deref(), out);
                    }
                }
                Effect::Violation { session, text } => {
                    let Some(&(_, edge)) = self.sessions.get(&session) else { continue };
                    if let Some(out) = frames.of(self, edge) {
                        put_violation(session, &text, out);
                    }
                }
                Effect::Answer { token, answer } => self.answer(&mut frames, token, &answer),
                Effect::Hub(ForHub::Queued) => {
                    let Some((edge, number)) = cause else { continue };
                    if let Some(out) = frames.of(self, edge) {
                        put_queued(number, out);
                    }
                }
                Effect::Hub(ForHub::Dropped(stamp)) => {
                    if let Some(link) = self.link_mut(stamp.edge) {
                        link.unsettled.release(stamp.number);
                    }
                }
                Effect::Hub(ForHub::Keep(realm, lasting)) => {
                    let content = lasting::put(&realm, &lasting);
                    self.keep(&mut frames, lasting.key(), Some(&content));
                }
                Effect::Hub(ForHub::Forget(key)) => self.keep(&mut frames, key, None),
                Effect::Hub(ForHub::Testaments(session)) => {
                    if let Some(content) = self.put_session(session) {
                        self.keep(&mut frames, LastingKey::Session(session), Some(&content));
                    }
                }
                Effect::Hub(ForHub::Gone(session)) => gone.push(session),
                Effect::Hub(ForHub::Held | ForHub::Cause(_)) | Effect::Late(_) => {}
            }
        }
        let waits = frames.end(self);
        if let Some((edge, number)) = cause
            && let Some(link) = self.link_mut(edge)
        {
            link.unsettled.caused(number, held, &waits);
            if !gone.is_empty() {
                link.unsettled.forgets(number);
            }
        }
        if !gone.is_empty() {
            self.holders.gone.push_back(Gone { sessions: gone, waits, cause });
        }
    }

    /// Has edges keep something, or forget it.
    fn keep(&mut self, frames: &mut Frames, key: LastingKey, content: Option<&[u8]>) {
        for at in 0..self.holders.edges.len() {
            let holder = &mut self.holders.edges[at];
            holder.todo.remove(&key);
            if holder.retires && content.is_some() {
                continue;
            }
            let edge = holder.edge;
            match (frames.of(self, edge), content) {
                (Some(out), Some(content)) => put_keep(key, content, out),
                (Some(out), None) => put_forget(key, out),
                (None, _) => {}
            }
        }
    }

    fn answer(&mut self, frames: &mut Frames, token: u64, answer: &Answer) {
        let Some((edge, token)) = self.questions.asked.remove(&token) else { return };
        if let Some(out) = frames.of(self, edge) {
            put_answer(token, answer, out);
        }
    }

    fn by_edge(&self, to: Vec<Id>) -> Vec<(u64, Vec<Id>)> {
        let mut groups: Vec<(u64, Vec<Id>)> = Vec::new();
        for id in to {
            let Some(&(_, edge)) = self.sessions.get(&id) else { continue };
            match groups.iter_mut().find(|(own, _)| *own == edge) {
                Some((_, group)) => group.push(id),
                None => groups.push((edge, vec![id])),
            }
        }
        groups
    }
}

/// The frames of one step, one for each edge that it concerns.
struct Frames {
    shown: (u64, u64),
    floor: u64,
    order: u64,
    late: bool,
    /// Edge and where its frame begins.
    begun: Vec<(u64, usize)>,
}

impl Frames {
    /// Where what is for an edge is to be put; it is none any longer: nowhere.
    fn of<'a>(&mut self, hub: &'a mut Hub, edge: u64) -> Option<&'a mut Vec<u8>> {
        let link = hub.link_mut(edge)?;
        if !self.begun.iter().any(|(begun, _)| *begun == edge) {
            let start = begin_step(self.shown, self.floor, self.order, self.late, &mut link.output);
            self.begun.push((edge, start));
        }
        Some(&mut link.output)
    }

    /// Ends them; gives up to which bytes they have to be written.
    fn end(self, hub: &mut Hub) -> Vec<(u64, u64)> {
        let mut waits = Vec::with_capacity(self.begun.len());
        for (edge, start) in self.begun {
            let Some(link) = hub.link_mut(edge) else { continue };
            end_step(start, &mut link.output);
            link.queued += (link.output.len() - start) as u64;
            waits.push((edge, link.queued));
        }
        waits
    }
}
