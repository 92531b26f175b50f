//! The key by which the node proves to routers elsewhere who it is, in Crossbar.io's file `key.priv`.

use crate::entry::{Entry, write_private};
use jackfield_shared::config::{self, ProxyConnection, Secret, Worker, WorkerKind};
use jackfield_shared::ipc::NodeKey;
use jackfield_shared::log::Level;
use jackfield_worker::client;
use rustix::fs::OFlags;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// More than the longest key file; what is longer is something else.
const LONGEST: u64 = 16 << 10;
/// Mode bits that let others than the owner read or write.
const OTHERS: u32 = 0o077;
/// Stands before the private key.
const PRIVATE: &str = "private-key-ed25519:";
/// Stands before the node's name.
const AUTHID: &str = "node-authid:";

/// The key of the node in `base`, which is made if there is none, for a worker that needs it. `id`: the node's name, if
/// the configuration has one. What there is to say in the log is added to `remarks`.
///
/// # Errors
/// The file holds no key, or can't be read or written.
pub(crate) fn load(
    worker: &Worker,
    base: &Path,
    id: Option<&str>,
    remarks: &mut Vec<(Level, String)>,
) -> Result<Option<NodeKey>, String> {
    if needs(worker).is_none() {
        return Ok(None);
    }
    let path = file(base);
    let (mut key, mode) = match read(&path)? {
        Some(found) => found,
        None => (create(&path, id, remarks)?, 0),
    };
    if mode & OTHERS != 0 {
        let path = path.display();
        let text = format!(
            "{path}: others may read or change this key (mode {mode:04o}): who has it can say to routers who their clients \
             are; `chmod 600 {path}`"
        );
        remarks.push((Level::Warn, text));
    }
    if let Some(id) = id {
        key.authid = Some(id.to_owned());
    }
    Ok(Some(key))
}

/// What is wrong with the key, if the worker needs it and it is there; with the part of the worker that needs it.
pub(crate) fn review(worker: &Worker, base: &Path) -> Option<(&'static str, String)> {
    let part = needs(worker)?;
    read(&file(base)).err().map(|text| (part, text))
}

/// The part of a worker that proves by the key of the node whose it is, if there is one.
pub(crate) fn needs(worker: &Worker) -> Option<&'static str> {
    match &worker.kind {
        WorkerKind::Proxy(proxy) => {
            proxy.connections.values().any(ProxyConnection::has_key).then_some("connections")
        }
        WorkerKind::Router(router) => {
            (!router.links(&config::Path::default()).is_empty()).then_some("realms")
        }
        _ => None,
    }
}

fn file(base: &Path) -> PathBuf {
    base.join("key.priv")
}

/// The key with the mode of its file, if there is one.
fn read(path: &Path) -> Result<Option<(NodeKey, u32)>, String> {
    let failed = |e: io::Error| {
        format!(
            "{}: the node's key can't be read: {e}; it must be a file that the node's user may read",
            path.display()
        )
    };
    let opened = Entry::at(path).and_then(|entry| match entry.stat()? {
        Some(_) => entry.open(OFlags::RDONLY | OFlags::NONBLOCK, 0).map(Some),
        None => Ok(None),
    });
    let Some(file) = opened.map_err(failed)? else { return Ok(None) };
    let mode = file.metadata().map_err(failed)?.mode() & 0o777;
    let mut text = String::new();
    File::take(file, LONGEST).read_to_string(&mut text).map_err(failed)?;
    let key = parse(&text).ok_or_else(|| {
        format!(
            "{} does not hold a key of the node: expected a line `{PRIVATE}` with 32 bytes in hexadecimal, as Crossbar.io \
             writes it; restore your copy of it, or remove it, and a new key is made",
            path.display()
        )
    })?;
    Ok(Some((key, mode)))
}

fn parse(text: &str) -> Option<NodeKey> {
    let value = |tag| text.lines().find_map(|line| line.trim().strip_prefix(tag)).map(str::trim);
    let private = client::Secret(value(PRIVATE)?.to_owned());
    client::public_key(&private).ok()?;
    let authid = value(AUTHID).filter(|authid| !authid.is_empty() && *authid != "unknown").map(str::to_owned);
    Some(NodeKey { authid, private: Secret(private.0) })
}

