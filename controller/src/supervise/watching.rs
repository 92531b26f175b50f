//! `start --watch`: the files of the configuration, and a reload when they have changed.

use super::Supervisor;
use super::event::Event;
use super::worker::Task;
use crate::look::watch;
use crate::node::Watched;
use jackfield_fleet::Event as FleetEvent;
use tokio::task::spawn_local;

impl Supervisor {
    /// Begins to watch the files of the configuration, if that is wanted.
    pub(super) fn watch_configuration(&mut self) {
        if !self.node.watches {
            return;
        }
        let events = self.events.clone();
        let changed = async move |()| events.send(Event::ConfigurationChanged).await.is_ok();
        let watched = Watched::of(&self.node.configuration, &self.node.origin);
        let watching = spawn_local(watch(watched, changed));
        self.configuration_watch = Some(Task(watching.abort_handle()));
    }

    pub(super) fn configuration_has_changed(&mut self) {
        self.feed(FleetEvent::ReloadWanted("a file has changed (--watch)"));
    }
}
