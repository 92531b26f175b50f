//! The names that stand for addresses of this machine (`interface`), and for users and groups, looked up before anybody
//! waits for it: a server that does not answer holds up nobody.

use crate::accounts::Accounts;
use crate::lookup::{Answers, ask};
use jackfield_shared::config::{
    Endpoint, ListeningEndpoint, Node, Path, Severity, TcpListening, endpoints_of_node,
};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use socket2::{Domain, Socket, Type};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::path::Path as FsPath;

/// What each name stands for, or why it stands for nothing. Another image of the executable is told of the addresses, and
/// looks up users and groups itself.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Names {
    addresses: Answers<String, Vec<SocketAddr>>,
    /// Those of users and groups.
    #[serde(skip)]
    pub accounts: Accounts,
}

impl Names {
    /// Looks up the names in a node. Blocks, for `controller.options.lookup_timeout` at most.
    pub(crate) fn of(node: &Node) -> Self {
        let limit = node.controller.options.lookup_timeout;
        let endpoints = listening(node);
        let names = endpoints.iter().map(|(_, tcp)| tcp.interface.clone()).filter(|name| !is_address(name));
        let addresses = ask(names, limit, |name| {
            (name.as_str(), 0).to_socket_addrs().map(Iterator::collect).map_err(|e| e.to_string())
        });
        let accounts = Accounts::ask(node, limit);
        Self { addresses: addresses.answers(), accounts: accounts.answers() }
    }

    /// The same with the users and groups of this node, looked up as [`Self::of`] does.
    pub(crate) fn with_accounts(self, node: &Node) -> Self {
        let limit = node.controller.options.lookup_timeout;
        Self { accounts: Accounts::ask(node, limit).answers(), ..self }
    }

    /// The addresses that a name stands for, or that it is; port 0.
    ///
    /// # Errors
    /// Why there are none.
    pub(crate) fn addresses(&self, name: &str) -> Result<Vec<SocketAddr>, String> {
        if let Ok(ip) = name.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, 0)]);
        }
        match self.addresses.get(name) {
            Some(answer) => answer.clone(),
            None => Err("it was not looked up".into()),
        }
    }

    /// These.
    #[cfg(test)]
    pub(crate) fn known(names: &[(&str, &[&str])]) -> Self {
        let addresses = |all: &[&str]| all.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect();
        let addresses = names.iter().map(|(name, all)| ((*name).to_owned(), Ok(addresses(all)))).collect();
        Self { addresses, accounts: Accounts::default() }
    }

    /// What there is to say about the addresses that a node is to listen at.
    pub(crate) fn review(&self, node: &Node) -> Vec<(Severity, Path, String)> {
        let wrong = |(at, tcp): (Path, &TcpListening)| {
            let reason = self.wrong(&tcp.interface)?;
            Some((Severity::Error, at.key("interface"), reason))
        };
        let accounts =
            self.accounts.review(node).into_iter().map(|(at, reason)| (Severity::Error, at, reason));
        listening(node).into_iter().filter_map(wrong).chain(accounts).collect()
    }

    fn wrong(&self, name: &str) -> Option<String> {
        if name.is_empty() {
            return None;
        }
        if let Some(hint) = hint(name) {
            return Some(format!("found {name:?}: {hint}"));
        }
        match self.addresses(name) {
            Err(e) => Some(format!("no address of this machine is known by the name {name:?}: {e}")),
            Ok(found) if found.iter().all(|at| !is_here(*at)) => {
                Some(format!("this machine does not have the address {name:?} (see `ip address`)"))
            }
            Ok(_) => None,
        }
    }
}

/// Every TCP address that is listened at, and where it stands.
fn listening(node: &Node) -> Vec<(Path, &TcpListening)> {
    endpoints_of_node(node).filter_map(|(at, endpoint)| tcp(at, endpoint)).collect()
}

fn tcp(at: Path, endpoint: Endpoint<'_>) -> Option<(Path, &TcpListening)> {
    match endpoint {
        Endpoint::Listening(ListeningEndpoint::Tcp(tcp), _) => Some((at, tcp)),
        Endpoint::Listening(ListeningEndpoint::Onion(onion), _) => match onion.target.as_deref() {
            Some(ListeningEndpoint::Tcp(tcp)) => Some((at.key("target"), tcp)),
            _ => None,
        },
        _ => None,
    }
}

fn is_address(name: &str) -> bool {
    name.is_empty() || name.parse::<IpAddr>().is_ok()
}

/// What is meant by something that is no address, or not quite.
fn hint(name: &str) -> Option<String> {
    let inner = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if let Some(inner) = inner.filter(|inner| inner.parse::<Ipv6Addr>().is_ok()) {
        return Some(format!("write it without brackets, {inner:?}"));
    }
    if name == "*" {
        return Some("to listen on all addresses leave \"interface\" out".into());
    }
    if name.parse::<Ipv6Addr>().is_ok_and(|ip| ip.is_unicast_link_local()) {
        return Some(format!("an address of one link needs its device, like \"{name}%eth0\""));
    }
    let is_device = !name.contains('/') && FsPath::new("/sys/class/net").join(name).exists();
    is_device.then(|| "that is the name of a device: write one of its addresses (see `ip address`)".into())
}

/// Whether this machine has the address. What can't be found out is for the start to find.
fn is_here(at: SocketAddr) -> bool {
    let bound =
        Socket::new(Domain::for_address(at), Type::STREAM, None).and_then(|socket| socket.bind(&at.into()));
    !matches!(bound.map_err(|e| Errno::from_io_error(&e)), Err(Some(Errno::ADDRNOTAVAIL)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mistake_has_its_hint() {
        let names = Names::default();
        for (name, expected) in [
            ("[::1]", "without brackets, \"::1\""),
            ("*", "leave \"interface\" out"),
            ("fe80::1", "fe80::1%eth0"),
            ("lo", "name of a device"),
            ("192.0.2.1", "does not have the address"),
            ("2001:db8::1", "does not have the address"),
        ] {
            let said = names.wrong(name).unwrap();
            assert!(said.contains(expected), "{name}: {said}");
        }
        for good in ["", "127.0.0.1", "0.0.0.0", "127.3.2.1"] {
            assert_eq!(names.wrong(good), None, "{good}");
        }
    }
}
