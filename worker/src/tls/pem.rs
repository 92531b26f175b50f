//! What the files of a section hold.

use super::explain::of_pem;
use super::review::Review;
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
        let text = self.text(path, file)?;
        let begun =
            ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"].map(|label| begun(text, label)).iter().sum();
        let error = match read::<PrivateKeyDer<'static>>(text, begun) {
            Ok(keys) => match keys.into_iter().next() {
                Some(key) => return Some(key),
                None => format!(
                    "{name} holds no private key: expected PEM with \"BEGIN PRIVATE KEY\" or the like"
                ),
            },
            Err(why) => format!("the private key in {name} can't be read: {why}"),
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
        let text = self.text(path, file)?;
        let error = match read::<T>(text, begun(text, label)) {
            Ok(items) if !items.is_empty() => return Some(items),
            Ok(_) => format!("{name} holds no {what}: expected PEM with \"BEGIN {label}\""),
            Err(why) => format!("{what}s in {name} can't be read: {why}"),
        };
        self.error(path, error);
        None
    }
}

/// How many blocks with this label begin in a text, wherever in a line.
fn begun(text: &str, label: &str) -> usize {
    text.matches(&format!("-----BEGIN {label}-----")).count()
}

/// The blocks of a kind, all that begin there: one that is passed over without a word would be missed by somebody else.
/// The error quotes nothing of the text.
fn read<T: PemObject>(text: &str, begun: usize) -> Result<Vec<T>, String> {
    let items: Result<Vec<T>, _> = T::pem_slice_iter(text.as_bytes()).collect();
    let items = match items {
        Err(pem::Error::NoItemsFound) => Vec::new(),
        items => items.map_err(|e| of_pem(&e).to_owned())?,
    };
    if items.len() == begun {
        return Ok(items);
    }
    let count = items.len();
    let why = if text.starts_with('\u{feff}') {
        "the file begins with a byte order mark, which does not belong there"
    } else {
        "each \"-----BEGIN …-----\" and \"-----END …-----\" has to be a line of its own, without blanks before it"
    };
    Err(format!("{begun} begin there, and {count} can be read: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

    fn certificates(text: &str) -> Result<usize, String> {
        read::<CertificateDer<'static>>(text, begun(text, "CERTIFICATE")).map(|found| found.len())
    }

    #[test]
    fn no_block_is_passed_over_without_a_word() {
        let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        assert_eq!(certificates(BLOCK), Ok(1));
        assert_eq!(
            certificates(&format!("{key}{BLOCK}some words\n{BLOCK}")),
            Ok(2),
            "what else there is does not count"
        );
        assert_eq!(certificates(key), Ok(0));
        let on_one_line = format!("{BLOCK}{BLOCK}").replace("-----\n-----BEGIN", "----------BEGIN");
        let indented = BLOCK.replace('\n', "\n  ").replacen("-----BEGIN", "  -----BEGIN", 1);
        let marked = format!("\u{feff}{BLOCK}{BLOCK}");
        for (text, expected) in [
            (on_one_line, "line of its own"),
            (indented.clone(), "without blanks"),
            (format!("{BLOCK}{indented}"), "without blanks"),
            (marked, "byte order mark"),
            (BLOCK.replace("-----END CERTIFICATE-----", ""), "no line \"-----END"),
            (BLOCK.replace("AAAA", "A*"), "no base64"),
        ] {
            let why = certificates(&text).unwrap_err();
            assert!(why.contains(expected), "{text:?}: {why}");
        }
    }

    #[test]
    fn an_error_about_a_key_holds_nothing_of_it() {
        let whole = "-----BEGIN PRIVATE KEY-----\nSECRETSECRETSECRET\nQUFB\n-----END PRIVATE KEY-----\n";
        for text in
            [whole.replace('\n', ""), whole.replace("SECRET", "SE*"), whole.replace("-----END", "---- END")]
        {
            let why = read::<PrivateKeyDer<'static>>(&text, begun(&text, "PRIVATE KEY")).unwrap_err();
            assert!(!why.contains("SE") && !why.contains("83, 69"), "{why}");
        }
    }
}
