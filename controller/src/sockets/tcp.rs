//! Listening TCP sockets.

use super::BindError;
use crate::names::Names;
use jackfield_shared::config::{IpVersion, ListenPort, TcpListening};
use jackfield_shared::congestion;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;

/// Binds the endpoint's sockets: one, or if it is `shared` one for each of so many processes, all on the same
/// port. Returns their address, and them.
pub(super) fn bind(
    tcp: &TcpListening,
    ip: SocketAddr,
    processes: usize,
) -> Result<(SocketAddr, Vec<OwnedFd>), BindError> {
    let first = first_socket(tcp, ip)?;
    let bound = first.local_addr().map_err(|e| BindError::tcp(text(ip), ip.port(), &e))?;
    let bound = bound.as_socket().unwrap_or(ip);
    let mut sockets = vec![first.into()];
    if tcp.shared {
        let failed = |e| BindError::tcp(text(bound), bound.port(), &e);
        for _ in 1..processes {
            sockets.push(listen(tcp, bound).map_err(failed)?.into());
        }
    }
    Ok((bound, sockets))
}

/// So many more sockets on an address, beside those that share it already. They don't listen yet: the kernel would
/// give them connections from then on.
pub(super) fn more(tcp: &TcpListening, at: SocketAddr, count: usize) -> Result<Vec<OwnedFd>, BindError> {
    let failed = |e| BindError::tcp(text(at), at.port(), &e);
    (0..count).map(|_| open(tcp, at).map(OwnedFd::from).map_err(failed)).collect()
}

/// The address as text: `tcp://127.0.0.1:8080`.
pub(super) fn text(address: SocketAddr) -> String {
    format!("tcp://{address}")
}

/// The first socket decides on the port, by having bound it.
fn first_socket(tcp: &TcpListening, mut at: SocketAddr) -> Result<Socket, BindError> {
    let (first, last) = match tcp.port {
        ListenPort::Port(port) => (port, port),
        ListenPort::Range(first, last) => (first, last),
    };
    for port in first..=last {
        at.set_port(port);
        match listen(tcp, at) {
            Ok(socket) => return Ok(socket),
            Err(e) if e.kind() == io::ErrorKind::AddrInUse && port < last => {}
            Err(e) if first < last && e.kind() == io::ErrorKind::AddrInUse => break,
            Err(e) => return Err(BindError::tcp(text(at), port, &e)),
        }
    }
    at.set_port(first);
    let reason = format!("none of the ports {first} to {last} is free; choose another portrange");
    Err(BindError { in_use: true, ..BindError::new(format!("{}-{last}", text(at)), reason) })
}

fn listen(tcp: &TcpListening, at: SocketAddr) -> io::Result<Socket> {
    let socket = open(tcp, at)?;
    socket.listen(tcp.backlog.try_into().unwrap_or(i32::MAX))?;
    Ok(socket)
}

fn open(tcp: &TcpListening, at: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(at), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of an earlier node that wait for their end don't keep the port.
    socket.set_reuse_address(true)?;
    if at.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if tcp.shared {
        socket.set_reuse_port(true)?;
    }
    if let Some(timeout) = tcp.user_timeout {
        socket.set_tcp_user_timeout(Some(timeout))?;
    }
    congestion::choose(&socket, at.ip(), tcp.congestion_control.as_deref())?;
    socket.bind(&at.into())?;
    Ok(socket)
}

