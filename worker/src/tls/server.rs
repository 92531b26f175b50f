//! From a listening endpoint's section to what rustls serves with.

use super::explain::of_verifier;
use super::review::{Review, names, provider, versions};
use super::sni::Certificates;
use jackfield_shared::config::{ClientAuth, TlsListening};
use rustls::ServerConfig;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, NoServerSessionStorage, WebPkiClientVerifier};
use std::sync::Arc;

/// What serves a section, but for certificates whose clients authenticate in another way, `protocols` being those of its transport; `None` after an error.
pub(super) fn build(tls: &TlsListening, protocols: &[&str], review: &mut Review<'_>) -> Option<ServerConfig> {
    let at = review.at;
    let provider = review.ciphers(&at.key("ciphers"), tls.ciphers.as_deref()).map(Arc::new);
    let first = review.pair(at, (&tls.key, &tls.certificate), &tls.chain_certificates);
    let mut pairs = vec![first];
    let own = tls.certificates.iter().enumerate();
    for (index, more) in own.filter(|(_, more)| more.ca_certificates.is_empty()) {
        let at = at.key("certificates").index(index);
        pairs.push(review.pair(&at, (&more.key, &more.certificate), &more.chain_certificates));
    }
    if let Some(file) = &tls.dhparam {
        review.dhparam(&at.key("dhparam"), file);
    }
    let verifier = client_verifier(tls, review);
    let pairs = pairs.into_iter().collect::<Option<Vec<_>>>();
    let (provider, (pairs, verifier)) = provider.zip(pairs.zip(verifier))?;
    let builder = match ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions(&tls.versions))
    {
        Ok(builder) => builder,
        Err(e) => {
            review.error(&at.key("versions"), format!("no cipher suite is left for these versions ({e})"));
            return None;
        }
    };
    let mut config =
        builder.with_client_cert_verifier(verifier).with_cert_resolver(Arc::new(Certificates::new(pairs)));
    // Sessions are kept by the clients, in tickets that every process of the worker can open.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.alpn_protocols = match &tls.alpn {
        Some(given) => names(given),
        None => names(protocols),
    };
    Some(config)
}

fn client_verifier(tls: &TlsListening, review: &mut Review<'_>) -> Option<Arc<dyn ClientCertVerifier>> {
    let at = review.at;
    let mut crls = Some(Vec::new());
    for (index, file) in tls.crls.iter().enumerate() {
        let more = review.crls(&at.key("crls").index(index), file);
        crls = crls.zip(more).map(|(mut all, more)| {
            all.extend(more);
            all
        });
    }
    if tls.ca_certificates.is_empty() {
        if !tls.crls.is_empty() {
            review.warn(
                &at.key("crls"),
                "has no effect without \"ca_certificates\": no client shows a certificate",
            );
        }
        return crls.map(|_| Arc::new(NoClientAuth) as Arc<dyn ClientCertVerifier>);
    }
    let roots = review.roots(&at.key("ca_certificates"), &tls.ca_certificates);
    let (roots, crls) = roots.zip(crls)?;
    let mut builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(provider())).with_crls(crls);
    if !tls.crls.is_empty() {
        // A list of one authority says nothing of the others.
        builder = builder.allow_unknown_revocation_status();
    }
    if tls.client_auth == ClientAuth::Optional {
        builder = builder.allow_unauthenticated();
    }
    match builder.build() {
        Ok(verifier) => Some(verifier),
        Err(e) => {
            let key = if tls.crls.is_empty() { "ca_certificates" } else { "crls" };
            review.error(&at.key(key), format!("can't be used: {}", of_verifier(&e)));
            None
        }
    }
}
