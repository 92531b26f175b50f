//! A private Tor network of real tor processes on loopback: an authority, which is a relay, too, five more relays, two
//! clients.
//!
//! Every figure here was tried. With two relays onion services never come up; with three, and the authority, Arti now
//! and then finds no path, since no relay is twice in one; vanguards-lite makes services unreachable for long in so small
//! a network; the first vote decides when there is a consensus, hence the aligned start. Left to learn how long a circuit
//! may take, tor learns that it is some milliseconds, and gives up on all of them once the machine has other work.

use crate::{DEADLINE, TempDir, signal_pid, until, wait_for_end};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What all nodes have in common.
const COMMON: &str = "
TestingTorNetwork 1
AssumeReachable 1
PathsNeededToBuildCircuits 0.67
ShutdownWaitLength 0
VanguardsLiteEnabled 0
FetchDirInfoEarly 1
FetchDirInfoExtraEarly 1
LearnCircuitBuildTimeout 0
CircuitBuildTimeout 20
Log notice stdout
";
const RELAY: &str = "
Address 127.0.0.1
SocksPort 0
ExitRelay 1
ExitPolicyRejectPrivate 0
ExitPolicy accept 127.0.0.0/8:*
ExitPolicy accept *:*
OutboundBindAddress 127.0.0.1
ServerDNSDetectHijacking 0
ServerDNSTestAddresses
DirCache 1
NumCPUs 1
";
const AUTHORITY: &str = "
AuthoritativeDirectory 1
V3AuthoritativeDirectory 1
ContactInfo x
V3AuthVotingInterval 15 seconds
V3AuthVoteDelay 2 seconds
V3AuthDistDelay 2 seconds
V3AuthNIntervalsValid 3
TestingV3AuthInitialVotingInterval 5 seconds
TestingV3AuthInitialVoteDelay 2 seconds
TestingV3AuthInitialDistDelay 2 seconds
TestingDirAuthVoteExit *
TestingDirAuthVoteGuard *
TestingDirAuthVoteHSDir *
TestingMinExitFlagThreshold 0
TestingMinFastFlagThreshold 0
AuthDirMaxServersPerAddr 0
ConsensusParams hsdir_interval=6
";
const CLIENT: &str = "
ClientRejectInternalAddresses 0
ClientDNSRejectInternalAddresses 0
EnforceDistinctSubnets 0
";
/// The interval of the first votes, and when in it relays have to start in order to be voted on.
const VOTING_MS: u128 = 5000;
const START_MS: u128 = 1500;

/// The network; its processes end when it goes out of scope.
#[derive(Debug)]
pub struct TorNetwork {
    /// Publishes services.
    pub service: Tor,
    /// Reaches them.
    pub client: Tor,
    /// What makes the embedded Arti a part of it: `controller.tor` of a configuration.
    pub arti: Value,
    relays: Vec<Tor>,
    _dir: TempDir,
}

impl TorNetwork {
    /// Starts the network; takes about 12 seconds.
    pub fn start() -> Self {
        let dir = TempDir::new();
        let names = ["a0", "r1", "r2", "r3", "r4", "r5"];
        let ports: Vec<u16> = free_ports(2 + names.len());
        let (dir_port, socks_port, or_ports) = (ports[0], ports[1], &ports[2..]);
        let v3ident = certify(dir.path(), dir_port);
        let prints: Vec<_> = names.iter().map(|name| fingerprint(dir.path(), name)).collect();
        let authority = format!(
            "DirAuthority a0 orport={} no-v2 v3ident={v3ident} 127.0.0.1:{dir_port} {}\n",
            or_ports[0], prints[0]
        );
        let common = authority + COMMON;
        align();
        let mut relays = Vec::new();
        for (name, port) in names.iter().zip(or_ports) {
            let mut torrc = format!("{common}{RELAY}Nickname {name}\nORPort 127.0.0.1:{port}\n");
            if *name == "a0" {
                let _ = writeln!(torrc, "{AUTHORITY}DirPort 127.0.0.1:{dir_port}");
            }
            relays.push(Tor::start(&dir.path().join(name), &torrc));
        }
        for relay in &relays {
            relay.bootstrapped();
        }
        let client =
            |name: &str, more: &str| Tor::start(&dir.path().join(name), &format!("{common}{CLIENT}{more}"));
        let network = Self {
            service: client("c1", "SocksPort 0\n"),
            client: client("c2", &format!("SocksPort 127.0.0.1:{socks_port} ExtendedErrors\n")),
            arti: json!({
                "authorities": [{"name": "a0", "v3ident": v3ident}],
                "fallback_directories": [{
                    "rsa_identity": prints[0],
                    "ed_identity": ed_identity(dir.path(), "a0"),
                    "orports": [format!("127.0.0.1:{}", or_ports[0])],
                }],
            }),
            relays,
            _dir: dir,
        };
        network.service.bootstrapped();
        network.client.bootstrapped();
        Self { client: Tor { socks_port, ..network.client }, ..network }
    }
}

