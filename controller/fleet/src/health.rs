//! Which state of a process is the worst.

use jackfield_shared::status::State;

/// The least healthy of the states, which is the state of the whole worker.
pub(crate) fn least_healthy(states: impl IntoIterator<Item = State>) -> State {
    let health = |state: &State| match state {
        State::Failed => 0,
        State::Backoff => 1,
        State::Starting => 2,
        State::Draining => 3,
        State::Stopped => 4,
        State::Ready => 5,
    };
    states.into_iter().min_by_key(health).unwrap_or(State::Stopped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use State::{Backoff, Draining, Failed, Ready, Starting, Stopped};

    #[test]
    fn a_worker_is_as_healthy_as_its_worst_process() {
        assert_eq!(least_healthy([Ready, Ready]), Ready);
        assert_eq!(least_healthy([Ready, Starting, Draining]), Starting);
        assert_eq!(least_healthy([Backoff, Failed, Ready]), Failed);
        assert_eq!(least_healthy([]), Stopped);
        for state in [Starting, Ready, Draining, Backoff, Failed, Stopped] {
            assert_eq!(least_healthy([state]), state);
        }
    }
}
