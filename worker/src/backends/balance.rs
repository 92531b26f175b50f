//! Which of several backends a connection or request goes to: decided from what is known of them, and nothing else.

use jackfield_shared::config::Balance;
use std::cmp::Reverse;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;

/// What is known of a backend.
#[derive(Clone, Debug)]
pub(super) struct Candidate<'a> {
    /// Names it, the same in every process.
    pub(super) address: &'a str,
    pub(super) weight: u16,
    pub(super) backup: bool,
    pub(super) is_down: bool,
    /// Connections, or requests, that are open.
    pub(super) open: u32,
}

/// Whose turn it is.
#[derive(Debug, Default)]
pub(super) struct Turns {
    next: usize,
    /// What each backend has in hand: it gets its weight each time, and pays the weight of all when it is chosen.
    credit: Vec<i64>,
}

impl Turns {
    /// The places of all candidates, in the order in which they are to be asked. Those that are down come last, but they come:
    /// nothing is lost by asking when nobody else is left. Backups come after those that are none, up or down alike. `draw`
    /// is a random number below its argument.
    pub(super) fn order(
        &mut self,
        balance: Balance,
        list: &[Candidate<'_>],
        client: Option<IpAddr>,
        mut draw: impl FnMut(u64) -> u64,
    ) -> Vec<usize> {
        let count = list.len();
        self.credit.resize(count, 0);
        let first = self.next.min(count);
        self.next = (first + 1) % count.max(1);
        let mut order: Vec<usize> = (first..count).chain(0..first).collect();
        let by_load = |a: &usize, b: &usize| load(&list[*a], &list[*b]);
        match balance {
            Balance::RoundRobin => {
                order.sort_unstable();
                self.spread(list, &mut order);
            }
            Balance::LeastConnections => order.sort_by(by_load),
            Balance::RandomTwo => {
                let mut drawn = Vec::with_capacity(count);
                order.sort_by_key(|&place| rank(&list[place]));
                while !order.is_empty() {
                    // Of those that are as good as the first.
                    let best = rank(&list[order[0]]);
                    let equals = order.iter().take_while(|&&place| rank(&list[place]) == best).count();
                    drawn.push(order.remove(pick(list, &order[..equals], &mut draw)));
                }
                if drawn.len() > 1 && rank(&list[drawn[0]]) == rank(&list[drawn[1]]) {
                    drawn[..2].sort_by(by_load);
                }
                order = drawn;
            }
            Balance::Hash => {
                order.sort_unstable();
                // Of numbers above 0, the larger one has the larger bits.
                order.sort_by_cached_key(|&place| Reverse(score(client, &list[place]).to_bits()));
            }
        }
        order.sort_by_key(|&place| rank(&list[place]));
        order
    }

    /// Smooth weighted round robin: whoever has most in hand is next, so that those of much weight are not asked many times in
    /// a row. Those that are not asked now take no part.
    fn spread(&mut self, list: &[Candidate<'_>], order: &mut [usize]) {
        let Some(best) = order.iter().map(|&place| rank(&list[place])).min() else { return };
        let takes_part = |place: &usize| rank(&list[*place]) == best;
        let mut all = 0;
        for place in order.iter().filter(|place| takes_part(place)) {
            let weight = i64::from(list[*place].weight);
            self.credit[*place] += weight;
            all += weight;
        }
        order.sort_by_key(|&place| Reverse(self.credit[place]));
        if let Some(&chosen) = order.iter().find(|place| takes_part(place)) {
            self.credit[chosen] -= all;
            // The others follow as they would have their turn, from the one behind the chosen on where they are equal.
            let count = list.len().max(1);
            order.sort_by_key(|&place| {
                let behind = (place + count - chosen) % count;
                (place != chosen, Reverse(self.credit[place]), behind)
            });
        }
    }
}

/// What comes before how busy a backend is.
fn rank(candidate: &Candidate<'_>) -> (bool, bool) {
    (candidate.is_down, candidate.backup)
}

/// Which of two has less to do, for its weight.
fn load(a: &Candidate<'_>, b: &Candidate<'_>) -> std::cmp::Ordering {
    (u64::from(a.open) * u64::from(b.weight)).cmp(&(u64::from(b.open) * u64::from(a.weight)))
}

/// Draws one of `places` by weight; where it stands among them.
fn pick(list: &[Candidate<'_>], places: &[usize], draw: &mut impl FnMut(u64) -> u64) -> usize {
    let all: u64 = places.iter().map(|&place| u64::from(list[place].weight)).sum();
    let mut drawn = draw(all.max(1));
    for (at, &place) in places.iter().enumerate() {
        let weight = u64::from(list[place].weight);
        if drawn < weight {
            return at;
        }
        drawn -= weight;
    }
    0
}

/// Weighted rendezvous hashing: a backend that comes or goes, or whose weight changes, moves no clients but its own.
fn score(client: Option<IpAddr>, candidate: &Candidate<'_>) -> f64 {
    let mut hasher = DefaultHasher::new();
    client.hash(&mut hasher);
    candidate.address.hash(&mut hasher);
    // Between 0 and 1, neither of them included.
    let share = ((hasher.finish() >> 12) as f64 + 0.5) / (1_u64 << 52) as f64;
    -f64::from(candidate.weight) / share.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 4] = ["a", "b", "c", "d"];

    fn candidates(weights: &[u16]) -> Vec<Candidate<'static>> {
        let candidate =
            |(&address, &weight)| Candidate { address, weight, backup: false, is_down: false, open: 0 };
        NAMES.iter().zip(weights).map(candidate).collect()
    }

    fn names(turns: &mut Turns, balance: Balance, list: &[Candidate<'_>], client: u8) -> String {
        let address = IpAddr::from([127, 0, 0, client]);
        let order = turns.order(balance, list, Some(address), |_| 0);
        order.into_iter().map(|place| list[place].address).collect()
    }

    fn firsts(balance: Balance, list: &[Candidate<'_>], count: usize) -> String {
        let mut turns = Turns::default();
        (0..count).map(|n| names(&mut turns, balance, list, n as u8).remove(0)).collect()
    }

    #[test]
    fn turns_go_round_by_weight_and_no_one_is_asked_many_times_in_a_row() {
        let list = candidates(&[1, 1, 1]);
        let mut turns = Turns::default();
        let orders: Vec<_> = (0..4).map(|_| names(&mut turns, Balance::RoundRobin, &list, 1)).collect();
        assert_eq!(orders, ["abc", "bca", "cab", "abc"]);
        assert_eq!(firsts(Balance::RoundRobin, &candidates(&[5, 1, 1]), 14), "aabacaaaabacaa");
        assert_eq!(firsts(Balance::RoundRobin, &candidates(&[3, 1]), 8), "aabaaaba");
    }

    #[test]
    fn who_is_down_takes_no_part_in_turns_and_has_no_claim_to_them_later() {
        let mut list = candidates(&[2, 1]);
        let mut turns = Turns::default();
        list[0].is_down = true;
        for _ in 0..10 {
            assert_eq!(names(&mut turns, Balance::RoundRobin, &list, 1), "ba");
        }
        list[0].is_down = false;
        let after: String =
            (0..6).map(|_| names(&mut turns, Balance::RoundRobin, &list, 1).remove(0)).collect();
        assert_eq!(after, "abaaba");
    }

    #[test]
    fn the_least_used_for_its_weight_is_first_and_equals_take_turns() {
        let mut list = candidates(&[1, 1, 4]);
        (list[0].open, list[1].open, list[2].open) = (1, 0, 3);
        assert_eq!(firsts(Balance::LeastConnections, &list, 2), "bb");
        list[1].open = 1;
        assert_eq!(
            firsts(Balance::LeastConnections, &list, 2),
            "cc",
            "3 for a weight of 4 is less than 1 for 1"
        );
        list[2].open = 4;
        assert_eq!(firsts(Balance::LeastConnections, &list, 6), "abcabc");
    }

    #[test]
    fn of_two_drawn_at_random_the_less_busy_one_is_first() {
        let mut list = candidates(&[1, 1, 1, 1]);
        for (candidate, open) in list.iter_mut().zip([9, 3, 1, 0]) {
            candidate.open = open;
        }
        // The first two are drawn.
        assert_eq!(names(&mut Turns::default(), Balance::RandomTwo, &list, 1), "bacd");
        let mut seed = 1_u64;
        let mut draw = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % below
        };
        let mut turns = Turns::default();
        let mut used = [0; 4];
        for _ in 0..10_000 {
            used[turns.order(Balance::RandomTwo, &list, None, &mut draw)[0]] += 1;
        }
        // The busiest is first only if it is drawn twice, which it can't be.
        assert!(used[0] == 0 && used[1] < used[2] && used[2] < used[3], "{used:?}");
        let list = candidates(&[1, 3]);
        let mut used = [0; 2];
        for _ in 0..10_000 {
            let order = turns.order(Balance::RandomTwo, &list, None, &mut draw);
            used[order[0]] += 1;
        }
        assert!((2_200..2_800).contains(&used[0]), "{used:?}");
    }

    #[test]
    fn an_address_keeps_its_backend_and_weights_hold_for_addresses() {
        let (three, four, heavy) =
            (candidates(&[1, 1, 1]), candidates(&[1, 1, 1, 1]), candidates(&[1, 1, 4]));
        let mut turns = Turns::default();
        let (mut used, mut used_heavy) = ([0; 3], [0; 3]);
        for n in 0..=255 {
            let before = names(&mut turns, Balance::Hash, &three, n);
            assert_eq!(before, names(&mut turns, Balance::Hash, &three, n));
            let after = names(&mut turns, Balance::Hash, &four, n).replace('d', "");
            assert_eq!(before, after, "only clients of the new backend move");
            let weighed = names(&mut turns, Balance::Hash, &heavy, n);
            assert!(
                weighed[..1] == before[..1] || weighed.starts_with('c'),
                "only to the one with more weight"
            );
            let place = |order: &str| NAMES.iter().position(|name| order.starts_with(name)).unwrap();
            used[place(&before)] += 1;
            used_heavy[place(&weighed)] += 1;
        }
        assert!(used.iter().all(|&n| n > 50), "{used:?}");
        assert!(used_heavy[2] > 2 * (used_heavy[0] + used_heavy[1]) * 4 / 5, "{used_heavy:?}");
    }

    #[test]
    fn backups_are_asked_after_the_others_and_before_those_that_are_down() {
        let mut list = candidates(&[1, 1, 1, 1]);
        (list[0].backup, list[1].is_down) = (true, true);
        for balance in [Balance::RoundRobin, Balance::LeastConnections, Balance::RandomTwo, Balance::Hash] {
            let order = names(&mut Turns::default(), balance, &list, 7);
            assert!(order[..2] == *"cd" || order[..2] == *"dc", "{balance:?}: {order}");
            assert_eq!(order[2..], *"ab", "{balance:?}");
        }
    }
}
