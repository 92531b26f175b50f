//! The version of the protocol and its limits.

/// Most bytes a body may have: a worker's whole configuration fits many times over.
pub const MAX_BODY: usize = 16 << 20;

/// Most descriptors one frame may carry (SCM_MAX_FD of unix(7)).
pub const MAX_FDS: usize = 253;

/// Version of the protocol; a peer with another one is refused.
pub const VERSION: u8 = 1;
