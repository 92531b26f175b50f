//! Proxy workers: they serve clients and pass WAMP on to routers.

use std::collections::BTreeMap;

use serde_json::json;

use super::super::decode::*;
use super::super::source::{Kind, Value};
use super::super::transport::{ConnectingTransport, Transport};
use super::NativeOptions;

object! {
    /// A proxy worker.
    pub struct Proxy as "a proxy worker" {
        /// Its options.
        pub options as "options": NativeOptions = nested(), defaulted;
        /// What it listens on.
        pub transports as "transports": Vec<Transport> = list(nested()), default(json!([]), Vec::new());
        /// Name → how a router is reached.
        pub connections as "connections": BTreeMap<String, ProxyConnection> = map(nested()), default(json!({}), BTreeMap::new());
        /// Realm → role → the connections its sessions go over.
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
        /// The transport.
        pub transport as "transport": ConnectingTransport = nested(), required;
        /// How the proxy authenticates.
        pub auth as "auth": Option<BTreeMap<String, serde_json::Value>> = map(any()), optional;
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