/// The address of `interface`, port 0. The family follows the interface unless `version` is given.
pub(super) fn interface(tcp: &TcpListening, names: &Names) -> Result<SocketAddr, BindError> {
    let name = tcp.interface.as_str();
    if name.is_empty() {
        let ip = match tcp.version {
            Some(IpVersion::V6) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            Some(IpVersion::V4) | None => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        };
        return Ok(SocketAddr::new(ip, 0));
    }
    let error = |reason: String| BindError::new(format!("tcp interface \"{name}\""), reason);
    let found = names
        .addresses(name)
        .map_err(|e| error(format!("no address of this machine is known by this name: {e}")))?;
    let v4 = || found.iter().find(|address| address.is_ipv4());
    let v6 = || found.iter().find(|address| address.is_ipv6());
    let chosen = match tcp.version {
        Some(IpVersion::V4) => v4(),
        Some(IpVersion::V6) => v6(),
        None => v4().or_else(v6),
    };
    chosen.copied().ok_or_else(|| error("it has no address of the wanted IP version".into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::fstat;
    use std::collections::HashSet;
    use std::net::TcpStream;
    use std::time::Duration;

    fn loopback() -> TcpListening {
        TcpListening::at("127.0.0.1", 0)
    }

    fn bind(tcp: &TcpListening, processes: usize) -> Result<(SocketAddr, Vec<OwnedFd>), BindError> {
        super::bind(tcp, interface(tcp, &Names::default())?, processes)
    }

    #[test]
    fn one_socket_for_all_processes() {
        let (address, sockets) = bind(&loopback(), 4).unwrap();
        assert_eq!(sockets.len(), 1);
        TcpStream::connect(address).unwrap();
    }

    #[test]
    fn a_port_in_use_is_an_error_that_says_by_whom() {
        let (address, _sockets) = bind(&loopback(), 1).unwrap();
        let port = address.port();
        let error = bind(&TcpListening { port: ListenPort::Port(port), ..loopback() }, 1).unwrap_err();
        assert!(error.in_use);
        let text = error.to_string();
        assert!(text.contains(&format!("cannot listen on tcp://127.0.0.1:{port}")), "{text}");
        assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
    }

    #[test]
    fn shared_is_a_socket_for_each_process_on_one_port() {
        let (address, sockets) = bind(&TcpListening { shared: true, ..loopback() }, 4).unwrap();
        let inodes: HashSet<_> = sockets.iter().map(|socket| fstat(socket).unwrap().st_ino).collect();
        assert_eq!(inodes.len(), 4);
        for socket in sockets {
            let socket = Socket::from(socket);
            assert_eq!(socket.local_addr().unwrap().as_socket(), Some(address));
            assert!(socket.reuse_port().unwrap() && socket.is_listener().unwrap());
        }
    }

    /// Two neighbouring ports of which the first is taken. A port may be taken by somebody else between the
    /// steps, so look for a pair until there is one.
    fn taken_and_free() -> (OwnedFd, u16) {
        loop {
            let (address, mut sockets) = bind(&loopback(), 1).unwrap();
            let port = address.port();
            let next = TcpListening { port: ListenPort::Port(port.saturating_add(1)), ..loopback() };
            if port < u16::MAX && bind(&next, 1).is_ok() {
                return (sockets.remove(0), port);
            }
        }
    }

    #[test]
    fn the_first_free_port_of_a_range_is_bound_once() {
        for shared in [false, true] {
            let (_taken, port) = taken_and_free();
            let range = TcpListening { port: ListenPort::Range(port, port + 20), shared, ..loopback() };
            let (address, sockets) = bind(&range, 3).unwrap();
            let chosen = address.port();
            assert!((port + 1..=port + 20).contains(&chosen));
            assert_eq!(sockets.len(), if shared { 3 } else { 1 });
        }
    }

    #[test]
    fn a_range_without_a_free_port_is_an_error() {
        let (_taken, port) = taken_and_free();
        let second = TcpListening { port: ListenPort::Port(port + 1), ..loopback() };
        let _second = bind(&second, 1).unwrap();
        let error =
            bind(&TcpListening { port: ListenPort::Range(port, port + 1), ..loopback() }, 1).unwrap_err();
        assert!(error.in_use && error.to_string().contains("is free"), "{error}");
    }

    #[test]
    fn the_family_follows_interface_and_version() {
        let of = |interface: &str, version| {
            interface_of(&TcpListening { interface: interface.into(), version, ..loopback() })
        };
        fn interface_of(tcp: &TcpListening) -> Option<IpAddr> {
            let names = Names::known(&[("localhost", &["127.0.0.1", "::1"])]);
            interface(tcp, &names).ok().map(|address| address.ip())
        }
        assert_eq!(of("", None), Some(Ipv4Addr::UNSPECIFIED.into()));
        assert_eq!(of("", Some(IpVersion::V4)), Some(Ipv4Addr::UNSPECIFIED.into()));
        assert_eq!(of("", Some(IpVersion::V6)), Some(Ipv6Addr::UNSPECIFIED.into()));
        assert_eq!(of("::1", None), Some(Ipv6Addr::LOCALHOST.into()));
        assert_eq!(of("localhost", None), Some(Ipv4Addr::LOCALHOST.into()));
        assert_eq!(of("::1", Some(IpVersion::V4)), None);
        assert_eq!(of("no such name", None), None);
    }

    #[test]
    fn version_6_is_ipv6_only_with_every_option() {
        let tcp = TcpListening {
            interface: "::1".into(),
            version: Some(IpVersion::V6),
            shared: true,
            user_timeout: Some(Duration::from_millis(1500)),
            ..loopback()
        };
        let (address, sockets) = bind(&tcp, 2).unwrap();
        assert!(text(address).starts_with("tcp://[::1]:"), "{address}");
        for socket in sockets.into_iter().map(Socket::from) {
            assert!(socket.only_v6().unwrap());
            assert_eq!(socket.tcp_user_timeout().unwrap(), tcp.user_timeout);
        }
    }
}
