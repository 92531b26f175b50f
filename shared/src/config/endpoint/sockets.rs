//! Sockets that are listened at.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::decode::*;
use super::super::source::{Kind, Value, python_int};
use super::*;

/// The port of a listening TCP endpoint, `$NAME` resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ListenPort {
    /// This one.
    Port(u16),
    /// The first free one from the first to the second.
    Range(u16, u16),
}

object! {
    /// A listening TCP endpoint.
    pub struct TcpListening as "a listening TCP endpoint" {
        /// The port, or `"$NAME"` for a port in an environment variable. Needed unless `portrange` is given.
        pub port as "port": ListenPort = listen_port(), special(TcpListening::port, Presence::Optional);
        /// The IP version. Absent: as `interface` says, IPv4 if that is absent too. `6` alone listens on `::`, IPv6
        /// only.
        pub version as "version": Option<IpVersion> = ip_version(), optional;
        /// The address or host name to listen on; empty or absent: every address.
        pub interface as "interface": String = text(), special(TcpListening::interface, Presence::Default(json!("")));
        /// Connections the kernel queues until they are accepted.
        pub backlog as "backlog": u32 = int(1..=65535), default(50), for kernel;
        /// One socket per worker process (SO_REUSEPORT): the kernel spreads the connections, and other workers and
        /// programs of the same user may listen on the same port.
        pub shared as "shared": bool = boolean(), default(false);
        /// Milliseconds that sent data may stay unacknowledged before the connection is closed (TCP_USER_TIMEOUT);
        /// 0: as the kernel does. Absent: 60000 where WAMP is spoken, so that a client that is gone without a word does not keep its
        /// names; else as the kernel does.
        pub user_timeout as "user_timeout": Option<Duration> = millis(0..=65535), optional, for kernel;
        /// Connections open at a time through this endpoint, in each process; the transport's, if absent.
        pub max_connections as "max_connections": Option<u32> = int(1..=4294967295), optional;
        /// Probes idle connections after so many seconds; 0: off. Absent: 30 where WAMP is spoken, else off.
        pub keepalive as "keepalive": Option<Duration> = whole_seconds(0..=86400), optional, for kernel;
        /// Sends small writes at once (TCP_NODELAY).
        pub nodelay as "nodelay": bool = boolean(), default(true), for kernel;
        /// The congestion control algorithm (TCP_CONGESTION of tcp(7)), such as `cubic`; the system must have and allow it.
        /// Absent: the system's, but over loopback `cubic` or `reno` where the system's is `bbr`, whose pacing costs half of a
        /// bulk transfer there.
        pub congestion_control as "congestion_control": Option<String> = text(), optional, for kernel;
        /// The PROXY protocol is taken from the client's first bytes in this form, from `trusted` networks only.
        pub proxy_protocol as "proxy_protocol": Option<ProxyProtocol> = word::<ProxyProtocolAccept>(), special(proxy_protocol, Presence::Optional);
        /// Networks whose clients may connect; absent: all. Behind the PROXY protocol those it tells of count.
        pub allow as "allow": Option<Vec<String>> = some(one_network()), optional;
        /// Networks whose clients may not, though they be in `allow`. Their connections are reset, and count as `refused`.
        pub deny as "deny": Vec<String> = list(one_network()), default(json!([]), Vec::new());
        /// How many connections each client may have open.
        pub clients as "clients": Option<ClientLimits> = nested(), optional;
        /// TLS for every connection.
        pub tls as "tls": Option<TlsListening> = nested(), optional;
    }
    also {
        /// First and last port of a range: the first free one is taken, and `port` is not looked at.
        "portrange" = portrange();
        /// The same as `interface`, as Crossbar.io's documentation calls it.
        "host" = text();
        /// Networks whose PROXY protocol header is believed.
        "trusted" = trusted();
    }
    check TcpListening::check;
}

object! {
    /// How many connections each client may have open. Each process counts for itself.
    pub struct ClientLimits as "limits of clients" {
        /// Connections of one client that may be open at a time. One that is too many is reset; where HTTP is spoken, requests that
        /// come by it get 429, up to twice the number.
        pub max_connections as "max_connections": u32 = int(1..=1_000_000), required;
        /// Addresses of IPv6 that have so many first bits in common are one client.
        pub ipv6_prefix as "ipv6_prefix": u8 = int(32..=128), default(64);
        /// Networks whose clients are not counted.
        pub exempt as "exempt": Vec<String> = list(one_network()), default(json!([]), Vec::new());
    }
}

/// What `port` accepts: a number, or `$NAME`.
fn listen_port() -> Named<Then<NumberOrVariable, ListenPort>> {
    named(
        "an integer from 1 to 65535, or \"$NAME\"",
        then(NumberOrVariable, |port, _, _| Some(ListenPort::Port(port))),
    )
}

/// Reads a port number, or a variable that holds one.
struct NumberOrVariable;

impl Rule for NumberOrVariable {
    type Out = u16;

    fn read(&self, value: &Value, cx: &mut Context<'_>) -> Option<u16> {
        let Kind::String(text) = &value.kind else { return port().read(value, cx) };
        let Some(name) = text.strip_prefix('$').map(until_dollar).filter(|name| is_variable(name)) else {
            return port().read(value, cx);
        };
        let Some(found) = cx.env(name) else {
            cx.error(value.span, unset(name, false));
            return None;
        };
        let number =
            python_int(&found).and_then(|number| u16::try_from(number).ok()).filter(|port| *port > 0);
        if number.is_none() {
            cx.error(
                value.span,
                format!("the environment variable {name} says {found:?}, expected {}", self.expected()),
            );
        }
        number
    }

