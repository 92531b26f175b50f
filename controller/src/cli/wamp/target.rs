//! Which router, reached how, and who wants to join there.

use super::super::failure::Failure;
use super::values::{self, Pair};
use clap::{Args, ValueEnum};
use jackfield_shared::config::{
    ConnectingEndpoint, Isolation, TcpConnecting, TlsConnecting, TorConnecting, UnixConnecting,
};
use jackfield_shared::tls::Files;
use jackfield_worker::client::{Credentials, Login, Secret, Serializer, Session, Target};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The variable that a secret is read from.
const SECRET: &str = "JACKFIELD_WAMP_SECRET";

/// The SOCKS port of a tor daemon, unless another is named.
const TOR: u16 = 9050;

/// Bytes of a file with a secret, at most.
const LONGEST_SECRET: usize = 64 << 10;

#[derive(Debug, Args)]
pub(super) struct Router {
    /// Where the router is: ws://HOST:PORT/PATH, wss://…, rs://HOST:PORT, rss://…; of a Unix socket ws://unix:/PATH or
    /// rs://unix:/PATH; with an onion address as HOST through Tor
    #[arg(
        short,
        long,
        value_name = "URL",
        env = "JACKFIELD_WAMP_URL",
        default_value = "ws://127.0.0.1:8080/ws"
    )]
    url: String,
    /// The realm to join
    #[arg(short, long, value_name = "REALM", env = "JACKFIELD_WAMP_REALM", default_value = "realm1")]
    realm: String,
    /// What messages are written in
    #[arg(short, long, value_enum, default_value_t = Written::Json)]
    serializer: Written,
    /// Who joins
    #[arg(long, value_name = "NAME")]
    authid: Option<String>,
    /// How that is proved; all but anonymous and tls need a secret. Absent: anonymously, or as `ticket` where there is a secret
    #[arg(long, value_enum)]
    authmethod: Option<Method>,
    /// The file with the secret: the ticket, the password, or the private key of cryptosign in hexadecimal. Absent: it is in
    /// JACKFIELD_WAMP_SECRET
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Binds the signature of cryptosign to the TLS connection (tls-exporter), so that nobody in between can use it
    #[arg(long)]
    channel_binding: bool,
    /// More to tell of the client (HELLO's authextra)
    #[arg(long = "authextra", value_name = "KEY=VALUE", value_parser = values::pair)]
    authextra: Vec<Pair>,
    /// Trusts routers with a certificate by these authorities (PEM) in place of those of the system
    #[arg(long, value_name = "FILE")]
    ca: Vec<PathBuf>,
    /// Shows this certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// Its private key (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Connects through the tor daemon with this SOCKS port of 127.0.0.1; onion addresses always do, by default through port 9050
    #[arg(long, value_name = "PORT")]
    tor: Option<u16>,
    /// Seconds until the session must be there, and for which each answer is waited for; 0: 30, and any time for answers
    #[arg(short, long, value_name = "S", default_value_t = 30.0)]
    timeout: f64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Written {
    Json,
    Msgpack,
    Cbor,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Method {
    Anonymous,
    Ticket,
    Wampcra,
    Scram,
    Cryptosign,
    Tls,
}

impl Router {
    /// Connects and joins.
    pub(super) async fn join(&self) -> Result<Session, Failure> {
        let (target, login) = (self.target()?, self.login()?);
        let limit = Duration::try_from_secs_f64(self.timeout)
            .map_err(|_| Failure::usage("--timeout: expected seconds, 0 or more"))?;
        Ok(Session::join(&target, &login, limit).await?)
    }

    fn target(&self) -> Result<Target, Failure> {
        let url = Url::parse(&self.url).map_err(|e| Failure::usage(&format!("--url {}: {e}", self.url)))?;
        let tls = url.secure.then(|| TlsConnecting {
            hostname: matches!(url.place, Place::Unix(_)).then(|| "localhost".into()),
            ca_certificates: (!self.ca.is_empty()).then(|| self.ca.clone()),
            key: self.key.clone(),
            certificate: self.cert.clone(),
            ..TlsConnecting::default()
        });
        if tls.is_none() && (!self.ca.is_empty() || self.cert.is_some()) {
            return Err(Failure::usage("--ca and --cert are for wss:// and rss://"));
        }
        let mut files = Files::default();
        for file in self.ca.iter().chain(&self.cert).chain(&self.key) {
            files.0.insert(file.clone(), text(file)?);
        }
        let endpoint = match url.place {
            Place::Unix(path) => ConnectingEndpoint::Unix(UnixConnecting { tls, ..UnixConnecting::to(path) }),
            Place::Host(host, port) => {
                let onion = host.to_ascii_lowercase().ends_with(".onion");
                match self.tor.or(onion.then_some(TOR)) {
                    Some(socks) => ConnectingEndpoint::Tor(TorConnecting {
                        host,
                        port,
                        tor_socks_port: Some(socks),
                        isolation: Isolation::None,
                        proxy_protocol: None,
                        tls,
                    }),
                    None => ConnectingEndpoint::Tcp(TcpConnecting { tls, ..TcpConnecting::to(host, port) }),
                }
            }
        };
        let serializer = match self.serializer {
            Written::Json => Serializer::Json,
            Written::Msgpack => Serializer::Msgpack,
            Written::Cbor => Serializer::Cbor,
        };
        Ok(Target { endpoint, files, websocket: url.websocket, serializer })
    }

    fn login(&self) -> Result<Login, Failure> {
        let secret = match &self.secret_file {
            Some(file) => Some(text(file)?),
            None => std::env::var(SECRET).ok().filter(|secret| !secret.is_empty()),
        };
        let secret = secret.map(|text| Secret(text.lines().next().unwrap_or_default().to_owned()));
        let method = match (self.authmethod, &secret) {
            (Some(method), _) => method,
            (None, Some(_)) => Method::Ticket,
            (None, None) => Method::Anonymous,
        };
        let needed = || {
            let text = format!("this --authmethod needs a secret: --secret-file, or the variable {SECRET}");
            secret.clone().ok_or_else(|| Failure::usage(&text))
        };
        let credentials = match method {
            Method::Anonymous => Credentials::Method("anonymous".into()),
            Method::Tls => Credentials::Method("tls".into()),
            Method::Ticket => Credentials::Ticket(needed()?),
            Method::Wampcra => Credentials::Wampcra(needed()?),
            Method::Scram => Credentials::Scram(needed()?),
            Method::Cryptosign => Credentials::Cryptosign(needed()?),
        };
        let details = if self.authextra.is_empty() {
            values::dict(&[])
        } else {
            values::dict(&[("authextra".into(), values::dict(&self.authextra).into())])
        };
        let realm = Some(self.realm.clone()).filter(|realm| !realm.is_empty());
        Ok(Login { realm, authid: self.authid.clone(), credentials, bound: self.channel_binding, details })
    }
}

fn text(file: &Path) -> Result<String, Failure> {
    let name = file.display();
    let text = std::fs::read_to_string(file).map_err(|e| Failure::new(format!("{name}: {e}")))?;
    if text.len() > LONGEST_SECRET * 64 { Err(Failure::new(format!("{name} is too long"))) } else { Ok(text) }
}

/// Where a router is.
#[derive(Debug, PartialEq, Eq)]
struct Url {
    secure: bool,
    /// The URL for the handshake of WebSocket; absent: RawSocket.
    websocket: Option<String>,
    place: Place,
}

#[derive(Debug, PartialEq, Eq)]
enum Place {
    Host(String, u16),
    Unix(PathBuf),
}

impl Url {
    fn parse(url: &str) -> Result<Self, String> {
        const EXPECTED: &str =
            "expected ws://HOST:PORT/PATH, wss://…, rs://HOST:PORT, rss://… or …://unix:/PATH";
        let (scheme, rest) = url.split_once("://").ok_or(EXPECTED)?;
        let (secure, is_websocket) = match scheme.to_ascii_lowercase().as_str() {
            "ws" => (false, true),
            "wss" => (true, true),
            "rs" => (false, false),
            "rss" => (true, false),
            _ => return Err(EXPECTED.into()),
        };
        if let Some(path) = rest.strip_prefix("unix:") {
            // What follows the socket's path is the path of the URL: ws://unix:/run/socket:/ws
            let (socket, resource) = match path.rsplit_once(":/") {
                Some((socket, resource)) if is_websocket => (socket, format!("/{resource}")),
                _ => (path, "/".to_owned()),
            };
            let websocket = is_websocket.then(|| format!("{scheme}://localhost{resource}"));
            return Ok(Self { secure, websocket, place: Place::Unix(socket.into()) });
        }
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let (host, port) = match authority.strip_prefix('[') {
            Some(inner) => {
                let (host, port) =
                    inner.split_once(']').ok_or("the bracket of the address does not close")?;
                (host, port.strip_prefix(':'))
            }
            None => match authority.rsplit_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        let port = match port {
            Some(port) => {
                port.parse().map_err(|_| format!("found the port {port:?}, expected 1 to 65535"))?
            }
            None if is_websocket => {
                if secure {
                    443
                } else {
                    80
                }
            }
            None => return Err("the port is missing, which RawSocket has no usual one of".into()),
        };
        if host.is_empty() {
            return Err("the host is missing".into());
        }
        Ok(Self {
            secure,
            websocket: is_websocket.then(|| url.to_owned()),
            place: Place::Host(host.into(), port),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_a_router_is() {
        let host = |host: &str, port| Place::Host(host.into(), port);
        for (url, secure, websocket, place) in [
            ("ws://a.b/ws", false, Some("ws://a.b/ws"), host("a.b", 80)),
            ("wss://a.b:8443", true, Some("wss://a.b:8443"), host("a.b", 8443)),
            ("WSS://a.b?x", true, Some("WSS://a.b?x"), host("a.b", 443)),
            ("rs://[::1]:8080", false, None, host("::1", 8080)),
            ("rss://a.b:1", true, None, host("a.b", 1)),
            ("ws://unix:/run/s", false, Some("ws://localhost/"), Place::Unix("/run/s".into())),
            ("ws://unix:/run/s:/ws", false, Some("ws://localhost/ws"), Place::Unix("/run/s".into())),
            ("rs://unix:s", false, None, Place::Unix("s".into())),
        ] {
            let expected = Url { secure, websocket: websocket.map(str::to_owned), place };
            assert_eq!(Url::parse(url), Ok(expected), "{url}");
        }
        for wrong in ["", "a.b", "http://a.b/", "rs://a.b", "ws://:80/", "ws://a:99999/", "ws://[::1/"] {
            assert!(Url::parse(wrong).is_err(), "{wrong}");
        }
    }
}
