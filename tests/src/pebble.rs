//! An ACME directory: pebble, with a name server of its own in which every name is the node's.

use crate::{Authority, Background, TempDir, Wish, curl, loopback, until};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::Command;

/// What is told to pebble.
#[derive(Clone, Copy, Debug)]
pub struct PebbleWish {
    /// The port at which it asks by HTTP.
    pub http: u16,
    /// The port at which it asks by TLS.
    pub tls: u16,
    /// Seconds that certificates are valid for.
    pub valid: u32,
}

/// A pebble with its certificate; ended when it goes out of scope.
#[derive(Debug)]
pub struct Pebble {
    /// Where it listens.
    pub addr: Ipv4Addr,
    dir: TempDir,
    wish: PebbleWish,
    running: Vec<Background>,
}

impl Pebble {
    /// One that does not run yet, on an address of its own.
    pub fn prepare(wish: PebbleWish) -> Self {
        let (addr, dir) = (loopback(), TempDir::new());
        let authority = Authority::new("the directory's authority");
        authority.write(&dir, "pebble", Wish { names: &[&addr.to_string()], ..Wish::default() });
        dir.write("authority.crt", authority.pem());
        Self { addr, dir, wish, running: Vec::new() }
    }

    /// URL of the directory.
    pub fn directory(&self) -> String {
        format!("https://{}:14000/dir", self.addr)
    }

    /// The file with the authority of the directory's own certificate.
    pub fn authority(&self) -> PathBuf {
        self.dir.path().join("authority.crt")
    }

    /// Runs it until it answers; every name leads to `node`, but those that end in `refused.test` get no certificate.
    pub fn run(&mut self, node: Ipv4Addr) {
        let PebbleWish { http, tls, valid } = self.wish;
        let (addr, dir) = (self.addr, self.dir.path().display());
        let config = serde_json::json!({"pebble": {
            "listenAddress": format!("{addr}:14000"), "managementListenAddress": format!("{addr}:15000"),
            "certificate": format!("{dir}/.jackfield/pebble.crt"), "privateKey": format!("{dir}/.jackfield/pebble.key"),
            "httpPort": http, "tlsPort": tls, "certificateValidityPeriod": valid, "domainBlocklist": ["refused.test"]}});
        let config = self.dir.write("pebble.json", config.to_string());
        let (names, node) = (format!("{addr}:8053"), node.to_string());
        let mut server = Command::new("pebble-challtestsrv");
        server.args(["-dns01", &names, "-management", &format!("{addr}:8055"), "-defaultIPv4", &node]);
        server.args(["-defaultIPv6", "", "-http01", "", "-https01", "", "-tlsalpn01", ""]);
        self.running.push(Background::spawn(&mut server));
        let mut pebble = Command::new("pebble");
        pebble.arg("-config").arg(config).args(["-dnsserver", &names]);
        // No pauses, and no authorization of before spares the node a challenge.
        pebble.envs([
            ("PEBBLE_VA_NOSLEEP", "1"),
            ("PEBBLE_AUTHZREUSE", "0"),
            ("PEBBLE_WFE_NONCEREJECT", "0"),
        ]);
        self.running.push(Background::spawn(&mut pebble));
        for port in [8055, 14000, 15000] {
            until("pebble to listen", || TcpStream::connect((addr, port)).ok());
        }
    }

    /// Writes the authority of the certificates that it issues to a file.
    pub fn root(&self) -> PathBuf {
        let authority = self.authority();
        let url = format!("https://{}:15000/roots/0", self.addr);
        self.dir.write("root.crt", curl(&["--cacert", authority.to_str().unwrap(), &url]))
    }
}
