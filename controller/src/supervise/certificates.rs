//! The certificates that the node gets by itself, as the supervisor knows them.

use super::worker::Task;
use crate::acme::Wish;
use jackfield_shared::status;
use jackfield_shared::tls::Challenge;
use std::collections::BTreeMap;
use std::rc::Rc;
use tokio::sync::Mutex;

/// The certificates that the node keeps, by the first of their domains.
#[derive(Debug, Default)]
pub(super) struct Certificates {
    pub(super) kept: BTreeMap<String, Kept>,
    /// Of all certificates one is ordered at a time.
    pub(super) turn: Rc<Mutex<()>>,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) wish: Wish,
    pub(super) _task: Task,
    pub(super) state: Option<status::Acme>,
    pub(super) challenges: Vec<Challenge>,
}

impl Certificates {
    /// How they are.
    pub(super) fn status(&self) -> Vec<status::Acme> {
        self.kept.values().filter_map(|kept| kept.state.clone()).collect()
    }

    /// The challenges that are open.
    pub(super) fn challenges(&self) -> Vec<Challenge> {
        self.kept.values().flat_map(|kept| &kept.challenges).cloned().collect()
    }
}
