//! What a host is to run, as it is told by JSON.

use jackfield_shared::config::{
    ConnectingEndpoint, ConnectingTransport, ContainerComponent, RouterComponent, Serializer, TlsConnecting,
    WebsocketOptions,
};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// What a host is to run.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) components: Vec<Json>,
    pub(super) authenticators: Option<Authenticators>,
    pub(super) services: Vec<Json>,
    /// The procedures that decide what sessions may do.
    pub(super) authorizers: BTreeSet<String>,
    /// When it ends because of its components.
    pub(super) shutdown: Option<&'static str>,
    /// When components are started again.
    pub(super) restart: Option<&'static str>,
}

/// Authenticators, and the session that they are registered in.
#[derive(Debug)]
pub(super) struct Authenticators {
    pub(super) list: Vec<Json>,
    pub(super) session: Json,
}

/// A container's component.
pub(super) fn component(component: &ContainerComponent, index: usize) -> Json {
    let transport = transport(component.transport());
    match component {
        ContainerComponent::Class(class) => json!({
            "id": id(class.id.as_deref(), index),
            "type": "class",
            "classname": class.classname,
            "realm": class.realm,
            "extra": class.extra,
            "transport": transport,
        }),
        ContainerComponent::Function(functions) => json!({
            "id": id(functions.id.as_deref(), index),
            "type": "function",
            "callbacks": functions.callbacks,
            "realm": functions.realm,
            "extra": functions.extra,
            "auth": functions.auth,
            "transport": transport,
        }),
    }
}

/// A router's component, which connects to a private socket and has the role that it is configured with.
pub(super) fn component_beside(component: &RouterComponent, index: usize, private: &Json) -> Json {
    let (component, role) = match component {
        RouterComponent::Class(class) => (
            json!({
                "id": id(class.id.as_deref(), index),
                "type": "class",
                "classname": class.classname,
                "realm": class.realm,
                "extra": class.extra,
            }),
            &class.role,
        ),
        RouterComponent::Function(functions) => (
            json!({
                "id": id(functions.id.as_deref(), index),
                "type": "function",
                "callbacks": functions.callbacks,
                "realm": functions.realm,
                "extra": functions.extra,
            }),
            &functions.role,
        ),
    };
    trusted(component, role.as_deref().unwrap_or("anonymous"), private)
}

/// The same with a role that nobody has to prove.
pub(super) fn trusted(mut component: Json, role: &str, private: &Json) -> Json {
    component["role"] = json!(role);
    component["trusted"] = json!(true);
    component["transport"] = private.clone();
    component
}

/// A component's name: its id, or its number.
fn id(given: Option<&str>, index: usize) -> String {
    given.map_or_else(|| format!("component{:03}", index + 1), str::to_owned)
}

/// RawSocket to the private socket at this path.
pub(super) fn private(path: &Path, worker: &str) -> Json {
    json!({
        "type": "rawsocket",
        "name": format!("router {worker}"),
        "serializer": null,
        "max_message_size": jackfield_shared::config::RAWSOCKET_MAX_MESSAGE,
        "endpoint": {"type": "unix", "path": path, "timeout": 10, "tls": null},
    })
}

fn transport(transport: &ConnectingTransport) -> Json {
    match transport {
        ConnectingTransport::Rawsocket(rawsocket) => json!({
            "type": "rawsocket",
            "name": name(&rawsocket.endpoint),
            "serializer": rawsocket.serializer.name(),
            "max_message_size": rawsocket.options.max_message_size,
            "endpoint": endpoint(&rawsocket.endpoint),
        }),
        ConnectingTransport::Websocket(websocket) => json!({
            "type": "websocket",
            "name": format!("{} at {}", websocket.url, name(&websocket.endpoint)),
            "url": websocket.url,
            "serializers": serializers(websocket.serializers.as_deref()),
            "options": options(&websocket.options),
            "compress": websocket.options.compression.as_ref().is_some_and(|given| given.deflate.is_some()),
            "endpoint": endpoint(&websocket.endpoint),
        }),
    }
}

fn serializers(given: Option<&[Serializer]>) -> Option<Vec<&'static str>> {
    given.map(|given| given.iter().map(|serializer| serializer.name()).collect())
}

/// The options as Autobahn takes them.
fn options(options: &WebsocketOptions) -> Json {
    let seconds = |time: Duration| time.as_secs_f64();
    json!({
        "maxFramePayloadSize": options.max_frame_size,
        "maxMessagePayloadSize": options.max_message_size,
        "autoFragmentSize": options.auto_fragment_size.max(0),
        "failByDrop": options.fail_by_drop,
        "echoCloseCodeReason": options.echo_close_codereason,
        "tcpNoDelay": options.tcp_nodelay,
        "openHandshakeTimeout": seconds(options.open_handshake_timeout),
        "closeHandshakeTimeout": seconds(options.close_handshake_timeout),
        "autoPingInterval": seconds(options.auto_ping_interval.unwrap_or_default()),
        "autoPingTimeout": seconds(options.auto_ping_timeout),
        "autoPingSize": options.auto_ping_size,
    })
}

fn endpoint(endpoint: &ConnectingEndpoint) -> Json {
    match endpoint {
        ConnectingEndpoint::Tcp(tcp) => json!({
            "type": "tcp",
            "host": tcp.host,
            "port": tcp.port,
            "timeout": tcp.timeout.as_secs(),
            "tls": tcp.tls.as_ref().map(|tls| tls_of(tls, &tcp.host)),
        }),
        ConnectingEndpoint::Unix(unix) => json!({
            "type": "unix",
            "path": unix.path,
            "timeout": unix.timeout.as_secs(),
            "tls": unix.tls.as_ref().map(|tls| tls_of(tls, "")),
        }),
        // Refused before: nothing of ours is in that process.
        ConnectingEndpoint::Tor(_) | ConnectingEndpoint::Twisted(_) => Json::Null,
    }
}

fn tls_of(tls: &TlsConnecting, host: &str) -> Json {
    json!({
        "hostname": tls.hostname.as_deref().unwrap_or(host),
        "ca_certificates": tls.ca_certificates,
        "key": tls.key,
        "certificate": tls.certificate,
    })
}

fn name(endpoint: &ConnectingEndpoint) -> String {
    match endpoint {
        ConnectingEndpoint::Tcp(tcp) => format!("tcp://{}:{}", tcp.host, tcp.port),
        ConnectingEndpoint::Unix(unix) => format!("unix:{}", unix.path.display()),
        ConnectingEndpoint::Tor(_) | ConnectingEndpoint::Twisted(_) => String::new(),
    }
}
