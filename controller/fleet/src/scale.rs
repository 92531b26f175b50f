//! Which places of a worker go when it is to have fewer: those of least use, and not those with the highest number.

use jackfield_shared::status::State;

/// Which places are to change places, so that those from `count` on are the ones to go.
pub(crate) fn exchanges(states: &[State], count: usize) -> Vec<(usize, usize)> {
    if count >= states.len() {
        return Vec::new();
    }
    let mut ranked: Vec<_> = (0..states.len()).collect();
    // Stable: of the same use are those with the lower numbers.
    ranked.sort_by_key(|&place| use_of(states[place]));
    let mut stays: Vec<_> = ranked.into_iter().take(count).collect();
    stays.sort_unstable();
    let to_front = stays.iter().copied().filter(|&place| place >= count);
    let to_back = (0..count).filter(|place| !stays.contains(place));
    to_back.zip(to_front).collect()
}

/// How little use a place is, as it is now.
fn use_of(state: State) -> u8 {
    match state {
        State::Ready => 0,
        State::Starting => 1,
        State::Backoff => 2,
        State::Draining => 3,
        State::Stopped => 4,
        State::Failed => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use State::{Backoff, Draining, Failed, Ready, Starting, Stopped};

    #[test]
    fn those_that_serve_stay() {
        for (states, count, expected) in [
            (&[Ready, Ready, Ready][..], 2, &[][..]),
            (&[Ready, Ready], 2, &[]),
            (&[Ready, Ready], 5, &[]),
            (&[Failed, Ready], 1, &[(0, 1)]),
            (&[Failed, Backoff, Ready, Ready], 2, &[(0, 2), (1, 3)]),
            (&[Ready, Failed, Stopped, Ready, Starting], 3, &[(1, 3), (2, 4)]),
            (&[Backoff, Starting, Draining], 1, &[(0, 1)]),
            (&[Failed, Failed, Failed], 1, &[]),
            (&[Failed, Ready, Failed, Ready], 3, &[(2, 3)]),
        ] {
            let found = exchanges(states, count);
            assert_eq!(found, expected, "{states:?} to {count}");
            let mut states = states.to_vec();
            found.iter().for_each(|&(one, other)| states.swap(one, other));
            let least = states.iter().take(count).map(|s| use_of(*s)).max();
            let rest = states.iter().skip(count).map(|s| use_of(*s)).min();
            assert!(rest.is_none() || least <= rest, "{states:?}");
        }
    }
}
