//! The parts of an endpoint that say where it is.

use super::super::decode::*;
use std::path::PathBuf;

/// A host name or an address.
pub(crate) fn host() -> impl Rule<Out = String> {
    then(named("a host name or an IP address", text()), |host, value, cx| {
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control()) {
            cx.warn(value.span, format!("{host:?} is no host name, connecting to it will fail"));
        }
        Some(host)
    })
}

/// A Unix socket's path, variables expanded.
pub(crate) fn unix_path() -> impl Rule<Out = PathBuf> {
    then(named("a path (relative to the node directory)", text()), |text, value, cx| {
        let expanded = cx.expanded(&text, value.span)?;
        let wrong = wrong_path(&expanded, true)
            .or(expanded.ends_with('/').then_some("a socket's path has no slash at its end"));
        if let Some(wrong) = wrong {
            cx.error(
                value.span,
                format!("found {expanded:?}, expected a path (relative to the node directory): {wrong}"),
            );
            return None;
        }
        let path = cx.absolute(&expanded);
        // sun_path of sockaddr_un(7) has 108 bytes, the last of them 0.
        if path.as_os_str().len() > 107 {
            let length = path.as_os_str().len();
            cx.warn(
                value.span,
                format!("the socket's path is {length} bytes long, the kernel takes at most 107"),
            );
        }
        Some(path)
    })
}
