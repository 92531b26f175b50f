//! The life of a worker's process: which state may follow which.
//!
//! ```text
//! stopped ─► starting ─► ready ─► draining ─► stopped
//!               │ ▲ ▲      │
//!               │ │ └──────┤ a replacement is on its way already
//!               ▼ │        ▼
//!             backoff    failed
//! ```

use jackfield_shared::status::State;

/// Whether `to` may follow `from`.
pub(crate) const fn may_follow(from: State, to: State) -> bool {
    use State::{Backoff, Draining, Failed, Ready, Starting, Stopped};
    match (from, to) {
        // A process is spawned: for the first time, on request, after the delay; beside one that drains;
        // or in place of one whose replacement was on its way already.
        (Stopped | Backoff | Failed | Draining | Ready, Starting)
        // It says READY.
        | (Starting, Ready)
        // It is asked to stop.
        | (Starting | Ready, Draining)
        // It ended by itself, and will be started again, or not.
        | (Starting | Ready, Backoff | Failed)
        // It ended on request, or by itself and may rest; or there was none to end.
        | (Starting | Ready | Draining | Backoff | Failed, Stopped) => true,
        (Starting, Starting)
        | (Ready, Ready)
        | (Draining, Ready | Draining | Backoff | Failed)
        | (Backoff | Failed | Stopped, Ready | Draining | Backoff | Failed)
        | (Stopped, Stopped) => false,
    }
}

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

    const ALL: [State; 6] = [Starting, Ready, Draining, Backoff, Failed, Stopped];

    #[test]
    fn every_pair_of_states() {
        let allowed: [(State, &[State]); 6] = [
            (Starting, &[Ready, Draining, Backoff, Failed, Stopped]),
            (Ready, &[Starting, Draining, Backoff, Failed, Stopped]),
            (Draining, &[Starting, Stopped]),
            (Backoff, &[Starting, Stopped]),
            (Failed, &[Starting, Stopped]),
            (Stopped, &[Starting]),
        ];
        for (from, to_allowed) in allowed {
            for to in ALL {
                assert_eq!(may_follow(from, to), to_allowed.contains(&to), "{from} → {to}");
            }
        }
    }

    #[test]
    fn a_worker_is_as_healthy_as_its_worst_process() {
        assert_eq!(least_healthy([Ready, Ready]), Ready);
        assert_eq!(least_healthy([Ready, Starting, Draining]), Starting);
        assert_eq!(least_healthy([Backoff, Failed, Ready]), Failed);
        assert_eq!(least_healthy([]), Stopped);
        for state in ALL {
            assert_eq!(least_healthy([state]), state);
        }
    }
}
