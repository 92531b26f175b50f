//! One onion service: how far its publishing is.

use super::control::Reply;
use crate::controller::Controller;
use jackfield_shared::ipc::{FromWorker, OnionService, Publication};
use jackfield_shared::status::EndpointState;
use std::rc::Rc;
use tracing::debug;

/// The code by which tor says that something can't be had now, as opposed to never.
const NOT_NOW: u16 = 550;

/// How far it is.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// Tor doesn't have it.
    Absent,
    /// Tor doesn't want it.
    Refused(EndpointState, String),
    /// Tor has it. Its descriptor was stored by so many directories; refused by so many since the last that
    /// stored it, the last time for this reason.
    Added { uploads: u32, failures: u32, why: String },
}

/// What all services of one tor daemon depend on.
#[derive(Debug, Default)]
pub(super) struct Tor {
    /// How far it has started, below 100 percent.
    pub(super) starting: Option<String>,
    /// Why it has no circuits any more.
    pub(super) cut_off: Option<String>,
}

/// A service, and what the controller was told of it.
pub(super) struct Service {
    order: OnionService,
    step: Step,
    controller: Rc<Controller>,
    told: Option<(EndpointState, Option<String>)>,
}

impl Service {
    pub(super) fn new(order: OnionService, controller: Rc<Controller>) -> Self {
        Self { order, step: Step::Absent, controller, told: None }
    }

    /// The command that has tor publish it. Without the flag `Detach` it ends with the connection, whatever
    /// ends that.
    pub(super) fn command(&self) -> String {
        let OnionService { key, port, target, clients, max_streams, .. } = &self.order;
        let mut flags = Vec::new();
        if *max_streams > 0 {
            flags.push("MaxStreamsCloseCircuit");
        }
        if !clients.is_empty() {
            flags.push("V3Auth");
        }
        let mut line = format!("ADD_ONION ED25519-V3:{}", key.0);
        if !flags.is_empty() {
            line += &format!(" Flags={}", flags.join(","));
        }
        if *max_streams > 0 {
            line += &format!(" MaxStreams={max_streams}");
        }
        line += &format!(" Port={port},{target}");
        for client in clients {
            line += &format!(" ClientAuthV3={client}");
        }
        line
    }

    /// Tor's answer to that.
    pub(super) fn answered(&mut self, reply: &Reply) {
        self.step = match reply.after("ServiceID=") {
            Some(id) if reply.is_ok() && self.is_named(id) => {
                Step::Added { uploads: 0, failures: 0, why: String::new() }
            }
            Some(id) if reply.is_ok() => {
                let why =
                    format!("tor says the address of this key is {id}.onion; this is a fault of one of us");
                Step::Refused(EndpointState::Failed, why)
            }
            _ if reply.code == NOT_NOW => {
                let why = format!("tor can't publish it now: {}; it will be tried again", reply.text());
                Step::Refused(EndpointState::Degraded, why)
            }
            _ => Step::Refused(EndpointState::Failed, format!("tor refuses it: {}", reply.text())),
        };
    }

    /// Whether tor has it.
    pub(super) fn is_added(&self) -> bool {
        matches!(self.step, Step::Added { .. })
    }

    /// Whether somebody can find it.
    pub(super) fn is_published(&self) -> bool {
        matches!(self.step, Step::Added { uploads: 1.., .. })
    }

    /// Whether this is its address, without `.onion`.
    pub(super) fn is_named(&self, id: &str) -> bool {
        self.order.address.strip_suffix(".onion").is_some_and(|own| own.eq_ignore_ascii_case(id))
    }

    /// A directory has stored its descriptor, or has not, and why.
    pub(super) fn uploaded(&mut self, result: Result<(), &str>) {
        if let Step::Added { uploads, failures, why } = &mut self.step {
            match result {
                Ok(()) => (*uploads, *failures) = (uploads.saturating_add(1), 0),
                Err(reason) => {
                    *failures = failures.saturating_add(1);
                    *why = reason.to_owned();
                }
            }
            debug!(
                "{}: stored by {uploads} directories, {failures} failures since {why}",
                self.order.address
            );
        }
    }

    /// The connection to tor has ended, and the service with it.
    pub(super) fn lost(&mut self, why: &str) {
        self.step = Step::Absent;
        self.tell(EndpointState::Degraded, Some(why.to_owned()));
    }

    /// Tells the controller, if there is news.
    pub(super) fn report(&mut self, tor: &Tor) {
        let (state, reason) = match (&self.step, &tor.cut_off) {
            (Step::Refused(state, why), _) => (*state, Some(why.clone())),
            (Step::Added { uploads: 1.., .. }, None) => (EndpointState::Published, None),
            (Step::Added { uploads: 1.., .. }, Some(why)) => {
                (EndpointState::Degraded, Some(format!("tor can't reach the Tor network: {why}")))
            }
            (Step::Added { failures: failures @ 1.., why, .. }, _) if tor.starting.is_none() => {
                let text = format!(
                    "{failures} directories did not store its descriptor ({why}); tor goes on trying"
                );
                (EndpointState::Publishing, Some(text))
            }
            (Step::Absent | Step::Added { .. }, _) => (EndpointState::Publishing, tor.starting.clone()),
        };
        self.tell(state, reason);
    }

    fn tell(&mut self, state: EndpointState, reason: Option<String>) {
        let news = Some((state, reason));
        if self.told != news {
            self.told.clone_from(&news);
            let (worker, transport) = (self.order.worker.clone(), self.order.transport.clone());
            let reason = news.and_then(|(_, reason)| reason);
            self.controller.send(FromWorker::Publication(Publication { worker, transport, state, reason }));
        }
    }
}
