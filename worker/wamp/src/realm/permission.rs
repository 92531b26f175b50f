//! What the sessions of a role may do.

use super::config::{Access, Allow, Disclose, Role, Rule};
use super::pattern::Patterns;
use crate::uri::Match;
use std::collections::HashMap;

/// What a session does to a URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    Call,
    Register,
    Publish,
    Subscribe,
}

impl Action {
    /// Its name, as authorizers get it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Register => "register",
            Self::Publish => "publish",
            Self::Subscribe => "subscribe",
        }
    }

    /// What it is done to, for people.
    pub(crate) const fn object(self) -> &'static str {
        match self {
            Self::Call | Self::Register => "procedure",
            Self::Publish | Self::Subscribe => "topic",
        }
    }

    const fn allowed(self, allow: Allow) -> bool {
        match self {
            Self::Call => allow.call,
            Self::Register => allow.register,
            Self::Publish => allow.publish,
            Self::Subscribe => allow.subscribe,
        }
    }

    const fn verdict(self, rule: &Rule) -> Verdict {
        if !self.allowed(rule.allow) {
            return Verdict::Denied;
        }
        Verdict::Allowed { disclose: self.discloses(rule.disclose) }
    }

    const fn discloses(self, disclose: Disclose) -> bool {
        match self {
            Self::Call => disclose.caller,
            Self::Publish => disclose.publisher,
            Self::Register | Self::Subscribe => false,
        }
    }
}

/// The answer to the question whether an action is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allowed {
        disclose: bool,
    },
    Denied,
    /// Nobody could say.
    Failed,
}

/// What a role may do, ready to be looked up.
#[derive(Debug)]
pub(crate) enum Permissions {
    All,
    /// One rule for every URI, the most common configuration.
    Everywhere(Rule),
    Static {
        rules: Vec<Rule>,
        table: Patterns<usize>,
    },
    Dynamic(Box<Dynamic>),
}

/// A role whose sessions an authorizer decides about.
#[derive(Debug)]
pub(crate) struct Dynamic {
    role: String,
    pub(crate) authorizer: String,
    disclose: Disclose,
    pub(crate) cache: Cache,
    /// Why it could not say the last time it was asked.
    pub(crate) failure: Option<String>,
}

/// The longest URI whose answer is kept.
const KEPT_LENGTH: usize = 1024;

/// Answers of an authorizer that it allowed to be kept.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    answers: HashMap<(Action, Match), HashMap<String, Verdict>>,
    count: usize,
}

impl Cache {
    fn get(&self, action: Action, policy: Match, uri: &str) -> Option<&Verdict> {
        self.answers.get(&(action, policy))?.get(uri)
    }

    pub(crate) fn keep(&mut self, action: Action, policy: Match, uri: &str, verdict: Verdict, bound: usize) {
        if self.count >= bound {
            self.answers.clear();
            self.count = 0;
        }
        if bound > 0
            && uri.len() <= KEPT_LENGTH
            && self.answers.entry((action, policy)).or_default().insert(uri.to_owned(), verdict).is_none()
        {
            self.count += 1;
        }
    }
}

impl Rule {
    /// Whether it is for every URI.
    fn is_everywhere(&self) -> bool {
        self.policy == Match::Prefix && self.uri.is_empty()
    }
}

impl Permissions {
    pub(crate) fn new(role: &Role) -> Self {
        match &role.access {
            Access::Static(rules) if matches!(&rules[..], [rule] if rule.is_everywhere()) => {
                Self::Everywhere(rules[0].clone())
            }
            Access::Static(rules) => {
                let mut table = Patterns::default();
                for (at, rule) in rules.iter().enumerate() {
                    table.insert(rule.policy, &rule.uri, at);
                }
                Self::Static { rules: rules.clone(), table }
            }
            Access::Dynamic { authorizer, disclose } => Self::Dynamic(Box::new(Dynamic {
                role: role.name.clone(),
                authorizer: authorizer.clone(),
                disclose: *disclose,
                cache: Cache::default(),
                failure: None,
            })),
        }
    }

    /// The verdict, if nobody has to be asked for it.
    pub(crate) fn verdict(&self, action: Action, policy: Match, uri: &str) -> Option<Verdict> {
        match self {
            Self::All => Some(Verdict::Allowed { disclose: false }),
            Self::Everywhere(rule) => Some(action.verdict(rule)),
            Self::Static { rules, table } => {
                let rule = table.exact(uri).or_else(|| table.wildcard(uri)).or_else(|| table.prefix(uri));
                Some(rule.map_or(Verdict::Denied, |at| action.verdict(&rules[at])))
            }
            Self::Dynamic(role) => role.cache.get(action, policy, uri).cloned(),
        }
    }

    /// Whether the action is disclosed where the authorizer does not say.
    pub(crate) fn discloses(&self, action: Action) -> bool {
        if let Self::Dynamic(role) = self { action.discloses(role.disclose) } else { false }
    }
}

