//! Which of several certificates a client gets: by the name it asks for (SNI, RFC 6066) and by what it can verify.

use crate::net::names::fit;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::sync::Arc;

/// The certificates of an endpoint, the default one first.
#[derive(Debug)]
pub(super) struct Certificates(Vec<Named>);

#[derive(Debug)]
struct Named {
    /// The names in it, in lower case.
    names: Vec<String>,
    pair: Arc<CertifiedKey>,
}

impl Certificates {
    pub(super) fn new(pairs: Vec<Arc<CertifiedKey>>) -> Self {
        Self(pairs.into_iter().map(|pair| Named { names: names(&pair), pair }).collect())
    }

    /// The certificates, those that fit best first, else in their order.
    fn ranked(&self, asked: Option<&str>) -> Vec<&Arc<CertifiedKey>> {
        let mut ranked: Vec<_> = self.0.iter().collect();
        if let Some(asked) = asked {
            let asked = asked.to_ascii_lowercase();
            ranked.sort_by_key(|named| std::cmp::Reverse(fit(&named.names, &asked)));
        }
        ranked.into_iter().map(|named| &named.pair).collect()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if let [only] = self.0.as_slice() {
            return Some(Arc::clone(&only.pair));
        }
        let ranked = self.ranked(hello.server_name());
        let verifiable =
            ranked.iter().find(|pair| pair.key.choose_scheme(hello.signature_schemes()).is_some());
        verifiable.or(ranked.first()).map(|pair| Arc::clone(pair))
    }
}

/// The DNS names in a certificate.
fn names(pair: &CertifiedKey) -> Vec<String> {
    let Some(certificate) = pair.cert.first() else { return Vec::new() };
    let Ok(certificate) = webpki::EndEntityCert::try_from(certificate) else { return Vec::new() };
    certificate.valid_dns_names().map(str::to_ascii_lowercase).collect()
}
