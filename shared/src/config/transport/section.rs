//! Where WAMP clients come in.

use super::super::decode::*;
use super::super::diagnostic::{Path, Remark, Severity};
use super::super::wamp::{
    Auth, Cookie, CryptosignAuth, CryptosignStatic, ScramAuth, TicketAuth, TlsAuth, WampcraAuth,
};

choice! {
    /// How WAMP messages are written.
    pub enum Serializer {
        /// JSON
        Json = "json",
        /// MessagePack
        Msgpack = "msgpack",
        /// CBOR
        Cbor = "cbor",
        /// UBJSON
        Ubjson = "ubjson",
        /// FlatBuffers
        Flatbuffers = "flatbuffers",
    }
}

impl Serializer {
    /// Whether it is spoken here.
    pub const fn is_spoken(self) -> bool {
        matches!(self, Self::Json | Self::Msgpack | Self::Cbor)
    }
}

/// The worker that something belongs to, as far as it matters for what is in this release.
#[derive(Clone, Copy, Debug, Default)]
pub struct Within {
    /// It has more than one process, or may have.
    pub has_several: bool,
    /// It is a proxy worker.
    pub is_proxy: bool,
}

impl Within {
    /// What there is to say about something that runs in Python, beside a router.
    pub(crate) fn python(self, at: Path) -> Option<Remark> {
        let message =
            "what is Python in a transport of a proxy worker is not built; a router worker can have it";
        self.is_proxy.then(|| (Severity::NotBuilt, at, message.into()))
    }
}

/// A transport, a path, or a section of one, that WAMP clients connect to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Section<'a> {
    /// The serializers that are offered; `None`: all that there are.
    pub serializers: Option<&'a [Serializer]>,
    /// How clients authenticate, if they have to.
    pub auth: Option<&'a Auth>,
    /// The cookie that clients get, if they get one.
    pub cookie: Option<&'a Cookie>,
}

impl Section<'_> {
    /// What of it is not in this release; `at` is where it is.
    pub(crate) fn unbuilt(&self, at: &Path, within: Within) -> Vec<Remark> {
        let mut remarks = Vec::new();
        let serializers = self.serializers.unwrap_or_default();
        let unspoken = |one: &Serializer| !one.is_spoken();
        let has_none = serializers.iter().all(unspoken);
        for (index, serializer) in serializers.iter().enumerate().filter(|(_, one)| unspoken(one)) {
            let severity = if has_none { Severity::NotBuilt } else { Severity::Warning };
            let message =
                format!("{} is not spoken; \"json\", \"msgpack\" and \"cbor\" are", serializer.name());
            remarks.push((severity, at.key("serializers").index(index), message));
        }
        let Some(auth) = self.auth else { return remarks };
        let functions = [
            ("ticket", matches!(auth.ticket, Some(TicketAuth::Function(_)))),
            ("wampcra", matches!(auth.wampcra, Some(WampcraAuth::Function(_)))),
            ("scram", matches!(auth.scram, Some(ScramAuth::Function(_)))),
            ("cryptosign", matches!(auth.cryptosign, Some(CryptosignAuth::Function(_)))),
            ("tls", matches!(auth.tls, Some(TlsAuth::Function(_)))),
        ];
        for (method, _) in functions.into_iter().filter(|(_, is_function)| *is_function) {
            remarks.extend(within.python(at.key("auth").key(method).key("type")));
        }
        if let Some(CryptosignAuth::Static(CryptosignStatic { trustroots: Some(_), .. })) = &auth.cryptosign {
            let at = at.key("auth").key("cryptosign").key("trustroots");
            let message = "certificates of Ethereum are not read; with Crossbar.io 26.10 nobody joins by them either. Name public \
                           keys under \"principals\", or a procedure that decides (\"type\": \"dynamic\")";
            remarks.push((Severity::NotBuilt, at, message.into()));
        }
        remarks
    }
}
