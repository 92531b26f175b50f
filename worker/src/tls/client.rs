//! TLS on connections to others.

use super::explain::of_verifier;
use super::review::{Review, names, provider, versions};
use super::verify::Verifier;
use crate::net::stream::Stream;
use crate::net::stream::Tls;
use jackfield_shared::config::{ConnectingEndpoint, Path, TlsConnecting};
use jackfield_shared::tls::Files;
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use tokio_rustls::TlsConnector;

/// The TLS of one connecting endpoint.
#[derive(Debug)]
pub(crate) struct Connector {
    endpoint: ConnectingEndpoint,
    target: RefCell<Target>,
}

/// Whom connections are made to at the moment, and how.
#[derive(Clone, Debug)]
pub(super) struct Target {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Connector {
    /// Prepares the endpoint's section, if it has one; the error says what is wrong with it.
    pub(crate) fn new(endpoint: &ConnectingEndpoint, files: &Files) -> Result<Option<Self>, String> {
        let Some(tls) = endpoint.tls() else { return Ok(None) };
        let target = RefCell::new(prepare(tls, endpoint, files)?);
        Ok(Some(Self { endpoint: endpoint.clone(), target }))
    }

    /// Takes the files as they are now; if they are no good, all stays as it is.
    pub(crate) fn renew(&self, files: &Files) -> Result<(), String> {
        if let Some(tls) = self.endpoint.tls() {
            self.target.replace(prepare(tls, &self.endpoint, files)?);
        }
        Ok(())
    }

    /// Does the handshake.
    pub(crate) async fn connect(&self, stream: Stream) -> io::Result<Stream> {
        let Target { config, name } = self.target.borrow().clone();
        let stream = TlsConnector::from(config).connect(name, stream).await?;
        Ok(Stream::Tls(Box::new(Tls::connected(stream))))
    }
}

fn prepare(tls: &TlsConnecting, endpoint: &ConnectingEndpoint, files: &Files) -> Result<Target, String> {
    let at = Path::default().key("tls");
    let mut review = Review::new(files, &at);
    build(tls, endpoint, &mut review).ok_or_else(|| review.errors())
}

/// What connects for a section; `None` after an error.
pub(super) fn build(
    tls: &TlsConnecting,
    endpoint: &ConnectingEndpoint,
    review: &mut Review<'_>,
) -> Option<Target> {
    let at = review.at;
    let name = server_name(tls, endpoint, review);
    let verifier = verifier(tls, review);
    let pair = match (&tls.key, &tls.certificate) {
        (Some(key), Some(certificate)) => Some(review.pair(at, (key, certificate), &[])?),
        _ => None, // said already: one has no effect without the other
    };
    let (name, verifier) = name.zip(verifier)?;
    let builder = match ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&versions(&tls.versions))
    {
        Ok(builder) => builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)),
        Err(e) => {
            review.error(&at.key("versions"), e.to_string());
            return None;
        }
    };
    let mut config = match pair {
        Some(pair) => builder.with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(pair))),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = names(tls.alpn.iter().flatten());
    Some(Target { config: Arc::new(config), name })
}

fn server_name(
    tls: &TlsConnecting,
    endpoint: &ConnectingEndpoint,
    review: &mut Review<'_>,
) -> Option<ServerName<'static>> {
    let at = review.at;
    let host = match endpoint {
        ConnectingEndpoint::Tcp(tcp) => Some(&tcp.host),
        ConnectingEndpoint::Tor(tor) => Some(&tor.host),
        ConnectingEndpoint::Unix(_) | ConnectingEndpoint::Twisted(_) => None,
    };
    let Some(name) = tls.hostname.as_ref().or(host) else {
        review.error(at, "needs \"hostname\": the name the server's certificate is verified against");
        return None;
    };
    match ServerName::try_from(name.clone()) {
        Ok(name) => Some(name),
        Err(_) => {
            review.error(&at.key("hostname"), format!("{name:?} is neither a host name nor an IP address"));
            None
        }
    }
}

fn verifier(tls: &TlsConnecting, review: &mut Review<'_>) -> Option<Verifier> {
    let at = review.at;
    let mut trusted = Vec::new();
    let roots = match &tls.ca_certificates {
        Some(files) => {
            let path = at.key("ca_certificates");
            for (index, file) in files.iter().enumerate() {
                trusted.extend(review.certificates(&path.index(index), file)?);
            }
            review.roots(&path, files)?
        }
        None => platform_roots(review)?,
    };
    let mut crls = Vec::new();
    for (index, file) in tls.crls.iter().enumerate() {
        crls.extend(review.crls(&at.key("crls").index(index), file)?);
    }
    let builder =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(provider())).with_crls(crls);
    let builder = if tls.crls.is_empty() { builder } else { builder.allow_unknown_revocation_status() };
    match builder.build() {
        Ok(inner) => Some(Verifier { inner, trusted }),
        Err(e) => {
            review.error(&at.key("ca_certificates"), format!("can't be used: {}", of_verifier(&e)));
            None
        }
    }
}

/// Whom the system trusts; SSL_CERT_FILE and SSL_CERT_DIR say otherwise.
fn platform_roots(review: &mut Review<'_>) -> Option<RootCertStore> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // What one system trusts another may not be able to read: the rest counts.
    roots.add_parsable_certificates(found.certs.into_iter().map(CertificateDer::into_owned));
    if roots.is_empty() {
        let why: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
        let why = if why.is_empty() { "none was found".into() } else { why.join("; ") };
        let message = format!("the system has no trusted certificates ({why}): name \"ca_certificates\"");
        let at = review.at.clone();
        review.error(&at, message);
        return None;
    }
    Some(roots)
}
