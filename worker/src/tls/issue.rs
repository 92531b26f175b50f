//! Keys, and certificates of our own making.

use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use std::time::{Duration, SystemTime};

/// How long a certificate of our own making is valid, before and after now.
const VALID: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// A certificate for these names that nobody but itself vouches for: the key, and behind it the certificate, as PEM.
///
/// # Errors
/// When the system has no random numbers, or one of the names can't stand in a certificate.
pub fn self_made(domains: &[String]) -> Result<String, String> {
    signed_by_itself(of(domains)?)
}

/// A new key (ECDSA, P-256), as PEM, and a request (PKCS #10), as DER, for a certificate for these names.
///
/// # Errors
/// As [`self_made`].
pub fn new_request(domains: &[String]) -> Result<(String, Vec<u8>), String> {
    let key = KeyPair::generate().map_err(|e| e.to_string())?;
    let request = of(domains)?.serialize_request(&key).map_err(|e| e.to_string())?;
    Ok((key.serialize_pem(), request.der().to_vec()))
}

/// What a directory gets to see that asks for this name (RFC 8737); `digest` is that of the key authorization.
pub(crate) fn challenge_certificate(domain: &str, digest: &[u8; 32]) -> Result<String, String> {
    let mut params = of(&[domain.to_owned()])?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    signed_by_itself(params)
}

fn of(domains: &[String]) -> Result<CertificateParams, String> {
    let mut params = CertificateParams::new(domains).map_err(|e| e.to_string())?;
    params.distinguished_name = DistinguishedName::new();
    let now = SystemTime::now();
    params.not_before = (now - VALID).into();
    params.not_after = (now + VALID).into();
    Ok(params)
}

fn signed_by_itself(params: CertificateParams) -> Result<String, String> {
    let key = KeyPair::generate().map_err(|e| e.to_string())?;
    let certificate = params.self_signed(&key).map_err(|e| e.to_string())?;
    Ok(format!("{}{}", key.serialize_pem(), certificate.pem()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::{renewal_id, shown};

    #[test]
    fn what_is_made_here_is_for_its_names() {
        let names = ["a.test".to_owned(), "b.test".to_owned()];
        let pem = self_made(&names).unwrap();
        let shown = shown(&pem).unwrap();
        assert_eq!(shown.names, names);
        assert!(shown.not_before < shown.not_after);
        assert_eq!(renewal_id(&pem), None, "no authority");
        let (key, request) = new_request(&names).unwrap();
        assert!(key.contains("PRIVATE KEY") && !request.is_empty());
    }
}
