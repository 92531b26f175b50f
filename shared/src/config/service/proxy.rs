//! Services that carry requests elsewhere.

use std::time::Duration;

use serde_json::json;

use super::super::decode::*;
use super::super::diagnostic::Path;
use super::super::endpoint::{ConnectingEndpoint, TcpConnecting, host, port};
use super::super::transport::{
    Backend, Balance, Health, RetryBudget, WebsocketConnecting, WebsocketOptions, backends, check_backends,
    tell_type, websocket_url,
};
use super::serves::Serves;

choice! {
    /// The scheme clients see.
    pub enum Scheme {
        /// Without TLS.
        Http = "http",
        /// With TLS.
        Https = "https",
    }
}

object! {
    /// Requests carried to other web servers.
    pub struct Reverseproxy as "a reverse proxy service" {
        /// The servers; where there is one on a TCP port, `host` and `port` do as well.
        pub backends as "backends": Vec<Backend> = some(nested::<Backend>()), special(Reverseproxy::backends, Presence::Optional);
        /// How one is chosen.
        pub balance as "balance": Balance = word(), default(json!("least-connections"), Balance::LeastConnections);
        /// Checks of the backends; absent: a backend that can't be reached is passed over, and asked last for the next 5 s.
        pub health as "health": Option<HttpHealth> = nested(), optional;
        /// How many requests are tried again at another backend.
        pub retry_budget as "retry_budget": RetryBudget = nested(), defaulted;
        /// Keeps each browser at the backend that answered it first, by a cookie.
        pub sticky as "sticky": Option<Sticky> = nested(), optional;
        /// The path put before the rest of the request's path.
        pub path as "path": String = text(), default(json!(""), String::new());
        /// Speaks HTTP/2 with backends that have no TLS; with TLS the protocol agreed on (`alpn`) decides.
        pub http2 as "http2": bool = boolean(), default(false);
        /// Tells the backend the `Host` that the client asked for, instead of the backend's own.
        pub preserve_host as "preserve_host": bool = boolean(), default(false);
        /// Seconds for the backend's answer to begin, and for each part of it to follow; 0: no limit.
        pub timeout as "timeout": Duration = seconds(0.1..=86400.0).or_off(), default(json!(60), Duration::from_secs(60));
        /// Seconds without a byte in either direction after which an upgraded connection is closed; 0: never.
        pub idle_timeout as "idle_timeout": Duration = seconds(0.1..=604800.0).or_off(), default(json!(0), Duration::ZERO);
        /// The port clients see, told to the server; absent: the one in the `Host` they ask for.
        pub forwarded_port as "forwarded_port": Option<u16> = port(), optional;
        /// The scheme clients see, told to the server; absent: that of the transport.
        pub forwarded_proto as "forwarded_proto": Option<Scheme> = word(), optional;
    }
    also {
        /// The server's host, where there are no `backends`.
        "host" = host();
        /// Its port.
        "port" = port();
    }
}

object! {
    /// Health checks of web servers.
    pub struct HttpHealth as "health checks" {
        /// How often, and what follows.
        pub checks as "checks": Health = nested::<Health>(), flatten;
        /// What is asked for (GET), with its query if it has one; absent: it is enough that a connection stands.
        pub path as "path": Option<String> = matching("a path that begins with a slash", Some("^/"), is_target), optional;
        /// The `Host` that is asked for; absent: the backend's own.
        pub host as "host": Option<String> = text(), optional;
        /// The statuses that say that it is well; none: those from 200 to 399.
        pub status as "status": Vec<u16> = list(int(100..=599)), default(json!([]), Vec::new());
    }
    check HttpHealth::check;
}

fn is_target(text: &str) -> bool {
    let text = until_dollar(text);
    text.starts_with('/') && text.bytes().all(|b| b.is_ascii_graphic() && b != b'#')
}

impl HttpHealth {
    /// Whether this status says that a backend is well.
    #[must_use]
    pub fn is_well(&self, status: u16) -> bool {
        if self.status.is_empty() { (200..400).contains(&status) } else { self.status.contains(&status) }
    }

