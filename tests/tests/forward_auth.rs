//! Forward authentication by the configuration of docs/web.md: nginx decides who may come, and is the application, too.

use jackfield_tests::{Nginx, Node, TempDir, accept, curl, documented, head, loopback, say, until};
use std::net::{Ipv4Addr, TcpListener};

/// A server that lets one token through and answers others as the path says, and an application that shows what it gets.
fn servers(addr: Ipv4Addr) -> Nginx {
    Nginx::start_with(
        addr,
        9000,
        &format!(
            "server {{ listen {addr}:9100; location = /verify {{
                add_header X-User $http_x_user$http_x_known always; add_header X-Groups $request_method always;
                add_header X-Other secret always;
                if ($http_authorization = 'Bearer good') {{ return 204; }}
                if ($http_x_forwarded_uri = '/login?a=b') {{
                    add_header Set-Cookie seen=1; return 302 https://login.example/?to=$http_x_forwarded_uri; }}
                return 401 '$http_x_forwarded_method $http_x_forwarded_proto $http_x_forwarded_host $http_x_forwarded_uri $http_x_forwarded_for $http_content_type'; }} }}
             server {{ listen {addr}:9001; location / {{
                return 200 '$http_x_user|$http_x_groups|$http_x_other|$request_method'; }} }}"
        ),
    )
}

fn start(addr: Ipv4Addr) -> Node {
    let config = documented("web.md", "## Forward authentication");
    Node::start_in(TempDir::new(), &config.replace("host: 127.0.0.1", &format!("host: {addr}")))
}

#[test]
fn another_server_decides_who_may_come_and_says_who_it_is() {
    let behind = loopback();
    let _servers = servers(behind);
    let node = start(behind);
    let ask = |path: &str, args: &[&str]| {
        curl(&[&["-i", &format!("http://{}:8080{path}", node.addr)], args].concat())
    };
    let good = ["-H", "Authorization: Bearer good"];
    // What the client says of itself in the headers of the server reaches neither of the two, however it is written.
    let forged = ["-H", "X-User: root", "-H", "X-Groups: wheel", "-H", "X_User: root", "-H", "x-user: root"];
    let answer = ask("/a", &[&good[..], &forged, &["-H", "X-Known: ann", "-d", "content"]].concat());
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ann|GET||POST"), "{answer}");
    assert!(!answer.contains("X-Other"), "{answer}");
    // Without a name in the answer, services get none.
    let answer = ask("/a", &[&good[..], &forged].concat());
    assert!(answer.ends_with("|GET||GET"), "{answer}");

    // Whatever else the server says is for the client, who has not reached the application.
    let answer = ask("/b?c=d", &["-d", "content", "-H", "Host: site.example"]);
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert!(answer.contains("\r\n\r\nPOST http site.example /b?c=d 127."), "{answer}");
    assert!(answer.trim_end().rsplit(' ').next().unwrap().starts_with("127."), "no content type: {answer}");
    let answer = ask("/login?a=b", &[]).to_lowercase();
    assert!(answer.starts_with("http/1.1 302") && answer.contains("set-cookie: seen=1\r\n"), "{answer}");
    assert!(answer.contains("location: https://login.example/?to=/login?a=b\r\n"), "{answer}");
    assert!(ask("/b", &["-I"]).starts_with("HTTP/1.1 401"));
    // One after the other on kept connections, and HTTP/2.
    let many = format!("http://{}:8080/[1-50]", node.addr);
    let codes = curl(&[&["-s", "-w", " %{http_code}\n", &many], &good[..]].concat());
    assert_eq!(codes.matches("|GET||GET 200\n").count(), 50, "{codes}");
    let two = ask("/c", &[&good[..], &["--http2-prior-knowledge"]].concat());
    assert!(two.starts_with("HTTP/2 200") && two.ends_with("|GET||GET"), "{two}");
    node.stop();
}

#[test]
fn who_can_not_be_asked_lets_nobody_through() {
    let behind = loopback();
    let server = TcpListener::bind((behind, 9100)).unwrap();
    let node = start(behind);
    let code = ["-o", "/dev/null", "-w", "%{http_code}"];
    let url = format!("http://{}:8080/", node.addr);
    let answered = |answer: &str| {
        std::thread::scope(|scope| {
            let asked =
                scope.spawn(|| curl(&[&code[..], &["-H", "X_Forwarded_Uri: /public", &url]].concat()));
            let mut asking = accept(&server);
            let said = head(&mut asking);
            assert_eq!(said[0], "GET /verify HTTP/1.1");
            // A server by WSGI would take it for ours.
            assert!(!said.iter().any(|line| line.to_lowercase().starts_with("x_")), "{said:?}");
            say(&mut asking, answer);
            drop(asking);
            asked.join().unwrap()
        })
    };
    assert_eq!(answered("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"), "502", "it has broken off");
    assert_eq!(answered("nonsense\r\n\r\n"), "502");
    let long = format!("HTTP/1.1 403 No\r\nConnection: close\r\n\r\n{}", "x".repeat((256 << 10) + 1));
    assert_eq!(answered(&long), "502");
    assert_eq!(answered("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"), "403");
    node.log.wait(0, "nobody says whether a request may come");
    // In time, and by nobody: the documented limit is 1 s.
    assert_eq!(curl(&[&code[..], &[&url]].concat()), "504");
    drop(server);
    until("nobody to accept", || (curl(&[&code[..], &[&url]].concat()) == "502").then_some(()));
    node.stop();
}

#[test]
fn a_server_that_is_asked_whether_it_may_be_asked_does_not_go_round_for_ever() {
    let addr = loopback();
    let config = documented("web.md", "## Forward authentication")
        .replace("host: 127.0.0.1", "host: ADDR")
        .replace("port: 9100", "port: 8080")
        .replace("ADDR", &addr.to_string());
    let dir = TempDir::new();
    dir.write(".jackfield/config.yaml", config);
    let node = Node::launch(dir, addr, &[], &[]);
    node.ready();
    let code = curl(&["-o", "/dev/null", "-w", "%{http_code}", &format!("http://{addr}:8080/")]);
    assert_eq!(code, "508");
    node.log.wait(0, "16 proxies of ours");
    node.stop();
}
