//! What one image of the executable tells the next of the configuration.

use crate::names::Names;
use jackfield_shared::config::Included;
use jackfield_shared::tls::Files;
use serde::{Deserialize, Serialize};

/// The configuration, handed over.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ConfigurationState {
    pub text: String,
    pub file: String,
    /// The files that it includes.
    #[serde(default)]
    pub included: Included,
    pub name: String,
    pub is_builtin: bool,
    pub tls: Files,
    /// What names of interfaces stand for.
    #[serde(default)]
    pub names: Option<Names>,
    /// The node as the image that has begun understands it: read by nobody else.
    pub exact: serde_json::Value,
}
