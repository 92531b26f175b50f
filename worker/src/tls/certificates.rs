//! A certificate with its chain and its key.

use super::{Review, provider};
use jackfield_shared::config::Path;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys, RootCertStore};
use std::path::{Path as FsPath, PathBuf};
use std::sync::Arc;

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
        let signing = match provider().key_provider.load_private_key(key_der) {
            Ok(signing) => signing,
            Err(e) => {
                let what = "expected RSA of 2048 bits or more, ECDSA on P-256, P-384 or P-521, or Ed25519";
                self.error(
                    &at.key("key"),
                    format!("the private key in {} can't be used: {e}; {what}", key.display()),
                );
                return None;
            }
        };
        let pair = CertifiedKey::new(certificates, signing);
        match pair.keys_match() {
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Some(Arc::new(pair)),
            Err(Error::InconsistentKeys(_)) => {
                let (key, certificate) = (key.display(), certificate.display());
                self.error(
                    &at.key("key"),
                    format!("the key in {key} does not belong to the certificate in {certificate}; name the key that the certificate was made for"),
                );
                None
            }
            Err(e) => {
                let name = certificate.display();
                self.error(&at.key("certificate"), format!("the certificate in {name} can't be used: {e}"));
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
                    self.error(&path, format!("a certificate in {} can't be used: {e}", file.display()));
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
