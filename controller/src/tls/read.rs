//! Reading the files that sections name.

use super::key;
use super::text::text;
use jackfield_shared::config::{Path, Severity};
use jackfield_shared::tls::{Files, Remark, Tls};
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
}

impl Reader {
    /// Reads the files of a section, each once for all sections.
    pub(super) fn read(&mut self, at: &Path, section: Tls<'_>) {
        for (path, file, passphrase) in section.keys(at) {
            if self.is_new(file) {
                let text =
                    text(file).and_then(|text| key::decrypted(text, file, passphrase.map(PathBuf::as_path)));
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
