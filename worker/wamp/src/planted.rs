//! Faults that can be planted, at least one for each rule of recovery (docs/decisions/011), to see that the simulation of
//! links finds them. Without the feature nothing of this is compiled.

#[cfg(feature = "planted")]
use std::cell::Cell;

/// A fault.
#[cfg(feature = "planted")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// Rule 1: a session has what it was told to be unsubscribed from again.
    Unforgotten,
    /// Rule 1: what was answered by an ERROR is done again.
    RefusedAgain,
    /// Rule 2: of two owners of a procedure the earlier one stays.
    EarlierOwner,
    /// Rule 2: of two ids of a topic both stay.
    TwoIds,
    /// Rule 3: a call that a callee has is delivered again.
    DeliveredAgain,
    /// Rule 3: a call that no callee has is not delivered.
    Undelivered,
    /// Rule 4: an event is given to a session that has had it.
    EventAgain,
    /// Rule 4: a message is settled before what it has caused is written.
    EarlyAcknowledgement,
    /// Rule 5: what is to outlive the hub is kept by nobody.
    NotKept,
    /// Rule 5: an event is in the history twice.
    DoubleHistory,
    /// Rule 5: an earlier retained event takes the place of a later one.
    EarlierRetained,
    /// Rule 6: a call that was given up is delivered later.
    DeliveredLater,
    /// Rule 6: a result is given to a session that has its answer.
    LateResult,
    /// Rule 6: who works on a call that was given up is not told.
    NoInterrupt,
    /// Rule 6: a session waits for the next hub though it has cancelled.
    NoAnswer,
    /// Rule 7: sessions of an edge that has died with the hub are forgotten.
    ForgottenDead,
    /// Rule 7: the end of a session whose edge has died is told again by the next hub.
    LeftAgain,
    /// Rule 7: an edge may go before others have forgotten the sessions that it had.
    EarlyEnd,
    /// Rule 8: a call's arguments are forgotten while it waits for a callee.
    ForgottenPayload,
    /// Rule 8: what is settled is counted as if it waited.
    MiscountedBytes,
    /// Rule 9: calls are delivered before it is known what callees are working on.
    EarlyDelivery,
    /// Rule 9: calls that callees have don't take their places.
    ForgottenSlots,
}

#[cfg(feature = "planted")]
thread_local!(static PLANTED: Cell<Option<Planted>> = const { Cell::new(None) });

/// Plants a fault in all that this thread does from now on, or none.
#[cfg(feature = "planted")]
pub fn plant(fault: Option<Planted>) {
    PLANTED.set(fault);
}

#[cfg(feature = "planted")]
pub(crate) fn has(fault: Planted) -> bool {
    PLANTED.get() == Some(fault)
}

/// `planted!(Fault, bad, good)`: the bad value if the fault is planted, else the good one.
macro_rules! planted {
    ($fault:ident, $bad:expr, $good:expr) => {{
        #[cfg(feature = "planted")]
        let value = if $crate::planted::has($crate::planted::Planted::$fault) { $bad } else { $good };
        #[cfg(not(feature = "planted"))]
        let value = $good;
        value
    }};
}
pub(crate) use planted;