impl TorNetwork {
    /// Ends all relays, and so the network; clients stay.
    pub fn end_relays(&mut self) {
        self.relays.clear();
    }
}

/// A tor process; ended when it goes out of scope.
#[derive(Debug)]
pub struct Tor {
    /// Its data directory.
    pub dir: PathBuf,
    /// Its SOCKS port, if it has one.
    pub socks_port: u16,
    child: Option<Process>,
}

#[derive(Debug)]
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Not SIGTERM: now and then a relay hangs in its shutdown.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Tor {
    /// Starts a node with these lines in its configuration.
    fn start(dir: &Path, torrc: &str) -> Self {
        private_dir(dir);
        let shown = dir.display();
        let pid = std::process::id();
        let lines = format!(
            "DataDirectory {shown}\nControlSocket {shown}/control\nCookieAuthentication 1\n\
             CookieAuthFile {shown}/cookie\n__OwningControllerProcess {pid}\n{torrc}"
        );
        fs::write(dir.join("torrc"), lines).unwrap();
        let mut tor = Self { dir: dir.into(), socks_port: 0, child: None };
        tor.launch(&[]);
        tor
    }

    /// Starts it again, with these arguments more.
    pub fn launch(&mut self, args: &[&str]) {
        let mut command = Command::new("tor");
        command.env("MALLOC_ARENA_MAX", "1").arg("-f").arg(self.dir.join("torrc"));
        command.args(["--defaults-torrc", "/dev/null"]).args(args).stdin(Stdio::null());
        let log = fs::File::create(self.dir.join("log")).unwrap();
        let _ = fs::remove_file(self.control());
        let child = command.stdout(log.try_clone().unwrap()).stderr(log).spawn();
        self.child = Some(Process(child.expect("start tor; tests/run installs it")));
    }

    /// Its control socket.
    pub fn control(&self) -> PathBuf {
        self.dir.join("control")
    }

    /// Waits until it can be used.
    pub fn bootstrapped(&self) {
        let what = format!("{} to start", self.dir.display());
        until(&what, || {
            UnixStream::connect(self.control()).ok().and_then(|control| self.follow(control).ok())
        });
    }

    /// Authenticates and reads events until tor has started; tor tells, nothing is polled.
    fn follow(&self, mut control: UnixStream) -> std::io::Result<()> {
        control.set_read_timeout(Some(DEADLINE))?;
        let cookie = fs::read(self.dir.join("cookie"))?;
        let hex: String = cookie.iter().map(|byte| format!("{byte:02x}")).collect();
        let commands = "SETEVENTS STATUS_CLIENT\r\nGETINFO status/bootstrap-phase\r\n";
        control.write_all(format!("AUTHENTICATE {hex}\r\n{commands}").as_bytes())?;
        for line in BufReader::new(control).lines() {
            let line = line?;
            if line.starts_with('5') {
                return Err(std::io::Error::other(line));
            }
            if line.contains("PROGRESS=100") {
                return Ok(());
            }
        }
        Err(std::io::ErrorKind::UnexpectedEof.into())
    }

    /// Sends a command to its control port; the reply.
    pub fn command(&self, line: &str) -> String {
        let mut control = UnixStream::connect(self.control()).unwrap();
        control.set_read_timeout(Some(DEADLINE)).unwrap();
        let cookie = fs::read(self.dir.join("cookie")).unwrap();
        let hex: String = cookie.iter().map(|byte| format!("{byte:02x}")).collect();
        control.write_all(format!("AUTHENTICATE {hex}\r\n{line}\r\nQUIT\r\n").as_bytes()).unwrap();
        let reply = BufReader::new(control).lines().nth(1);
        reply.expect("a reply of tor").unwrap()
    }

    /// Kills it without a warning.
    pub fn kill(&mut self) {
        let child = self.child.take().expect("a running tor");
        signal_pid(child.0.id(), Signal::KILL);
        assert!(wait_for_end(child.0.id()));
    }
}

