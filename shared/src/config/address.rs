//! What listening endpoints occupy.

/// An IP version, where an endpoint names one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum IpVersion {
    /// IPv4
    V4,
    /// IPv6
    V6,
}

/// What a listening endpoint occupies; two of the same are a conflict unless both may be shared.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Address {
    /// First and last port, on an interface in the family given.
    Tcp { ports: (u16, u16), interface: String, version: Option<IpVersion>, shared: bool },
    /// A path in the file system.
    Unix(std::path::PathBuf),
    /// A service's key file.
    Onion(std::path::PathBuf),
}

impl Address {
    /// Only addresses of the same place can conflict.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::Tcp { ports: (first, last), .. } => format!("tcp {first} {last}"),
            Self::Unix(path) => format!("unix {}", path.display()),
            Self::Onion(path) => format!("onion {}", path.display()),
        }
    }

    /// Whether both cannot be had at once.
    pub(crate) fn conflicts_with(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Tcp { ports: a, interface: i, version: v, shared: s },
                Self::Tcp { ports: b, interface: j, version: w, shared: t },
            ) => {
                let any = |interface: &str| matches!(interface, "" | "0.0.0.0" | "::");
                // A range finds itself a free port, unless it is only one.
                a.0 == a.1
                    && a == b
                    && !(*s && *t)
                    && family(i, *v) == family(j, *w)
                    && (i == j || any(i) || any(j))
            }
            (Self::Unix(a), Self::Unix(b)) | (Self::Onion(a), Self::Onion(b)) => a == b,
            _ => false,
        }
    }
}

fn family(interface: &str, version: Option<IpVersion>) -> IpVersion {
    match (version, interface.parse::<std::net::IpAddr>()) {
        (Some(version), _) => version,
        (None, Ok(std::net::IpAddr::V6(_))) => IpVersion::V6,
        _ => IpVersion::V4,
    }
}
