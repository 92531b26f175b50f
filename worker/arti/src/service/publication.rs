//! What Arti says of a service, as the state of an endpoint.

use crate::network::Network;
use crate::news::explain;
use jackfield_shared::status::EndpointState;
use std::time::Duration;
use tokio::time::Instant;
use tor_hsservice::status::{OnionServiceStatus, Problem, State};

/// How long something may be amiss with a service that is published before it counts as lost: Arti replaces
/// introduction points all the time.
const GRACE: Duration = Duration::from_secs(5);

/// How far the publishing is.
#[derive(Debug, Default)]
pub(super) struct Progress {
    step: Step,
    /// Since when something is amiss.
    amiss: Option<Instant>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    #[default]
    Begun,
    /// Somebody can find it.
    Published,
    /// Nobody can, though somebody could.
    Lost,
    /// Arti will not mend it.
    Broken,
}

impl Progress {
    /// Whether it was published and still is, as far as is known.
    pub(super) fn is_published(&self) -> bool {
        self.step == Step::Published
    }

    /// Whether it has to be launched again.
    pub(super) fn is_broken(&self) -> bool {
        self.step == Step::Broken
    }

    /// When to look again, even if nothing is said.
    pub(super) fn next(&self) -> Option<Instant> {
        self.amiss.filter(|_| self.is_published()).map(|since| since + GRACE)
    }

    /// State and reason, by what is said now and what was said before.
    pub(super) fn of(
        &mut self,
        status: &OnionServiceStatus,
        network: &Network,
    ) -> (EndpointState, Option<String>) {
        self.told(status.state(), status.current_problem().map(text), network, Instant::now())
    }

    fn told(
        &mut self,
        state: State,
        problem: Option<String>,
        network: &Network,
        now: Instant,
    ) -> (EndpointState, Option<String>) {
        let is_amiss = match state {
            State::Running | State::DegradedReachable => {
                self.step = Step::Published;
                false
            }
            // So says Arti, too, of a service in a network too young to have two time periods, when all directories
            // of the one there is have stored the descriptor. What is unreachable has a problem.
            State::DegradedUnreachable if problem.is_none() => {
                self.step = Step::Published;
                false
            }
            // The same descriptor is uploaded again, or a newer one, and clients find the one before meanwhile; unless
            // it is the introduction points that Arti looks for. It says that it is shut down before it has begun.
            State::Bootstrapping | State::Shutdown => problem.is_some(),
            State::Broken => {
                self.step = Step::Broken;
                false
            }
            // Without introduction points, or not stored by directories; and what later releases may add.
            _ => true,
        };
        self.amiss = is_amiss.then(|| self.amiss.unwrap_or(now));
        if self.next().is_some_and(|end| end <= now) {
            self.step = Step::Lost;
        }
        match (self.step, network) {
            (Step::Broken, _) => {
                let why = problem.unwrap_or_else(|| "it has ended".into());
                (EndpointState::Degraded, Some(format!("Arti can't publish it: {why}")))
            }
            (_, Network::CutOff(why) | Network::Late(why)) => (EndpointState::Degraded, Some(why.clone())),
            (_, Network::Starting(why)) => (EndpointState::Publishing, Some(why.clone())),
            (Step::Published, Network::Up) => (EndpointState::Published, None),
            (Step::Begun, Network::Up) => (EndpointState::Publishing, problem),
            (Step::Lost, Network::Up) => {
                let why = problem.unwrap_or_else(|| "it is being published anew".into());
                (EndpointState::Degraded, Some(why))
            }
        }
    }
}

fn text(problem: &Problem) -> String {
    match problem {
        Problem::Runtime(e) => explain(e),
        Problem::DescriptorUpload(all) => {
            let why = all.first().map(|e| format!(" ({})", explain(e))).unwrap_or_default();
            format!("{} directories did not store its descriptor{why}; Arti goes on trying", all.len())
        }
        Problem::Ipt(all) => {
            let why = all.first().map(|e| format!(": {}", explain(e))).unwrap_or_default();
            format!("it has too few introduction points{why}; Arti goes on trying")
        }
        _ => "Arti has a problem with it that this release has no words for".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use EndpointState::{Degraded, Published, Publishing};

    /// What is told of this, one every second.
    fn after(states: &[(State, Option<&str>)], network: &Network) -> (EndpointState, Option<String>) {
        let (mut progress, mut now) = (Progress::default(), Instant::now());
        let told = states.iter().map(|(state, problem)| {
            now += Duration::from_secs(1);
            progress.told(*state, problem.map(str::to_owned), network, now)
        });
        told.last().unwrap()
    }

    #[test]
    fn published_is_what_somebody_can_find() {
        let up = Network::Up;
        assert_eq!(after(&[(State::Shutdown, None)], &up), (Publishing, None));
        assert_eq!(after(&[(State::Bootstrapping, None)], &up), (Publishing, None));
        assert_eq!(after(&[(State::Recovering, None)], &up), (Publishing, None));
        assert_eq!(after(&[(State::Running, None)], &up), (Published, None));
        assert_eq!(after(&[(State::DegradedUnreachable, None)], &up), (Published, None));
        assert_eq!(after(&[(State::Running, None), (State::Bootstrapping, None)], &up), (Published, None));
        assert_eq!(after(&[(State::Running, None), (State::Broken, Some("x"))], &up).0, Degraded);
    }

    #[test]
    fn lost_is_what_stays_amiss() {
        let up = Network::Up;
        for amiss in [State::DegradedUnreachable, State::Recovering, State::Bootstrapping] {
            let mut states = vec![(State::Running, None); 3];
            states.extend([(amiss, Some("400")); 5]);
            assert_eq!(after(&states, &up), (Published, None), "{amiss:?}");
            states.push((amiss, Some("400")));
            assert_eq!(after(&states, &up), (Degraded, Some("400".into())), "{amiss:?}");
            states.push((State::Bootstrapping, None));
            assert_eq!(after(&states, &up).0, Degraded, "{amiss:?}");
            states.push((State::Running, None));
            assert_eq!(after(&states, &up), (Published, None), "{amiss:?}");
        }
    }

    #[test]
    fn without_a_network_it_is_not_published() {
        let cut_off = Network::CutOff("gone".into());
        assert_eq!(after(&[(State::Running, None)], &cut_off), (Degraded, Some("gone".into())));
        let late = Network::Late("late".into());
        assert_eq!(after(&[(State::Bootstrapping, None)], &late), (Degraded, Some("late".into())));
        let starting = Network::Starting("15 %".into());
        assert_eq!(after(&[(State::Bootstrapping, None)], &starting), (Publishing, Some("15 %".into())));
    }
}
