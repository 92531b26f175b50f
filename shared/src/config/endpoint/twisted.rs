//! Twisted's endpoint strings, for the forms that name an endpoint of ours.
//!
//! `tcp:8080:interface=127.0.0.1` becomes the object it stands for and is read as that, so an error in it is
//! worded as any other. `\:` stands for a colon inside of a value.

use super::super::decode::*;
use super::super::source::{Entry, Kind, Span, Value};

object! {
    /// A Twisted server endpoint string.
    pub struct TwistedListening as "a Twisted server endpoint" {
        /// The string: `tcp:`, `tcp6:`, `ssl:`, `unix:`, `onion:` or `systemd:` with its arguments.
        pub server_string as "server_string": String = text(), required;
    }
}

object! {
    /// A Twisted client endpoint string.
    pub struct TwistedConnecting as "a Twisted client endpoint" {
        /// The string: `tcp:`, `tcp6:`, `ssl:`, `tls:`, `unix:` or `tor:` with its arguments.
        pub client_string as "client_string": String = text(), required;
        /// Seconds until the connection must stand; absent: as the string says, or 10.
        pub timeout as "timeout": Option<u16> = int(0..=600), optional;
    }
}

/// The scheme, and the arguments: those without a name in order, those with one.
struct Parts {
    scheme: String,
    plain: Vec<String>,
    named: Vec<(String, String)>,
}

fn split(text: &str) -> Parts {
    let mut fields: Vec<(Option<String>, String)> = vec![(None, String::new())];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let Some((name, field)) = fields.last_mut() else { break };
        match c {
            ':' => fields.push((None, String::new())),
            '\\' => field.extend(chars.next()),
            '=' if name.is_none() => *name = Some(std::mem::take(field)),
            c => field.push(c),
        }
    }
    let mut parts = Parts { scheme: String::new(), plain: Vec::new(), named: Vec::new() };
    for (position, (name, field)) in fields.into_iter().enumerate() {
        match name {
            Some(name) => parts.named.push((name, field)),
            None if position == 0 => parts.scheme = field.to_ascii_lowercase(),
            None => parts.plain.push(field),
        }
    }
    parts
}

/// The object being made from the string.
pub(super) struct Made {
    entries: Vec<Entry>,
    span: Span,
}

impl Made {
    fn put(&mut self, key: &str, kind: Kind) {
        let value = Value { kind, span: self.span };
        self.entries.push(Entry { key: key.to_owned(), key_span: self.span, value });
    }

    fn text(&mut self, key: &str, text: &str) {
        self.put(key, Kind::String(text.to_owned()));
    }

    /// A number where the text is one, and otherwise the text, for the error message.
    fn number(&mut self, key: &str, text: &str) {
        let kind = text.parse().map_or_else(|_| Kind::String(text.to_owned()), Kind::Int);
        self.put(key, kind);
    }

    fn object(&mut self, key: &str, inner: Made) {
        self.put(key, Kind::Map(inner.entries));
    }

    fn inner(&self) -> Made {
        Made { entries: Vec::new(), span: self.span }
    }

    /// Reads it as any other.
    pub(super) fn read<T: Object>(self, cx: &mut Context<'_>) -> Option<T> {
        let value = Value { kind: Kind::Map(self.entries), span: self.span };
        nested::<T>().read(&value, cx)
    }
}

fn refuse<T>(key: &str, span: Span, text: &str, forms: &str, cx: &mut Context<'_>) -> Option<T> {
    let message = format!("found {text:?}, expected one of {forms} with arguments that have a meaning here");
    cx.error_at(key, span, message);
    None
}

/// Which of the sockets that the node was started with (LISTEN_FDS) is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SystemdSocket {
    /// The one at this place, from 0.
    Index(usize),
    /// Those of this name (LISTEN_FDNAMES).
    Name(String),
}

impl TwistedListening {
    /// What a string `systemd:domain=INET:index=0` or `systemd:domain=INET:name=web` names; `None` if it is another
    /// one, or does not name it. The socket's own domain is what counts.
    pub fn systemd(&self) -> Option<SystemdSocket> {
        let parts = split(&self.server_string);
        let (mut socket, mut count) = (None, 0);
        for (name, value) in parts.named {
            match name.as_str() {
                "domain" if matches!(value.as_str(), "INET" | "INET6" | "UNIX") => {}
                "index" => (socket, count) = (value.parse().ok().map(SystemdSocket::Index), count + 1),
                "name" => (socket, count) = (Some(SystemdSocket::Name(value)), count + 1),
                _ => return None,
            }
        }
        socket.filter(|_| count == 1 && parts.scheme == "systemd")
    }

