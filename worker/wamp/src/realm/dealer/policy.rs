//! Which callee of a registration is called.

use super::{Callee, Registration};
use crate::Ids;
use crate::realm::options::Invoke;

impl Callee {
    pub(crate) const fn new(session: u64, concurrency: u64, forward_timeout: bool, link: bool) -> Self {
        Self { session, concurrency, active: 0, forward_timeout, link }
    }

    /// Whether it takes a further call.
    const fn is_free(&self) -> bool {
        self.concurrency == 0 || self.active < self.concurrency
    }
}

impl Registration {
    /// Counts a call that a callee has got from another process that had this realm; the next one's turn comes after it.
    pub(crate) fn take_place(&mut self, callee: u64) {
        let Some(at) = self.callees.iter().position(|entry| entry.session == callee) else { return };
        self.callees[at].active += 1;
        self.turn = at + 1;
    }

    /// Whether some callee takes a limited number of calls at a time.
    pub(crate) fn is_limited(&self) -> bool {
        self.callees.iter().any(|callee| callee.concurrency > 0)
    }

    /// Whether a call that has come over a link between routers finds a callee here: it does not go over another one.
    pub(crate) fn takes_forwarded(&self) -> bool {
        self.callees.iter().any(|callee| !callee.link)
    }

    /// The place of the callee of the next call; none: all that come into question are at their limits. `forwarded`: the
    /// call has come over a link between routers.
    pub(crate) fn pick(&mut self, ids: &mut Ids, forwarded: bool) -> Option<usize> {
        let count = self.callees.len();
        let may = |at: &usize| self.callees.get(*at).is_some_and(|callee| !(forwarded && callee.link));
        let free = |at: usize| (may(&at) && self.callees[at].is_free()).then_some(at);
        match self.invoke {
            Invoke::Single | Invoke::First => free((0..count).find(may)?),
            Invoke::Last => free((0..count).rev().find(may)?),
            Invoke::RoundRobin => {
                let start = self.turn;
                let found = (0..count).find_map(|step| free((start + step) % count).map(|at| (step, at)));
                let (step, at) = found?;
                self.turn = start + step + 1;
                Some(at)
            }
            Invoke::Random => {
                let places = (0..count).filter_map(free);
                let free = places.clone().count();
                if free == 0 { None } else { places.clone().nth(ids.below(free)) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uri::Match;
    use std::collections::VecDeque;
    use std::time::Duration;

    fn registration(invoke: Invoke, callees: usize, concurrency: u64) -> Registration {
        Registration {
            id: 1,
            uri: "com.x".into(),
            policy: Match::Exact,
            invoke,
            created: Duration::ZERO,
            callees: (0..callees).map(|at| Callee::new(at as u64, concurrency, false, false)).collect(),
            turn: 0,
            queue: VecDeque::new(),
        }
    }

    fn picks(registration: &mut Registration, count: usize) -> Vec<Option<usize>> {
        let mut ids = Ids::seeded(1);
        let mut pick = || {
            let at = registration.pick(&mut ids, false)?;
            registration.callees[at].active += 1;
            Some(at)
        };
        (0..count).map(|_| pick()).collect()
    }

    #[test]
    fn each_policy_picks_its_callee() {
        let some = |places: &[usize]| places.iter().map(|at| Some(*at)).collect::<Vec<_>>();
        assert_eq!(picks(&mut registration(Invoke::Single, 1, 0), 3), some(&[0, 0, 0]));
        assert_eq!(picks(&mut registration(Invoke::First, 3, 0), 3), some(&[0, 0, 0]));
        assert_eq!(picks(&mut registration(Invoke::Last, 3, 0), 3), some(&[2, 2, 2]));
        assert_eq!(picks(&mut registration(Invoke::RoundRobin, 3, 0), 4), some(&[0, 1, 2, 0]));
        let random = picks(&mut registration(Invoke::Random, 3, 0), 100);
        for at in 0..3 {
            assert!(random.iter().filter(|pick| **pick == Some(at)).count() > 20, "{random:?}");
        }
    }

    #[test]
    fn callees_at_their_limits_are_passed_over() {
        assert_eq!(picks(&mut registration(Invoke::Single, 1, 1), 2), [Some(0), None]);
        assert_eq!(picks(&mut registration(Invoke::First, 2, 1), 2), [Some(0), None]);
        assert_eq!(picks(&mut registration(Invoke::RoundRobin, 2, 1), 3), [Some(0), Some(1), None]);
        let mut random = picks(&mut registration(Invoke::Random, 3, 1), 4);
        assert_eq!(random.pop(), Some(None));
        random.sort_unstable();
        assert_eq!(random, [Some(0), Some(1), Some(2)]);
        let mut uneven = registration(Invoke::RoundRobin, 3, 2);
        uneven.callees[1].active = 2;
        assert_eq!(picks(&mut uneven, 3), [Some(0), Some(2), Some(0)]);
    }

    #[test]
    fn a_call_of_a_link_goes_over_no_other_link() {
        for invoke in [Invoke::Single, Invoke::First, Invoke::Last, Invoke::RoundRobin, Invoke::Random] {
            let mut both = registration(invoke, 3, 0);
            both.callees[0].link = true;
            both.callees[2].link = true;
            let mut ids = Ids::seeded(1);
            let picked: Vec<_> = (0..3).map(|_| both.pick(&mut ids, true)).collect();
            assert_eq!(picked, [Some(1); 3], "{invoke:?}");
            both.callees[1].link = true;
            assert!(!both.takes_forwarded());
        }
    }
}
