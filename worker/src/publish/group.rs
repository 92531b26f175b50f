//! The services that one tor daemon publishes, over one control connection; again and again, if that is lost.

use super::control::{self, Control, ControlError, Reply, value, words};
use super::service::{Service, Tor};
use crate::connect::Connector;
use jackfield_shared::backoff::Backoff;
use jackfield_shared::config::Secret;
use jackfield_shared::drain::Drain;
use std::future::pending;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::info;

/// A tor daemon and its services.
pub(super) struct Group {
    connector: Connector,
    password: Option<Secret>,
    services: Vec<Service>,
    /// Between connections.
    backoff: Backoff,
    tor: Tor,
}

impl Group {
    pub(super) fn new(connector: Connector, password: Option<Secret>, services: Vec<Service>) -> Self {
        Self { connector, password, services, backoff: Backoff::default(), tor: Tor::default() }
    }

    /// Publishes until draining begins. The end of the connection is the end of the services: who is connected
    /// stays so, nobody new comes.
    pub(super) async fn run(mut self, drain: Drain) {
        tokio::select! {
            biased;
            () = drain.begun() => {}
            () = self.go_on() => {}
        }
    }

    async fn go_on(&mut self) {
        loop {
            let Err(error) = self.session().await;
            let why = format!("{error} (tor_control_endpoint {})", self.connector);
            for service in &mut self.services {
                service.lost(&why);
            }
            sleep(self.backoff.delay(getrandom::u32().unwrap_or_default())).await;
        }
    }

    /// One connection, from its beginning to its end.
    async fn session(&mut self) -> Result<std::convert::Infallible, ControlError> {
        let stream = self.connector.connect(|| None).await?;
        let (mut control, peer) = control::open(stream, self.password.as_ref()).await?;
        info!("connected to {peer} at {}", self.connector);
        self.tor = Tor::default();
        control.demand("SETEVENTS", "SETEVENTS STATUS_CLIENT HS_DESC").await?;
        let phase = control.demand("GETINFO", "GETINFO status/bootstrap-phase").await?;
        self.status(phase.after("status/bootstrap-phase=").unwrap_or_default());
        let mut retry = Backoff::default();
        loop {
            self.add(&mut control).await?;
            self.report();
            let next = match self.services.iter().all(Service::is_added) {
                true => None,
                false => Some(Instant::now() + retry.delay(getrandom::u32().unwrap_or_default())),
            };
            loop {
                tokio::select! {
                    event = control.event() => self.happened(&event?),
                    () = at(next) => break,
                }
                self.report();
            }
        }
    }

    /// Has tor publish what it doesn't yet.
    async fn add(&mut self, control: &mut Control) -> Result<(), ControlError> {
        for service in self.services.iter_mut().filter(|service| !service.is_added()) {
            let reply = control.command(&service.command()).await?;
            service.answered(&reply);
        }
        Ok(())
    }

    fn report(&mut self) {
        for service in &mut self.services {
            service.report(&self.tor);
        }
    }

    fn happened(&mut self, event: &Reply) {
        if let Some(status) = event.after("STATUS_CLIENT ") {
            self.status(status);
        } else if let Some(descriptor) = event.after("HS_DESC ") {
            self.descriptor(descriptor);
        }
    }

    /// How tor itself is (control-spec, 4.1.10).
    fn status(&mut self, text: &str) {
        let words = words(text);
        let Some((action, _)) = words.get(1) else { return };
        match action.as_str() {
            "BOOTSTRAP" => {
                let progress = value(&words, "PROGRESS").unwrap_or("?");
                let summary = value(&words, "SUMMARY").unwrap_or_default();
                let warning = value(&words, "WARNING").map(|why| format!(": {why}")).unwrap_or_default();
                let starting = format!("tor is starting, {progress} %: {summary}{warning}");
                self.tor.starting = (progress != "100").then_some(starting);
            }
            "CIRCUIT_ESTABLISHED" => self.tor.cut_off = None,
            "CIRCUIT_NOT_ESTABLISHED" => {
                self.tor.cut_off = Some(value(&words, "REASON").unwrap_or("no reason given").to_owned());
            }
            _ => {}
        }
    }

    /// What becomes of a descriptor (control-spec, 4.1.25): action, address, and on failure the reason.
    fn descriptor(&mut self, text: &str) {
        let words = words(text);
        let [(action, _), (address, _), ..] = words.as_slice() else { return };
        let Some(service) = self.services.iter_mut().find(|service| service.is_named(address)) else {
            return;
        };
        match (action.as_str(), value(&words, "REASON")) {
            ("UPLOADED", _) => service.uploaded(Ok(())),
            // Those of fetching it, by a client of the same daemon, have other reasons.
            ("FAILED", Some(reason @ ("UPLOAD_REJECTED" | "UNEXPECTED"))) => service.uploaded(Err(reason)),
            _ => {}
        }
        if service.is_published() {
            self.backoff.reset();
        }
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}
