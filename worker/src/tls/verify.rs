//! Verification of servers: as rustls does it, and two things more. A certificate that is itself among
//! `ca_certificates` is accepted (webpki wants authorities and servers to have different ones), and a self-signed one
//! that isn't is called so.

use super::dates;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use std::cmp::Ordering;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use x509_cert::Certificate;
use x509_cert::der::Decode;

/// The peer's certificate is signed by itself, and nobody said that it is to be trusted.
#[derive(Debug, thiserror::Error)]
#[error("the peer's certificate is self-signed; to trust it, name it in `ca_certificates`")]
pub(super) struct SelfSigned;

#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) inner: Arc<WebPkiServerVerifier>,
    /// The certificates in `ca_certificates`.
    pub(super) trusted: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified =
            self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let Err(Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::Other(_))) =
            verified
        else {
            return verified;
        };
        let Ok(certificate) = Certificate::from_der(end_entity) else { return verified };
        if self.trusted.contains(end_entity) {
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now.as_secs());
            let error = match dates::compare(&certificate, now) {
                Ordering::Less => CertificateError::NotValidYet,
                Ordering::Greater => CertificateError::Expired,
                Ordering::Equal => {
                    rustls::client::verify_server_name(
                        &ParsedCertificate::try_from(end_entity)?,
                        server_name,
                    )?;
                    return Ok(ServerCertVerified::assertion());
                }
            };
            return Err(error.into());
        }
        let tbs = &certificate.tbs_certificate;
        if tbs.subject == tbs.issuer {
            return Err(CertificateError::Other(OtherError(Arc::new(SelfSigned))).into());
        }
        verified
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
