//! A session of a realm.

use super::alike::Alike;
use super::authorize::Asked;
use super::broker::Testament;
use super::dealer::CallKey;
use super::hash::{IdHash, IdMap};
use super::permission::RoleKey;
use super::{ClientFeatures, Joining, Stamp};
use crate::rlink::MARK;
use crate::{Dict, Id, Message, Serializer, Value, codec};
use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

/// How many calls with an open input are remembered after their end.
const ENDED_INPUTS: usize = 64;

/// Who a session is.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) session: Id,
    pub(crate) authid: Rc<str>,
    pub(crate) authrole: Rc<str>,
}

impl Identity {
    /// Adds the three details that disclose it: `PREFIX`, `PREFIX_authid` and `PREFIX_authrole`.
    pub(crate) fn disclose(&self, prefix: &str, details: &mut Dict) {
        details.push(prefix, self.session);
        details.push(format!("{prefix}_authid"), &*self.authid);
        details.push(format!("{prefix}_authrole"), &*self.authrole);
    }
}

/// A session. Most do nothing for most of the time, so what it has is apart: it is [`Has`], as which it may be used, too.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) identity: Identity,
    about: About,
    pub(crate) features: ClientFeatures,
    /// Whether it is one of a link between routers.
    pub(crate) link: bool,
    /// It has violated the protocol: what comes is ignored until it leaves.
    pub(crate) violated: bool,
    /// What it may do.
    pub(crate) role: Option<RoleKey>,
    /// Its place in the order of joining.
    pub(crate) joined: u64,
    has: Rc<Has>,
}

/// What a session has. What it has as a caller and as a callee are keys into the table of calls.
#[derive(Clone, Debug)]
pub(crate) struct Has {
    /// By id, with their places in the order of subscribing.
    pub(crate) subscriptions: IdMap<u64>,
    /// By id, with their places in the order of registering.
    pub(crate) registrations: IdMap<u64>,
    /// Its calls by their requests.
    pub(crate) calls: IdMap<CallKey>,
    /// What it is called for, by the requests of the invocations.
    pub(crate) invocations: IdMap<CallKey>,
    /// The last request of an invocation that it got.
    pub(crate) last_invocation: Id,
    /// Calls that ended while their caller was still sending arguments.
    ended_inputs: VecDeque<Id>,
    pub(crate) testaments: Vec<Testament>,
    /// What its authorizer is asked.
    pub(crate) asked: Option<Box<Asked>>,
    /// What came after that.
    pub(crate) held: VecDeque<(Stamp, Message)>,
    pub(crate) held_bytes: usize,
}

impl Has {
    /// Nothing.
    fn new(hash: IdHash) -> Self {
        Self {
            subscriptions: hash.map(),
            registrations: hash.map(),
            calls: hash.map(),
            invocations: hash.map(),
            last_invocation: 0,
            ended_inputs: VecDeque::new(),
            testaments: Vec::new(),
            asked: None,
            held: VecDeque::new(),
            held_bytes: 0,
        }
    }
}

impl Deref for Session {
    type Target = Has;

    fn deref(&self) -> &Has {
        &self.has
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut Has {
        Rc::make_mut(&mut self.has)
    }
}

/// What the sessions of a realm have alike.
#[derive(Debug)]
pub(crate) struct InCommon {
    abouts: Alike<[u8]>,
    authroles: Alike<str>,
    /// What a session has that has done nothing yet.
    nothing: Rc<Has>,
}

impl InCommon {
    pub(crate) fn new(hash: IdHash) -> Self {
        Self { abouts: Alike::default(), authroles: Alike::default(), nothing: Rc::new(Has::new(hash)) }
    }