/// A port of 127.0.0.1 that nobody uses.
pub fn free_port() -> u16 {
    free_ports(1)[0]
}

/// Ports that nobody uses; tor can't tell which the kernel has chosen early enough.
fn free_ports(count: usize) -> Vec<u16> {
    let listeners: Vec<_> =
        (0..count).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()).collect();
    listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect()
}

fn private_dir(dir: &Path) {
    fs::create_dir_all(dir).unwrap();
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).unwrap();
}

/// Makes the authority's keys; returns its v3 identity.
fn certify(dir: &Path, dir_port: u16) -> String {
    let keys = dir.join("a0/keys");
    private_dir(&dir.join("a0"));
    private_dir(&keys);
    let mut command = Command::new("tor-gencert");
    command.args(["--create-identity-key", "--passphrase-fd", "0", "-m", "12", "-a"]);
    command.arg(format!("127.0.0.1:{dir_port}"));
    for (option, file) in
        [("-i", "authority_identity_key"), ("-s", "authority_signing_key"), ("-c", "authority_certificate")]
    {
        command.arg(option).arg(keys.join(file));
    }
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().expect("tor-gencert");
    child.stdin.take().unwrap().write_all(b"x\n").unwrap();
    assert!(child.wait().unwrap().success(), "tor-gencert failed");
    let certificate = fs::read_to_string(keys.join("authority_certificate")).unwrap();
    let line = certificate.lines().find_map(|line| line.strip_prefix("fingerprint "));
    line.expect("a fingerprint in the certificate").to_owned()
}

/// Makes a relay's keys; returns its fingerprint.
fn fingerprint(dir: &Path, name: &str) -> String {
    let dir = dir.join(name);
    private_dir(&dir);
    let nobody = format!("x 127.0.0.1:1 {}", "F".repeat(40));
    let mut command = Command::new("tor");
    command.arg("--quiet").arg("--DataDirectory").arg(&dir).args([
        "--ORPort",
        "127.0.0.1:1",
        "--DirAuthority",
    ]);
    command.arg(nobody).args(["-f", "/dev/null", "--ignore-missing-torrc", "--defaults-torrc", "/dev/null"]);
    command.args(["--Nickname", name, "--list-fingerprint"]).stdin(Stdio::null());
    let output = command.output().expect("run tor; tests/run installs it");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let print = text.trim().split_once(' ').map(|(_, print)| print.replace(' ', ""));
    print.unwrap_or_else(|| panic!("no fingerprint: {text}{}", String::from_utf8_lossy(&output.stderr)))
}

/// A relay's Ed25519 identity, which it has once it runs.
fn ed_identity(dir: &Path, name: &str) -> String {
    let file = fs::read(dir.join(name).join("keys/ed25519_master_id_public_key")).unwrap();
    STANDARD_NO_PAD.encode(&file[32..])
}

/// Onion services move to other directories when a time period ends, which lasts as long as the 24 votes of a round
/// and is half a round apart from it. In a network as young as this one a service and its clients may then look for
/// each other at different places, so all that is tried takes place in one period.
const PERIOD_MS: u128 = 24 * VOTING_LATER_MS;
/// From one vote to the next, after the first.
const VOTING_LATER_MS: u128 = 15_000;
/// How much of a period there has to be left.
const NEEDED_MS: u128 = 200_000;

/// Waits for the time in the authority's voting interval, and in the period, at which relays have to start. Votes are
/// held by the clock, which no event tells.
fn align() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let left = PERIOD_MS - (now + PERIOD_MS / 2) % PERIOD_MS;
    let begin = if left < NEEDED_MS { now + left } else { now };
    let wait = begin - now + (START_MS + VOTING_MS - begin % VOTING_MS) % VOTING_MS;
    std::thread::sleep(Duration::from_millis(u64::try_from(wait).unwrap()));
}
