//! A certificate with its chain and its key.

use super::explain::of_own_certificate;
use super::review::{Review, provider};
use jackfield_shared::config::Path;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, Error, InconsistentKeys, RootCertStore};
use std::path::{Path as FsPath, PathBuf};
use std::sync::Arc;
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};

impl Review<'_> {
    /// Puts a certificate, the rest of its chain, and its key together; `at` is the object that names them.
    pub(super) fn pair(
        &mut self,
        at: &Path,
        (key, certificate): (&FsPath, &FsPath),
        chain: &[PathBuf],
    ) -> Option<Arc<CertifiedKey>> {
        let key_der = self.key(&at.key("key"), key);
        let mut certificates = self.certificates(&at.key("certificate"), certificate);
        if let Some(first) = certificates.as_ref().and_then(|all| all.first()) {
            self.review_dates(&at.key("certificate"), certificate, first);
        }
        for (index, file) in chain.iter().enumerate() {
            let more = self.certificates(&at.key("chain_certificates").index(index), file);
            certificates = certificates.zip(more).map(|(mut all, more)| {
                all.extend(more);
                all
            });
        }
        let (key_der, certificates) = key_der.zip(certificates)?;
        let explicit = has_explicit_parameters(key_der.secret_der());
        let signing = match provider().key_provider.load_private_key(key_der) {
            Ok(signing) => signing,
            Err(_) => {
                let name = key.display();
                let why = if explicit {
                    format!("its {}", curve_is_written_out(key))
                } else {
                    "expected RSA of 2048 bits or more, ECDSA on P-256, P-384 or P-521, or Ed25519".into()
                };
                self.error(&at.key("key"), format!("the private key in {name} can't be used: {why}"));
                return None;
            }
        };
        let pair = CertifiedKey::new(certificates, signing);
        match matches(&pair) {
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Some(Arc::new(pair)),
            Err(Error::InconsistentKeys(_))
                if pair.cert.first().is_some_and(|c| has_explicit_parameters(c)) =>
            {
                let (name, why) = (certificate.display(), curve_is_written_out(key));
                self.error(
                    &at.key("certificate"),
                    format!("the certificate in {name} can't be used: its {why}"),
                );
                None
            }
            Err(Error::InconsistentKeys(_)) => {
                let (key, certificate) = (key.display(), certificate.display());
                self.error(
                    &at.key("key"),
                    format!("the key in {key} does not belong to the certificate in {certificate}; name the key that the certificate was made for"),
                );
                None
            }
            Err(e) if is_of_another_version(&e) => {
                let name = certificate.display();
                let text = format!(
                    "the certificate in {name} is of X.509 version 1, which browsers and most libraries refuse: make \
                     it anew, of version 3 (openssl req -x509 makes one)"
                );
                self.warn(&at.key("certificate"), text);
                Some(Arc::new(pair))
            }
            Err(e) => {
                let (name, why) = (certificate.display(), of_own_certificate(&e));
                self.error(&at.key("certificate"), format!("the certificate in {name} can't be used: {why}"));
                None
            }
        }
    }

    /// The authorities in these files.
    pub(super) fn roots(&mut self, at: &Path, files: &[PathBuf]) -> Option<RootCertStore> {
        let mut roots = RootCertStore::empty();
        let mut complete = true;
        for (index, file) in files.iter().enumerate() {
            let path = at.index(index);
            for certificate in self.certificates(&path, file).unwrap_or_else(|| {
                complete = false;
                Vec::new()
            }) {
                if let Err(e) = self.add_root(&mut roots, &path, file, certificate) {
                    let why = of_own_certificate(&e);
                    self.error(&path, format!("a certificate in {} can't be used: {why}", file.display()));
                    complete = false;
                }
            }
        }
        complete.then_some(roots)
    }

    fn add_root(
        &mut self,
        roots: &mut RootCertStore,
        path: &Path,
        file: &FsPath,
        certificate: CertificateDer<'static>,
    ) -> Result<(), Error> {
        self.review_dates(path, file, &certificate);
        roots.add(certificate)
    }
}

/// Whether a key belongs to its certificate. The library takes certificates of version 3 only; of others, which it serves
/// all the same, the keys are compared here.
fn matches(pair: &CertifiedKey) -> Result<(), Error> {
    let error = match pair.keys_match() {
        Err(e) if is_of_another_version(&e) => e,
        result => return result,
    };
    let certificate = pair.cert.first().and_then(|first| Certificate::from_der(first).ok());
    let certified = certificate.and_then(|c| c.tbs_certificate.subject_public_key_info.to_der().ok());
    match (certified, pair.key.public_key()) {
        (Some(certified), Some(own)) if certified != own.as_ref() => {
            Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch))
        }
        _ => Err(error),
    }
}

fn is_of_another_version(error: &Error) -> bool {
    let Error::InvalidCertificate(CertificateError::Other(other)) = error else { return false };
    matches!(other.0.downcast_ref(), Some(webpki::Error::UnsupportedCertVersion))
}

/// What to do about a key, in this file, or a certificate made for it, whose curve has no name in it.
fn curve_is_written_out(key: &FsPath) -> String {
    let key = key.display();
    format!(
        "curve is written out (explicit parameters) instead of named, which RFC 5480 forbids; to name it: openssl ec -in \
         {key} -param_enc named_curve -out {key}.new, and make the certificate anew"
    )
}

/// Whether a key or certificate writes its curve out: by the field it is over, prime (1.2.840.10045.1.1) or binary (1.2.840.10045.1.2).
fn has_explicit_parameters(der: &[u8]) -> bool {
    const FIELD: [u8; 8] = [0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x01];
    der.windows(FIELD.len() + 1).any(|part| part.starts_with(&FIELD) && matches!(part[FIELD.len()], 1 | 2))
}
