//! TLS for blocking clients.

use super::Target;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CipherSuite, ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

/// A client that believes this authority, and prefers what browsers prefer.
pub(super) fn config(authority: &Path) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(authority).expect("the authority's file") {
        roots.add(certificate.expect("a certificate")).expect("an authority");
    }
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.cipher_suites.sort_by_key(|suite| suite.suite() != CipherSuite::TLS13_AES_128_GCM_SHA256);
    let builder =
        ClientConfig::builder_with_provider(Arc::new(provider)).with_safe_default_protocol_versions();
    Arc::new(builder.expect("versions of TLS").with_root_certificates(roots).with_no_client_auth())
}

/// A connection to a server that has a certificate for this name. The handshake comes with the first bytes.
pub(super) fn connect(
    config: &Arc<ClientConfig>,
    name: &str,
    stream: TcpStream,
) -> StreamOwned<ClientConnection, TcpStream> {
    let name = ServerName::try_from(name.to_owned()).expect("a server's name");
    let connection = ClientConnection::new(Arc::clone(config), name).expect("a connection of TLS");
    StreamOwned::new(connection, stream)
}

/// A connection to the target, for tests that look closer.
pub fn connection(target: &Target) -> StreamOwned<ClientConnection, TcpStream> {
    let (address, name, authority) = target.tls.as_ref().expect("an address with TLS");
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(crate::DEADLINE)).expect("a time limit");
    connect(&config(authority), name, stream)
}
