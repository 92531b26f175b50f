//! What the files of a section hold.

use super::Review;
use jackfield_shared::config::Path;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use std::path::Path as FsPath;

impl Review<'_> {
    fn text(&mut self, path: &Path, file: &FsPath) -> Option<&str> {
        if self.files.get(file).is_none() {
            self.error(path, format!("{} was not read", file.display()));
        }
        self.files.get(file)
    }

    /// The private key in a file.
    pub(super) fn key(&mut self, path: &Path, file: &FsPath) -> Option<PrivateKeyDer<'static>> {
        let name = file.display();
        let error = match PrivateKeyDer::from_pem_slice(self.text(path, file)?.as_bytes()) {
            Ok(key) => return Some(key),
            Err(pem::Error::NoItemsFound) => {
                format!("{name} holds no private key: expected PEM with \"BEGIN PRIVATE KEY\" or the like")
            }
            Err(e) => format!("the private key in {name} is garbled: {e:?}"),
        };
        self.error(path, error);
        None
    }

    /// The certificates in a file, at least one.
    pub(super) fn certificates(
        &mut self,
        path: &Path,
        file: &FsPath,
    ) -> Option<Vec<CertificateDer<'static>>> {
        self.items(path, file, "certificate", "CERTIFICATE")
    }

    /// The revocation lists in a file, at least one.
    pub(super) fn crls(
        &mut self,
        path: &Path,
        file: &FsPath,
    ) -> Option<Vec<CertificateRevocationListDer<'static>>> {
        let lists = self.items(path, file, "certificate revocation list", "X509 CRL");
        for list in lists.iter().flatten() {
            self.review_list(path, file, list);
        }
        lists
    }

    fn items<T: PemObject>(&mut self, path: &Path, file: &FsPath, what: &str, label: &str) -> Option<Vec<T>> {
        let name = file.display();
        let items: Result<Vec<_>, _> = T::pem_slice_iter(self.text(path, file)?.as_bytes()).collect();
        let error = match items {
            Ok(items) if !items.is_empty() => return Some(items),
            Ok(_) => format!("{name} holds no {what}: expected PEM with \"BEGIN {label}\""),
            Err(e) => format!("the {what} in {name} is garbled: {e:?}"),
        };
        self.error(path, error);
        None
    }
}
