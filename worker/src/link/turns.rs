//! Realms of one process are served in turns, whatever the number of links that each has something to be done on.

use tokio::sync::Semaphore;
use tokio::task::yield_now;

/// The turns of one realm.
#[derive(Debug)]
pub(super) struct Turns(Semaphore);

impl Default for Turns {
    fn default() -> Self {
        Self(Semaphore::new(1))
    }
}

impl Turns {
    /// Does `work`, which is short, when it is the realm's turn. The next one, for whatever link, comes after everybody
    /// else that has something to do.
    pub(super) async fn take<T>(&self, work: impl FnOnce() -> T) -> T {
        // Nobody closes it.
        let _turn = self.0.acquire().await;
        let result = work();
        yield_now().await;
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::rc::Rc;
    use tokio::task::LocalSet;

    #[tokio::test]
    async fn a_realm_with_much_to_do_on_many_links_has_one_turn_between_two_of_another_one() {
        let done = Rc::new(RefCell::new(Vec::new()));
        let local = LocalSet::new();
        for (realm, links, turns) in [('a', 5, 40), ('b', 1, 20)] {
            let own = Rc::new(Turns::default());
            for _ in 0..links {
                let (own, done) = (Rc::clone(&own), Rc::clone(&done));
                local.spawn_local(async move {
                    for _ in 0..turns {
                        own.take(|| done.borrow_mut().push(realm)).await;
                    }
                });
            }
        }
        local.await;
        let order: String = done.borrow().iter().collect();
        assert_eq!(order.len(), 220);
        let both = order.rfind('b').and_then(|last| order.get(..last)).unwrap();
        assert!(!both.contains("aa"), "{order}");
    }
}
