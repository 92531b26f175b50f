//! What many sessions have alike, kept once.

use std::collections::HashSet;
use std::hash::Hash;
use std::rc::Rc;

/// What many sessions have alike, kept once for as long as one has it.
#[derive(Debug)]
pub(crate) struct Alike<T: ?Sized>(HashSet<Rc<T>>);

impl<T: ?Sized + Eq + Hash> Default for Alike<T> {
    fn default() -> Self {
        Self(HashSet::new())
    }
}

impl<T: ?Sized + Eq + Hash> Alike<T>
where
    for<'a> Rc<T>: From<&'a T>,
{
    /// The one that is equal to this.
    pub(crate) fn one(&mut self, value: &T) -> Rc<T> {
        if let Some(known) = self.0.get(value) {
            return Rc::clone(known);
        }
        let new = Rc::from(value);
        self.0.insert(Rc::clone(&new));
        new
    }

    /// A session that had it is gone, and this is the last it had.
    pub(crate) fn release(&mut self, value: Rc<T>) {
        // Ours and this one.
        if Rc::strong_count(&value) <= 2 {
            self.0.remove(&value);
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_alike_is_kept_once_and_for_as_long_as_somebody_has_it() {
        let mut alike = Alike::<str>::default();
        let (first, second) = (alike.one("user"), alike.one("user"));
        assert!(Rc::ptr_eq(&first, &second));
        let other = alike.one("admin");
        assert_eq!(alike.len(), 2);
        alike.release(first);
        alike.release(other);
        assert_eq!(alike.len(), 1);
        assert!(Rc::ptr_eq(&second, &alike.one("user")));
        alike.release(second);
        assert_eq!(alike.len(), 0);
    }
}
