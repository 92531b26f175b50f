//! Private keys that are encrypted.

use super::text::text;
use pkcs8::der::pem::PemLabel as _;
use pkcs8::{EncryptedPrivateKeyInfo, LineEnding, PrivateKeyInfo, SecretDocument};
use std::path::Path;

/// The key as it is used: decrypted, if it is encrypted. The error never quotes key or passphrase.
pub(super) fn decrypted(pem: String, file: &Path, passphrase_file: Option<&Path>) -> Result<String, String> {
    let name = file.display();
    if pem.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(format!(
            "the key in {name} is encrypted in a form of long ago; to convert it: openssl pkcs8 -topk8 -in {name}"
        ));
    }
    let Some(begin) = pem.find("-----BEGIN ENCRYPTED PRIVATE KEY-----") else { return Ok(pem) };
    let Some(passphrase_file) = passphrase_file else {
        return Err(format!(
            "the key in {name} is encrypted: name the file with its passphrase in \"passphrase_file\""
        ));
    };
    let passphrase = text(passphrase_file)?;
    let passphrase = passphrase.lines().next().unwrap_or_default();
    const END: &str = "-----END ENCRYPTED PRIVATE KEY-----";
    let end = pem[begin..].find(END).map_or(pem.len(), |end| begin + end + END.len());
    let garbled = || format!("the encrypted key in {name} is garbled");
    let (label, document) = SecretDocument::from_pem(&pem[begin..end]).map_err(|_| garbled())?;
    EncryptedPrivateKeyInfo::validate_pem_label(label).map_err(|_| garbled())?;
    let encrypted = EncryptedPrivateKeyInfo::try_from(document.as_bytes()).map_err(|_| {
        format!(
            "the key in {name} is encrypted in an unknown way: openssl pkcs8 -topk8 makes one that is known"
        )
    })?;
    let decrypted = encrypted.decrypt(passphrase).map_err(|_| {
        let file = passphrase_file.display();
        format!("the key in {name} can't be decrypted with the passphrase in the first line of {file}")
    })?;
    let key = decrypted.to_pem(PrivateKeyInfo::PEM_LABEL, LineEnding::LF);
    key.map(|key| key.to_string()).map_err(|_| format!("the key in {name} can't be decrypted"))
}
