//! Reading the files that sections name.

use super::key;
use super::text::text;
use jackfield_shared::config::{Acme, Path, Severity};
use jackfield_shared::tls::{Files, Remark, Tls};
use jackfield_worker::tls::self_made;
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path as FsPath, PathBuf};

/// Reads, and collects what is found.
#[derive(Debug, Default)]
pub(super) struct Reader {
    pub(super) files: Files,
    pub(super) remarks: Vec<Remark>,
    /// What could not be read.
    pub(super) failed: BTreeSet<PathBuf>,
    /// What was read before.
    before: Files,
}

impl Reader {
    /// One that reads again.
    pub(super) fn after(before: Files) -> Self {
        Self { before, ..Self::default() }
    }

    /// Reads the files of a section, each once for all sections.
    pub(super) fn read(&mut self, at: &Path, section: Tls<'_>) {
        for (path, file, passphrase) in section.keys(at) {
            if self.is_new(file) {
                let text = match acme_of(section).filter(|_| is_missing(file)) {
                    Some(acme) => self.stand_in(file, acme),
                    None => text(file),
                };
                let text = text.and_then(|text| key::decrypted(text, file, passphrase.map(PathBuf::as_path)));
                self.put(&path, file, text);
                self.review_mode(&path, file);
            }
        }
        for file in section.files() {
            if self.is_new(file) {
                self.put(at, file, text(file));
            }
        }
    }

    /// What is shown until ACME has got a certificate: one that nobody vouches for, since TLS has to be spoken before there can
    /// be one that somebody does. It is never on the disk.
    fn stand_in(&self, file: &FsPath, acme: &Acme) -> Result<String, String> {
        match self.before.get(file) {
            Some(text) => Ok(text.to_owned()),
            None => self_made(&acme.domains).map_err(|e| format!("no certificate can be made: {e}")),
        }
    }

    fn is_new(&self, file: &FsPath) -> bool {
        self.files.get(file).is_none() && !self.failed.contains(file)
    }

    fn put(&mut self, path: &Path, file: &FsPath, text: Result<String, String>) {
        match text {
            Ok(text) => drop(self.files.0.insert(file.into(), text)),
            Err(message) => {
                self.failed.insert(file.into());
                self.remarks.push(Remark { severity: Severity::Error, path: path.clone(), message });
            }
        }
    }

    fn review_mode(&mut self, path: &Path, file: &FsPath) {
        let Ok(metadata) = file.metadata() else { return };
        let mode = metadata.permissions().mode();
        if mode & 0o004 != 0 {
            let name = file.display();
            let message = format!(
                "the private key in {name} can be read by every user of this machine (mode {:04o}): chmod o= {name}",
                mode & 0o7777
            );
            self.remarks.push(Remark { severity: Severity::Warning, path: path.clone(), message });
        }
    }
}

/// How the certificate of a section is got, if the node does that.
fn acme_of(section: Tls<'_>) -> Option<&Acme> {
    if let Tls::Listening(tls, _) = section { tls.acme.as_ref() } else { None }
}

fn is_missing(file: &FsPath) -> bool {
    file.symlink_metadata().is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound)
}
