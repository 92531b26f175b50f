//! What a process needs, told by its part of the configuration.

use crate::wamp::CookiePlace;
use jackfield_shared::config::{ConnectingEndpoint, Path, TlsConnecting, Tor, Transport, Worker};
use jackfield_shared::ipc::DaemonService;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;

/// What may be read.
#[derive(Debug)]
pub(super) enum Read {
    Any,
    /// These files, and what is in these directories.
    Only(BTreeSet<PathBuf>),
}

/// What may be connected to.
#[derive(Debug)]
pub(super) enum Connect {
    Any,
    /// These TCP ports.
    Only(BTreeSet<u16>),
}

/// What a process needs of the system, apart from what it is given by descriptor.
#[derive(Debug)]
pub(crate) struct Needs {
    pub(super) read: Read,
    /// Directories in which files are made and changed.
    pub(super) write: BTreeSet<PathBuf>,
    /// Files that cookies are kept in.
    pub(super) kept: Vec<CookiePlace>,
    /// The TCP ports that may be connected to.
    pub(super) connect: Connect,
    /// It looks up names.
    pub(super) names: bool,
    /// It relies on the certificates that the system trusts.
    pub(super) trust: bool,
    /// It starts programs, which need what nobody can tell in advance.
    pub(super) programs: bool,
    /// It sets the times of its files by their names.
    pub(super) times: bool,
    /// Programs are started for it, by its launcher.
    pub(crate) launcher: bool,
}

impl Needs {
    /// Nothing at all.
    pub(super) fn nothing() -> Self {
        Self {
            read: Read::Only(BTreeSet::new()),
            write: BTreeSet::new(),
            kept: Vec::new(),
            connect: Connect::Only(BTreeSet::new()),
            names: false,
            trust: false,
            programs: false,
            times: false,
            launcher: false,
        }
    }

    /// What the launcher needs, and whatever it starts.
    pub(crate) fn of_programs() -> Self {
        Self { programs: true, ..Self::nothing() }
    }

    /// What a process needs that has realms and no clients.
    pub(crate) fn of_realms() -> Self {
        Self::nothing()
    }

    /// What the processes of a worker need.
    pub(crate) fn of(worker: &Worker) -> Self {
        let mut needs = Self::nothing();
        worker.transports().iter().for_each(|transport| needs.transport(transport));
        let connections = worker.kind.kind().connections(&Path::default());
        connections.into_iter().for_each(|(_, endpoint)| needs.connecting(endpoint));
        needs
    }

    /// What publishing these services through tor daemons needs. Where a daemon keeps its cookie only the daemon
    /// can tell.
    pub(crate) fn of_publishing(services: &[DaemonService]) -> Self {
        let mut needs = Self { read: Read::Any, ..Self::nothing() };
        services.iter().for_each(|service| needs.connecting(&service.control));
        needs
    }

    /// What the embedded Arti needs: relays are anywhere, and what it learns of them is kept in its directory, where it notes
    /// by the times of directories when they were used. It asks the system's user database who may write above that.
    pub(crate) fn of_arti(settings: &Tor) -> Self {
        let state = BTreeSet::from([settings.state_directory.clone()]);
        let memory = ["/proc/meminfo", "/proc/self", "/sys/fs/cgroup"].map(PathBuf::from);
        let read = Read::Only(state.iter().cloned().chain(memory).collect());
        Self { read, write: state, connect: Connect::Any, names: true, times: true, ..Self::nothing() }
    }

    /// What fetching a file into this directory needs.
    pub(crate) fn of_fetching(directory: &std::path::Path) -> Self {
        let directory = BTreeSet::from([directory.to_owned()]);
        let read = Read::Only(directory.clone());
        Self { read, write: directory, connect: Connect::Any, names: true, trust: true, ..Self::nothing() }
    }

    /// What asking a directory for certificates needs.
    pub(crate) fn of_acme() -> Self {
        Self { connect: Connect::Any, names: true, trust: true, ..Self::nothing() }
    }

    fn transport(&mut self, transport: &Transport) {
        let at = Path::default();
        for (_, service) in transport.services(&at) {
            let kind = service.kind();
            let files = kind.files();
            self.read(files.read.cloned());
            self.write.extend(files.written.into_iter().flatten().cloned());
            self.launcher |= kind.starts_programs();
        }
        // A store of cookies is opened by the confined process; the file has to be there before.
        let cookies = transport.sections(&at).into_iter().filter_map(|(_, section)| section.cookie);
        self.kept.extend(cookies.filter_map(|cookie| CookiePlace::of(&cookie.store)));
        transport.connections(&at).into_iter().for_each(|(_, endpoint)| self.connecting(endpoint));
    }

    fn connecting(&mut self, endpoint: &ConnectingEndpoint) {
        let tls = match endpoint {
            ConnectingEndpoint::Tcp(tcp) => {
                self.port(tcp.port);
                self.names |= tcp.host.parse::<IpAddr>().is_err();
                &tcp.tls
            }
            ConnectingEndpoint::Tor(tor) => {
                // The name is Tor's to look up.
                tor.tor_socks_port.into_iter().for_each(|port| self.port(port));
                &tor.tls
            }
            ConnectingEndpoint::Unix(unix) => &unix.tls,
            ConnectingEndpoint::Twisted(_) => &None,
        };
        self.trust |= tls.as_ref().is_some_and(trusts_the_system);
    }

    fn port(&mut self, port: u16) {
        if let Connect::Only(ports) = &mut self.connect {
            ports.insert(port);
        }
    }

    fn read(&mut self, paths: impl IntoIterator<Item = PathBuf>) {
        if let Read::Only(readable) = &mut self.read {
            readable.extend(paths);
        }
    }
}

fn trusts_the_system(tls: &TlsConnecting) -> bool {
    tls.ca_certificates.is_none()
}