    /// The endpoint that the string names, as an object; none, if it names a socket that the node is started with.
    pub(super) fn meaning(&self, fields: &mut Fields<'_>, cx: &mut Context<'_>) -> Option<Option<Made>> {
        let span = fields.span_of("server_string");
        let parts = split(&self.server_string);
        let mut made = Made { entries: Vec::new(), span };
        let mut tls = made.inner();
        let mut complete = true;
        match (parts.scheme.as_str(), parts.plain.as_slice()) {
            ("tcp" | "tcp6" | "ssl", plain) if plain.len() <= 1 => {
                made.text("type", "tcp");
                plain.iter().for_each(|port| made.number("port", port));
                if parts.scheme == "tcp6" {
                    made.put("version", Kind::Int(6));
                }
            }
            ("unix", plain) if plain.len() <= 1 => {
                made.text("type", "unix");
                plain.iter().for_each(|path| made.text("path", path));
            }
            ("onion", plain) if plain.len() <= 1 => {
                made.text("type", "onion");
                plain.iter().for_each(|port| made.number("port", port));
            }
            ("systemd", []) => {
                if self.systemd().is_some() {
                    return Some(None);
                }
                complete = false;
            }
            _ => complete = false,
        }
        for (name, value) in &parts.named {
            match (parts.scheme.as_str(), name.as_str()) {
                ("tcp" | "tcp6" | "ssl" | "onion", "port") | ("onion", "public_port") => {
                    made.number("port", value)
                }
                ("tcp" | "tcp6" | "ssl", "interface") => made.text("interface", value),
                ("tcp" | "tcp6" | "ssl" | "unix", "backlog") => made.number("backlog", value),
                ("unix", "address" | "path") => made.text("path", value),
                ("unix", "mode") => made.text("mode", value),
                ("unix", "lockfile") => {}
                ("ssl", "privateKey") => tls.text("key", value),
                ("ssl", "certKey") => tls.text("certificate", value),
                ("ssl", "extraCertChain") => {
                    let item = Value { kind: Kind::String(value.clone()), span };
                    tls.put("chain_certificates", Kind::List(vec![item]));
                }
                ("onion", "privateKeyFile") => made.text("private_key_file", value),
                ("onion", "version") => made.number("version", value),
                ("onion", "controlPort") => {
                    let mut control = made.inner();
                    if value.starts_with('/') {
                        control.text("type", "unix");
                        control.text("path", value);
                    } else {
                        let (host, port) = value.rsplit_once(':').unwrap_or(("127.0.0.1", value));
                        control.text("type", "tcp");
                        control.text("host", host);
                        control.number("port", port);
                    }
                    made.object("tor_control_endpoint", control);
                }
                _ => complete = false,
            }
        }
        if !complete {
            return refuse(
                "server_string",
                span,
                &self.server_string,
                "tcp:, tcp6:, ssl:, unix:, onion:, systemd:",
                cx,
            );
        }
        if parts.scheme == "ssl" {
            // One file may hold both, and is then named once.
            if let (Some(key), true) = (tls.entries.first().cloned(), tls.entries.len() == 1) {
                let other = if key.key == "key" { "certificate" } else { "key" };
                tls.put(other, key.value.kind);
            }
            made.object("tls", tls);
        }
        Some(Some(made))
    }
}

impl TwistedConnecting {
    /// The endpoint that the string names, as an object.
    pub(super) fn meaning(&self, fields: &mut Fields<'_>, cx: &mut Context<'_>) -> Option<Made> {
        let span = fields.span_of("client_string");
        let parts = split(&self.client_string);
        let mut made = Made { entries: Vec::new(), span };
        let mut tls = made.inner();
        let mut complete = true;
        let mut timeout = self.timeout.map(|timeout| timeout.to_string());
        match (parts.scheme.as_str(), parts.plain.as_slice()) {
            ("tcp" | "tcp6" | "ssl" | "tls" | "tor", plain) if plain.len() <= 2 => {
                made.text("type", if parts.scheme == "tor" { "tor" } else { "tcp" });
                plain.first().into_iter().for_each(|host| {
                    made.text("host", host);
                    tls.text("hostname", host);
                });
                plain.get(1).into_iter().for_each(|port| made.number("port", port));
                if parts.scheme == "tcp6" {
                    made.put("version", Kind::Int(6));
                }
            }
            ("unix", plain) if plain.len() <= 1 => {
                made.text("type", "unix");
                plain.iter().for_each(|path| made.text("path", path));
            }
            _ => complete = false,
        }
        for (name, value) in &parts.named {
            match (parts.scheme.as_str(), name.as_str()) {
                ("tcp" | "tcp6" | "ssl" | "tls" | "tor", "host") => {
                    made.text("host", value);
                    tls.text("hostname", value);
                }
                ("tcp" | "tcp6" | "ssl" | "tls" | "tor", "port") => made.number("port", value),
                ("unix", "path") => made.text("path", value),
                ("unix", "lockfile" | "checkPID") => {}
                ("tor", "socksPort") => made.number("tor_socks_port", value),
                (_, "timeout") if parts.scheme != "tor" => timeout = timeout.or_else(|| Some(value.clone())),
                ("ssl" | "tls", "hostname") => tls.text("hostname", value),
                ("ssl" | "tls", "privateKey") => tls.text("key", value),
                ("ssl" | "tls", "certKey" | "certificate") => tls.text("certificate", value),
                _ => complete = false,
            }
        }
        if !complete {
            return refuse(
                "client_string",
                span,
                &self.client_string,
                "tcp:, tcp6:, ssl:, tls:, unix:, tor:",
                cx,
            );
        }
        if let Some(timeout) = timeout.filter(|_| parts.scheme != "tor") {
            made.number("timeout", &timeout);
        }
        if matches!(parts.scheme.as_str(), "ssl" | "tls") {
            made.object("tls", tls);
        }
        Some(made)
    }
}
