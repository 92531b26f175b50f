//! TLS as controller and workers talk about it: the contents of the files that a configuration names, the keys of
//! session tickets, and where in a configuration TLS is asked for.
//!
//! The controller reads the files, because a worker may lack the right to; what is in them is told to nobody but the
//! processes that need it.

use crate::config::{
    ConnectingEndpoint, Endpoint, Path, Severity, TlsConnecting, TlsListening, Transport, Worker, endpoints,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path as FsPath, PathBuf};

/// The contents of PEM files by their paths; private keys are decrypted.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files(pub BTreeMap<PathBuf, String>);

impl Files {
    /// The text of the file.
    pub fn get(&self, path: &FsPath) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }

    /// Of these files, those that `wanted` names.
    pub fn only<'a>(&self, wanted: impl IntoIterator<Item = &'a PathBuf>) -> Self {
        let found = |path: &PathBuf| Some((path.clone(), self.0.get(path)?.clone()));
        Self(wanted.into_iter().filter_map(found).collect())
    }
}

/// Names alone: the contents are secret.
impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Bytes of a [`TicketKey`]'s secret: one for AES-256.
pub const TICKET_KEY: usize = 32;

/// A key that seals session tickets.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketKey {
    /// Tells the keys apart; not secret.
    pub name: [u8; 16],
    /// The key.
    pub secret: [u8; TICKET_KEY],
}

impl fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketKey")
    }
}

/// The ticket keys of one worker. All its processes have the same ones, so that a session that began in one of them
/// is resumed in any other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketKeys {
    /// Seals and opens.
    pub current: TicketKey,
    /// Still opens what it has sealed.
    pub previous: Option<TicketKey>,
}

/// What an ACME directory gets to see that asks whether a name is ours (RFC 8555, section 8).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Challenge {
    /// By HTTP, at `/.well-known/acme-challenge/TOKEN` (HTTP-01).
    Http {
        /// The token.
        token: String,
        /// The answer.
        answer: String,
    },
    /// By TLS, to clients that offer nothing but `acme-tls/1` (TLS-ALPN-01, RFC 8737).
    Tls {
        /// The name that they ask for.
        domain: String,
        /// The key, and behind it the certificate, as PEM.
        pem: String,
    },
}

/// Without what is secret.
impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http { .. } => "Http",
            Self::Tls { .. } => "Tls",
        })
    }
}

/// One remark about the files of a TLS section.
#[derive(Clone, Debug, PartialEq)]
pub struct Remark {
    /// How much it weighs.
    pub severity: Severity,
    /// The attribute it is about.
    pub path: Path,
    /// What was found, and what to do.
    pub message: String,
}

/// A place of the configuration that asks for TLS.
#[derive(Clone, Copy, Debug)]
pub enum Tls<'a> {
    /// Of a listening endpoint, with the transport on it.
    Listening(&'a TlsListening, &'a Transport),
    /// Of a connecting endpoint, with the endpoint.
    Connecting(&'a TlsConnecting, &'a ConnectingEndpoint),
    /// No TLS, but a file that is read and watched likewise: one with passwords.
    Passwords(&'a PathBuf),
}

impl Tls<'_> {
    /// Every file that it names but the ones of passphrases.
    pub fn files(&self) -> Vec<&PathBuf> {
        match self {
            Self::Listening(tls, _) => {
                let more = tls.certificates.iter().flat_map(|more| {
                    let own = [&more.key, &more.certificate].into_iter().chain(&more.chain_certificates);
                    own.chain(&more.ca_certificates).chain(&more.crls)
                });
                [&tls.key, &tls.certificate]
                    .into_iter()
                    .chain(&tls.chain_certificates)
                    .chain(&tls.ca_certificates)
                    .chain(&tls.crls)
                    .chain(&tls.dhparam)
                    .chain(tls.acme.iter().flat_map(|acme| acme.ca_certificates.iter().flatten()))
                    .chain(more)
                    .collect()
            }
            Self::Passwords(file) => vec![file],
            Self::Connecting(tls, _) => tls
                .key
                .iter()
                .chain(&tls.certificate)
                .chain(tls.ca_certificates.iter().flatten())
                .chain(&tls.crls)
                .collect(),
        }
    }

    /// Its private keys: the attribute, the file, and the file with its passphrase.
    pub fn keys(&self, at: &Path) -> Vec<(Path, &PathBuf, Option<&PathBuf>)> {
        match self {
            Self::Listening(tls, _) => {
                let mut keys = vec![(at.key("key"), &tls.key, tls.passphrase_file.as_ref())];
                keys.extend(tls.certificates.iter().enumerate().map(|(index, more)| {
                    let at = at.key("certificates").index(index).key("key");
                    (at, &more.key, more.passphrase_file.as_ref())
                }));
                keys
            }
            Self::Passwords(_) => Vec::new(),
            Self::Connecting(tls, _) => {
                tls.key.iter().map(|key| (at.key("key"), key, tls.passphrase_file.as_ref())).collect()
            }
        }
    }
}

/// Every place of a worker's configuration that asks for TLS; `at` is where the worker itself is.
pub fn sections<'a>(worker: &'a Worker, at: &Path) -> Vec<(Path, Tls<'a>)> {
    let section = |(at, endpoint): (Path, Endpoint<'a>)| {
        let tls = match endpoint {
            Endpoint::Listening(endpoint, transport) => Tls::Listening(endpoint.tls()?, transport?),
            Endpoint::Connecting(endpoint) => Tls::Connecting(endpoint.tls()?, endpoint),
        };
        Some((at.key("tls"), tls))
    };
    let endpoints = endpoints(worker, at);
    let passwords: Vec<_> = endpoints.iter().flat_map(|(at, endpoint)| passwords(at, *endpoint)).collect();
    endpoints.into_iter().filter_map(section).chain(passwords).collect()
}

/// The files with passwords of the transport at an endpoint.
fn passwords<'a>(at: &Path, endpoint: Endpoint<'a>) -> Vec<(Path, Tls<'a>)> {
    let Endpoint::Listening(_, Some(transport)) = endpoint else { return Vec::new() };
    // The transport's own place is the one above its endpoint's.
    let mut at = at.clone();
    at.pop();
    transport.passwords(&at).into_iter().map(|(at, file)| (at, Tls::Passwords(file))).collect()
}

/// The ALPN names of what a transport speaks, the one it likes best first (RFC 7301, RFC 9113).
pub fn protocols(transport: &Transport) -> &'static [&'static str] {
    transport.kind.kind().alpn()
}
