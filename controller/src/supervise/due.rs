//! What the controller itself does at a time; the fleet has timers of its own.

/// Something to do.
#[derive(Debug)]
pub(super) enum Due {
    /// Session tickets are to be sealed with new keys.
    TicketKeys,
    /// The service manager wants to hear that we are alive.
    Alive,
    /// Answers to a status question have been waited for long enough.
    Gather,
}
