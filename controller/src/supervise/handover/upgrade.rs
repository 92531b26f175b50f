//! `jackfield upgrade`: the new image is tried, takes over, and replaces the workers; if anything of that fails the
//! old image goes on.

use super::super::Supervisor;
use super::super::caller::Caller;
use super::super::event::Event;
use super::collect::Frozen;
use super::image::{Handover, Upgraded, WantedImage};
use crate::upgrade::{Arrived, Errand, Fds, Image, State, TrialError, block, send, try_out, unblock};
use jackfield_fleet::{CallerId, Command, Event as FleetEvent};
use jackfield_shared::log::Level;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;
use tokio::task::{spawn_blocking, spawn_local};

/// Who waits for an upgrade, and the connection to them, which outlives the image.
pub(in super::super) type Client = (Caller, Option<OwnedFd>);

impl Supervisor {
    /// Somebody wants another image of the executable to go on: that at this path, or at the one where this one was.
    pub(in super::super) fn upgrade(&mut self, client: Option<Client>, executable: Option<PathBuf>) {
        let what = if client.is_some() { "`jackfield upgrade`" } else { "SIGUSR2" };
        let (caller, connection) = client.map_or((None, None), |(caller, fd)| (Some(caller), fd));
        let path = executable.unwrap_or_else(|| self.node.executable.clone());
        self.wanted_image = Some(WantedImage { path, connection, what });
        let caller = caller.map(|caller| self.add_caller(caller));
        self.feed(FleetEvent::Called(caller, Command::Upgrade));
        self.wanted_image = None;
    }

    /// Tries the image that is wanted; returns why that can't be.
    pub(in super::super) fn begin_trial(&mut self) -> Option<FleetEvent> {
        let WantedImage { path, connection, what } = self.wanted_image.take()?;
        let image = Image::open(&path).map_err(|e| format!("{}: {e}", path.display()));
        let image = image.and_then(|image| Ok((image, Image::own().map_err(|e| e.to_string())?)));
        let (image, own) = match image {
            Ok(both) => both,
            Err(reason) => return Some(FleetEvent::NotPlanned(reason)),
        };
        self.connection = connection;
        self.hub.log(Level::Info, format!("{what}: trying {}", path.display()));
        let state = self.save(&Frozen::new(), Errand::Upgrade, own.identity, &mut Fds::default());
        let events = self.events.clone();
        spawn_local(async move {
            let tried = spawn_blocking(move || (try_out(&image, state), image)).await;
            if let Ok((result, image)) = tried {
                let _ = events.send(Event::Tried(image, path, result)).await;
            }
        });
        None
    }

    /// It is known whether the new image can take over.
    pub(in super::super) fn tried(
        &mut self,
        image: Image,
        path: PathBuf,
        result: Result<String, TrialError>,
    ) {
        match result {
            Ok(version) => {
                self.tried_image = Some((image, path, version));
                self.feed(FleetEvent::Tried);
                self.tried_image = None;
            }
            Err(e) => {
                self.feed(FleetEvent::NotPlanned(format!("{}: {e}", path.display())));
            }
        }
    }

    /// Lets the image that was tried take over, once everything is done that is to be done before.
    pub(in super::super) fn hand_over_to_tried(&mut self) {
        let Some((image, path, version)) = self.tried_image.take() else { return };
        let text = format!("upgrade: release {version} takes over from {}", self.node.info.version);
        self.hub.log(Level::Info, text);
        self.node.executable = path;
        self.handover = Some(Handover { image, errand: Errand::Upgrade });
    }

    /// Lets the other image go on; returns if that fails, and then this one does.
    pub(in super::super) async fn hand_over(&mut self) {
        let Some(Handover { image, errand }) = self.handover.take() else { return };
        let (reason, frozen) = match self.freeze().await {
            // What was heard last may have been the end of the node.
            Ok(frozen) if self.fleet.is_stopping() => ("the node is being stopped".to_owned(), frozen),
            Ok(frozen) => match self.execute(&image, errand.clone(), &frozen) {
                Ok(never) => match never {},
                Err(e) => (e.to_string(), frozen),
            },
            Err((reason, frozen)) => (reason, frozen),
        };
        self.thaw(frozen);
        self.connection = None;
        match errand {
            Errand::Upgrade => self.feed(FleetEvent::NotPlanned(reason)),
            Errand::GoBack(why) => {
                let text = format!("{why}; and the former release can't be gone back to: {reason}");
                self.hub.log(Level::Error, format!("upgrade: nothing was changed: {text}"));
                if let Some(caller) = self.waiting.take() {
                    caller.finish(Err(format!("nothing was changed: {text}")));
                }
            }
        }
    }

