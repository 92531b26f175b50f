//! Why an image can't take over from another one.

use jackfield_shared::ipc;
use std::io;

/// Why an image can't take over from another one, for whoever asked for it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TakeoverError {
    /// The state speaks of a descriptor that has not come.
    #[error("descriptor {0} was not handed over")]
    NoDescriptor(usize),
    /// What the former image sent can't be read from the socket.
    #[error("what the former image hands over can't be received: {0}")]
    Lost(#[source] io::Error),
    /// No file came with the count of descriptors.
    #[error("the former image hands over no state")]
    NoState,
    /// The state is not what this release understands.
    #[error("the state of the running node can't be read by this release: {0}")]
    Unreadable(#[source] serde_json::Error),
    /// The state says of itself that it is of another format.
    #[error(
        "release {} can't take over from {version}: it knows format {known} of the state and version {} of the IPC, not \
         {format} and {ipc}; stop the node and start it anew",
        env!("CARGO_PKG_VERSION"),
        ipc::VERSION
    )]
    OtherFormat {
        /// The release that wrote it.
        version: String,
        /// Its format of the state.
        format: u32,
        /// The format of this release.
        known: u32,
        /// Its version of the IPC.
        ipc: u8,
    },
    /// What a worker runs, or listens on, is not what this image wrote.
    #[error("{worker}: {source}")]
    Worker {
        /// Its id.
        worker: String,
        /// Where it differs.
        source: serde_json::Error,
    },
    /// The kernel refuses something that is needed.
    #[error("{what}: {source}")]
    System {
        /// What was to be had: a path, an address, a process.
        what: String,
        /// What the kernel says.
        source: io::Error,
    },
    /// A socket that the node was started with is none any more.
    #[error("{0}")]
    Given(#[from] crate::sockets::GivenError),
    /// The configuration, or the machine, lets this release run nothing.
    #[error("{}", .0.join("\n"))]
    Obstacles(Vec<String>),
    /// The image has a fault.
    #[error("it panicked: {0}")]
    Panicked(String),
}

impl TakeoverError {
    /// What the kernel says about something, to be called with it.
    pub(crate) fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        |source| Self::System { what: what.into(), source }
    }

    /// The same where only a sentence is known.
    pub(crate) fn obstacle(text: String) -> Self {
        Self::Obstacles(vec![text])
    }
}