/// The roles of a realm.
#[derive(Debug, Default)]
pub(crate) struct Roles {
    list: Vec<Permissions>,
    names: HashMap<String, RoleKey>,
}

/// The place of a role in the list.
pub(crate) type RoleKey = usize;

/// The role of the router's own sessions.
pub(crate) const TRUSTED: &str = "trusted";

impl Roles {
    pub(crate) fn new(roles: &[Role]) -> Self {
        let mut list: Vec<_> = roles.iter().map(Permissions::new).collect();
        let mut names: HashMap<_, _> = roles.iter().enumerate().map(|(at, r)| (r.name.clone(), at)).collect();
        names.entry(TRUSTED.to_owned()).or_insert(list.len());
        list.push(Permissions::All);
        Self { list, names }
    }

    /// The role with a name. None: its sessions may do nothing.
    pub(crate) fn find(&self, name: &str) -> Option<RoleKey> {
        self.names.get(name).copied()
    }

    pub(crate) fn get(&self, role: Option<RoleKey>) -> Option<&Permissions> {
        self.list.get(role?)
    }

    pub(crate) fn get_mut(&mut self, role: Option<RoleKey>) -> Option<&mut Permissions> {
        self.list.get_mut(role?)
    }

    /// Forgets what authorizers have answered.
    pub(crate) fn forget(&mut self) {
        for permissions in &mut self.list {
            if let Permissions::Dynamic(role) = permissions {
                role.cache = Cache::default();
            }
        }
    }

    /// The roles whose authorizers could not say the last time, the authorizers, and why.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.list.iter().filter_map(|permissions| {
            let Permissions::Dynamic(role) = permissions else { return None };
            Some((role.role.as_str(), role.authorizer.as_str(), role.failure.as_deref()?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(uri: &str, policy: Match, allow: Allow) -> Rule {
        Rule { uri: uri.to_owned(), policy, allow, disclose: Disclose { caller: true, publisher: false } }
    }

    #[test]
    fn the_most_specific_rule_that_matches_decides() {
        let subscribe = Allow { subscribe: true, ..Allow::default() };
        let call = Allow { call: true, ..Allow::default() };
        let permissions = Permissions::new(&Role {
            name: "mixed".to_owned(),
            access: Access::Static(vec![
                rule("", Match::Prefix, subscribe),
                rule("com.mixed.", Match::Prefix, Allow::default()),
                rule("com.mixed.ok", Match::Exact, Allow::ALL),
                rule("com.mixed..w", Match::Wildcard, call),
            ]),
        });
        for (uri, may_call, may_subscribe) in [
            ("com.free", false, true),
            ("com.mixed.secret", false, false),
            ("com.mixed.ok", true, true),
            ("com.mixed.ok.x", false, false),
            ("com.mixed.a.w", true, false),
        ] {
            for (action, expected) in [(Action::Call, may_call), (Action::Subscribe, may_subscribe)] {
                let verdict = permissions.verdict(action, Match::Exact, uri);
                let allowed = matches!(verdict, Some(Verdict::Allowed { .. }));
                assert_eq!(allowed, expected, "{action:?} {uri}");
            }
        }
        let disclosed = |action| permissions.verdict(action, Match::Exact, "com.mixed.ok");
        assert_eq!(disclosed(Action::Call), Some(Verdict::Allowed { disclose: true }));
        assert_eq!(disclosed(Action::Publish), Some(Verdict::Allowed { disclose: false }));
    }

    #[test]
    fn a_role_without_rules_may_do_nothing_and_the_router_itself_all() {
        let roles = Roles::new(&[Role { name: "none".to_owned(), access: Access::Static(Vec::new()) }]);
        let verdict = |role: &str| {
            roles.get(roles.find(role)).and_then(|r| r.verdict(Action::Call, Match::Exact, "com.x"))
        };
        assert_eq!(verdict("none"), Some(Verdict::Denied));
        assert_eq!(verdict(TRUSTED), Some(Verdict::Allowed { disclose: false }));
        assert_eq!(verdict("unknown"), None);
    }

    #[test]
    fn kept_answers_are_bounded_and_one_for_a_pattern_is_not_one_for_a_uri() {
        let mut cache = Cache::default();
        let allowed = Verdict::Allowed { disclose: false };
        cache.keep(Action::Subscribe, Match::Exact, "com.", allowed.clone(), 2);
        assert_eq!(cache.get(Action::Subscribe, Match::Exact, "com."), Some(&allowed));
        assert_eq!(cache.get(Action::Subscribe, Match::Prefix, "com."), None);
        assert_eq!(cache.get(Action::Call, Match::Exact, "com."), None);
        cache.keep(Action::Call, Match::Exact, "b", Verdict::Denied, 2);
        cache.keep(Action::Call, Match::Exact, "c", Verdict::Denied, 2);
        assert_eq!(cache.count, 1);
        assert_eq!(cache.get(Action::Subscribe, Match::Exact, "com."), None);
    }
}
