//! What a script is told of its request: the meta-variables (RFC 3875, section 4.1), and the few that everybody has
//! come to expect beside them.

use super::script::Script;
use crate::launcher::SystemString;
use crate::net::stream::Peer;
use crate::web::engine::received::Asked;
use hyper::HeaderMap;
use hyper::body::Body as _;
use hyper::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, HeaderName, PROXY_AUTHORIZATION,
    TRANSFER_ENCODING,
};
use hyper::http::uri::Authority;
use jackfield_shared::config::CgiService;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

/// What scripts have of the node's own environment.
const INHERITED: [&str; 3] = ["PATH", "LANG", "TZ"];

/// Without one of their own, programs are looked for here.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// What is not told again, or to nobody: credentials are not for those who may look into a process's environment
/// (section 4.1.18); `Proxy` would become HTTP_PROXY, by which libraries choose whom they send everything to.
const WITHHELD: [HeaderName; 7] = [
    AUTHORIZATION,
    PROXY_AUTHORIZATION,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    CONNECTION,
    TRANSFER_ENCODING,
    HeaderName::from_static("proxy"),
];

/// The environment of the script that answers `request`.
pub(super) fn of(
    request: &Asked,
    script: &Script,
    config: &CgiService,
    peer: Peer,
    secure: bool,
) -> Vec<(SystemString, SystemString)> {
    let mut set = Environment(BTreeMap::new());
    set.add("PATH", PATH);
    for name in INHERITED {
        if let Some(value) = std::env::var_os(name) {
            set.add(name, value);
        }
    }
    config.options.env.iter().for_each(|(name, value)| set.add(name, value));
    set.add_request(request, script, config);
    set.add_ends(request, peer, secure);
    set.add_content(request);
    set.add_fields(request.headers());
    set.0.iter().map(|(name, value)| (name.as_os_str().into(), value.as_os_str().into())).collect()
}

struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    fn add(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) {
        self.0.insert(name.into(), value.into());
    }

    fn add_request(&mut self, request: &Asked, script: &Script, config: &CgiService) {
        let uri = request.uri();
        self.add("GATEWAY_INTERFACE", "CGI/1.1");
        self.add("SERVER_SOFTWARE", concat!("jackfield/", env!("CARGO_PKG_VERSION")));
        self.add("SERVER_PROTOCOL", format!("{:?}", request.version()));
        self.add("REQUEST_METHOD", request.method().as_str());
        self.add("REQUEST_URI", uri.path_and_query().map_or("/", |target| target.as_str()));
        self.add("QUERY_STRING", uri.query().unwrap_or_default());
        self.add("SCRIPT_NAME", &script.name);
        self.add("SCRIPT_FILENAME", &script.file);
        self.add("DOCUMENT_ROOT", &config.directory);
        // PHP runs nothing without it: it tells that a server has chosen the script.
        self.add("REDIRECT_STATUS", "200");
        if !script.path_info.is_empty() {
            let translated = [config.directory.as_os_str().as_bytes(), script.path_info.as_bytes()].concat();
            self.add("PATH_INFO", &script.path_info);
            self.add("PATH_TRANSLATED", OsString::from_vec(translated));
        }
    }

    fn add_ends(&mut self, request: &Asked, peer: Peer, secure: bool) {
        let named = match request.uri().authority() {
            Some(authority) => Some(authority.clone()),
            None => request.headers().get(HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok()),
        };
        let port = named.as_ref().and_then(Authority::port_u16).unwrap_or(if secure { 443 } else { 80 });
        self.add("SERVER_NAME", named.as_ref().map_or("localhost", Authority::host));
        self.add("SERVER_PORT", port.to_string());
        self.add("REQUEST_SCHEME", if secure { "https" } else { "http" });
        if secure {
            self.add("HTTPS", "on");
        }
        match peer {
            Peer::Tcp(address) => {
                let host = address.ip().to_canonical().to_string();
                self.add("REMOTE_ADDR", &host);
                self.add("REMOTE_HOST", &host);
                self.add("REMOTE_PORT", address.port().to_string());
            }
            // No address, and certainly not this machine's own, which scripts may trust.
            Peer::Unix | Peer::Onion => self.add("REMOTE_ADDR", "0.0.0.0"),
        }
    }

    fn add_content(&mut self, request: &Asked) {
        let content = request.body().as_ref().filter(|content| !content.is_end_stream());
        if let Some(length) = content.and_then(|content| content.size_hint().exact()) {
            self.add("CONTENT_LENGTH", length.to_string());
        }
        if let Some(kind) = request.headers().get(CONTENT_TYPE) {
            self.add("CONTENT_TYPE", OsStr::from_bytes(kind.as_bytes()));
        }
    }

    /// `Accept-Language` becomes HTTP_ACCEPT_LANGUAGE. A name with an underscore could pass for another and is left out.
    fn add_fields(&mut self, headers: &HeaderMap) {
        for name in headers.keys().filter(|name| !WITHHELD.contains(name) && !name.as_str().contains('_')) {
            let variable = format!("HTTP_{}", name.as_str().to_ascii_uppercase().replace('-', "_"));
            let separator = if name == COOKIE { &b"; "[..] } else { b", " };
            let values: Vec<_> = headers.get_all(name).iter().map(|value| value.as_bytes()).collect();
            self.add(variable, OsString::from_vec(values.join(separator)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Request;
    use jackfield_shared::config::CgiOptions;

    fn environment(
        change: impl FnOnce(&mut Asked),
        peer: Peer,
        secure: bool,
    ) -> BTreeMap<OsString, OsString> {
        let config = CgiService {
            directory: "/srv/cgi".into(),
            processor: "/bin/sh".into(),
            options: CgiOptions {
                env: [("A".into(), "1".into()), ("QUERY_STRING".into(), "x".into())].into(),
                ..CgiOptions::default()
            },
        };
        let script = Script {
            file: "/srv/cgi/a b".into(),
            name: "/bin/a b".into(),
            path_info: OsString::from_vec(b"/\xff".to_vec()),
        };
        let mut request = Request::new(None);
        *request.uri_mut() = "/bin/a%20b/%ff?q=1&x".parse().unwrap();
        change(&mut request);
        let found = of(&request, &script, &config, peer, secure);
        found.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    #[test]
    fn the_request_is_described() {
        let add = |request: &mut Asked| {
            let headers = request.headers_mut();
            headers.append(HOST, "www.example.test:8443".parse().unwrap());
            headers.append(COOKIE, "a=b".parse().unwrap());
            headers.append(COOKIE, "c=d".parse().unwrap());
            headers.append("accept-language", "de".parse().unwrap());
            headers.append("accept-language", "en".parse().unwrap());
            for name in ["proxy", "authorization", "x_real_ip"] {
                headers.append(name, "evil".parse().unwrap());
            }
        };
        let found = environment(add, Peer::Tcp(([192, 0, 2, 1], 7).into()), true);
        for (name, value) in [
            ("GATEWAY_INTERFACE", "CGI/1.1"),
            ("REQUEST_METHOD", "GET"),
            ("QUERY_STRING", "q=1&x"),
            ("REQUEST_URI", "/bin/a%20b/%ff?q=1&x"),
            ("SCRIPT_NAME", "/bin/a b"),
            ("SCRIPT_FILENAME", "/srv/cgi/a b"),
            ("SERVER_NAME", "www.example.test"),
            ("SERVER_PORT", "8443"),
            ("SERVER_PROTOCOL", "HTTP/1.1"),
            ("REMOTE_ADDR", "192.0.2.1"),
            ("HTTPS", "on"),
            ("HTTP_COOKIE", "a=b; c=d"),
            ("HTTP_ACCEPT_LANGUAGE", "de, en"),
            ("A", "1"),
        ] {
            assert_eq!(found[OsStr::new(name)], value, "{name}");
        }
        assert_eq!(found[OsStr::new("PATH_TRANSLATED")].as_bytes(), b"/srv/cgi/\xff");
        assert!(found.values().all(|value| value != "evil"), "{found:?}");
        assert!(!found.contains_key(OsStr::new("CONTENT_LENGTH")));
    }

    #[test]
    fn nobody_passes_for_this_machine() {
        for peer in [Peer::Unix, Peer::Onion] {
            let found = environment(|_| {}, peer, false);
            assert_eq!(found[OsStr::new("REMOTE_ADDR")], "0.0.0.0");
            assert_eq!(found[OsStr::new("SERVER_PORT")], "80");
        }
    }
}
