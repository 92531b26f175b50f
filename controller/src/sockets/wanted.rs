//! What is to be bound.

use jackfield_shared::config::ListeningEndpoint;

/// An endpoint of the configuration that is to be bound.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    /// Id of the worker.
    pub worker: &'a str,
    /// Id of the transport, unique in the worker.
    pub transport: &'a str,
    /// What is to be bound.
    pub endpoint: &'a ListeningEndpoint,
    /// How many processes the worker has.
    pub processes: usize,
}