    /// A session is gone.
    pub(crate) fn release(&mut self, session: Session) {
        self.abouts.release(session.about.common);
        self.authroles.release(session.identity.authrole);
    }
}

/// What the meta API tells about a session. It is seldom asked for, and most sessions are idle: so it is kept as it is
/// written, and once for all whose clients differ by their addresses alone.
#[derive(Debug)]
struct About {
    common: Rc<[u8]>,
    /// `transport.peer`, which is left out of that.
    peer: Option<Box<str>>,
}

impl About {
    fn new(mut about: Dict, abouts: &mut Alike<[u8]>) -> Self {
        let peer = peer_of(&mut about).and_then(|peer| match std::mem::replace(peer, Value::Null) {
            Value::Str(peer) => Some(peer.into()),
            other => {
                *peer = other;
                None
            }
        });
        let mut bytes = Vec::new();
        codec::encode_value(Serializer::Msgpack, &about.into(), &mut bytes);
        Self { common: abouts.one(&bytes), peer }
    }

    fn read(&self) -> Dict {
        let about = codec::decode_value(Serializer::Msgpack, &self.common).ok().and_then(Value::into_dict);
        let mut about = about.unwrap_or_default();
        if let (Some(own), Some(peer)) = (&self.peer, peer_of(&mut about)) {
            *peer = (&**own).into();
        }
        about
    }
}

/// Where `transport.peer` stands.
fn peer_of(about: &mut Dict) -> Option<&mut Value> {
    let (_, transport) = about.0.iter_mut().find(|(key, _)| &**key == "transport")?;
    let Value::Map(transport) = transport else { return None };
    transport.iter_mut().find(|(key, _)| key.as_str() == Some("peer")).map(|(_, peer)| peer)
}

impl Session {
    pub(crate) fn new(joining: Joining, role: Option<RoleKey>, joined: u64, common: &mut InCommon) -> Self {
        let extra = joining.authextra.unwrap_or_default();
        let link = extra.get(MARK).is_some_and(|id| id.as_str().is_some());
        let about = Dict::new()
            .with("authmethod", joining.authmethod)
            .with("authprovider", joining.authprovider)
            .with("authextra", extra)
            .with("transport", joining.transport);
        Self {
            identity: Identity {
                session: joining.session,
                authid: joining.authid.into(),
                authrole: common.authroles.one(&joining.authrole),
            },
            about: About::new(about, &mut common.abouts),
            link,
            features: joining.features,
            violated: false,
            role,
            joined,
            has: Rc::clone(&common.nothing),
        }
    }

    /// Its details, as authorizers get them.
    pub(crate) fn details(&self) -> Dict {
        let mut details = Dict::new()
            .with("session", self.identity.session)
            .with("authid", &*self.identity.authid)
            .with("authrole", &*self.identity.authrole);
        details.0.extend(self.about.read().0);
        details
    }

    /// Whether it has sent a CALL of this request that is not answered.
    pub(crate) fn has_call(&self, request: Id) -> bool {
        let asked = self.asked.as_ref().and_then(|asked| asked.message());
        let is_call =
            |message: &Message| matches!(message, Message::Call { request: r, .. } if *r == request);
        self.calls.contains_key(&request)
            || asked.into_iter().chain(self.held.iter().map(|(_, message)| message)).any(is_call)
    }

    /// Remembers that a call ended while its caller was still sending arguments: what is under way is for nobody.
    pub(crate) fn end_input(&mut self, request: Id) {
        if self.ended_inputs.len() == ENDED_INPUTS {
            self.ended_inputs.pop_front();
        }
        self.ended_inputs.push_back(request);
    }

    /// Whether a CALL is one of those; after the last of them no longer.
    pub(crate) fn is_late_input(&mut self, request: Id, more: bool) -> bool {
        let Some(at) = self.ended_inputs.iter().position(|ended| *ended == request) else { return false };
        if !more {
            self.ended_inputs.remove(at);
        }
        true
    }
}

/// The keys of a table in the order of its values.
pub(crate) fn in_order(table: &IdMap<u64>) -> Vec<Id> {
    let mut ids: Vec<_> = table.iter().map(|(id, place)| (*place, *id)).collect();
    ids.sort_unstable();
    ids.into_iter().map(|(_, id)| id).collect()
}
