//! Black and white lists of a publication.

use crate::realm::session::Identity;
use crate::{Dict, Id, Value};

/// Who gets an event: those in all lists of eligible ones that are not empty, without those in a list of excluded
/// ones. The lists are sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) exclude: Vec<Id>,
    pub(crate) exclude_authid: Vec<String>,
    pub(crate) exclude_authrole: Vec<String>,
    pub(crate) eligible: Vec<Id>,
    pub(crate) eligible_authid: Vec<String>,
    pub(crate) eligible_authrole: Vec<String>,
}

impl Filter {
    /// Whether everybody gets the event.
    pub(crate) fn is_empty(&self) -> bool {
        self.exclude.is_empty() && self.eligible.is_empty() && !self.asks_identity()
    }

    /// Whether more than the session id has to be known.
    fn asks_identity(&self) -> bool {
        !(self.exclude_authid.is_empty()
            && self.exclude_authrole.is_empty()
            && self.eligible_authid.is_empty()
            && self.eligible_authrole.is_empty())
    }

    /// Whether a session gets the event.
    pub(crate) fn admits(&self, identity: &Identity) -> bool {
        let has = |names: &[String], name: &str| names.binary_search_by(|n| n.as_str().cmp(name)).is_ok();
        let (session, authid, authrole) = (&identity.session, &*identity.authid, &*identity.authrole);
        (self.eligible.is_empty() || self.eligible.binary_search(session).is_ok())
            && (self.eligible_authid.is_empty() || has(&self.eligible_authid, authid))
            && (self.eligible_authrole.is_empty() || has(&self.eligible_authrole, authrole))
            && self.exclude.binary_search(session).is_err()
            && !has(&self.exclude_authid, authid)
            && !has(&self.exclude_authrole, authrole)
    }

    /// It as options of PUBLISH.
    pub(crate) fn options(&self) -> Dict {
        let mut options = Dict::new();
        for (key, ids) in [("exclude", &self.exclude), ("eligible", &self.eligible)] {
            if !ids.is_empty() {
                options.push(key, ids.iter().map(|id| Value::from(*id)).collect::<Vec<_>>());
            }
        }
        for (key, names) in [
            ("exclude_authid", &self.exclude_authid),
            ("exclude_authrole", &self.exclude_authrole),
            ("eligible_authid", &self.eligible_authid),
            ("eligible_authrole", &self.eligible_authrole),
        ] {
            if !names.is_empty() {
                options.push(key, names.iter().map(|name| Value::from(name.as_str())).collect::<Vec<_>>());
            }
        }
        options
    }

    /// The bytes that it takes, about.
    pub(crate) fn size(&self) -> usize {
        let names =
            [&self.exclude_authid, &self.exclude_authrole, &self.eligible_authid, &self.eligible_authrole];
        let names: usize = names.into_iter().flatten().map(|name| name.len() + 24).sum();
        names + 8 * (self.exclude.len() + self.eligible.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_lists_have_to_admit_a_session() {
        let identity = Identity { session: 7, authid: "joe".into(), authrole: "user".into() };
        let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let all = Filter::default();
        let cases = [
            (all.clone(), true),
            (Filter { eligible: vec![3, 7], ..all.clone() }, true),
            (Filter { eligible: vec![3], ..all.clone() }, false),
            (Filter { exclude: vec![3, 7], ..all.clone() }, false),
            (Filter { exclude: vec![8], ..all.clone() }, true),
            (Filter { eligible_authid: names(&["ann", "joe"]), ..all.clone() }, true),
            (Filter { eligible_authid: names(&["ann"]), ..all.clone() }, false),
            (Filter { eligible_authrole: names(&["admin"]), ..all.clone() }, false),
            (Filter { exclude_authid: names(&["joe"]), ..all.clone() }, false),
            (Filter { exclude_authrole: names(&["user"]), ..all.clone() }, false),
            (Filter { eligible: vec![7], eligible_authid: names(&["ann"]), ..all.clone() }, false),
            (Filter { eligible_authrole: names(&["user"]), exclude: vec![7], ..all.clone() }, false),
        ];
        for (filter, expected) in cases {
            assert_eq!(filter.admits(&identity), expected, "{filter:?}");
        }
        assert!(all.is_empty() && !Filter { exclude_authid: names(&["x"]), ..Filter::default() }.is_empty());
    }
}
