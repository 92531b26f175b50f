//! The kinds of clients.

use super::tally::{Failure, Tally};
use super::{http, tls, websocket};
use rustls::ClientConfig;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long a client waits for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a client waits after a failure: so long as nobody listens failures are not the only thing that happens.
const BREATH: Duration = Duration::from_millis(10);

/// What a client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A TCP connection for each request.
    Plain,
    /// One after the other on a TCP connection.
    PlainKept,
    /// The same with pauses, in which the server may want to close.
    PlainIdle,
    /// A TLS connection for each request.
    Tls,
    /// One after the other on a TLS connection.
    TlsKept,
    /// A Unix connection for each request.
    Unix,
    /// One after the other on a Unix connection.
    UnixKept,
    /// Something large, taken slowly.
    Slow,
    /// A WebSocket that stays open.
    WebSocket,
}

/// What clients connect to.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// Plain HTTP.
    pub plain: Option<SocketAddr>,
    /// HTTPS, the server's name and its authority.
    pub tls: Option<(SocketAddr, String, PathBuf)>,
    /// HTTP on a Unix socket.
    pub unix: Option<PathBuf>,
    /// Path of something small.
    pub small: String,
    /// Path of something large.
    pub large: String,
    /// Path of a WebSocket echo.
    pub echo: String,
}

trait Connection: Read + Write {}

impl<T: Read + Write> Connection for T {}

struct Client<'a> {
    kind: Kind,
    target: &'a Target,
    tls: Option<Arc<ClientConfig>>,
    tally: Tally,
    /// Local address of the TCP connection.
    from: Option<SocketAddr>,
    /// Some number that is different each time.
    seed: u32,
}

/// Runs a client to its end.
pub(super) fn run(kind: Kind, number: usize, target: &Target, stop: &AtomicBool) -> Tally {
    let tls =
        target.tls.as_ref().map(|(_, _, authority): &(_, _, PathBuf)| tls::config(Path::new(authority)));
    let seed = 2_654_435_761u32.wrapping_mul(u32::try_from(number).unwrap_or(0) + 1);
    let mut client = Client { kind, target, tls, tally: Tally::new(kind), from: None, seed };
    while !stop.load(Ordering::Relaxed) {
        if let Err(failure) = client.connection(stop) {
            client.tally.failed(failure, client.from);
            std::thread::sleep(BREATH);
        }
    }
    client.tally.end();
    client.tally
}

impl Client<'_> {
    fn connect(&mut self) -> Result<Box<dyn Connection>, Failure> {
        self.from = None;
        let from = &mut self.from;
        let mut tcp = |address: SocketAddr| {
            let stream = TcpStream::connect(address)?;
            *from = stream.local_addr().ok();
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        let missing = "a target for this kind of client";
        let stream: Box<dyn Connection> = match self.kind {
            Kind::Plain | Kind::PlainKept | Kind::PlainIdle | Kind::Slow | Kind::WebSocket => {
                Box::new(tcp(self.target.plain.expect(missing)).map_err(Failure::connecting)?)
            }
            Kind::Tls | Kind::TlsKept => {
                let (address, name, _) = self.target.tls.as_ref().expect(missing);
                let stream = tcp(*address).map_err(Failure::connecting)?;
                Box::new(tls::connect(self.tls.as_ref().expect(missing), name, stream))
            }
            Kind::Unix | Kind::UnixKept => {
                let stream = UnixStream::connect(self.target.unix.as_ref().expect(missing));
                let stream = stream.map_err(Failure::connecting)?;
                stream.set_read_timeout(Some(PATIENCE)).map_err(Failure::connecting)?;
                Box::new(stream)
            }
        };
        self.tally.connections += 1;
        Ok(stream)
    }

    /// One connection, from its beginning to its end.
    fn connection(&mut self, stop: &AtomicBool) -> Result<(), Failure> {
        let mut stream = self.connect()?;
        match self.kind {
            Kind::Plain | Kind::Tls | Kind::Unix => {
                http::get(&mut stream, &self.target.small, true, Duration::ZERO)?;
                self.tally.answer();
            }
            Kind::Slow => {
                let answer = http::get(&mut stream, &self.target.large, true, Duration::from_millis(5))?;
                assert!(answer.length > 1 << 20, "{} bytes are not large", answer.length);
                self.tally.answer();
            }
            Kind::PlainKept | Kind::PlainIdle | Kind::TlsKept | Kind::UnixKept => {
                while !stop.load(Ordering::Relaxed) {
                    let answer = http::get(&mut stream, &self.target.small, false, Duration::ZERO)?;
                    self.tally.answer();
                    if answer.is_last {
                        self.tally.told += 1;
                        break;
                    }
                    if self.kind == Kind::PlainIdle {
                        std::thread::sleep(self.pause());
                    }
                }
            }
            Kind::WebSocket => {
                websocket::open(&mut stream, &self.target.echo)?;
                while !stop.load(Ordering::Relaxed) {
                    if !websocket::echo(&mut stream, "hello")? {
                        self.tally.told += 1;
                        break;
                    }
                    self.tally.answer();
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
        }
        Ok(())
    }

    /// Up to half a second.
    fn pause(&mut self) -> Duration {
        self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Duration::from_millis(u64::from(self.seed >> 23))
    }
}