    fn expected(&self) -> String {
        port().expected()
    }

    fn schema(&self, defs: &mut Defs) -> serde_json::Value {
        json!({"anyOf": [port().schema(defs), {"type": "string", "pattern": "^\\$[A-Za-z_][A-Za-z0-9_]*$"}]})
    }
}

fn portrange() -> impl Rule<Out = ListenPort> {
    then(two(port()), |ports, value, cx| match ports.as_slice() {
        [first, last] if first <= last => Some(ListenPort::Range(*first, *last)),
        _ => {
            cx.error(value.span, "the second port of a range is not below the first");
            None
        }
    })
}

impl TcpListening {
    /// A listener on this address and port (0: one that the kernel chooses), all else at its default.
    pub fn at(interface: impl Into<String>, port: u16) -> Self {
        Self {
            port: ListenPort::Port(port),
            version: None,
            interface: interface.into(),
            backlog: 50,
            shared: false,
            user_timeout: None,
            max_connections: None,
            keepalive: None,
            nodelay: true,
            congestion_control: None,
            proxy_protocol: None,
            allow: None,
            deny: Vec::new(),
            clients: None,
            tls: None,
        }
    }

    fn port(fields: &mut Fields<'_>, cx: &mut Context<'_>) -> Option<ListenPort> {
        match fields.given("portrange", &portrange(), cx) {
            None => fields.required("port", &listen_port(), cx),
            Some(range) => {
                if fields.given("port", &listen_port(), cx).is_some() {
                    cx.warn_at(
                        "port",
                        fields.span_of("port"),
                        "is not looked at, because \"portrange\" is given",
                    );
                }
                range
            }
        }
    }

    fn interface(fields: &mut Fields<'_>, cx: &mut Context<'_>) -> Option<String> {
        let interface = fields.given("interface", &text(), cx);
        let host = fields.given("host", &text(), cx);
        match (interface, host) {
            (Some(interface), Some(host)) => {
                let (interface, host) = (interface?.trim().to_owned(), host?.trim().to_owned());
                if interface != host {
                    let span = fields.span_of("host");
                    cx.error_at(
                        "host",
                        span,
                        format!(
                            "says {host:?} and \"interface\" {interface:?}; they mean the same, keep one"
                        ),
                    );
                }
                Some(interface)
            }
            (given, None) | (None, given) => Some(given.unwrap_or(Some(String::new()))?.trim().to_owned()),
        }
    }

    fn check(&self, fields: &mut Fields<'_>, cx: &mut Context<'_>) {
        let Ok(address) = self.interface.parse::<std::net::IpAddr>() else { return };
        let contradiction = match self.version {
            Some(IpVersion::V4) => address.is_ipv6(),
            Some(IpVersion::V6) => address.is_ipv4(),
            None => false,
        };
        if contradiction {
            let span = fields.span_of("version");
            cx.error_at(
                "version",
                span,
                format!(
                    "contradicts the interface {:?}; leave it out, the family follows the interface",
                    self.interface
                ),
            );
        }
    }
}

object! {
    /// A listening Unix domain socket.
    pub struct UnixListening as "a listening Unix domain socket" {
        /// Where it is, relative to the node directory; `$VAR` and `${VAR}` are expanded.
        pub path as "path": PathBuf = unix_path(), required;
        /// Connections the kernel queues until they are accepted.
        pub backlog as "backlog": u32 = int(1..=65535), default(50), for kernel;
        /// Permissions, as an octal string like `"0660"`.
        pub mode as "mode": u32 = mode(), default(json!("0660"), 0o660), for kernel;
        /// The user the socket belongs to; absent: the node's.
        pub owner as "owner": Option<String> = text(), optional, for kernel;
        /// The group the socket belongs to; absent: the node's.
        pub group as "group": Option<String> = text(), optional, for kernel;
        /// Connections open at a time through this endpoint, in each process; the transport's, if absent.
        pub max_connections as "max_connections": Option<u32> = int(1..=4294967295), optional;
        /// The PROXY protocol is taken from the client's first bytes in this form.
        pub proxy_protocol as "proxy_protocol": Option<ProxyProtocolAccept> = word(), optional;
        /// TLS for every connection.
        pub tls as "tls": Option<TlsListening> = nested(), optional;
    }
}

impl UnixListening {
    /// A listener at this path, all else at its default.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            backlog: 50,
            mode: 0o660,
            owner: None,
            group: None,
            max_connections: None,
            proxy_protocol: None,
            tls: None,
        }
    }
}

/// Permissions, as an octal string.
pub(crate) fn mode() -> impl Rule<Out = u32> {
    let rule = matching("permissions as an octal string like \"0660\"", Some("^(0o)?[0-7]{1,4}$"), |text| {
        octal(text).is_some()
    });
    then(rule, |text, _, _| octal(&text))
}

pub(crate) fn octal(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    u32::from_str_radix(digits, 8).ok().filter(|mode| digits.len() <= 4 && *mode <= 0o777)
}
