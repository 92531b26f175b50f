//! When a certificate is valid.

use super::review::Review;
use jackfield_shared::config::Path;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use std::path::Path as FsPath;
use std::time::SystemTime;
use x509_cert::Certificate;
use x509_cert::crl::CertificateList;
use x509_cert::der::{DateTime, Decode};
use x509_cert::ext::pkix::AuthorityKeyIdentifier;

impl Review<'_> {
    /// Warns of a certificate whose time is over, or has not come. One that can't be read is found out elsewhere.
    pub(super) fn review_dates(&mut self, path: &Path, file: &FsPath, certificate: &CertificateDer<'_>) {
        let Ok(certificate) = Certificate::from_der(certificate) else { return };
        let validity = &certificate.tbs_certificate.validity;
        let (from, to) = (validity.not_before.to_date_time(), validity.not_after.to_date_time());
        let (name, now) = (file.display(), SystemTime::now());
        if to.to_system_time() < now {
            self.warn(
                path,
                format!("the certificate in {name} expired at {to}: peers will refuse it; get a new one"),
            );
        } else if from.to_system_time() > now {
            self.warn(
                path,
                format!(
                    "the certificate in {name} is not valid before {from}; is this machine's clock right?"
                ),
            );
        }
    }
}

impl Review<'_> {
    /// Warns of a revocation list that should have been followed by another one: who was revoked since is not on it.
    pub(super) fn review_list(
        &mut self,
        path: &Path,
        file: &FsPath,
        list: &CertificateRevocationListDer<'_>,
    ) {
        let Ok(list) = CertificateList::from_der(list) else { return };
        let Some(next) = list.tbs_cert_list.next_update.map(|time| time.to_date_time()) else { return };
        if next.to_system_time() < SystemTime::now() {
            let name = file.display();
            self.warn(
                path,
                format!(
                    "the revocation list in {name} expired at {next}: it is used all the same, but certificates revoked \
                     since are not on it; get a new one"
                ),
            );
        }
    }
}

/// What a certificate shows to everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The DNS names in it.
    pub names: Vec<String>,
    /// The beginning of the time that it is valid for, in seconds since the Unix epoch.
    pub not_before: i64,
    /// The end of the time that it is valid for, in seconds since the Unix epoch.
    pub not_after: i64,
}

/// What the first certificate in a file, of this text, shows; nothing, if it can't be read.
#[must_use]
pub fn shown(text: &str) -> Option<Shown> {
    let der = CertificateDer::from_pem_slice(text.as_bytes()).ok()?;
    let certificate = Certificate::from_der(&der).ok()?;
    let validity = &certificate.tbs_certificate.validity;
    let seconds =
        |time: &x509_cert::time::Time| i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
    let (not_before, not_after) = (seconds(&validity.not_before), seconds(&validity.not_after));
    let names = webpki::EndEntityCert::try_from(&der);
    let names = names.map(|c| c.valid_dns_names().map(ToOwned::to_owned).collect()).unwrap_or_default();
    Some(Shown { names, not_before, not_after })
}

/// By what the directory that issued the first certificate of this text knows it (RFC 9773, section 4.1): its authority's key
/// and its own serial number.
#[must_use]
pub fn renewal_id(text: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let der = CertificateDer::from_pem_slice(text.as_bytes()).ok()?;
    let certificate = Certificate::from_der(&der).ok()?.tbs_certificate;
    let (_, authority) = certificate.get::<AuthorityKeyIdentifier>().ok()??;
    let key = authority.key_identifier?.as_bytes().to_vec();
    Some((key, certificate.serial_number.as_bytes().to_vec()))
}

/// Whether now is a time at which the certificate is valid: before, within, after.
pub(super) fn compare(certificate: &Certificate, now: SystemTime) -> std::cmp::Ordering {
    let time = |time: DateTime| time.to_system_time();
    let validity = &certificate.tbs_certificate.validity;
    if now < time(validity.not_before.to_date_time()) {
        std::cmp::Ordering::Less
    } else if now > time(validity.not_after.to_date_time()) {
        std::cmp::Ordering::Greater
    } else {
        std::cmp::Ordering::Equal
    }
}
