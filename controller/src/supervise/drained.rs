//! Backends that somebody has taken out by hand: all processes know of them, also those to come.

use super::Supervisor;
use jackfield_shared::config::backends_of_node;
use jackfield_shared::ipc::ToWorker;
use jackfield_shared::log::Level;

impl Supervisor {
    /// Takes backends out, or lets them in again, by their addresses.
    ///
    /// # Errors
    /// An address that no backend has; then nothing has changed.
    pub(super) fn drain_backends(&mut self, addresses: &[String], drain: bool) -> Result<(), String> {
        let node = self.node.configuration.loaded.node.as_ref();
        let known = node.map(backends_of_node).unwrap_or_default();
        // One that the configuration has no longer can be let in again.
        let is_known =
            |address: &String| known.contains(address) || (!drain && self.node.drained.contains(address));
        if let Some(unknown) = addresses.iter().find(|address| !is_known(address)) {
            let known: Vec<_> = known.into_iter().collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(format!("there is no backend \"{unknown}\" (backends: {known})"));
        }
        for address in addresses {
            let changed = match drain {
                true => self.node.drained.insert(address.clone()),
                false => self.node.drained.remove(address),
            };
            if changed {
                let what = if drain { "drained" } else { "enabled" };
                self.hub.log(Level::Info, format!("backend {address}: {what} (`jackfield backend`)"));
            }
        }
        for process in self.processes.values() {
            process.tell(ToWorker::Drained(self.node.drained.iter().cloned().collect()));
        }
        Ok(())
    }
}
