//! Levels, as syslog and the journal know them.

use jackfield_shared::log::Level;

/// The severity of syslog (RFC 5424, 6.2.1), which the journal's priority is, too.
pub(super) fn severity(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}
