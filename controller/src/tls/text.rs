//! The text of a file.

use std::io::Read as _;
use std::path::Path;

/// Bytes of one file: the certificates of all authorities of the world are a fraction of it.
const MOST: u64 = 4 << 20;

/// The text of a file.
pub(super) fn text(file: &Path) -> Result<String, String> {
    let name = file.display();
    let mut bytes = Vec::new();
    std::fs::File::open(file)
        .and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes))
        .map_err(|e| format!("{name} can't be read: {e}"))?;
    if bytes.len() as u64 > MOST {
        return Err(format!("{name} has more than {MOST} bytes, which no PEM file needs"));
    }
    String::from_utf8(bytes).map_err(|_| {
        format!("{name} is no text: expected PEM (to convert DER: openssl x509 -inform der, openssl pkey -inform der)")
    })
}
