//! The users and groups that a configuration names, looked up before anybody waits for them: they may be in a directory
//! behind a network (nsswitch.conf(5)), which need not answer.

use crate::lookup::{Answers, Asked, ask};
use crate::stage::Identity;
use jackfield_shared::config::{Endpoint, ListeningEndpoint, Node, Path, UnixListening, endpoints_of_node};
use nix::unistd::{Group, User};
use std::time::Duration;

/// A user and a group as a worker names them.
type Names = (Option<String>, Option<String>);

/// An identity, or the attribute that is wrong, and why.
type Found = Result<Option<Identity>, (&'static str, String)>;

/// What the names of users and groups stand for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Accounts {
    /// Who workers run as.
    identities: Answers<Names, Found>,
    /// Owners of Unix sockets.
    users: Answers<String, u32>,
    /// Their groups.
    groups: Answers<String, u32>,
}

/// The same while it is looked up.
#[derive(Debug)]
pub(crate) struct Asking {
    identities: Asked<Names, Found>,
    users: Asked<String, u32>,
    groups: Asked<String, u32>,
}

impl Accounts {
    /// Looks up what this node names; answers are waited for so long.
    pub(crate) fn ask(node: &Node, limit: Duration) -> Asking {
        let workers = node.workers.iter().filter(|worker| !worker.disabled());
        let names = workers.map(|worker| (worker.common.user.clone(), worker.common.group.clone()));
        let names = names.filter(|(user, group)| user.is_some() || group.is_some());
        let sockets = sockets(node);
        let named = |name: &Option<String>| name.clone().filter(|name| number(name).is_none());
        let owners: Vec<_> = sockets.iter().filter_map(|(_, socket)| named(&socket.owner)).collect();
        let groups: Vec<_> = sockets.iter().filter_map(|(_, socket)| named(&socket.group)).collect();
        Asking {
            identities: ask(names, limit, |(user, group)| {
                Ok(Identity::of(user.as_deref(), group.as_deref()))
            }),
            users: ask(owners, limit, |name| user_id(name)),
            groups: ask(groups, limit, |name| group_id(name)),
        }
    }

    /// Who a worker runs as that names this user and this group; `None`: as the node.
    ///
    /// # Errors
    /// The attribute that is wrong, and why.
    pub(crate) fn identity(&self, user: Option<&str>, group: Option<&str>) -> Found {
        let key = if user.is_some() { "user" } else { "group" };
        if user.is_none() && group.is_none() {
            return Ok(None);
        }
        match self.identities.get(&(user.map(str::to_owned), group.map(str::to_owned))) {
            Some(Ok(found)) => found.clone(),
            Some(Err(reason)) => Err((key, reason.clone())),
            None => Err((key, "it was not looked up".into())),
        }
    }

    /// What there is to say about the owners and groups that Unix sockets are to have.
    pub(crate) fn review(&self, node: &Node) -> Vec<(Path, String)> {
        let mut wrong = Vec::new();
        for (at, unix) in sockets(node) {
            let owner = unix.owner.as_deref().and_then(|name| self.user(name).err());
            let group = unix.group.as_deref().and_then(|name| self.group(name).err());
            wrong.extend(owner.map(|reason| (at.key("owner"), reason)));
            wrong.extend(group.map(|reason| (at.key("group"), reason)));
        }
        wrong
    }

    /// The id of the user with this name or number.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn user(&self, name: &str) -> Result<u32, String> {
        of(&self.users, name)
    }

    /// The id of the group with this name or number.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn group(&self, name: &str) -> Result<u32, String> {
        of(&self.groups, name)
    }
}

impl Asking {
    /// Waits for the answers.
    pub(crate) fn answers(self) -> Accounts {
        let Self { identities, users, groups } = self;
        Accounts { identities: identities.answers(), users: users.answers(), groups: groups.answers() }
    }
}

fn of(answers: &Answers<String, u32>, name: &str) -> Result<u32, String> {
    let answer = || answers.get(name).cloned().unwrap_or_else(|| Err("it was not looked up".into()));
    number(name).map_or_else(answer, Ok)
}

fn number(name: &str) -> Option<u32> {
    name.parse().ok()
}

/// The Unix sockets that a node listens on, and where they stand.
fn sockets(node: &Node) -> Vec<(Path, &UnixListening)> {
    endpoints_of_node(node).filter_map(|(at, endpoint)| socket(at, endpoint)).collect()
}

fn socket(at: Path, endpoint: Endpoint<'_>) -> Option<(Path, &UnixListening)> {
    match endpoint {
        Endpoint::Listening(ListeningEndpoint::Unix(unix), _) => Some((at, unix)),
        Endpoint::Listening(ListeningEndpoint::Onion(onion), _) => match onion.target.as_deref() {
            Some(ListeningEndpoint::Unix(unix)) => Some((at.key("target"), unix)),
            _ => None,
        },
        _ => None,
    }
}

fn user_id(name: &str) -> Result<u32, String> {
    let user =
        User::from_name(name).map_err(|e| format!("the user database can't be asked for {name:?}: {e}"))?;
    user.map(|user| user.uid.as_raw()).ok_or_else(|| format!("there is no user {name:?} on this machine"))
}

fn group_id(name: &str) -> Result<u32, String> {
    let group =
        Group::from_name(name).map_err(|e| format!("the group database can't be asked for {name:?}: {e}"))?;
    group.map(|group| group.gid.as_raw()).ok_or_else(|| format!("there is no group {name:?} on this machine"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_shared::config::{Format, parse};

    #[test]
    fn what_is_named_is_looked_up_once_and_what_is_not_is_said() {
        let text = r#"{"version": 2, "workers": [
            {"type": "router", "user": "root", "transports": [{"type": "stream.testee", "endpoint":
                {"type": "unix", "path": "s", "owner": "root", "group": "no such group"}}]},
            {"type": "router", "user": "nobody here", "transports": [{"type": "stream.testee", "endpoint":
                {"type": "unix", "path": "t", "owner": "12", "group": "root"}}]}]}"#;
        let node = parse(text, Format::Json, "", "/".as_ref(), &|_| None).node.unwrap();
        let accounts = Accounts::ask(&node, Duration::from_secs(30)).answers();
        assert_eq!((accounts.user("root"), accounts.user("12")), (Ok(0), Ok(12)));
        assert_eq!(accounts.group("root"), Ok(0));
        assert!(accounts.group("no such group").unwrap_err().contains("no group \"no such group\""));
        let wrong = accounts.review(&node);
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        assert_eq!(wrong[0].0.to_string(), "workers[0].transports[0].endpoint.group");
        assert!(accounts.user("somebody").unwrap_err().contains("not looked up"));
        assert!(accounts.identity(Some("root"), None).is_ok());
        assert_eq!(accounts.identity(None, None), Ok(None));
        let (key, reason) = accounts.identity(Some("nobody here"), None).unwrap_err();
        assert_eq!((key, reason.as_str()), ("user", "there is no user \"nobody here\""));
    }
}
