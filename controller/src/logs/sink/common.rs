//! What sinks share.

use jackfield_shared::log::Record;
use std::sync::Arc;
use tokio::sync::{Notify, mpsc};

/// How sinks tell of their troubles, and that there is room again.
#[derive(Clone, Debug)]
pub(in crate::logs) struct Common {
    /// Records about the sinks themselves.
    pub news: mpsc::UnboundedSender<Record>,
    /// Notified when a sink that was behind has caught up.
    pub room: Arc<Notify>,
}
