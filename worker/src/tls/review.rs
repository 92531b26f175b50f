//! What is found while TLS is built from a section and its files.

use jackfield_shared::config::{Path, Severity, TlsVersion};
use jackfield_shared::tls::{Files, Remark};
use rustls::SupportedProtocolVersion;
use rustls::crypto::CryptoProvider;
use rustls::version::{TLS12, TLS13};

/// Builds from files, and collects what there is to say about them.
pub(super) struct Review<'a> {
    pub(super) files: &'a Files,
    pub(super) at: &'a Path,
    pub(super) remarks: Vec<Remark>,
}

impl<'a> Review<'a> {
    pub(super) const fn new(files: &'a Files, at: &'a Path) -> Self {
        Self { files, at, remarks: Vec::new() }
    }

    pub(super) fn error(&mut self, path: &Path, message: impl Into<String>) {
        self.remarks.push(Remark { severity: Severity::Error, path: path.clone(), message: message.into() });
    }

    pub(super) fn warn(&mut self, path: &Path, message: impl Into<String>) {
        self.remarks.push(Remark {
            severity: Severity::Warning,
            path: path.clone(),
            message: message.into(),
        });
    }

    /// All errors in one text, for a process that has no configuration file to point at.
    pub(super) fn errors(&self) -> String {
        let errors = self.remarks.iter().filter(|remark| remark.severity == Severity::Error);
        let texts: Vec<_> = errors.map(|remark| format!("{}: {}", remark.path, remark.message)).collect();
        texts.join("; ")
    }
}

/// The cryptography, whatever other crates may have installed for the process.
pub(super) fn provider() -> CryptoProvider {
    rustls::crypto::aws_lc_rs::default_provider()
}

pub(super) fn versions(wanted: &[TlsVersion]) -> Vec<&'static SupportedProtocolVersion> {
    let version = |version: &TlsVersion| match version {
        TlsVersion::V12 => &TLS12,
        TlsVersion::V13 => &TLS13,
    };
    wanted.iter().map(version).collect()
}

pub(super) fn names(protocols: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<Vec<u8>> {
    protocols.into_iter().map(|name| name.as_ref().as_bytes().to_vec()).collect()
}
