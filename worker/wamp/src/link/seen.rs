//! What of another edge has come here already.

use std::collections::VecDeque;

/// Numbers of one edge's messages whose effects have come here. Up to `floor` all are settled: they come no more.
#[derive(Debug, Default)]
pub(super) struct Seen {
    floor: u64,
    /// Those above it, sorted, with their places in the hub's order.
    numbers: VecDeque<(u64, u64)>,
    /// The highest one that came when it was its turn.
    highest: u64,
}

/// What has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coming {
    /// It was here before.
    Again,
    /// Others that were sent after it were here before: when they came it was nothing for this edge.
    Overtaken,
    InOrder,
}

impl Seen {
    /// Notes a number. `late`: it was held up, so that others may have overtaken it.
    pub(super) fn note(&mut self, (number, order): (u64, u64), floor: u64, late: bool) -> Coming {
        if floor > self.floor {
            self.floor = floor;
            while self.numbers.front().is_some_and(|first| first.0 <= floor) {
                self.numbers.pop_front();
            }
        }
        if number <= self.floor {
            return Coming::Again;
        }
        match self.numbers.back() {
            Some(last) if last.0 >= number => match self.numbers.binary_search_by_key(&number, |one| one.0) {
                Ok(_) => return Coming::Again,
                Err(at) => self.numbers.insert(at, (number, order)),
            },
            _ => self.numbers.push_back((number, order)),
        }
        if late {
            return Coming::InOrder;
        }
        let overtaken = number < self.highest;
        self.highest = self.highest.max(number);
        if overtaken { Coming::Overtaken } else { Coming::InOrder }
    }

    /// What is not settled, with its places in the hub's order.
    pub(super) fn unsettled(&self) -> impl Iterator<Item = (u64, u64)> {
        self.numbers.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_new_once_and_knows_its_place() {
        use Coming::{Again, InOrder, Overtaken};
        let mut seen = Seen::default();
        for (number, floor, late, expected) in [
            (3, 0, false, InOrder),
            (3, 0, false, Again),
            (2, 0, false, Overtaken),
            (1, 0, true, InOrder),
            (2, 1, true, Again),
            (5, 3, false, InOrder),
            (2, 3, false, Again),
            (4, 3, true, InOrder),
        ] {
            assert_eq!(seen.note((number, 10 * number), floor, late), expected, "{number} above {floor}");
        }
        assert_eq!(seen.numbers, [(4, 40), (5, 50)]);
    }
}
