//! What a request has to be before anything is done for it.

use super::denial::Denial;
use super::signature::{Signing, check_fields, check_github};
use crate::net::proxy_protocol::Networks;
use crate::net::stream::Peer;
use crate::wamp::wall;
use crate::web::engine::client::Client;
use crate::web::engine::received::{Asked, Fault};
use crate::web::services::content::{self, Failure, limit, read};
use crate::web::services::query::query;
use bytes::Bytes;
use hyper::HeaderMap;
use hyper::StatusCode;
use hyper::header::CONTENT_TYPE;
use jackfield_shared::config::{RestOptions, Secret, WebhookOptions};
use std::time::Duration;

/// What a request has to be.
#[derive(Debug)]
pub(super) struct Checks {
    /// Bytes of its content, at most; 0: what the transport says.
    longest: u64,
    /// Whether it may say that its content is something else than JSON.
    any_type: bool,
    signing: Option<Signing>,
    github: Option<Secret>,
    time_limit: Duration,
    networks: Option<Networks>,
    tls: bool,
}

impl Checks {
    pub(super) fn of_rest(options: &RestOptions) -> Self {
        let signing = options.secret.as_ref().map(|secret| {
            // Without a key every request is refused, as the configuration's check warns: none is sent as "".
            Signing::new(options.key.as_deref().unwrap_or_default(), &secret.0)
        });
        Self {
            longest: options.post_body_limit.into(),
            any_type: false,
            signing,
            github: None,
            time_limit: options.timestamp_delta_limit,
            networks: options.require_ip.as_ref().map(|networks| Networks::new(networks)),
            tls: options.require_tls,
        }
    }

    pub(super) fn of_webhook(options: &WebhookOptions) -> Self {
        Self {
            longest: options.post_body_limit.into(),
            any_type: true,
            signing: None,
            github: options.github_secret.clone(),
            time_limit: Duration::ZERO,
            networks: None,
            tls: false,
        }
    }

    /// Takes the content of a request, if it passes.
    pub(super) async fn take(&self, request: &mut Asked, client: &Client) -> Result<Bytes, Denial> {
        self.check_sender(client.peer, client.is_secure())?;
        check_type(request.headers(), self.any_type)?;
        let longest = limit([self.longest, client.options.max_body_size]);
        let content = read(request, longest).await.map_err(denial)?;
        if let Some(secret) = &self.github {
            check_github(&secret.0, request.headers(), &content)?;
        }
        if !self.any_type {
            let fields = query(request.uri().query().unwrap_or_default());
            check_fields(&fields, wall(), self.time_limit)?;
            if let Some(signing) = &self.signing {
                signing.check(&fields, &content)?;
            }
        }
        Ok(content)
    }

    fn check_sender(&self, peer: Peer, secure: bool) -> Result<(), Denial> {
        if let Some(networks) = &self.networks {
            let known = matches!(peer, Peer::Tcp(address) if networks.contain(address.ip()));
            if !known {
                return Err(Denial::malformed("Requests from your address are not taken here."));
            }
        }
        if self.tls && !secure {
            return Err(Denial::malformed("Requests are taken here over TLS only (https)."));
        }
        Ok(())
    }
}

fn denial(failure: content::Failure) -> Denial {
    match failure {
        Failure::TooLong(most) => {
            let text = format!("The content of a request has {most} bytes here at most.");
            Denial::new(StatusCode::PAYLOAD_TOO_LARGE, text)
        }
        Failure::Fault(Fault::Broken) => Denial::malformed("The content is malformed, or has broken off."),
        Failure::Fault(Fault::Stalled(limit)) => {
            let text = format!("The content of the request did not go on for {} s.", limit.as_secs_f64());
            Denial::new(StatusCode::REQUEST_TIMEOUT, text)
        }
    }
}

/// Checks what a request says of its content.
fn check_type(headers: &HeaderMap, any: bool) -> Result<(), Denial> {
    let Some(kind) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let text = kind.to_str().unwrap_or_default();
    let mut parts = text.split(';').map(|part| part.trim().to_ascii_lowercase());
    let kind = parts.next().unwrap_or_default();
    if !any && kind != "application/json" {
        let text = format!("The content of a request is application/json here, not \"{kind:.80}\".");
        return Err(Denial::malformed(text));
    }
    let charset = parts.find_map(|part| part.strip_prefix("charset=").map(str::to_owned));
    if let Some(charset) = charset
        && !matches!(charset.trim_matches('"'), "utf-8" | "utf8")
    {
        return Err(Denial::malformed(format!(
            "The content of a request is in UTF-8 here, not in \"{charset:.80}\"."
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;
    use jackfield_shared::config::{Format, PathService, TransportKind, WorkerKind, parse};

    fn checks(options: &str) -> Checks {
        let config = format!(
            r#"{{"version": 2, "workers": [{{"type": "router", "transports": [{{"type": "web",
                "endpoint": {{"type": "tcp", "port": 8080}}, "paths": {{"/": {{"type": "publisher",
                "realm": "realm1", "role": "r", "options": {options}}}}}}}]}}]}}"#
        );
        let loaded = parse(&config, Format::Json, "config.json", std::path::Path::new("/"), &|_| None);
        let config = loaded.node.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
        let WorkerKind::Router(router) = &config.workers[0].kind else { unreachable!() };
        let TransportKind::Web(web) = &router.transports[0].kind else { unreachable!() };
        let PathService::Publisher(rest) = &web.paths["/"] else { unreachable!() };
        Checks::of_rest(&rest.options)
    }

    #[test]
    fn senders_are_known_by_address_and_by_tls() {
        let tcp = |address: &str| Peer::Tcp(format!("{address}:1").parse().unwrap());
        let any = checks("{}");
        assert!(any.check_sender(Peer::Unix, false).is_ok());
        let some = checks(r#"{"require_ip": ["10.1.0.0/255.255.0.0", "192.0.2.7", "fd00::/8"]}"#);
        for (peer, taken) in [
            (tcp("10.1.255.1"), true),
            (tcp("10.2.0.1"), false),
            (tcp("192.0.2.7"), true),
            (tcp("192.0.2.8"), false),
            (tcp("[fd00::1]"), true),
            (tcp("[fe80::1]"), false),
            (Peer::Unix, false),
            (Peer::Onion, false),
        ] {
            assert_eq!(some.check_sender(peer, true).is_ok(), taken, "{peer}");
        }
        let tls = checks(r#"{"require_tls": true}"#);
        assert!(tls.check_sender(tcp("192.0.2.8"), true).is_ok());
        assert!(tls.check_sender(tcp("192.0.2.8"), false).is_err());
    }

    #[test]
    fn json_in_utf_8_is_taken() {
        for (kind, json, other) in [
            ("application/json", true, true),
            ("Application/JSON; charset=UTF-8", true, true),
            ("application/json; charset=\"utf8\"", true, true),
            ("application/json; charset=latin-1", false, false),
            ("text/plain", false, true),
            ("", false, true),
        ] {
            let headers = [(CONTENT_TYPE, HeaderValue::from_static(kind))].into_iter().collect();
            assert_eq!(check_type(&headers, false).is_ok(), json, "{kind}");
            assert_eq!(check_type(&headers, true).is_ok(), other, "{kind}");
        }
        assert_eq!(check_type(&HeaderMap::new(), false), Ok(()));
    }
}
