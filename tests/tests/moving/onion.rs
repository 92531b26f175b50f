//! Onion services of a tor without a network.

use super::{Peer, adapted, ours, printed};
use jackfield_tests::{TempDir, free_port, owner_only, until};
use std::fs;

#[test]
fn tor() {
    let (theirs, dir) = (TempDir::new(), TempDir::new());
    let (at, port) = (theirs.path().display().to_string(), free_port());
    let control = format!("127.0.0.1:{port}");
    let text = adapted(
        printed("from-tor.md", "torrc"),
        &[("/srv/app", &at), ("ControlPort 9051", &format!("ControlPort {control}"))],
    );
    let file =
        theirs.write("torrc", format!("DataDirectory {at}/data\nSocksPort 0\nDisableNetwork 1\n{text}"));
    owner_only(&file);
    let _tor = Peer::start("tor", &["-f", file.to_str().unwrap()], &[]);
    let hostname = theirs.path().join("onion/hostname");
    let address =
        until("the address", || fs::read_to_string(&hostname).ok().filter(|text| text.ends_with('\n')));
    let key = fs::read(theirs.path().join("onion/hs_ed25519_secret_key")).unwrap();
    owner_only(&dir.write(".jackfield/service.key", key));
    let node = ours("from-tor.md", dir, &[("port: 9051", &format!("port: {port}"))]);
    let status = node.until("the endpoint", |status| status["endpoints"][0]["address"].is_string());
    let shown = status["endpoints"][0].to_string();
    assert!(shown.contains(address.trim()), "{shown} has not {address}");
    node.stop();
}
