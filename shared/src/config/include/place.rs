//! Where something may be included.

/// What an object or a list is, as far as `include` may stand in it or below it.
///
/// Everywhere else `include` is a name like any other: of a variable, of a field of somebody's JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Node,
    Workers,
    Worker,
    Transports,
    /// A transport, or the web section of a universal one.
    Transport,
    Hosts,
    Host,
    Paths,
    Service,
    Realms,
    Realm,
    Roles,
    Role,
}

impl Place {
    /// What the attribute `key` of an object here is.
    pub(super) fn key(self, key: &str) -> Option<Self> {
        match (self, key) {
            (Self::Node, "workers") => Some(Self::Workers),
            (Self::Worker, "transports") => Some(Self::Transports),
            (Self::Worker, "realms") => Some(Self::Realms),
            (Self::Realm, "roles") => Some(Self::Roles),
            (Self::Transport, "web") => Some(Self::Transport),
            (Self::Transport, "hosts") => Some(Self::Hosts),
            (Self::Transport | Self::Host | Self::Service, "paths") => Some(Self::Paths),
            (Self::Hosts, _) => Some(Self::Host),
            (Self::Paths, _) => Some(Self::Service),
            _ => None,
        }
    }

    /// What the items of a list here are.
    pub(super) fn item(self) -> Option<Self> {
        match self {
            Self::Workers => Some(Self::Worker),
            Self::Transports => Some(Self::Transport),
            Self::Realms => Some(Self::Realm),
            Self::Roles => Some(Self::Role),
            _ => None,
        }
    }

    /// Whether an object here may include others.
    pub(super) fn is_object(self) -> bool {
        matches!(self, Self::Node | Self::Hosts | Self::Paths)
    }

    /// What is expected of a file that is included here.
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Node => "an object with attributes of a node, such as workers",
            Self::Hosts => "an object of hosts",
            Self::Paths => "an object of paths",
            Self::Workers => "a worker or a list of workers",
            Self::Transports => "a transport or a list of transports",
            Self::Realms => "a realm or a list of realms",
            Self::Roles => "a role or a list of roles",
            _ => "an object",
        }
    }
}
