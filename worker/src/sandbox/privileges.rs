//! What a process may do beyond others of its user.

use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};

/// What root keeps: the right to files of any owner. A node that runs as root serves files, and reaches Unix sockets,
/// that belong to others.
const KEPT: CapabilitySet = CapabilitySet::DAC_OVERRIDE.union(CapabilitySet::DAC_READ_SEARCH);

/// No program it executes has more rights than itself (PR_SET_NO_NEW_PRIVS, prctl(2)).
pub(super) fn no_new_privs() -> Result<(), String> {
    set_no_new_privs(true).map_err(|e| e.to_string())
}

/// Gives up every capability that it has and does not need, and the way to get one back (capabilities(7)).
pub(super) fn drop_capabilities() -> Result<(), String> {
    let held = capabilities(None).map_err(|e| e.to_string())?;
    if held.permitted.contains(CapabilitySet::SETPCAP) {
        for capability in CapabilitySet::all().difference(KEPT).iter() {
            // Those that this kernel does not know are EINVAL.
            let _ = remove_capability_from_bounding_set(capability);
        }
    }
    let _ = clear_ambient_capability_set();
    let kept = CapabilitySets {
        effective: held.effective.intersection(KEPT),
        permitted: held.permitted.intersection(KEPT),
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, kept).map_err(|e| e.to_string())
}
