//! How the processes of a router find each other: a directory for each worker, in which each realm process has a socket, and each
//! realm is a symbolic link to that of its process. So whoever serves clients knows nothing but the names of realms, also when
//! they have moved to another process since it has started.

use std::path::{Path, PathBuf};

/// Which realm: a number that follows from its name alone (FNV-1a of 64 bits), in every release.
#[must_use]
pub fn realm_key(name: &str) -> u64 {
    let next = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    name.bytes().fold(0xcbf2_9ce4_8422_2325, next)
}

/// Where a realm is.
#[must_use]
pub fn of_realm(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("realm-{:016x}", realm_key(name)))
}

/// Where a realm process listens, the first of which is 0.
#[must_use]
pub fn of_process(directory: &Path, number: usize) -> PathBuf {
    directory.join(number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_realm_has_one_place_whatever_its_name() {
        // Other releases know them by these.
        assert_eq!(realm_key(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(realm_key("a"), 0xaf63_dc4c_8601_ec8c);
        let place = of_realm(Path::new("/run"), "a/../b");
        assert_eq!(place.parent(), Some(Path::new("/run")));
        assert_ne!(place, of_realm(Path::new("/run"), "a/../c"));
        assert_eq!(of_process(Path::new("/run"), 7), Path::new("/run/7"));
    }
}
