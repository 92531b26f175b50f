//! In which order workers start and stop: what connects to another starts after it and stops before it.

use std::collections::BTreeSet;

/// Which workers a worker has to do with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// Ids of the workers it comes after (`after`).
    pub after: Vec<String>,
    /// Addresses it listens on.
    pub listens: BTreeSet<String>,
    /// Addresses it connects to.
    pub connects: BTreeSet<String>,
}

/// A worker as far as the order is concerned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member<'a> {
    /// Its id.
    pub id: &'a str,
    /// Which workers it has to do with.
    pub links: &'a Links,
}

/// How far a worker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It was not told anything yet.
    Waiting,
    /// It was told to start, or to stop, and is at it.
    Moving,
    /// It is where it was to go, or it is known that it won't get there.
    Arrived,
}

/// Which of those that wait may start now: all that they come after have arrived. Only what is written in `after` counts:
/// a front whose backend can't be started is of use still.
pub(crate) fn may_start(members: &[Member<'_>], stages: &[Stage]) -> Vec<usize> {
    let before = |one: usize| written(members, one);
    ready_to_move(members.len(), stages, before)
}

/// Which of those that wait may stop now: all that come after them, or connect to them, have stopped.
pub(crate) fn may_stop(members: &[Member<'_>], stages: &[Stage]) -> Vec<usize> {
    let edges = edges(members);
    let before = |one: usize| edges.iter().filter(|(_, to)| *to == one).map(|(from, _)| *from).collect();
    ready_to_move(members.len(), stages, before)
}

fn ready_to_move(count: usize, stages: &[Stage], before: impl Fn(usize) -> Vec<usize>) -> Vec<usize> {
    let stage = |one: usize| stages.get(one).copied().unwrap_or(Stage::Arrived);
    let waiting = (0..count).filter(|&one| stage(one) == Stage::Waiting);
    waiting.filter(|&one| before(one).iter().all(|&other| stage(other) == Stage::Arrived)).collect()
}

/// The workers that this one comes after by its own words.
fn written(members: &[Member<'_>], one: usize) -> Vec<usize> {
    let named = |other: &usize| members[one].links.after.iter().any(|id| id == members[*other].id);
    (0..members.len()).filter(|other| *other != one).filter(named).collect()
}

/// Who stops before whom: what is written, then what follows from addresses, as far as that leads round in no circle.
fn edges(members: &[Member<'_>]) -> Vec<(usize, usize)> {
    let written =
        (0..members.len()).flat_map(|one| written(members, one).into_iter().map(move |other| (one, other)));
    let mut edges: Vec<_> = written.collect();
    for from in 0..members.len() {
        for to in (0..members.len()).filter(|to| *to != from) {
            let connects = !members[from].links.connects.is_disjoint(&members[to].links.listens);
            if connects && !edges.contains(&(from, to)) && !reaches(&edges, to, from) {
                edges.push((from, to));
            }
        }
    }
    edges
}

/// Whether one can get from here to there.
fn reaches(edges: &[(usize, usize)], from: usize, to: usize) -> bool {
    let mut seen = vec![from];
    let mut next = 0;
    while let Some(&at) = seen.get(next) {
        if at == to {
            return true;
        }
        next += 1;
        let more: Vec<_> =
            edges.iter().filter(|(one, other)| *one == at && !seen.contains(other)).map(|e| e.1).collect();
        seen.extend(more);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    type One = (&'static str, Links);

    fn member(id: &'static str, after: &[&str], listens: &[&str], connects: &[&str]) -> One {
        let set = |some: &[&str]| some.iter().map(|&one| one.to_owned()).collect();
        let after = after.iter().map(|&one| one.to_owned()).collect();
        (id, Links { after, listens: set(listens), connects: set(connects) })
    }

    fn members(all: &[One]) -> Vec<Member<'_>> {
        all.iter().map(|(id, links)| Member { id, links }).collect()
    }

    /// The rounds in which all of them move, each arriving at once.
    fn rounds(all: &[One], next: impl Fn(&[Member<'_>], &[Stage]) -> Vec<usize>) -> Vec<String> {
        let mut stages = vec![Stage::Waiting; all.len()];
        let mut rounds = Vec::new();
        while stages.contains(&Stage::Waiting) {
            let moving = next(&members(all), &stages);
            assert!(!moving.is_empty(), "stuck at {stages:?}");
            rounds.push(moving.iter().map(|&one| all[one].0).collect::<Vec<_>>().join(" "));
            moving.into_iter().for_each(|one| stages[one] = Stage::Arrived);
        }
        rounds
    }

    #[test]
    fn what_connects_stops_first_and_what_is_named_starts_first() {
        let lone = [member("a", &[], &["x"], &[]), member("b", &[], &["y"], &[])];
        let front = [
            member("front", &[], &["f"], &["b"]),
            member("app", &[], &["b"], &["d"]),
            member("db", &[], &["d"], &[]),
        ];
        let named = [
            member("front", &["app"], &[], &[]),
            member("app", &["db"], &[], &[]),
            member("db", &[], &[], &[]),
        ];
        let circle = [member("a", &[], &["a"], &["b"]), member("b", &[], &["b"], &["a"])];
        let against = [member("a", &["b"], &["a"], &[]), member("b", &[], &["b"], &["a"])];
        let to_itself = [member("a", &["a"], &["a"], &["a"])];
        for (members, starting, stopping) in [
            (&lone[..], &["a b"][..], &["a b"][..]),
            (&front, &["front app db"], &["front", "app", "db"]),
            (&named, &["db", "app", "front"], &["front", "app", "db"]),
            (&circle, &["a b"], &["a", "b"]),
            (&against, &["b", "a"], &["a", "b"]),
            (&to_itself, &["a"], &["a"]),
        ] {
            assert_eq!(rounds(members, may_start), starting, "{members:?}");
            assert_eq!(rounds(members, may_stop), stopping, "{members:?}");
        }
    }

    #[test]
    fn who_is_on_the_way_is_waited_for_and_who_was_told_is_not_told_again() {
        let all = [member("front", &["app"], &[], &[]), member("app", &[], &[], &[])];
        let members = members(&all);
        use Stage::{Arrived, Moving, Waiting};
        for (stages, starts, stops) in [
            ([Waiting, Waiting], &[1][..], &[0][..]),
            ([Waiting, Moving], &[], &[0]),
            ([Waiting, Arrived], &[0], &[0]),
            ([Moving, Waiting], &[1], &[]),
            ([Arrived, Waiting], &[1], &[1]),
            ([Arrived, Arrived], &[], &[]),
        ] {
            assert_eq!(may_start(&members, &stages), starts, "{stages:?}");
            assert_eq!(may_stop(&members, &stages), stops, "{stages:?}");
        }
    }
}
