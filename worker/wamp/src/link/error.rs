//! Why a link can't be used.

/// The version of the frames; the two ends must agree.
pub const VERSION: u64 = 2;

/// Why a link is of no use any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes are not what the other end writes.
    #[error("the link between edge and realm process carries what is no frame")]
    Malformed,
    /// The other end is of another release.
    #[error(
        "the other end of the link between edge and realm process speaks version {0}, this one {VERSION}"
    )]
    Version(u64),
    /// The hub has gone on without this edge: its sessions are gone.
    #[error("the realm process has gone on without this process, which was silent for too long")]
    Refused,
}
