//! Targets for fuzzing: each takes bytes as somebody else may have written them, and panics where a promise is broken. They
//! are run by `cargo fuzz` (CONTRIBUTING.md), and by `tests/replay.rs` on any toolchain.

mod control;
mod link;
mod mutate;

pub use control::control;
pub use jackfield_worker::fuzzing::{
    form, http, proxy_protocol, rawsocket, socks, tor_control, websocket, zip,
};
pub use link::link;
pub use mutate::{Random, mutate};

use jackfield_shared::config::{Format, Path, parse};
use jackfield_shared::ipc::{self, FromWorker, ToWorker};
use jackfield_shared::tls::{Files, Tls};
use jackfield_wamp::{Serializer, codec};
use std::io::Write as _;
use std::path::Path as FsPath;
use tokio::runtime::Builder;

/// A configuration in JSON.
pub fn configuration_json(bytes: &[u8]) {
    configuration(bytes, Format::Json);
}

/// A configuration in YAML.
pub fn configuration_yaml(bytes: &[u8]) {
    configuration(bytes, Format::Yaml);
}

/// Whatever is in a file: there is a node, or a reason why not, with its place.
fn configuration(bytes: &[u8], format: Format) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let loaded = parse(text, format, "config", FsPath::new("/nowhere"), &|_| None);
    for diagnostic in &loaded.diagnostics {
        assert!(diagnostic.line >= 1 && diagnostic.column >= 1 && !diagnostic.message.is_empty());
        diagnostic.render(text);
    }
    assert!(loaded.is_valid() || !loaded.diagnostics.is_empty());
}

/// The IPC between controller and worker, in both directions: messages, then an end or an error.
///
/// # Panics
/// When a promise is broken, or no descriptors are left.
pub fn ipc(bytes: &[u8]) {
    let runtime = Builder::new_current_thread().enable_io().build().expect("a runtime");
    runtime.block_on(async {
        receive::<FromWorker>(bytes).await;
        receive::<ToWorker>(bytes).await;
    });
}

async fn receive<Message: serde::de::DeserializeOwned>(bytes: &[u8]) {
    let (ours, theirs) = ipc::pair().expect("a pair of sockets");
    // Less than a socket holds, so that nobody has to read meanwhile.
    let sent = &bytes[..bytes.len().min(32 << 10)];
    std::os::unix::net::UnixStream::from(theirs).write_all(sent).expect("room in a socket");
    let (_sender, mut receiver) = ipc::split::<(), Message>(ours).expect("a socket");
    let mut messages = 0;
    loop {
        match receiver.recv().await {
            Ok(Some((_, descriptors))) => assert!(descriptors.is_empty(), "descriptors that nobody has sent"),
            Ok(None) => break,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                break;
            }
        }
        messages += 1;
        assert!(messages <= sent.len() / 8, "more messages than fit into the bytes");
    }
}

/// The files of a TLS section: certificates, revocation lists, a key.
///
/// # Panics
/// When a promise is broken.
pub fn pem(bytes: &[u8]) {
    // A file has to be there; what is in it is given below.
    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let node = serde_json::json!({"version": 2, "workers": [{"type": "router", "transports": [{
        "type": "stream.testee",
        "endpoint": {"type": "tcp", "port": 1, "tls": {
            "certificate": FILE, "key": FILE, "ca_certificates": [FILE],
        }},
    }]}]});
    let loaded = parse(&node.to_string(), Format::Json, "config", FsPath::new("/"), &|_| None);
    let node = loaded.node.expect("a node");
    let transport = &node.workers[0].transports()[0];
    let tls = transport.endpoint.tls().expect("a TLS section");
    let files = Files([(FILE.into(), text.to_owned())].into());
    for remark in jackfield_worker::tls::check(Tls::Listening(tls, transport), &files, &Path::default()) {
        assert!(!remark.message.is_empty());
    }
}

/// A message of WAMP behind a byte that chooses the serializer: what is read can be written, and read again as the same.
///
/// # Panics
/// When a promise is broken.
pub fn wamp(bytes: &[u8]) {
    let Some((choice, message)) = bytes.split_first() else { return };
    let serializer = Serializer::ALL[usize::from(*choice) % Serializer::ALL.len()];
    let Ok(message) = codec::decode(serializer, &message.to_vec().into()) else { return };
    let mut written = Vec::new();
    codec::encode(serializer, &message, &mut written);
    let again = codec::decode(serializer, &written.into()).expect("what was written is read");
    assert_eq!(format!("{message:?}"), format!("{again:?}"));
}
