//! Congestion control of TCP connections.
//!
//! An algorithm that paces (BBR) sets a timer for each piece of what it sends. That is good for a path with a bottleneck;
//! over loopback there is none, and it costs half of a bulk transfer.

use rustix::net::sockopt::{set_tcp_congestion, tcp_congestion};
use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd;

/// Algorithms that pace.
const PACING: [&str; 3] = ["bbr", "bbr2", "bbr3"];
/// What takes their place over loopback: the first one that the system has and allows.
const LOCAL: [&str; 2] = ["cubic", "reno"];
/// The system's own choice (tcp(7)).
const SYSTEM: &str = "/proc/sys/net/ipv4/tcp_congestion_control";

/// Gives a socket with this address at one of its ends the algorithm `wanted`; without one, what suits the address.
///
/// # Errors
/// The system does not have `wanted`, or allows it to nobody without CAP_NET_ADMIN.
pub fn choose(socket: impl AsFd, at: IpAddr, wanted: Option<&str>) -> io::Result<()> {
    let fd = socket.as_fd();
    if let Some(name) = wanted {
        return set_tcp_congestion(fd, name).map_err(|e| {
            let e = io::Error::from(e);
            io::Error::new(
                e.kind(),
                format!(
                    "can't use the congestion control \"{name}\": {e} (see `sysctl net.ipv4.tcp_available_congestion_control \
                     net.ipv4.tcp_allowed_congestion_control`)"
                ),
            )
        });
    }
    if at.is_loopback() && tcp_congestion(fd).is_ok_and(|name| PACING.contains(&name.as_str())) {
        let _ = LOCAL.iter().any(|name| set_tcp_congestion(fd, name).is_ok());
    }
    Ok(())
}

/// The same for a socket that another algorithm may have been wanted for before.
///
/// # Errors
/// As [`choose`].
pub fn choose_again(socket: impl AsFd, at: IpAddr, wanted: Option<&str>) -> io::Result<()> {
    let fd = socket.as_fd();
    if wanted.is_none()
        && let Ok(system) = std::fs::read_to_string(SYSTEM)
    {
        let _ = set_tcp_congestion(fd, system.trim_end());
    }
    choose(fd, at, wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpListener};

    #[test]
    fn over_loopback_nothing_is_paced_unless_that_is_wanted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let system = tcp_congestion(&listener).unwrap();
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        choose(&listener, loopback, None).unwrap();
        let chosen = tcp_congestion(&listener).unwrap();
        assert!(!PACING.contains(&chosen.as_str()), "{chosen}");
        choose(&listener, loopback, Some("reno")).unwrap();
        assert_eq!(tcp_congestion(&listener).unwrap(), "reno");
        choose_again(&listener, IpAddr::V4(Ipv4Addr::UNSPECIFIED), None).unwrap();
        assert_eq!(tcp_congestion(&listener).unwrap(), system);
    }

    #[test]
    fn an_algorithm_that_the_system_does_not_have_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let error = choose(&listener, IpAddr::V4(Ipv4Addr::LOCALHOST), Some("nonsense")).unwrap_err();
        assert!(error.to_string().starts_with("can't use the congestion control \"nonsense\""), "{error}");
    }
}
