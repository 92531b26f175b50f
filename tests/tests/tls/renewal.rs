//! Files that change while the node runs.

use super::*;

#[test]
fn certificates_are_renewed_under_open_connections() {
    let (dir, authority) = prepared();
    let node = Node::start_in(dir, &node(&[echo(8441, SERVER)], 2));
    let pids = |node: &Node| {
        node.status().unwrap()["workers"][0]["processes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| p["pid"].clone())
            .collect::<Vec<_>>()
    };
    let before = pids(&node);
    let mut open = Client::connect(node.addr, 8441, &[]);
    open.echo("before");
    // The key of somebody else: as a pair they are no good, and what was there stays.
    let (renewed, key) = authority.issue(Wish { common_name: "renewed", ..LOCALHOST });
    write_pair(
        &node.dir,
        "server",
        &std::fs::read_to_string(argument(&node.dir, "server.crt")).unwrap(),
        &key,
    );
    let (_, seen) = node.log.wait(0, "does not belong to the certificate");
    let said = s_client(node.addr, 8441, &[]).replace("CN = ", "CN=");
    assert!(said.contains("subject=CN=localhost"), "{said}");
    write_pair(&node.dir, "server", &renewed, &key);
    node.log.wait(seen, "new connections use");
    until("both processes to have the certificate", || {
        let mut said = (0..8).map(|_| s_client(node.addr, 8441, &[]).replace("CN = ", "CN="));
        said.all(|said| said.contains("subject=CN=renewed")).then_some(())
    });
    open.echo("after");
    open.end();
    assert_eq!(pids(&node), before, "no process was touched");
    node.stop();
}

/// Authorities and revocation lists change: who is let in follows, and nobody who is in is put out.
#[test]
fn authorities_and_lists_are_renewed() {
    let (dir, authority) = prepared();
    let other = Authority::new("another authority");
    let client = Wish { names: &["client"], common_name: "client", serial: 7, ..LOCALHOST };
    authority.write(&dir, "client", client);
    other.write(&dir, "other", client);
    dir.write(".jackfield/clients.crt", authority.pem());
    dir.write(".jackfield/crl.pem", authority.revoke(&[1]));
    let tls = format!(r#"{SERVER}, "ca_certificates": ["clients.crt"], "crls": ["crl.pem"]"#);
    let node = debug(dir, &node(&[echo(8441, &tls)], 1));
    let pair = |name: &str| ["crt", "key"].map(|kind| argument(&node.dir, &format!("{name}.{kind}")));
    let comes = |name: &str, expected: &str| {
        let ([certificate, key], before) = (pair(name), node.log.all().len());
        s_client(node.addr, 8441, &["-tls1_3", "-cert", &certificate, "-key", &key]);
        node.log.wait(before, expected);
    };
    let renew = |file: &str, text: &str| {
        let before = node.log.all().len();
        let temporary = node.dir.write(&format!(".jackfield/{file}.new"), text);
        std::fs::rename(&temporary, argument(&node.dir, file)).unwrap();
        node.log.wait(before, "new connections use");
    };
    comes("client", "received 6 bytes");
    comes("other", "issued by nobody we trust");
    let [certificate, key] = pair("client");
    let mut stays = Client::connect(node.addr, 8441, &["-cert", &certificate, "-key", &key]);
    stays.echo("before");
    renew("crl.pem", &authority.revoke(&[7]));
    comes("client", "certificate is revoked");
    stays.echo("after");
    stays.end();
    renew("clients.crt", &format!("{}{}", authority.pem(), other.pem()));
    comes("other", "received 6 bytes");
    node.stop();
}
