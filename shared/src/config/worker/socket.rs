//! Sockets that guests are given.

use super::super::decode::*;
use super::super::endpoint::ListeningEndpoint;
use super::Listener;

object! {
    /// A socket a guest is given.
    pub struct GuestSocket as "a socket for a guest" {
        /// Its name in LISTEN_FDNAMES.
        pub name as "name": String = matching("a name of 1 to 255 characters without a colon", None, |name| (1..=255).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic() && b != b':')), required;
        /// Where it listens. The guest gets the listening socket itself, whatever the type (of an onion service the
        /// private listener behind it), so what Jackfield would do with connections is refused: `tls`,
        /// `proxy_protocol`, `max_connections`, `allow`, `deny`, `clients`.
        pub endpoint as "endpoint": ListeningEndpoint = nested(), required;
    }
    check GuestSocket::check;
}

impl GuestSocket {
    /// It as one of all that a worker listens on.
    pub(super) fn listener(&self) -> Listener<'_> {
        Listener { id: &self.name, kind: "guest", endpoint: &self.endpoint, has_tls: false }
    }

    fn check(&self, fields: &mut Fields<'_>, cx: &mut Context<'_>) {
        let span = fields.span_of("endpoint");
        cx.in_key("endpoint", |cx| {
            for (key, given) in refused(&self.endpoint) {
                if given {
                    let message =
                        "is nothing that Jackfield could do here: the guest accepts the connections itself";
                    cx.error_at(key, span, message);
                }
            }
        });
    }
}

/// What would have to be done with connections, and whether it is wanted.
fn refused(endpoint: &ListeningEndpoint) -> [(&'static str, bool); 6] {
    let (allow, deny, clients) = match endpoint {
        ListeningEndpoint::Tcp(tcp) => (tcp.allow.is_some(), !tcp.deny.is_empty(), tcp.clients.is_some()),
        _ => (false, false, false),
    };
    let (proxy_protocol, max_connections) = match endpoint {
        ListeningEndpoint::Tcp(tcp) => (tcp.proxy_protocol.is_some(), tcp.max_connections.is_some()),
        ListeningEndpoint::Unix(unix) => (unix.proxy_protocol.is_some(), unix.max_connections.is_some()),
        ListeningEndpoint::Onion(onion) => (false, onion.max_connections.is_some()),
        ListeningEndpoint::Twisted(_) => (false, false),
    };
    let tls = endpoint.tls().is_some();
    [
        ("tls", tls),
        ("proxy_protocol", proxy_protocol),
        ("max_connections", max_connections),
        ("allow", allow),
        ("deny", deny),
        ("clients", clients),
    ]
}
