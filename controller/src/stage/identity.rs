//! Who a process runs as.

use nix::unistd::{Gid, Group, Uid, User, getegid, geteuid, getgrouplist, setgroups, setresgid, setresuid};
use serde::{Deserialize, Serialize};
use std::ffi::CString;
use std::path::PathBuf;

/// A user, a group and further groups, as credentials(7) has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
    /// What the user database knows of the user, for the variables USER and HOME.
    account: Option<(String, PathBuf)>,
}

impl Identity {
    /// The identity with these names or numbers; `None` if it is the one the controller has anyway.
    ///
    /// # Errors
    /// The key that is wrong (`user` or `group`), and why: it is unknown, or the controller may not become it.
    pub(crate) fn of(
        user: Option<&str>,
        group: Option<&str>,
    ) -> Result<Option<Self>, (&'static str, String)> {
        if user.is_none() && group.is_none() {
            return Ok(None);
        }
        let (uid, account) = match user {
            Some(name) => find_user(name).map_err(|reason| ("user", reason))?,
            None => (geteuid(), User::from_uid(geteuid()).ok().flatten()),
        };
        let gid = match (group, &account) {
            (Some(name), _) => find_group(name).map_err(|reason| ("group", reason))?,
            (None, Some(account)) => account.gid,
            (None, None) => {
                let reason =
                    format!("the user database does not know user {uid}, so it has no group: name \"group\"");
                return Err(("user", reason));
            }
        };
        if (uid, gid) == (geteuid(), getegid()) {
            return Ok(None);
        }
        if !geteuid().is_root() {
            let key = if user.is_some() { "user" } else { "group" };
            let own = geteuid();
            let reason = format!(
                "only a node that is started as root can run processes as others; this one is user {own}"
            );
            return Err((key, reason));
        }
        let groups = account.as_ref().map_or_else(|| vec![gid], |account| groups_of(&account.name, gid));
        Ok(Some(Self {
            uid: uid.as_raw(),
            gid: gid.as_raw(),
            groups: groups.into_iter().map(Gid::as_raw).collect(),
            account: account.map(|account| (account.name, account.dir)),
        }))
    }

    /// What the environment says of the user.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let Some((name, home)) = &self.account else { return Vec::new() };
        vec![("USER", name.clone()), ("LOGNAME", name.clone()), ("HOME", home.to_string_lossy().into_owned())]
    }

    /// Becomes it, for good. For a process with one thread.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub(super) fn assume(&self) -> Result<(), String> {
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        let groups: Vec<_> = self.groups.iter().copied().map(Gid::from_raw).collect();
        setgroups(&groups)
            .and_then(|()| setresgid(gid, gid, gid))
            .and_then(|()| setresuid(uid, uid, uid))
            .map_err(|e| format!("becoming user {uid} and group {gid}: {e}"))
    }
}

/// A user by name or, failing that, by number.
fn find_user(name: &str) -> Result<(Uid, Option<User>), String> {
    let asked = |e| format!("the user database can't be asked for {name:?}: {e}");
    if let Some(user) = User::from_name(name).map_err(asked)? {
        return Ok((user.uid, Some(user)));
    }
    let uid = name.parse().map(Uid::from_raw).map_err(|_| format!("there is no user {name:?}"))?;
    Ok((uid, User::from_uid(uid).map_err(asked)?))
}

fn find_group(name: &str) -> Result<Gid, String> {
    let asked = |e| format!("the group database can't be asked for {name:?}: {e}");
    match Group::from_name(name).map_err(asked)? {
        Some(group) => Ok(group.gid),
        None => name.parse().map(Gid::from_raw).map_err(|_| format!("there is no group {name:?}")),
    }
}

/// The groups of a user, `gid` among them.
fn groups_of(name: &str, gid: Gid) -> Vec<Gid> {
    let groups = CString::new(name).ok().and_then(|name| getgrouplist(&name, gid).ok());
    groups.unwrap_or_else(|| vec![gid])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_found() {
        assert_eq!(find_user("root").unwrap().0, Uid::from_raw(0));
        let (uid, account) = find_user("0").unwrap();
        assert_eq!((uid, account.unwrap().name.as_str()), (Uid::from_raw(0), "root"));
        assert_eq!(find_group("root").unwrap(), Gid::from_raw(0));
        let (uid, account) = find_user("3999999999").unwrap();
        assert_eq!((uid.as_raw(), account), (3_999_999_999, None));
    }

    #[test]
    fn what_is_unknown_is_named() {
        let (key, reason) = Identity::of(Some("nobody here"), None).unwrap_err();
        assert_eq!((key, reason.as_str()), ("user", "there is no user \"nobody here\""));
        let (key, reason) = Identity::of(None, Some("-1")).unwrap_err();
        assert_eq!((key, reason.as_str()), ("group", "there is no group \"-1\""));
        let (key, reason) = Identity::of(Some("3999999999"), None).unwrap_err();
        assert!(key == "user" && reason.contains("name \"group\""), "{reason}");
    }

    #[test]
    fn ones_own_is_nothing_to_do() {
        let (user, group) = (geteuid().to_string(), getegid().to_string());
        assert_eq!(Identity::of(None, None), Ok(None));
        assert_eq!(Identity::of(Some(&user), Some(&group)), Ok(None));
    }
}
