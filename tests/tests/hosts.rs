//! Virtual hosts, on the configuration that docs/web.md shows: content and certificate by name, and what belongs to
//! another certificate's client authentication.

use jackfield_tests::{Authority, Node, TempDir, Wish, curl, documented, run};
use std::net::Ipv4Addr;

/// The directory that the documented configuration wants, with a client's certificate that counts and one that does not.
fn prepared() -> TempDir {
    let dir = TempDir::new();
    let (servers, clients) = (Authority::new("servers"), Authority::new("clients"));
    let names = &["example.org", "*.example.org"];
    servers.write(&dir, "server", Wish { names, ..Wish::default() });
    servers.write(&dir, "other", Wish { names: &["admin.example.org"], ..Wish::default() });
    clients.write(&dir, "client", Wish { names: &["somebody"], ..Wish::default() });
    servers.write(&dir, "stranger", Wish { names: &["stranger"], ..Wish::default() });
    dir.write(".jackfield/ca.crt", clients.pem());
    dir.write("servers.crt", servers.pem());
    dir
}

/// What curl prints for these addresses, one after the other by one connection where that can be; certificates are verified.
fn ask(node: &Node, hosts: &[&str], args: &[&str]) -> String {
    let (addr, root): (Ipv4Addr, _) = (node.addr, node.dir.path().join("servers.crt"));
    let connect = format!("::{addr}:8443");
    let urls: Vec<_> = hosts.iter().map(|host| format!("https://{host}:8443/")).collect();
    let mut all = vec!["--cacert", root.to_str().unwrap(), "--connect-to", &connect, "-w", " %{http_code}\n"];
    all.extend(args);
    all.extend(urls.iter().map(String::as_str));
    curl(&all)
}

#[test]
fn content_and_certificate_are_those_of_the_name() {
    let node = Node::start_in(prepared(), &documented("web.md", "## Virtual hosts"));
    let key =
        |name: &str, end| node.dir.path().join(format!(".jackfield/{name}.{end}")).display().to_string();
    let shows = |name| [key(name, "crt"), key(name, "key")];
    for (host, answer) in [
        ("example.org", "\"main\" 200\n"),
        ("Example.ORG", "\"main\" 200\n"),
        ("www.example.org", "\"any\" 200\n"),
    ] {
        assert_eq!(ask(&node, &[host], &[]), answer, "{host}");
        assert_eq!(ask(&node, &[host], &["--http1.1"]), answer, "{host}");
    }
    let [certificate, key_of_it] = shows("client");
    let known = ["--cert", certificate.as_str(), "--key", key_of_it.as_str()];
    assert_eq!(ask(&node, &["admin.example.org"], &known), "\"admin\" 200\n");
    let [certificate, key_of_it] = shows("stranger");
    let unknown = ["--cert", certificate.as_str(), "--key", key_of_it.as_str()];
    for wrong in [&[][..], &unknown] {
        let refused = std::panic::catch_unwind(|| ask(&node, &["admin.example.org"], wrong));
        assert!(refused.is_err(), "no connection without a client's certificate that counts");
    }
    // By a connection that was made for another name, with or without what the name's certificate asks for.
    for args in [&[][..], &known, &["--http1.1"]] {
        let answer = ask(&node, &["www.example.org"], &[args, &["-H", "Host: admin.example.org"]].concat());
        assert!(answer.contains("connection of its own") && answer.ends_with(" 421\n"), "{answer}");
    }
    let answer = ask(&node, &["admin.example.org"], &[&known[..], &["-H", "Host: example.org"]].concat());
    assert!(answer.ends_with(" 421\n"), "{answer}");
    // Names of one certificate share a connection.
    let answer = ask(&node, &["example.org"], &["-H", "Host: www.example.org"]);
    assert_eq!(answer, "\"any\" 200\n");
    assert!(ask(&node, &["example.org"], &["-H", "Host: elsewhere.test"]).ends_with(" 404\n"));
    node.stop();
}

#[test]
fn check_says_which_host_has_no_certificate() {
    let dir = prepared();
    let config = documented("web.md", "## Virtual hosts").replace("ADDR", "127.0.0.1");
    dir.write(".jackfield/config.yaml", &config);
    let check = |dir: &TempDir| String::from_utf8_lossy(&run(dir.path(), &["check"]).stderr).into_owned();
    let clean = check(&dir);
    assert!(!clean.contains("no certificate"), "{clean}");
    dir.write(".jackfield/config.yaml", config.replace("          example.org:", "          example.net:"));
    let told = check(&dir);
    assert!(told.contains("no certificate here is for \"example.net\""), "{told}");
    dir.write(".jackfield/config.yaml", config.replace("ca_certificates: [ca.crt], ", ""));
    let told = check(&dir);
    assert!(told.contains("client_auth: needs \"ca_certificates\""), "{told}");
}
