//! Authentication: what a transport accepts as proof of who a client is.

mod challenge;
pub mod client;
pub mod cryptosign;
mod principal;
pub mod scram;
mod secret;
pub mod wampcra;

pub(crate) use challenge::{Pending, Proof};
pub use principal::Principal;
pub use secret::Secret;

use crate::{Dict, Serializer};
use std::collections::BTreeMap;

/// Who decides about a client.
#[derive(Clone, Debug)]
pub enum Source<T> {
    /// The configuration.
    Static(T),
    /// A procedure.
    Dynamic(Dynamic),
}

impl<T> Source<T> {
    /// Its name as an authprovider.
    pub(crate) const fn provider(&self) -> &'static str {
        match self {
            Self::Static(_) => "static",
            Self::Dynamic(_) => "dynamic",
        }
    }
}

/// A procedure that decides.
#[derive(Clone, Debug)]
pub struct Dynamic {
    /// Its URI.
    pub procedure: String,
    /// The realm it is called in; absent: the one that the client wants.
    pub realm: Option<String>,
    /// The role it is called as, where a session is needed for that.
    pub role: Option<String>,
}

/// The methods of a transport. None at all: every client is anonymous, with the role `anonymous`.
#[derive(Clone, Debug, Default)]
pub struct Methods {
    /// `anonymous`.
    pub anonymous: Option<Source<Anonymous>>,
    /// `anonymous-proxy`: a proxy says who the client is.
    pub anonymous_proxy: bool,
    /// `ticket`: authid to ticket and role.
    pub ticket: Option<Source<BTreeMap<String, Ticket>>>,
    /// `wampcra`: authid to secret and role.
    pub wampcra: Option<Source<BTreeMap<String, wampcra::User>>>,
    /// `scram`: authid to keys and role.
    pub scram: Option<Source<BTreeMap<String, scram::Keys>>>,
    /// `cryptosign`: authid to public keys and role.
    pub cryptosign: Option<Source<BTreeMap<String, cryptosign::Keys>>>,
    /// `cryptosign-proxy`: a proxy with one of these keys says who the client is.
    pub cryptosign_proxy: Option<Source<BTreeMap<String, cryptosign::Keys>>>,
    /// `tls`: the SHA-1 fingerprint of a client's certificate to authid and role.
    pub tls: Option<Source<BTreeMap<String, Principal>>>,
    /// `cookie`.
    pub cookie: bool,
    /// Whether the transport says nothing about authentication.
    pub absent: bool,
}

/// What an anonymous client is given.
#[derive(Clone, Debug)]
pub struct Anonymous {
    /// The realm; absent: the one that the client wants.
    pub realm: Option<String>,
    /// The role.
    pub role: String,
    /// The authid; absent: a random one.
    pub authid: Option<String>,
}

/// A ticket.
#[derive(Clone, Debug)]
pub struct Ticket {
    /// The ticket itself.
    pub ticket: Secret,
    /// The role it gives.
    pub role: Option<String>,
}

/// What is known of a connection before its first message.
#[derive(Clone, Debug)]
pub struct Connection {
    /// What its messages are written in.
    pub serializer: Serializer,
    /// The connection as the meta API and authenticators are told of it (`transport`).
    pub transport: Dict,
    /// Further details for WELCOME and `authextra` (`x_cb_*`).
    pub node: Dict,
    /// Who the client's cookie says that it is.
    pub cookie: Option<Remembered>,
    /// The value of the client's cookie, known or new.
    pub cookie_value: Option<String>,
    /// The SHA-1 fingerprint of the client's certificate, in upper-case hex with colons.
    pub certificate: Option<String>,
    /// The identifier of the TLS connection (`tls-exporter`), to which cryptosign can be bound.
    pub channel: Option<[u8; 32]>,
}

/// An authentication that a cookie stands for.
#[derive(Clone, Debug, PartialEq)]
pub struct Remembered {
    /// The realm.
    pub realm: String,
    /// Who the client is.
    pub authid: String,
    /// Its role.
    pub authrole: String,
    /// How it has authenticated.
    pub authmethod: String,
    /// What it was told with its WELCOME.
    pub authextra: Option<Dict>,
}
