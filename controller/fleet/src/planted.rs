//! Faults that can be planted, one for each rule, to see that the simulation finds them. Without the feature nothing
//! of this is compiled.

/// A fault.
#[cfg(feature = "planted")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// A predecessor is not told to drain when its successor is ready.
    ForgottenPredecessor,
    /// The timer of a restart is sometimes not set.
    LostRestart,
    /// Restarts do not wait.
    NoBackoff,
    /// A stuck process is not killed.
    NoWatchdog,
    /// A process that drains is not ended when its time is over.
    EndlessDrain,
    /// A reload that fails leaves its new processes behind.
    LeftoversOfReload,
    /// A reload that fails leaves the number of slots as it wanted it.
    HalfScaled,
    /// Old processes drain before the new ones are ready.
    EarlyDrain,
    /// A command is not answered when the node stops meanwhile.
    LostAnswer,
    /// A command is answered twice.
    TwoAnswers,
    /// Nobody stands in for a slot without a process.
    NoStandIn,
    /// After a new start the socket is not given back.
    KeptSocket,
    /// The node stops though a worker has not been told to.
    ForgottenWorker,
    /// Workers do not wait for those they come after.
    NoOrder,
    /// A reload that was asked for by a signal meanwhile is forgotten.
    ForgottenSignal,
    /// The realm process is not told that an edge has ended.
    UntoldEdge,
    /// An edge that holds up the realm process is not ended.
    StuckEdge,
    /// The realm process of a worker that is stopped ends before its edges.
    EarlyRealm,
    /// The realm process stands in for edges.
    LentRealm,
    /// Sessions stay though nobody routes their realms any more.
    LastingSessions,
    /// With fewer edges a realm process ends, too.
    ScaledRealm,
    /// Of several realm processes only the first one is told which edges there are.
    OneUntold,
    /// With another number of edges realm processes exchange their places.
    MixedRealms,
    /// When a realm process ends the others are ended, too.
    AllForOne,
}

/// `planted!(fleet, Fault, { block })`: does it if the fault is planted. `planted!(fleet, Fault, bad, good)`: the bad
/// value if it is, else the good one.
macro_rules! planted {
    ($fleet:expr, $fault:ident, $block:block) => {
        #[cfg(feature = "planted")]
        if $fleet.has($crate::planted::Planted::$fault) $block
    };
    ($fleet:expr, $fault:ident, $bad:expr, $good:expr) => {{
        #[cfg(feature = "planted")]
        let value = if $fleet.has($crate::planted::Planted::$fault) { $bad } else { $good };
        #[cfg(not(feature = "planted"))]
        let value = $good;
        value
    }};
}
pub(crate) use planted;
