//! What Arti says of a service, as the state of an endpoint.

use crate::explain;
use crate::network::Network;
use jackfield_shared::status::EndpointState;
use tor_hsservice::status::{OnionServiceStatus, Problem, State};

/// How far the publishing is.
#[derive(Debug, Default)]
pub(super) struct Progress(Step);

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
        self.0 == Step::Published
    }

    /// Whether it has to be launched again.
    pub(super) fn is_broken(&self) -> bool {
        self.0 == Step::Broken
    }

    /// State and reason, by what is said now and what was said before.
    pub(super) fn of(
        &mut self,
        status: &OnionServiceStatus,
        network: &Network,
    ) -> (EndpointState, Option<String>) {
        self.told(status.state(), status.current_problem().map(text), network)
    }

    fn told(
        &mut self,
        state: State,
        problem: Option<String>,
        network: &Network,
    ) -> (EndpointState, Option<String>) {
        let lost = self.0 != Step::Begun;
        self.0 = match state {
            State::Running | State::DegradedReachable => Step::Published,
            // So says Arti, too, of a service in a network too young to have two time periods, when all directories
            // of the one there is have stored the descriptor. What is unreachable has a problem.
            State::DegradedUnreachable if problem.is_none() => Step::Published,
            // The same descriptor is uploaded again, or a newer one; clients find the one before meanwhile.
            State::Bootstrapping => self.0,
            // It says so, too, before it has begun; who is told the end of it sees its streams end.
            State::Shutdown => self.0,
            State::Broken => Step::Broken,
            // Without introduction points, or not stored by directories; and what later releases may add.
            _ if lost => Step::Lost,
            _ => Step::Begun,
        };
        match (self.0, network) {
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
            format!("it has too few introduction points yet{why}; Arti goes on trying")
        }
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use EndpointState::{Degraded, Published, Publishing};

    fn after(states: &[(State, Option<&str>)], network: &Network) -> (EndpointState, Option<String>) {
        let mut progress = Progress::default();
        let told =
            states.iter().map(|(state, problem)| progress.told(*state, problem.map(str::to_owned), network));
        told.last().unwrap()
    }

    #[test]
    fn published_is_what_somebody_can_find() {
        let up = Network::Up;
        assert_eq!(after(&[(State::Bootstrapping, None)], &up), (Publishing, None));
        assert_eq!(after(&[(State::Recovering, None)], &up), (Publishing, None));
        assert_eq!(after(&[(State::Running, None)], &up), (Published, None));
        assert_eq!(after(&[(State::DegradedUnreachable, None)], &up), (Published, None));
        assert_eq!(after(&[(State::Running, None), (State::Bootstrapping, None)], &up), (Published, None));
        let (state, why) = after(&[(State::Running, None), (State::DegradedUnreachable, Some("400"))], &up);
        assert_eq!((state, why.as_deref()), (Degraded, Some("400")));
        let lost = [(State::Running, None), (State::Recovering, None), (State::Bootstrapping, None)];
        assert_eq!(after(&lost, &up).0, Degraded);
        assert_eq!(after(&[(State::Running, None), (State::Broken, Some("x"))], &up).0, Degraded);
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
