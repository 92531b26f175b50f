//! One end of a link: its session with one of the routers.

use super::Kind;
use crate::{Dict, Id, Message, Payload, Value};
use std::collections::{HashMap, HashSet, VecDeque};

/// Publications that are remembered, so that an event that comes by several subscriptions is published once.
const REMEMBERED: usize = 1024;

/// What a request of this end is about, until it is answered.
#[derive(Debug)]
pub(super) enum Asked {
    /// Whether the other session is one of this router, too.
    Oneself,
    /// A subscription to an event of the meta API.
    Watch(Kind, Watch),
    /// What there is of a kind.
    List(Kind),
    /// What one of them is.
    About(Kind, Id),
    /// Who has it.
    Members(Kind, Id),
    /// Who one of these is.
    Who(Kind, Id, Id),
    /// An entry of the other end's, that is to be here as well.
    Enter(Kind, Id),
    /// Which registration is in the way of that.
    Blocker(Id),
    /// The end of such a one.
    Exit,
    /// An event that was brought here.
    Publish,
    /// A call that was brought here, by the invocation of the other end.
    Call(Id),
}

/// An event of the meta API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watch {
    Entered,
    Left,
    Deleted,
}

/// One end of a link.
#[derive(Debug)]
pub(super) struct End {
    /// The session.
    pub(super) session: Id,
    last_request: Id,
    asked: HashMap<Id, Asked>,
    pub(super) output: VecDeque<Message>,
    /// Subscriptions to events of the meta API.
    pub(super) watches: HashMap<Id, (Kind, Watch)>,
    /// What of the other end's is here as well: its id here, and there.
    pub(super) copies: HashMap<(Kind, Id), Id>,
    /// Sessions of which it is known that they are of links.
    pub(super) links: HashSet<Id>,
    published: VecDeque<Id>,
    known: HashSet<Id>,
}

impl End {
    pub(super) fn new(session: Id) -> Self {
        Self {
            session,
            last_request: 0,
            asked: HashMap::new(),
            output: VecDeque::new(),
            watches: HashMap::new(),
            copies: HashMap::new(),
            links: HashSet::from([session]),
            published: VecDeque::new(),
            known: HashSet::new(),
        }
    }

    /// Sends the request that `message` makes of its number.
    pub(super) fn ask(&mut self, asked: Asked, message: impl FnOnce(Id) -> Message) -> Id {
        self.last_request += 1;
        let request = self.last_request;
        self.asked.insert(request, asked);
        self.output.push_back(message(request));
        request
    }

    /// Calls a procedure of the meta API.
    pub(super) fn call(&mut self, asked: Asked, procedure: String, args: Vec<Value>) {
        let payload = Payload::of(args, Dict::new());
        self.ask(asked, |request| Message::Call { request, options: Dict::new(), procedure, payload });
    }

    /// What an answer is about; `more`: others come after it.
    pub(super) fn answered(&mut self, request: Id, more: bool) -> Option<Asked> {
        match self.asked.get(&request) {
            // What is not a call has one answer.
            Some(Asked::Call(invocation)) if more => Some(Asked::Call(*invocation)),
            _ => self.asked.remove(&request),
        }
    }

    /// Whether a publication was not seen yet.
    pub(super) fn is_new(&mut self, publication: Id) -> bool {
        if !self.known.insert(publication) {
            return false;
        }
        self.published.push_back(publication);
        if self.published.len() > REMEMBERED
            && let Some(oldest) = self.published.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}