/// Makes a key.
fn create(path: &Path, id: Option<&str>, remarks: &mut Vec<(Level, String)>) -> Result<NodeKey, String> {
    let mut seed = [0_u8; 32];
    getrandom::fill(&mut seed)
        .map_err(|e| format!("there are no random numbers for a key of the node: {e}"))?;
    let private = client::Secret(seed.iter().map(|byte| format!("{byte:02x}")).collect());
    let public = client::public_key(&private)?;
    let authid = id.map(|id| format!("{AUTHID} {id}\n")).unwrap_or_default();
    let text = format!(
        "The private key of this node: keep it safe, and show it to nobody.\n\ncreator: jackfield {}\n{authid}public-key-ed25519: \
         {public}\n{PRIVATE} {}\n",
        env!("CARGO_PKG_VERSION"),
        private.0
    );
    write_private(path, text.as_bytes()).map_err(|e| {
        format!(
            "{}: a new key of the node can't be written: {e}; its directory must be one that the node's user may write to",
            path.display()
        )
    })?;
    let text = format!(
        "{}: a new key of this node, for \"cryptosign-proxy\" and \"rlinks\"; routers that are to believe it need {public} among their \
         authorized_keys",
        path.display()
    );
    remarks.push((Level::Info, text));
    Ok(NodeKey { authid: None, private: Secret(private.0) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_tests::TempDir;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    fn proxy() -> Worker {
        let text = r#"{"version": 2, "workers": [{"type": "proxy", "connections": {"c": {
            "transport": {"type": "rawsocket", "serializer": "cbor", "endpoint": {"type": "tcp", "host": "a", "port": 1}},
            "auth": {"cryptosign-proxy": {"type": "static"}}}}}]}"#;
        let format = jackfield_shared::config::Format::Json;
        let loaded = jackfield_shared::config::parse(text, format, "test", Path::new("/nowhere"), &|_| None);
        loaded.node.unwrap().workers.remove(0)
    }

    #[test]
    fn a_key_is_made_once_and_for_its_owner_alone() {
        let (dir, mut remarks) = (TempDir::new(), Vec::new());
        let first = load(&proxy(), dir.path(), None, &mut remarks).unwrap().unwrap();
        let public = client::public_key(&client::Secret(first.private.0.clone())).unwrap();
        assert!(remarks.len() == 1 && remarks[0].1.contains(&public), "{remarks:?}");
        let path = file(dir.path());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(load(&proxy(), dir.path(), None, &mut remarks).unwrap().unwrap(), first);
        let named = load(&proxy(), dir.path(), Some("node1"), &mut remarks).unwrap().unwrap();
        assert_eq!((named.authid.as_deref(), remarks.len()), (Some("node1"), 1));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        load(&proxy(), dir.path(), None, &mut remarks).unwrap();
        assert!(remarks[1].1.contains("chmod 600"));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else is left behind");
    }

    #[test]
    fn files_of_crossbar_are_read_and_others_are_named() {
        let dir = TempDir::new();
        let text = format!(
            "Crossbar.io node private key - KEEP THIS SAFE!\n\ncreator: me@here\nnode-authid: host1\n\
             public-key-ed25519: 00\nprivate-key-ed25519: {}\n",
            "0a".repeat(32)
        );
        fs::write(file(dir.path()), text).unwrap();
        let key = load(&proxy(), dir.path(), None, &mut Vec::new()).unwrap().unwrap();
        assert_eq!((key.authid.as_deref(), key.private.0.len()), (Some("host1"), 64));
        assert_eq!(review(&proxy(), dir.path()), None);
        fs::write(file(dir.path()), "private-key-ed25519: abc\n").unwrap();
        let error = load(&proxy(), dir.path(), None, &mut Vec::new()).unwrap_err();
        assert!(error.contains("key.priv does not hold a key") && !error.contains("abc"), "{error}");
        assert_eq!(review(&proxy(), dir.path()), Some(("connections", error)));
    }
}
