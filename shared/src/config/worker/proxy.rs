//! Proxy workers: they serve clients and pass WAMP on to routers.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::super::decode::*;
use super::super::diagnostic::Path;
use super::super::endpoint::ConnectingEndpoint;
use super::super::include::including;
use super::super::source::{Kind, Value};
use super::super::transport::{ConnectingTransport, Transport};
use super::NativeOptions;
use super::kind::Works;

object! {
    /// A proxy worker.
    pub struct Proxy as "a proxy worker" {
        /// Its options.
        pub options as "options": NativeOptions = nested(), defaulted;
        /// What it listens on.
        pub transports as "transports": Vec<Transport> = including(list(nested())), default(json!([]), Vec::new());
        /// Name → how a router is reached.
        pub connections as "connections": BTreeMap<String, ProxyConnection> = map(nested()), default(json!({}), BTreeMap::new());
        /// Realm → role → the connection that its sessions go over, or several: each session goes over the next one, and over
        /// the one after that where nobody answers.
        pub routes as "routes": BTreeMap<String, BTreeMap<String, Vec<String>>> = map(map(route())), default(json!({}), BTreeMap::new());
    }
    check Proxy::check;
}

fn route() -> impl Rule<Out = Vec<String>> {
    either(
        |value: &Value| !matches!(value.kind, Kind::List(_)),
        named("a connection's name", then(text(), |name, _, _| Some(vec![name]))),
        some(text()),
    )
}

object! {
    /// How a router is reached.
    pub struct ProxyConnection as "a connection to a router" {
        /// The transport. Over TCP `keepalive` is 30 s and `user_timeout` 60 s, if nothing else is said.
        pub transport as "transport": ConnectingTransport = nested(), required;
        /// How the proxy authenticates; absent: `anonymous-proxy`.
        pub auth as "auth": Option<ProxyAuth> = nested(), optional;
        /// Seconds until a client's session with the router must be there, and for which an authenticator's answer is waited for.
        pub timeout as "timeout": Duration = seconds(0.1..=600.0), default(json!(10), Duration::from_secs(10));
    }
    check ProxyConnection::check;
}

object! {
    /// How a proxy authenticates at a router, which it tells who its client is. Of both, the first is taken.
    pub struct ProxyAuth as "a proxy's authentication" {
        /// By the node's key, in the file `key.priv` of the node directory; it is made if there is none.
        pub cryptosign as "cryptosign-proxy": Option<ProxyProof> = nested(), optional;
        /// Not at all: whoever can open the router's Unix socket is believed.
        pub anonymous as "anonymous-proxy": Option<ProxyProof> = nested(), optional;
    }
}

object! {
    /// A proxy's proof. There is nothing to be configured.
    pub struct ProxyProof as "a proxy's proof" {
        /// Where it comes from.
        pub source as "type": ProofSource = word(), required;
    }
}

choice! {
    /// Where a proxy's proof comes from.
    pub enum ProofSource {
        /// The node.
        Static = "static",
    }
}

impl ProxyConnection {
    /// Whether the proxy proves by the node's key that it is one.
    pub fn has_key(&self) -> bool {
        self.auth.as_ref().is_some_and(|auth| auth.cryptosign.is_some())
    }

    fn check(&self, fields: &mut Fields<'_>, cx: &mut Context<'_>) {
        if self.has_key() {
            return;
        }
        let span = fields.span_of("auth");
        if self.auth.as_ref().is_some_and(|auth| auth.anonymous.is_none()) {
            let message = "says no way to authenticate; expected \"cryptosign-proxy\" or \"anonymous-proxy\", each {\"type\": \"static\"}";
            cx.error_at("auth", span, message);
        } else if !matches!(self.transport.endpoint(), ConnectingEndpoint::Unix(_)) {
            let message = "\"anonymous-proxy\", which is also what no \"auth\" means, is for Unix sockets alone, where the mode of \
                           the socket says who is believed; elsewhere: {\"cryptosign-proxy\": {\"type\": \"static\"}}";
            cx.error_at("auth", span, message);
        }
    }
}

impl Works for Proxy {
    fn options(&self) -> Option<&NativeOptions> {
        Some(&self.options)
    }

    fn transports(&self) -> &[Transport] {
        &self.transports
    }

    fn transports_mut(&mut self) -> &mut [Transport] {
        &mut self.transports
    }

    fn connections(&self, at: &Path) -> Vec<(Path, &ConnectingEndpoint)> {
        let at = at.key("connections");
        let place = |name: &str| at.key(name).key("transport").key("endpoint");
        self.connections.iter().map(|(name, one)| (place(name), one.transport.endpoint())).collect()
    }
}

impl Proxy {
    fn check(&self, fields: &mut Fields<'_>, cx: &mut Context<'_>) {
        for (realm, roles) in &self.routes {
            for (role, names) in roles {
                for name in names.iter().filter(|name| !self.connections.contains_key(*name)) {
                    let hint = nearest(name, self.connections.keys().map(String::as_str));
                    let hint = hint.map(|name| format!("; did you mean {name:?}?")).unwrap_or_default();
                    let span = fields.span_of("routes");
                    cx.in_key("routes", |cx| {
                        cx.in_key(realm, |cx| {
                            cx.error_at(
                                role,
                                span,
                                format!(
                                    "names the connection {name:?}, which \"connections\" does not have{hint}"
                                ),
                            );
                        });
                    });
                }
            }
        }
    }
}
