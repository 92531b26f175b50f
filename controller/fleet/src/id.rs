//! Names that are never used again while the controller runs.

/// A process. The system's process ids are used again, these are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProcessId(pub u64);

/// A worker. Its id in the configuration may come again with the next configuration, this does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkerKey(pub(crate) u64);

/// Somebody who waits for the result of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallerId(pub u64);

/// Inode of a listening socket, which is how its duplicates are recognized.
pub type Inode = u64;
