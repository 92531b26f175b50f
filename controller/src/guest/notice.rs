//! What a program says of itself: the assignments of sd_notify(3).

use std::time::Duration;

/// Most characters of a STATUS that are kept.
const STATUS: usize = 256;

/// One thing that a program says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// `READY=1`: it does what it is for.
    Ready,
    /// `STATUS=`: what it does, for people.
    Status(String),
    /// `STOPPING=1`: it is about to end.
    Stopping,
    /// `WATCHDOG=1`: it is alive.
    Alive,
    /// `WATCHDOG=trigger`: it wants to be replaced.
    Broken,
    /// `EXTEND_TIMEOUT_USEC=`: whatever it is doing, it needs so much more time from now on.
    Extend(Duration),
}

impl Notice {
    /// What a datagram says: one assignment a line. What has no meaning for a guest is passed over, as the
    /// protocol wants it.
    pub(crate) fn all(datagram: &[u8]) -> Vec<Self> {
        String::from_utf8_lossy(datagram).lines().filter_map(Self::one).collect()
    }

    fn one(line: &str) -> Option<Self> {
        let (name, value) = line.split_once('=')?;
        match (name, value) {
            ("READY", "1") => Some(Self::Ready),
            ("STATUS", text) => Some(Self::Status(text.chars().take(STATUS).collect())),
            ("STOPPING", "1") => Some(Self::Stopping),
            ("WATCHDOG", "1") => Some(Self::Alive),
            ("WATCHDOG", "trigger") => Some(Self::Broken),
            ("EXTEND_TIMEOUT_USEC", text) => text.parse().ok().map(Duration::from_micros).map(Self::Extend),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments_stand_one_a_line_and_unknown_ones_are_passed_over() {
        let said = Notice::all(b"READY=1\nSTATUS=serving = well\nMAINPID=7\nREADY=0\nnonsense\nWATCHDOG=1");
        assert_eq!(said, [Notice::Ready, Notice::Status("serving = well".into()), Notice::Alive]);
        assert_eq!(
            Notice::all(b"STOPPING=1\nWATCHDOG=trigger\nEXTEND_TIMEOUT_USEC=1500000\n"),
            [Notice::Stopping, Notice::Broken, Notice::Extend(Duration::from_millis(1500))]
        );
        assert_eq!(Notice::all(b"EXTEND_TIMEOUT_USEC=-1\n\xff\n=\n"), []);
        let [Notice::Status(text)] = &Notice::all("STATUS=".to_owned().as_bytes())[..] else { panic!() };
        assert_eq!(text, "");
    }
}
