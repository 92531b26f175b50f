//! Secrets.

use std::fmt;

/// A secret of the configuration, which is never written anywhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// Compares in a time that does not depend on where the two differ.
    pub(crate) fn is(&self, found: &str) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(self.0.as_bytes(), found.as_bytes()).is_ok()
    }
}
