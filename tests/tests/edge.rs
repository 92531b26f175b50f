//! `examples/edge`: all that stands on ports 80 and 443 in 40 lines, with pebble in place of Let's Encrypt.

use jackfield_tests::{Nginx, Node, Pebble, PebbleWish, curl, example, loopback, until};
use std::fs;

const CERTIFICATE_SECONDS: u32 = 3600;

#[test]
fn two_sites_with_certificates_an_application_limits_metrics_and_health_stand_in_40_lines() {
    let (dir, addr, app) = (example("edge"), loopback(), loopback());
    let file = dir.path().join(".jackfield/config.yaml");
    let config = fs::read_to_string(&file).unwrap();
    assert!(config.lines().count() <= 40);
    let mut pebble = Pebble::prepare(PebbleWish { http: 9, tls: 8443, valid: CERTIFICATE_SECONDS });
    let directory = format!(
        "acme: {{directory: \"{}\", ca_certificates: [\"{}\"], retry: 1, domains:",
        pebble.directory(),
        pebble.authority().display()
    );
    fs::write(&file, config.replace("acme: {domains:", &directory)).unwrap();
    let server = |port: u16| {
        format!(
            "server {{ listen {app}:{port}; root DIR/www/{port}; location / {{ return 200 \"{port} $http_x_request_id\"; }}
               location = /healthz {{ }} }}\n"
        )
    };
    let ports = [9001, 9002, 9003];
    let nginx = Nginx::start_with(app, 9000, &ports.map(server).concat());
    let well = |port: u16| nginx.root().join(format!("{port}/healthz"));
    for port in ports {
        fs::create_dir(nginx.root().join(port.to_string())).unwrap();
        fs::write(well(port), "well").unwrap();
    }
    pebble.run(addr);
    let (address, servers) = (addr.to_string(), app.to_string());
    let env = [
        ("HOST", address.as_str()),
        ("INSIDE", &address),
        ("APP", &servers),
        ("HTTPS_PORT", "8443"),
        ("HTTP_PORT", "8080"),
    ];
    let node = Node::launch(dir, addr, &[], &env);
    node.until("a certificate", |status| status["acme"][0]["state"] == "valid");
    let root = pebble.root();
    let to = format!("::{addr}:");
    let trusting = ["--cacert", root.to_str().unwrap(), "--connect-to", &to];
    let https = |args: &[&str]| curl(&[&trusting[..], args].concat());
    let inside = |path: &str| curl(&[&format!("http://{addr}:9090/{path}")]);

    // Both names, by the certificate that came; every process has it before it is said to be valid.
    until("all processes to show it", || {
        let mut command = std::process::Command::new("curl");
        command.args(["-s", "--noproxy", "*"]).args(trusting).args(["https://www.example.org:8443/"]);
        let shown = |_| command.output().unwrap().status.success();
        (0..8).all(shown).then_some(())
    });
    assert!(https(&["https://www.example.org:8443/"]).contains("This is www.example.org"));
    let led = ["-o", "/dev/null", "-w", "%{http_code} %{redirect_url}"];
    let plain = format!("http://{addr}:8080/a?b=c");
    let said = curl(&[&led[..], &["-H", "Host: app.example.org", &plain]].concat());
    assert_eq!(said, "302 https://app.example.org/a?b=c");

    // The weights hold on one connection, which one process serves.
    let asked = |count: usize| {
        let url = format!("https://app.example.org:8443/[1-{count}]");
        https(&["-w", "\\n", &url]).lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let of =
        |said: &[String], port: u16| said.iter().filter(|line| line.starts_with(&port.to_string())).count();
    node.until("all three to be up", |status| {
        let backends = status["backends"].as_array().unwrap();
        backends.len() == 3 && backends.iter().all(|backend| backend["state"] == "up")
    });
    let said = asked(40);
    assert_eq!((of(&said, 9001), of(&said, 9002), of(&said, 9003)), (30, 10, 0), "{said:?}");
    assert!(said.iter().all(|line| line.len() == "9001 ".len() + 32), "each has an id: {said:?}");

    // One that is not well is left out, and the backup is asked when both are.
    let down = |count: usize| {
        node.until("the checks to find out", |status| {
            let backends = status["backends"].as_array().unwrap();
            backends.iter().filter(|backend| backend["state"] == "down").count() == count
        });
    };
    fs::remove_file(well(9001)).unwrap();
    down(1);
    until("the other to be asked", || (of(&asked(4), 9002) == 4).then_some(()));
    fs::remove_file(well(9002)).unwrap();
    down(2);
    until("the backup to be asked", || (of(&asked(4), 9003) == 4).then_some(()));

    // More than a client may.
    let url = "https://app.example.org:8443/[1-300]";
    let codes = https(&["-o", "/dev/null", "-w", "%{http_code}\\n", url]);
    assert!(codes.contains("429") && codes.contains("200"), "{codes}");
    assert_eq!(inside("health/ready").trim_end(), "ready");
    let metrics = inside("metrics");
    for name in [
        "jackfield_http_requests_total{",
        "jackfield_backend_up{",
        "jackfield_certificate_not_after_timestamp",
    ] {
        assert!(metrics.contains(name), "{name}\n{metrics}");
    }
    node.stop();
}
