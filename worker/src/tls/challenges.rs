//! What ACME directories get to see that ask whether a name is ours.

use super::review::provider;
use jackfield_shared::tls::Challenge;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

/// What such a client offers, and nothing else (RFC 8737).
pub(super) const PROTOCOL: &[u8] = b"acme-tls/1";

/// The challenges that are open.
#[derive(Debug, Default)]
pub(crate) struct Challenges {
    http: RefCell<HashMap<String, String>>,
    tls: RefCell<HashMap<String, Arc<ServerConfig>>>,
}

impl Challenges {
    pub(crate) fn new(open: &[Challenge]) -> Rc<Self> {
        let challenges = Self::default();
        challenges.set(open);
        Rc::new(challenges)
    }

    /// These are open now, and no others.
    pub(crate) fn set(&self, open: &[Challenge]) {
        let (mut http, mut tls) = (HashMap::new(), HashMap::new());
        for challenge in open {
            match challenge {
                Challenge::Http { token, answer } => drop(http.insert(token.clone(), answer.clone())),
                Challenge::Tls { domain, pem } => match config(pem) {
                    Ok(config) => drop(tls.insert(domain.clone(), Arc::new(config))),
                    Err(e) => tracing::error!("the challenge for {domain} can't be shown: {e}"),
                },
            }
        }
        self.http.replace(http);
        self.tls.replace(tls);
    }

    /// The answer at the path that ends in this token.
    pub(crate) fn by_http(&self, token: &str) -> Option<String> {
        self.http.borrow().get(token).cloned()
    }

    /// What the handshake is done with for this name.
    pub(super) fn by_tls(&self, name: &str) -> io::Result<Arc<ServerConfig>> {
        let unknown = || io::Error::other(format!("no challenge (acme-tls/1) is open for {name:?}"));
        self.tls.borrow().get(&name.to_ascii_lowercase()).cloned().ok_or_else(unknown)
    }
}

/// What shows the certificate of a challenge.
fn config(pem: &str) -> Result<ServerConfig, String> {
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|e| e.to_string())?;
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|e| e.to_string())?;
    let key = provider().key_provider.load_private_key(key).map_err(|e| e.to_string())?;
    let provider = Arc::new(provider());
    // The library itself would refuse to show a certificate with what RFC 8737 wants in it.
    let shown = SingleCertAndKey::from(CertifiedKey::new(vec![certificate], key));
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS12, &TLS13])
        .map_err(|e| e.to_string())?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(shown));
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    config.send_tls13_tickets = 0;
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::challenge_certificate;

    #[test]
    fn only_what_is_open_is_answered() {
        let tls = |domain: &str| Challenge::Tls {
            domain: domain.into(),
            pem: challenge_certificate(domain, &[7; 32]).unwrap(),
        };
        let http = Challenge::Http { token: "t".into(), answer: "t.thumb".into() };
        let challenges = Challenges::new(&[tls("a.test"), http]);
        assert_eq!(challenges.by_tls("A.test").unwrap().alpn_protocols, [PROTOCOL]);
        assert!(challenges.by_tls("b.test").unwrap_err().to_string().contains("b.test"));
        assert_eq!(challenges.by_http("t").as_deref(), Some("t.thumb"));
        challenges.set(&[tls("b.test")]);
        assert!(challenges.by_tls("b.test").is_ok() && challenges.by_tls("a.test").is_err());
        assert_eq!(challenges.by_http("t"), None);
    }
}
