//! One of several servers of the same.

use crate::connect::{Connector, Drained};
use jackfield_shared::status::{self, BackendState};
use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;
use tracing::{info, warn};

/// One of several servers of the same.
#[derive(Debug)]
pub(crate) struct Backend {
    pub(crate) connector: Connector,
    /// Where it is, as people read it.
    pub(super) address: String,
    /// Its place in the configuration.
    pub(crate) index: usize,
    pub(super) weight: u16,
    /// Whether it is asked only if none of the others is up.
    pub(super) backup: bool,
    /// Those that somebody has taken out.
    drained: Rc<Drained>,
    pub(super) open: Cell<u32>,
    /// Until when it is asked last, because it refused a connection.
    pub(super) avoided: Cell<Option<Instant>>,
    /// Whether health checks find it well; without checks it always is.
    pub(crate) healthy: Cell<bool>,
    pub(super) requests: Cell<u64>,
    pub(super) errors: Cell<u64>,
    pub(super) last_error: RefCell<Option<String>>,
}

impl Backend {
    pub(super) fn new(
        connector: Connector,
        index: usize,
        (weight, backup): (u16, bool),
        drained: &Rc<Drained>,
    ) -> Self {
        Self {
            address: connector.to_string(),
            connector,
            index,
            weight,
            backup,
            drained: Rc::clone(drained),
            open: Cell::new(0),
            avoided: Cell::new(None),
            healthy: Cell::new(true),
            requests: Cell::default(),
            errors: Cell::default(),
            last_error: RefCell::default(),
        }
    }

    /// Whether somebody has taken it out.
    pub(super) fn is_drained(&self) -> bool {
        self.drained.contains(&self.address)
    }

    pub(super) fn is_down(&self, now: Instant) -> bool {
        !self.healthy.get() || self.avoided.get().is_some_and(|until| now < until)
    }

    /// It refused a connection.
    pub(crate) fn refused(&self, why: &(impl Display + ?Sized)) {
        self.avoided.set(Some(Instant::now() + AVOIDED));
        self.failed(why);
    }

    /// A connection, or a request, has failed for its sake.
    pub(crate) fn failed(&self, why: &(impl Display + ?Sized)) {
        self.errors.set(self.errors.get() + 1);
        self.last_error.replace(Some(why.to_string()));
    }

    /// How it is; whose it is, is to be filled in.
    pub(super) fn state(&self) -> status::Backend {
        let state = match self.is_down(Instant::now()) {
            _ if self.is_drained() => BackendState::Drained,
            true => BackendState::Down,
            false => BackendState::Up,
        };
        status::Backend {
            address: self.address.clone(),
            state,
            open: self.open.get().into(),
            requests: self.requests.get(),
            errors: self.errors.get(),
            last_error: self.last_error.borrow().clone(),
            ..status::Backend::default()
        }
    }

    /// It accepted a connection.
    pub(crate) fn accepted(&self) {
        self.avoided.set(None);
    }

    /// A connection to it, or a request, begins; it ends when the guard is dropped.
    pub(crate) fn begin(self: &Rc<Self>) -> InUse {
        self.open.set(self.open.get() + 1);
        self.requests.set(self.requests.get() + 1);
        InUse(Rc::clone(self))
    }

    pub(crate) fn set_healthy(&self, healthy: bool, why: impl Display) {
        if self.healthy.replace(healthy) != healthy {
            match healthy {
                true => info!("backend {}: up", self.connector),
                false => {
                    warn!("backend {}: down: {why}", self.connector);
                    self.last_error.replace(Some(why.to_string()));
                }
            }
        }
    }
}

/// A connection to a backend, or a request.
#[derive(Debug)]
pub(crate) struct InUse(Rc<Backend>);

impl Drop for InUse {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
    }
}

/// How long a backend that refused a connection is asked last.
pub(super) const AVOIDED: Duration = Duration::from_secs(5);
