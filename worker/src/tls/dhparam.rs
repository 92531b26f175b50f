//! Diffie-Hellman parameters: other servers need the file, so it comes along with their configurations.

use super::review::Review;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jackfield_shared::config::Path;
use std::path::Path as FsPath;
use x509_cert::der::asn1::UintRef;
use x509_cert::der::{Decode as _, Reader as _, SliceReader};

/// The labels of PEM: PKCS #3, and X9.42, which OpenSSL 3 writes.
const LABELS: [&str; 2] = ["DH PARAMETERS", "X9.42 DH PARAMETERS"];

impl Review<'_> {
    /// Says that the file has no effect; or, if it is not what it is named for, that.
    pub(super) fn dhparam(&mut self, path: &Path, file: &FsPath) {
        let name = file.display();
        let Some(text) = self.files.get(file) else {
            return self.error(path, format!("{name} was not read"));
        };
        if is_dhparam(text) {
            self.warn(
                path,
                "has no effect: the TLS library has no finite-field Diffie-Hellman; clients without elliptic curves \
                 can't connect",
            );
        } else {
            self.error(
                path,
                format!(
                    "{name} holds no Diffie-Hellman parameters: expected PEM with \"BEGIN DH PARAMETERS\"; as the file \
                     has no effect, leave it out"
                ),
            );
        }
    }
}

/// A prime, a base, and what else there may be: a length in PKCS #3, the order and how it was come by in X9.42.
fn is_dhparam(text: &str) -> bool {
    let body = LABELS.iter().find_map(|label| {
        let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
        Some(rest.split_once(&format!("-----END {label}-----"))?.0)
    });
    let Some(body) = body else { return false };
    let base64: String = body.split_whitespace().collect();
    let Ok(der) = STANDARD.decode(base64) else { return false };
    let parsed = SliceReader::new(&der).and_then(|mut reader| {
        reader.sequence(|reader| {
            let (_, _) = (UintRef::decode(reader)?, UintRef::decode(reader)?);
            let rest = reader.remaining_len();
            reader.read_slice(rest).map(drop)
        })
    });
    parsed.is_ok()
}
