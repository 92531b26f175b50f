//! What is kept on the disk: accounts, certificates with their keys, what has happened. All of it in one directory that is
//! the node's alone.

use super::schedule::{Held, Past};
use crate::entry::{private_directory, write_private};
use jackfield_shared::config::{ACME_DIRECTORY, Acme};
use jackfield_worker::Account;
use jackfield_worker::tls::shown;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};

/// The files of one certificate.
#[derive(Clone, Debug)]
pub(super) struct Store {
    directory: PathBuf,
    acme: Acme,
}

impl Store {
    pub(super) fn new(node_dir: &Path, acme: &Acme) -> Self {
        Self { directory: node_dir.join(ACME_DIRECTORY), acme: acme.clone() }
    }

    /// What decides whether a certificate is the one that is wanted.
    pub(super) fn settings(acme: &Acme) -> String {
        format!("{} from {}", acme.domains.join(" "), acme.directory)
    }

    /// Where the certificate is.
    pub(super) fn file(&self) -> PathBuf {
        self.directory.join(format!("{}.pem", self.acme.name()))
    }

    /// What has happened so far.
    pub(super) fn past(&self) -> Past {
        self.read(&format!("{}.json", self.acme.name())).unwrap_or_default()
    }

    pub(super) fn keep_past(&self, past: &Past) -> Result<(), String> {
        self.write(&format!("{}.json", self.acme.name()), past)
    }

    /// The account with the directory, if there is one.
    pub(super) fn account(&self) -> Option<Account> {
        self.read(&self.account_name())
    }

    pub(super) fn keep_account(&self, account: &Account) -> Result<(), String> {
        self.write(&self.account_name(), account)
    }

    /// The directory does not know it.
    pub(super) fn forget_account(&self) {
        let _ = fs::remove_file(self.directory.join(self.account_name()));
    }

    fn account_name(&self) -> String {
        let url = self.acme.directory.trim_start_matches("https://").trim_start_matches("http://");
        format!("account-{}.json", url.replace(|c: char| !c.is_ascii_alphanumeric(), "-"))
    }

    /// The certificate with what is before it in the file, as it is.
    pub(super) fn certificate(&self) -> Option<String> {
        fs::read_to_string(self.file()).ok()
    }

    /// Keeps a key and the chain of its certificate.
    pub(super) fn keep_certificate(&self, key: &str, chain: &str) -> Result<(), String> {
        let file = self.file();
        let kept = self.prepare().and_then(|()| write_private(&file, format!("{key}{chain}").as_bytes()));
        kept.map_err(|e| format!("{}: {e}", file.display()))
    }

    fn prepare(&self) -> io::Result<()> {
        private_directory(&self.directory)
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_slice(&fs::read(self.directory.join(name)).ok()?).ok()
    }

    fn write(&self, name: &str, value: &impl Serialize) -> Result<(), String> {
        let file = self.directory.join(name);
        let bytes = serde_json::to_vec_pretty(value).map_err(|e| e.to_string())?;
        let kept = self.prepare().and_then(|()| write_private(&file, &bytes));
        kept.map_err(|e| format!("{}: {e}", file.display()))
    }
}

/// What the certificate in this text is; nothing, if it can't be read.
pub(super) fn held(text: Option<&str>, past: &Past, settings: &str) -> Option<Held> {
    let text = text?;
    let shown = shown(text)?;
    let mut hash = DefaultHasher::new();
    text.hash(&mut hash);
    let salt = u32::try_from(hash.finish() >> 32).unwrap_or_default();
    let is_wanted = past.issued.as_deref() == Some(settings);
    Some(Held { not_before: shown.not_before, not_after: shown.not_after, is_wanted, salt })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_tests::TempDir;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn nobody_else_reads_what_is_kept() {
        let temp = TempDir::new();
        let acme: Acme = serde_json::from_value(serde_json::json!({"contact": null, "directory": "https://ca.test/dir",
            "domains": ["a.test"], "ca_certificates": null, "timeout": {"secs": 1, "nanos": 0}, "retry": {"secs": 1, "nanos": 0}}))
        .unwrap();
        let store = Store::new(temp.path(), &acme);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!((store.past(), store.certificate()), (Past::default(), None));
        let past = Past { failures: 3, ..Past::default() };
        store.keep_past(&past).unwrap();
        let pem = jackfield_worker::tls::self_made(&acme.domains).unwrap();
        store.keep_certificate("", &pem).unwrap();
        store.keep_account(&Account { credentials: "secret".into(), contact: None }).unwrap();
        assert_eq!(store.past(), past);
        assert!(store.account().is_some());
        let directory = temp.path().join("acme");
        assert_eq!(mode(&directory), 0o700);
        let modes: Vec<_> =
            fs::read_dir(&directory).unwrap().map(|entry| mode(&entry.unwrap().path())).collect();
        assert_eq!(modes, [0o600; 3]);
        store.forget_account();
        assert!(store.account().is_none());
        let settings = Store::settings(&acme);
        let found = |past: &Past| held(store.certificate().as_deref(), past, &settings).unwrap().is_wanted;
        assert!(!found(&past) && found(&Past { issued: Some(settings.clone()), ..past }));
    }
}