    /// Executes the image; returns if that fails.
    fn execute(
        &self,
        image: &Image,
        errand: Errand,
        frozen: &Frozen,
    ) -> io::Result<std::convert::Infallible> {
        // Threads end with the image that has begun them.
        self.hub.rest();
        let error = self.execute_with(image, errand, frozen);
        if let Some(node) = &self.node.configuration.loaded.node {
            // A sink that can't be begun again is missing in the status.
            let _ = self.hub.resume(node);
        }
        error
    }

    fn execute_with(
        &self,
        image: &Image,
        errand: Errand,
        frozen: &Frozen,
    ) -> io::Result<std::convert::Infallible> {
        let own = Image::own()?;
        let stdin = io::stdin().as_fd().try_clone_to_owned()?;
        let mut fds = Fds::default();
        let is_upgrade = errand == Errand::Upgrade;
        let mut state = self.save(frozen, errand, own.identity, &mut fds);
        state.stdin = fds.put(&stdin);
        state.lock = fds.put(&self.node.held.lock);
        state.control = fds.put(&self.node.held.control);
        state.caller = self.connection.as_ref().map(|fd| fds.put(fd));
        state.image = is_upgrade.then(|| fds.put(&own));
        let theirs = send(&state, &fds)?;
        block()?;
        rustix::stdio::dup2_stdin(theirs)?;
        let result = image.exec();
        rustix::stdio::dup2_stdin(&stdin)?;
        unblock()?;
        result
    }

    /// This image has taken over: replaces the processes that run another one.
    pub(crate) fn took_over(&mut self, state: &State, fds: &Arrived) {
        let before = state.image.and_then(|place| Image::new(fds.copy(place).ok()?).ok());
        self.connection = state.caller.and_then(|place| fds.copy(place).ok());
        let connection = self.connection.as_ref().and_then(|fd| fd.try_clone().ok());
        let caller = connection.map_or_else(Caller::nobody, Caller::on);
        let version = &self.node.info.version;
        match &state.errand {
            Errand::Upgrade => {
                let text =
                    format!("release {version} has taken over from {}: replacing the workers", state.version);
                self.hub.log(Level::Info, text.clone());
                caller.progress(text);
            }
            Errand::GoBack(reason) => {
                let text = format!("upgrade: {reason}; back to release {version}");
                self.hub.log(Level::Error, text.clone());
                caller.progress(text);
            }
        }
        self.upgraded =
            Some(Upgraded { before, version: state.version.clone(), errand: state.errand.clone() });
        let outdated = self.processes.values().filter(|process| process.image.is_some());
        let outdated = outdated.map(|process| process.source.key).collect();
        let caller = self.add_caller(caller);
        self.feed(FleetEvent::TookOver(Some(caller), outdated));
        if state.wants_reload {
            self.feed(FleetEvent::ReloadWanted("a reload from before the upgrade"));
        }
    }

    /// The workers are replaced, or can't be.
    pub(in super::super) fn upgraded(&mut self, caller: Option<CallerId>, result: Result<(), String>) {
        let Some(Upgraded { before, version, errand }) = self.upgraded.take() else { return };
        let caller = caller.and_then(|caller| self.callers.remove(&caller)).unwrap_or_else(Caller::nobody);
        let own = self.node.info.version.clone();
        match (errand, result, before) {
            (Errand::Upgrade, Ok(()), _) => {
                self.connection = None;
                self.hub.log(Level::Info, format!("upgraded from release {version} to {own}"));
                caller.finish(Ok(()));
            }
            (Errand::Upgrade, Err(reason), Some(image)) if !self.fleet.is_stopping() => {
                self.hub.log(Level::Error, format!("upgrade: {reason}: going back"));
                self.waiting = Some(caller);
                self.handover = Some(Handover { image, errand: Errand::GoBack(reason) });
            }
            (Errand::Upgrade, Err(reason), _) => {
                self.connection = None;
                caller.finish(Err(reason));
            }
            (Errand::GoBack(reason), result, _) => {
                self.connection = None;
                let more = result.err().map(|more| format!("; and then {more}")).unwrap_or_default();
                caller.finish(Err(format!("{reason}; back to release {own}{more}")));
            }
        }
    }
}
