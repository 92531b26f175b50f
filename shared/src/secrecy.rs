//! For processes that hold keys: nobody else looks into their memory.

use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

/// Leaves no core dump of this process (RLIMIT_CORE), and lets no other of the same user attach to it or read its memory
/// (PR_SET_DUMPABLE of prctl(2)). Programs that it executes can be looked into again; the limit, of which only the soft
/// one is lowered, is theirs, too. Returns the soft limit there was; `None`: none.
///
/// # Errors
/// As prctl(2) and setrlimit(2).
pub fn hold_secrets() -> Result<Option<u64>, String> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(|e| format!("PR_SET_DUMPABLE: {e}"))?;
    let before = getrlimit(Resource::Core);
    set_core_limit(Some(0))?;
    Ok(before.current)
}

/// Sets the soft limit of core dumps, as far as the hard one lets it; `None`: none.
///
/// # Errors
/// As setrlimit(2).
pub fn set_core_limit(wanted: Option<u64>) -> Result<(), String> {
    let maximum = getrlimit(Resource::Core).maximum;
    let current = match (wanted, maximum) {
        (Some(wanted), Some(most)) => Some(wanted.min(most)),
        (None, most) => most,
        (wanted, None) => wanted,
    };
    setrlimit(Resource::Core, Rlimit { current, maximum }).map_err(|e| format!("RLIMIT_CORE: {e}"))
}
