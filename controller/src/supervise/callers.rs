//! The clients of the control socket that wait, by name.

use super::Supervisor;
use super::caller::Caller;
use jackfield_fleet::CallerId;

impl Supervisor {
    /// A name for a caller; it is forgotten with the result.
    pub(super) fn add_caller(&mut self, caller: Caller) -> CallerId {
        self.next_caller += 1;
        let id = CallerId(self.next_caller);
        self.callers.insert(id, caller);
        id
    }

    /// Tells a caller what has just happened.
    pub(super) fn progress(&self, caller: Option<CallerId>, text: impl Into<String>) {
        if let Some(caller) = caller.and_then(|id| self.callers.get(&id)) {
            caller.progress(text);
        }
    }

    /// Sends the result.
    pub(super) fn reply(&mut self, caller: CallerId, result: Result<(), String>) {
        if let Some(caller) = self.callers.remove(&caller) {
            caller.finish(result);
        }
    }
}
