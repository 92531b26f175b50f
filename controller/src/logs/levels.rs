//! From which level up records are kept, for each source.

use jackfield_shared::log::Level;
use std::collections::HashMap;

/// The levels.
#[derive(Clone, Debug)]
pub(crate) struct Levels {
    default: Level,
    controller: Option<Level>,
    workers: HashMap<String, Level>,
}

impl Levels {
    /// This level for every source.
    pub(crate) fn new(default: Level) -> Self {
        Self { default, controller: None, workers: HashMap::new() }
    }

    /// The levels that differ from the default, by sources.
    pub(crate) fn save(&self) -> Vec<(Option<String>, Level)> {
        let workers = self.workers.iter().map(|(worker, level)| (Some(worker.clone()), *level));
        workers.chain(self.controller.map(|level| (None, level))).collect()
    }

    /// The level of a worker, or of the controller.
    pub(crate) fn of(&self, worker: Option<&str>) -> Level {
        let own = match worker {
            Some(worker) => self.workers.get(worker).copied(),
            None => self.controller,
        };
        own.unwrap_or(self.default)
    }

    /// Sets the level of a worker, or of the controller.
    pub(crate) fn set(&mut self, worker: Option<&str>, level: Level) {
        match worker {
            Some(worker) => drop(self.workers.insert(worker.to_owned(), level)),
            None => self.controller = Some(level),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_has_its_own_level_or_the_default() {
        let mut levels = Levels::new(Level::Info);
        levels.set(Some("a"), Level::Trace);
        assert_eq!((levels.of(Some("a")), levels.of(Some("b"))), (Level::Trace, Level::Info));
        levels.set(None, Level::Error);
        assert_eq!((levels.of(None), levels.of(Some("b"))), (Level::Error, Level::Info));
    }
}
