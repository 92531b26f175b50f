//! When a certificate is valid.

use super::Review;
use jackfield_shared::config::Path;
use rustls::pki_types::CertificateDer;
use std::path::Path as FsPath;
use std::time::SystemTime;
use x509_cert::Certificate;
use x509_cert::der::{DateTime, Decode};

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