    fn check(&self, fields: &mut Fields<'_>, cx: &mut Context<'_>) {
        if self.path.is_none() {
            for key in ["host", "status"] {
                if fields.has(key) {
                    let message = "needs \"path\": without it nothing is asked for".to_owned();
                    cx.error_at(key, fields.span_of(key), message);
                }
            }
        }
    }
}

object! {
    /// A cookie that keeps a browser at one backend.
    pub struct Sticky as "stickiness" {
        /// Its name. Its value is the backend's place in the list, counted from 0; it lasts as long as the browser's session.
        pub cookie as "cookie": String = matching("a cookie name of a-z, A-Z, 0-9, _ and -", Some("^[A-Za-z0-9_-]+$"), is_cookie_name), default(json!("backend"), "backend".to_owned());
    }
}

fn is_cookie_name(text: &str) -> bool {
    let text = until_dollar(text);
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

impl Reverseproxy {
    /// The backends, by the one list or by the one host.
    fn backends(fields: &mut Fields<'_>, cx: &mut Context<'_>) -> Option<Vec<Backend>> {
        let Some(backends) = fields.given("backends", &some(nested::<Backend>()), cx) else {
            let (host, port) = (fields.required("host", &host(), cx), fields.required("port", &port(), cx));
            return Some(vec![ConnectingEndpoint::Tcp(TcpConnecting::to(host?, port?)).into()]);
        };
        for (index, backend) in backends.iter().flatten().enumerate() {
            let sends = match &backend.endpoint {
                ConnectingEndpoint::Tcp(tcp) => tcp.proxy_protocol.is_some(),
                ConnectingEndpoint::Unix(unix) => unix.proxy_protocol.is_some(),
                ConnectingEndpoint::Tor(tor) => tor.proxy_protocol.is_some(),
                ConnectingEndpoint::Twisted(_) => false,
            };
            if sends {
                let message = format!(
                    "item {index}: \"proxy_protocol\" can't be sent here, a connection serves many clients; \
                     X-Forwarded-For and Forwarded tell the client"
                );
                cx.error_at("backends", fields.span_of("backends"), message);
            }
        }
        if let Some(list) = &backends {
            check_backends(list, fields, cx);
        }
        for key in ["host", "port"] {
            if fields.entry(key).is_some() {
                cx.error_at(key, fields.span_of(key), "stands beside \"backends\"; keep one of them");
            }
        }
        backends
    }
}

object! {
    /// Where a WebSocket reverse proxy connects to.
    pub struct WebsocketBackend as "a connecting WebSocket transport" {
        /// WebSocket.
        pub websocket as "endpoint": WebsocketConnecting = nested::<WebsocketConnecting>(), flatten;
    }
    silent {
        /// A name.
        "id" = super::id();
    }
    also {
        /// `websocket`; not looked at.
        "type" = any();
    }
    check |_: &Self, fields: &mut Fields<'_>, cx: &mut Context<'_>| tell_type(fields, "websocket", cx);
}

object! {
    /// WebSocket connections carried to a backend.
    pub struct WebsocketReverseproxy as "a WebSocket reverse proxy service" {
        /// The backend.
        pub backend as "backend": WebsocketBackend = nested(), required;
        /// The URL clients use, where it differs from what the endpoint says.
        pub url as "url": Option<String> = websocket_url(), optional;
        /// How WebSocket is spoken with clients.
        pub options as "options": WebsocketOptions = nested(), defaulted;
    }
}

impl Serves for Reverseproxy {
    fn label(&self) -> Option<&'static str> {
        Some("another web server")
    }

    fn connections(&self, at: &Path) -> Vec<(Path, &ConnectingEndpoint)> {
        backends(&self.backends, at)
    }
}

impl Serves for WebsocketReverseproxy {
    fn label(&self) -> Option<&'static str> {
        Some("WebSocket of another server")
    }

    fn scheme(&self) -> &'static str {
        "ws"
    }

    fn connections(&self, at: &Path) -> Vec<(Path, &ConnectingEndpoint)> {
        vec![(at.key("backend").key("endpoint"), &self.backend.websocket.endpoint)]
    }
}
