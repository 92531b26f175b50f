//! Onion services: their keys and addresses, and what the process that publishes them is told.

mod file;
mod key;
mod review;

pub(crate) use review::review;

use crate::sockets::Bound;
use jackfield_shared::config::{OnionListening, Secret};
use jackfield_shared::ipc::{DaemonService, OnionService};
use jackfield_shared::log::Level;
use std::fs;
use std::path::Path;

/// What there is to say in the log once there is one.
pub(crate) type Remark = (Level, String);

/// An onion service, by who is to publish it.
#[derive(Debug)]
pub(crate) enum Order {
    /// A tor daemon.
    Daemon(Box<DaemonService>),
    /// The embedded Arti.
    Arti(OnionService),
}

impl Order {
    /// The service.
    pub(crate) fn service(&self) -> &OnionService {
        match self {
            Self::Daemon(daemon) => &daemon.service,
            Self::Arti(service) => service,
        }
    }
}

/// The service behind an endpoint that is bound. Its key is read, or created, before anything is published.
///
/// # Errors
/// Which attribute of the endpoint is at fault, and why.
pub(crate) fn service(
    onion: &OnionListening,
    bound: &Bound,
    remarks: &mut Vec<Remark>,
) -> Result<Order, (&'static str, String)> {
    if onion.version != 3 {
        let reason = "services of version 2 left the Tor network in 2021, and nothing publishes them any longer; \
                      remove this, and name a new key file";
        return Err(("version", reason.into()));
    }
    let password = password(onion).map_err(|reason| ("tor_control_password_file", reason))?;
    let path = &onion.private_key_file;
    let loaded = file::load(path).map_err(|e| ("private_key_file", e.to_string()))?;
    let address = loaded.key.address();
    if loaded.is_new {
        let text = format!("{}: a new key for {address}; the address is lost with this file", path.display());
        remarks.push((Level::Info, text));
    }
    let clients = onion.authorized_clients.iter();
    let service = OnionService {
        worker: bound.worker.clone(),
        transport: bound.transport.clone(),
        address,
        port: onion.port,
        target: target(&bound.address),
        key: loaded.key.to_base64(),
        clients: clients.map(|key| key.trim_start_matches("descriptor:x25519:").to_uppercase()).collect(),
        max_streams: onion.max_streams,
    };
    Ok(match onion.tor_control_endpoint.as_deref() {
        Some(control) => {
            Order::Daemon(Box::new(DaemonService { service, control: control.clone(), password }))
        }
        None => Order::Arti(service),
    })
}

/// The address of the private listener as ADD_ONION takes it; one that stands for all is reached by loopback.
fn target(address: &str) -> String {
    if let Some(path) = address.strip_prefix("unix://") {
        return format!("unix:{path}");
    }
    let address = address.trim_start_matches("tcp://");
    match address.rsplit_once(':') {
        Some(("0.0.0.0", port)) => format!("127.0.0.1:{port}"),
        Some(("[::]", port)) => format!("[::1]:{port}"),
        _ => address.to_owned(),
    }
}

fn password(onion: &OnionListening) -> Result<Option<Secret>, String> {
    match &onion.tor_control_password_file {
        Some(path) => read_password(path).map(Some),
        None => Ok(onion.tor_control_password.clone()),
    }
}

fn read_password(path: &Path) -> Result<Secret, String> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|e| {
        format!(
            "{shown}: the password of tor's control port can't be read: {e}; it must be a text file that the \
                 node's user may read"
        )
    })?;
    match text.lines().next().filter(|line| !line.is_empty()) {
        Some(line) => Ok(Secret(line.to_owned())),
        None => Err(format!(
            "{shown}: the first line, which is to be the password of tor's control port, is empty"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_tests::TempDir;

    #[test]
    fn targets_are_what_tor_can_connect_to() {
        for (address, expected) in [
            ("tcp://127.0.0.1:80", "127.0.0.1:80"),
            ("tcp://0.0.0.0:80", "127.0.0.1:80"),
            ("tcp://[::]:80", "[::1]:80"),
            ("unix:///run/x.sock", "unix:/run/x.sock"),
        ] {
            assert_eq!(target(address), expected);
        }
    }

    #[test]
    fn a_password_is_the_first_line_of_its_file() {
        let dir = TempDir::new();
        let path = dir.path().join("password");
        fs::write(&path, "secret word\nrest\n").unwrap();
        assert_eq!(read_password(&path), Ok(Secret("secret word".into())));
        fs::write(&path, "\n").unwrap();
        assert!(read_password(&path).unwrap_err().contains("first line"));
        assert!(read_password(dir.path()).unwrap_err().contains("can't be read"));
    }
}
