//! Services that carry requests elsewhere.

use serde_json::json;

use super::super::decode::*;
use super::super::endpoint::{host, port};
use super::super::transport::{WebsocketConnecting, WebsocketOptions, tell_type, websocket_url};

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
    /// Requests carried to another web server.
    pub struct Reverseproxy as "a reverse proxy service" {
        /// The server's host.
        pub host as "host": String = host(), required;
        /// The server's port.
        pub port as "port": u16 = port(), required;
        /// The path put before the rest of the request's path.
        pub path as "path": String = text(), default(json!(""), String::new());
        /// The port clients see, told to the server.
        pub forwarded_port as "forwarded_port": Option<u16> = port(), optional;
        /// The scheme clients see, told to the server.
        pub forwarded_proto as "forwarded_proto": Option<Scheme> = word(), optional;
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
