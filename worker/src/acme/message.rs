//! What controller and client say to each other.

use jackfield_shared::tls::{Challenge, Files};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What the controller says.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToClient {
    /// What to do. The first message, and said once.
    Order(Box<Order>),
    /// All processes know the challenges that [`FromClient::Challenges`] was about.
    Known,
}

/// What is wanted of a directory.
#[derive(Serialize, Deserialize)]
pub struct Order {
    /// URL of the directory.
    pub directory: String,
    /// Whom it may write to.
    pub contact: Option<String>,
    /// Whose signature on the directory's own certificate counts; absent: as the system says.
    pub ca_certificates: Option<Vec<PathBuf>>,
    /// The contents of these.
    pub files: Files,
    /// The account, if there is one yet.
    pub account: Option<Account>,
    /// What for.
    pub wanted: Wanted,
    /// Seconds that it may take.
    pub timeout_s: u64,
}

/// What an order is for.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// A certificate.
    Certificate {
        /// The names that it is for.
        domains: Vec<String>,
        /// The request for it (PKCS #10), DER.
        request: Vec<u8>,
        /// Whether challenges may come by HTTP.
        http: bool,
        /// The certificate before, as PEM.
        replaces: Option<String>,
    },
    /// When this certificate (PEM) had better be renewed (ARI, RFC 9773).
    Window(String),
}

/// An account with a directory.
#[derive(Clone, Serialize, Deserialize)]
pub struct Account {
    /// What the library keeps of it: its URL, its private key.
    pub credentials: serde_json::Value,
    /// Whom the directory was told that it may write to.
    pub contact: Option<String>,
}

/// What the client says.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromClient {
    /// This is the account from now on.
    Account(Account),
    /// The directory is about to look for these. Answered by [`ToClient::Known`].
    Challenges(Vec<Challenge>),
    /// The certificate and its chain, as PEM.
    Certificate(String),
    /// When the certificate had better be renewed, as the directory says; times are in seconds since the Unix epoch.
    Window {
        /// Not before.
        start: i64,
        /// Nor after.
        end: i64,
        /// Seconds after which it wants to be asked again.
        again_s: u64,
    },
    /// All that was wanted is done.
    Done,
    /// It could not be done.
    Failed {
        /// Why, for people.
        reason: String,
        /// Whether the directory does not know the account.
        no_account: bool,
    },
}
