//! Certificates that the node gets by itself (ACME, RFC 8555).

use std::net::IpAddr;
use std::path::{Path as FsPath, PathBuf};
use std::time::Duration;

use serde_json::json;

use super::super::decode::*;

/// The directory of Let's Encrypt.
const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// Where account and certificates are, in the node directory.
pub const ACME_DIRECTORY: &str = "acme";

object! {
    /// A certificate that the node gets and renews by itself, by ACME (RFC 8555). To use a directory is to agree to its terms.
    pub struct Acme as "the ACME settings" {
        /// Whom the directory may write to: a URL like `mailto:ops@example.org`.
        pub contact as "contact": Option<String> = matching("a URL like mailto:ops@example.org", Some("^mailto:[^@ ,?]+@[^@ ,?]+$"), is_contact), optional;
        /// URL of the directory; http only to a loopback address.
        pub directory as "directory": String = directory(), default(json!(LETS_ENCRYPT), LETS_ENCRYPT.to_owned());
        /// The names that the certificate is for. The first one names its file, and so belongs to no other certificate.
        pub domains as "domains": Vec<String> = some(domain()), required;
        /// The directory's own certificate is signed by one of these, PEM files; absent: by one the system trusts.
        pub ca_certificates as "ca_certificates": Option<Vec<PathBuf>> = list(file()), optional;
        /// Seconds that getting a certificate may take.
        pub timeout as "timeout": Duration = seconds(1.0..=3600.0), default(json!(300), Duration::from_secs(300));
        /// Seconds until it is tried again after a failure. After each further one it is twice as long, at most 12 hours.
        pub retry as "retry": Duration = seconds(1.0..=43200.0), default(json!(600), Duration::from_secs(600));
    }
    check Acme::check;
}

impl Acme {
    /// The file with the key and, behind it, the certificate and its chain.
    #[must_use]
    pub fn file(&self, node_dir: &FsPath) -> PathBuf {
        node_dir.join(ACME_DIRECTORY).join(format!("{}.pem", self.name()))
    }

    /// The first domain.
    #[must_use]
    pub fn name(&self) -> &str {
        self.domains.first().map_or("", String::as_str)
    }

    fn check(&self, fields: &mut Fields<'_>, cx: &mut Context<'_>) {
        let twice =
            |(index, name): (usize, &String)| self.domains.iter().take(index).any(|other| other == name);
        if let Some((_, name)) = self.domains.iter().enumerate().find(|domain| twice(*domain)) {
            cx.warn_at("domains", fields.span_of("domains"), format!("{name:?} is here twice"));
        }
    }
}

fn is_contact(text: &str) -> bool {
    let address = text.strip_prefix("mailto:").and_then(|address| address.split_once('@'));
    let is_part = |part: &str| !part.is_empty() && !part.contains(['@', ' ', ',', '?']);
    address.is_some_and(|(user, host)| is_part(user) && is_part(host))
}

/// A name that a directory can look at from outside.
fn domain() -> impl Rule<Out = String> {
    then(text(), |text: String, value, cx| {
        let name = text.to_ascii_lowercase();
        let wrong = if name.starts_with("*.") {
            "a certificate for a wildcard takes a challenge by DNS (DNS-01), which is not built: list the names"
        } else if name.parse::<IpAddr>().is_ok() {
            "certificates for addresses are not built"
        } else if !is_name(&name) {
            "expected the name of a host in ASCII, such as example.org"
        } else {
            return Some(name);
        };
        cx.error(value.span, format!("found {text:?}: {wrong}"));
        None
    })
}

fn is_name(name: &str) -> bool {
    let of_label = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(of_label)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

fn directory() -> Text {
    matching(
        "a URL that begins with https:// (or http:// and a loopback address)",
        Some("^https?://"),
        |url| {
            let plain = url.strip_prefix("http://").map(|rest| {
                let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
                authority.parse::<std::net::SocketAddr>().is_ok_and(|to| to.ip().is_loopback())
            });
            let has_host = |rest: &str| rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[');
            plain.unwrap_or_else(|| url.strip_prefix("https://").is_some_and(has_host))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::is_contact;
    use crate::config::{Format, parse};

    #[test]
    fn mistakes_are_told_with_what_to_do() {
        assert!(is_contact("mailto:a@example.org") && !is_contact("mailto:a"));
        for (acme, expected) in [
            (r#"{"domains": ["Example.org"]}"#, None),
            (r#"{"domains": ["a.test"], "directory": "http://127.0.0.5:14000/dir"}"#, None),
            (r#"{"domains": []}"#, Some("acme.domains")),
            ("{}", Some(r#""domains" is missing"#)),
            (r#"{"domains": ["*.example.org"]}"#, Some("DNS-01")),
            (r#"{"domains": ["127.0.0.1"]}"#, Some("certificates for addresses")),
            (r#"{"domains": ["a_b.example.org"]}"#, Some("name of a host")),
            (r#"{"domains": ["a.test"], "contact": "ops@example.org"}"#, Some("mailto:ops@example.org")),
            (r#"{"domains": ["a.test"], "directory": "http://ca.example.org/dir"}"#, Some("loopback")),
            (r#"{"domains": ["a.test"]}, "key": "/proc/version""#, Some("gets its own")),
            (r#"{"domains": ["a.test"]}, "chain_certificates": []"#, Some("gets its own")),
        ] {
            let text = format!(
                r#"{{"version": 2, "workers": [{{"type": "router", "transports": [{{"type": "web", "paths": {{"/": {{"type": "nodeinfo"}}}},
                    "endpoint": {{"type": "tcp", "port": 443, "tls": {{"acme": {acme}}}}}}}]}}]}}"#
            );
            let loaded = parse(&text, Format::Json, "c.json", "/n".as_ref(), &|_| None);
            let said = loaded.diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            assert_eq!(loaded.can_start(), expected.is_none(), "{acme}: {said}");
            assert!(said.contains(expected.unwrap_or_default()), "{acme}: {said}");
        }
    }

    #[test]
    fn one_file_has_one_certificate_and_the_challenge_finds_its_way() {
        let endpoint = |port: u16, acme: &str| {
            let tls = if acme.is_empty() { String::new() } else { format!(r#", "tls": {{"acme": {acme}}}"#) };
            format!(
                r#"{{"type": "web", "paths": {{"/": {{"type": "nodeinfo"}}}}, "endpoint": {{"type": "tcp", "port": {port}{tls}}}}}"#
            )
        };
        let one = r#"{"domains": ["a.test"]}"#;
        for (transports, expected) in [
            (vec![endpoint(443, one), endpoint(444, one)], None),
            (
                vec![endpoint(443, one), endpoint(444, r#"{"domains": ["a.test", "b.test"]}"#)],
                Some("has other settings"),
            ),
            (vec![endpoint(8443, one)], Some("connects to port 443")),
            (vec![endpoint(8443, one), endpoint(80, "")], None),
        ] {
            let text = format!(
                r#"{{"version": 2, "workers": [{{"type": "router", "transports": [{}]}}]}}"#,
                transports.join(", ")
            );
            let loaded = parse(&text, Format::Json, "c.json", "/n".as_ref(), &|_| None);
            let said = loaded.diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            assert_eq!(loaded.diagnostics.is_empty(), expected.is_none(), "{said}");
            assert!(said.contains(expected.unwrap_or_default()), "{said}");
            if let Some(node) = loaded.node {
                let tls = node.workers[0].transports()[0].endpoint.tls().unwrap();
                assert_eq!(tls.certificate.to_str(), Some("/n/acme/a.test.pem"));
                assert_eq!(tls.key, tls.certificate);
            }
        }
    }
}
