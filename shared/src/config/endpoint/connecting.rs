//! Connecting endpoints.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use super::super::decode::*;
use super::*;

tagged! {
    /// Where a connection goes.
    pub enum ConnectingEndpoint as "a connecting endpoint" by "type" {
        /// A TCP port.
        Tcp(TcpConnecting) = "tcp",
        /// A Unix domain socket.
        Unix(UnixConnecting) = "unix",
        /// A host reached through Tor.
        Tor(TorConnecting) = "tor",
        /// One of Twisted's endpoint strings; read as the endpoint it names.
        Twisted(TwistedConnecting) = "twisted",
    }
    finish ConnectingEndpoint::finish;
}

impl ConnectingEndpoint {
    /// Its section of TLS.
    pub fn tls(&self) -> Option<&TlsConnecting> {
        match self {
            Self::Tcp(tcp) => tcp.tls.as_ref(),
            Self::Unix(unix) => unix.tls.as_ref(),
            Self::Tor(tor) => tor.tls.as_ref(),
            Self::Twisted(_) => None,
        }
    }

    /// What a web server there calls itself: the host, and the port unless it is the usual one.
    pub fn authority(&self) -> String {
        let with_port = |host: &str, port: u16, secure: bool| {
            let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
            if port == if secure { 443 } else { 80 } { host } else { format!("{host}:{port}") }
        };
        match self {
            Self::Tcp(tcp) => {
                let name = tcp.tls.as_ref().and_then(|tls| tls.hostname.as_deref());
                with_port(name.unwrap_or(&tcp.host), tcp.port, tcp.tls.is_some())
            }
            Self::Tor(tor) => with_port(&tor.host, tor.port, tor.tls.is_some()),
            Self::Unix(unix) => {
                unix.tls.as_ref().and_then(|tls| tls.hostname.clone()).unwrap_or_else(|| "localhost".into())
            }
            Self::Twisted(_) => "localhost".into(),
        }
    }

    fn finish(self, fields: &mut Fields<'_>, cx: &mut Context<'_>) -> Option<Self> {
        match self {
            Self::Twisted(twisted) => twisted.meaning(fields, cx)?.read(cx),
            other => Some(other),
        }
    }
}

/// Where it goes, as messages and the status name it.
impl fmt::Display for ConnectingEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(tcp) => tcp.fmt(f),
            Self::Unix(unix) => unix.fmt(f),
            Self::Tor(tor) => tor.fmt(f),
            Self::Twisted(_) => f.write_str("twisted"),
        }
    }
}

impl fmt::Display for TcpConnecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl fmt::Display for UnixConnecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unix:{}", self.path.display())
    }
}

impl fmt::Display for TorConnecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tor:{}:{}", self.host, self.port)
    }
}

object! {
    /// A TCP connection.
    pub struct TcpConnecting as "a connecting TCP endpoint" {
        /// The host: an address or a name. All its addresses are tried (RFC 8305).
        pub host as "host": String = host(), required;
        /// The port.
        pub port as "port": u16 = port(), required;
        /// The IP version; absent: either, as the name resolves.
        pub version as "version": Option<IpVersion> = ip_version(), optional;
        /// Seconds until the connection must stand; 0: as the kernel does.
        pub timeout as "timeout": Duration = whole_seconds(0..=600), default(json!(10), Duration::from_secs(10));
        /// Probes an idle connection after so many seconds; 0 or absent: off.
        pub keepalive as "keepalive": Option<Duration> = whole_seconds(0..=86400), optional;
        /// Milliseconds until a connection is given up on which nobody acknowledges what was sent, or probed (TCP_USER_TIMEOUT);
        /// absent: as the kernel does.
        pub user_timeout as "user_timeout": Option<Duration> = millis(0..=65535), optional;
        /// Sends small writes at once (TCP_NODELAY).
        pub nodelay as "nodelay": bool = boolean(), default(true);
        /// The congestion control algorithm (TCP_CONGESTION of tcp(7)), such as `cubic`; the system must have and allow it.
        /// Absent: the system's, but over loopback `cubic` or `reno` where the system's is `bbr`, whose pacing costs half of a
        /// bulk transfer there.
        pub congestion_control as "congestion_control": Option<String> = text(), optional;
        /// The PROXY protocol is sent first, in this form.
        pub proxy_protocol as "proxy_protocol": Option<ProxyProtocolSend> = word(), optional;
        /// TLS on the connection.
        pub tls as "tls": Option<TlsConnecting> = nested(), optional;
    }
    check TcpConnecting::check;
}

impl TcpConnecting {
    /// A connection to this host and port, all else at its default.
    #[must_use]
    pub fn to(host: String, port: u16) -> Self {
        Self {
            host,
            port,
            version: None,
            timeout: Duration::from_secs(10),
            keepalive: None,
            user_timeout: None,
            nodelay: true,
            congestion_control: None,
            proxy_protocol: None,
            tls: None,
        }
    }

    fn check(&self, fields: &mut Fields<'_>, cx: &mut Context<'_>) {
        let contradiction = match (self.version, self.host.parse::<std::net::IpAddr>()) {
            (Some(IpVersion::V4), Ok(address)) => address.is_ipv6(),
            (Some(IpVersion::V6), Ok(address)) => address.is_ipv4(),
            _ => false,
        };
        if contradiction {
            let message =
                format!("contradicts the host {:?}; leave it out, the family follows the address", self.host);
            cx.error_at("version", fields.span_of("version"), message);
        }
    }
}

object! {
    /// A connection to a Unix domain socket.
    pub struct UnixConnecting as "a connecting Unix domain socket" {
        /// Where it is, relative to the node directory; `$VAR` and `${VAR}` are expanded.
        pub path as "path": PathBuf = unix_path(), required;
        /// Seconds until the connection must stand; 0: no limit.
        pub timeout as "timeout": Duration = whole_seconds(0..=600), default(json!(10), Duration::from_secs(10));
        /// The PROXY protocol is sent first, in this form.
        pub proxy_protocol as "proxy_protocol": Option<ProxyProtocolSend> = word(), optional;
        /// TLS on the connection.
        pub tls as "tls": Option<TlsConnecting> = nested(), optional;
    }
    check UnixConnecting::check;
}

impl UnixConnecting {
    /// A connection to this socket, all else at its default.
    #[must_use]
    pub fn to(path: PathBuf) -> Self {
        Self { path, timeout: Duration::from_secs(10), proxy_protocol: None, tls: None }
    }

    fn check(&self, fields: &mut Fields<'_>, cx: &mut Context<'_>) {
        if self.tls.as_ref().is_some_and(|tls| tls.hostname.is_none()) {
            let span = fields.span_of("tls");
            cx.error_at(
                "tls",
                span,
                "needs \"hostname\": the name the server's certificate is verified against",
            );
        }
    }
}
