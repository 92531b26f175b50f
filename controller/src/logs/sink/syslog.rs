//! A syslog server: messages of RFC 5424, as datagrams (RFC 5426 and Unix sockets) or frames with a count of
//! bytes on a connection (RFC 6587, 3.4.1).

use super::severity::severity;
use super::writer::{Writer, one_by_one};
use crate::logs::batch::Batch;
use crate::logs::format::source;
use crate::logs::time::rfc3339;
use jackfield_shared::config::{Facility, SyslogAddress, SyslogSink};
use jackfield_shared::log::Record;
use jackfield_shared::short_path::ShortPath;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::time::Duration;

/// Most bytes of a message's text: more is cut off by common servers.
const LONGEST: usize = 8 << 10;
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a server that doesn't read is waited for at a time.
const PATIENCE: Duration = Duration::from_secs(1);

/// A syslog server.
pub(super) struct Syslog {
    address: SyslogAddress,
    facility: u8,
    identifier: String,
    host: String,
    connection: Option<Connection>,
    /// Messages of the first record that waits, and how much of the first of them is written.
    messages: VecDeque<Vec<u8>>,
    written: usize,
}

enum Connection {
    Unix(UnixDatagram),
    Udp(UdpSocket),
    Tcp(TcpStream),
}

impl Syslog {
    /// The server as the configuration wants it.
    pub(super) fn new(sink: &SyslogSink) -> Self {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Self {
            address: sink.address.clone(),
            facility: facility(sink.facility),
            identifier: sink.identifier.clone(),
            host: word(&host, 255),
            connection: None,
            messages: VecDeque::new(),
            written: 0,
        }
    }

    fn connect(&mut self) -> io::Result<()> {
        if let Some(Connection::Tcp(stream)) = &self.connection
            && has_ended(stream)
        {
            self.connection = None;
        }
        if self.connection.is_some() {
            return Ok(());
        }
        // A message of which only a part was written is written again, whole.
        self.written = 0;
        self.connection = Some(match &self.address {
            SyslogAddress::Unix(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(ShortPath::new(path)?.as_path())?;
                socket.set_write_timeout(Some(PATIENCE))?;
                Connection::Unix(socket)
            }
            SyslogAddress::Udp(host, port) => Connection::Udp(first_of(host, *port, |to| {
                let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                let socket = UdpSocket::bind(any)?;
                socket.connect(to)?;
                Ok(socket)
            })?),
            SyslogAddress::Tcp(host, port) => {
                let stream = first_of(host, *port, |to| TcpStream::connect_timeout(&to, CONNECT))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Connection::Tcp(stream)
            }
        });
        Ok(())
    }

    /// Sends the messages that wait; a connection that fails is given up.
    fn send_all(&mut self) -> io::Result<()> {
        let result = self.send();
        // One that is only slow stays connected.
        if result.as_ref().is_err_and(|e| !matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)) {
            self.connection = None;
        }
        result
    }

    fn send(&mut self) -> io::Result<()> {
        while let Some(message) = self.messages.front() {
            match &mut self.connection {
                Some(Connection::Unix(socket)) => drop(socket.send(message)?),
                Some(Connection::Udp(socket)) => drop(socket.send(message)?),
                Some(Connection::Tcp(stream)) => {
                    while self.written < message.len() {
                        match stream.write(&message[self.written..]) {
                            Ok(0) => return Err(ErrorKind::WriteZero.into()),
                            Ok(count) => self.written += count,
                            Err(e) if e.kind() == ErrorKind::Interrupted => {}
                            Err(e) => return Err(e),
                        }
                    }
                }
                None => return Err(ErrorKind::NotConnected.into()),
            }
            self.messages.pop_front();
            self.written = 0;
        }
        Ok(())
    }
}

impl Writer for Syslog {
    fn write(&mut self, records: &mut VecDeque<Arc<Batch>>) -> io::Result<()> {
        self.connect()?;
        let framed = matches!(self.address, SyslogAddress::Tcp(..));
        // Those of one that could not be sent before.
        self.send_all()?;
        one_by_one(records, true, |record| {
            self.messages = messages(record, self.facility, &self.host, &self.identifier, framed);
            self.send_all()
        })
    }

    fn pending(&self) -> usize {
        usize::from(!self.messages.is_empty())
    }
}

/// Whether the server has closed the connection: what would be written to it would be lost without a word.
fn has_ended(stream: &TcpStream) -> bool {
    let look = || {
        stream.set_nonblocking(true)?;
        let ended = match stream.peek(&mut [0]) {
            Ok(count) => count == 0,
            Err(e) => e.kind() != ErrorKind::WouldBlock,
        };
        stream.set_nonblocking(false)?;
        io::Result::Ok(ended)
    };
    look().unwrap_or(true)
}

/// The record as messages: one, or several if it is too long.
fn messages(record: &Record, facility: u8, host: &str, identifier: &str, framed: bool) -> VecDeque<Vec<u8>> {
    let priority = facility * 8 + severity(record.level);
    let time = rfc3339(record.time_us);
    let source = word(&source(record), 32);
    let head = format!("<{priority}>1 {time} {host} {identifier} {} {source} - ", record.pid);
    let mut messages = VecDeque::new();
    let mut rest = record.message.as_str();
    loop {
        let end = rest.floor_char_boundary(LONGEST);
        let (text, after) = rest.split_at(end);
        let mut message = Vec::with_capacity(head.len() + text.len() + 8);
        if framed {
            message.extend_from_slice(format!("{} ", head.len() + text.len()).as_bytes());
        }
        message.extend_from_slice(head.as_bytes());
        message.extend_from_slice(text.as_bytes());
        messages.push_back(message);
        rest = after;
        if rest.is_empty() {
            return messages;
        }
    }
}

/// A field of the header: printable ASCII without blanks.
fn word(text: &str, longest: usize) -> String {
    let word: String =
        text.chars().take(longest).map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect();
    if word.is_empty() { "-".into() } else { word }
}

fn facility(facility: Facility) -> u8 {
    match facility {
        Facility::User => 1,
        Facility::Daemon => 3,
        Facility::Local0 => 16,
        Facility::Local1 => 17,
        Facility::Local2 => 18,
        Facility::Local3 => 19,
        Facility::Local4 => 20,
        Facility::Local5 => 21,
        Facility::Local6 => 22,
        Facility::Local7 => 23,
    }
}

/// What `connect` makes of the first of the host's addresses with which it comes to something; else the last error.
fn first_of<T>(host: &str, port: u16, connect: impl FnMut(SocketAddr) -> io::Result<T>) -> io::Result<T> {
    first((host, port).to_socket_addrs()?, connect)
}

fn first<T>(
    addresses: impl Iterator<Item = SocketAddr>,
    mut connect: impl FnMut(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut error = io::Error::new(ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match connect(address) {
            Ok(connected) => return Ok(connected),
            Err(e) => error = io::Error::new(e.kind(), format!("{address}: {e}")),
        }
    }
    Err(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_shared::log::Level;
    use jackfield_tests::TempDir;

    fn record(message: &str) -> Record {
        Record {
            time_us: 0,
            worker: Some("a b".into()),
            process: Some(1),
            pid: 7,
            ..Record::now(Level::Error, message)
        }
    }

    #[test]
    fn every_address_of_a_name_is_tried() {
        let addresses: [SocketAddr; 3] = [1, 2, 3].map(|port| ([127, 0, 0, 1], port).into());
        let refuses = |up: u16| {
            move |to: SocketAddr| {
                if to.port() == up { Ok(up) } else { Err(ErrorKind::ConnectionRefused.into()) }
            }
        };
        assert_eq!(first(addresses.into_iter(), refuses(3)).unwrap(), 3);
        let error = first(addresses.into_iter(), refuses(4)).unwrap_err();
        assert_eq!(error.to_string(), "127.0.0.1:3: connection refused");
        assert_eq!(first([].into_iter(), refuses(1)).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_message_has_the_header_of_rfc_5424() {
        let sent = messages(&record("x y"), 3, "host", "jackfield", false);
        assert_eq!(sent, [b"<27>1 1970-01-01T00:00:00.000Z host jackfield 7 a_b[1] - x y".to_vec()]);
        let framed = messages(&record("x y"), 3, "host", "jackfield", true);
        assert_eq!(framed[0], [format!("{} ", sent[0].len()).into_bytes(), sent[0].clone()].concat());
        assert_eq!(messages(&record(""), 3, "host", "jackfield", false).len(), 1);
    }

    #[test]
    fn a_server_is_reached_at_a_path_of_any_length() {
        let temp = TempDir::new();
        let path = temp.path().join("d".repeat(150));
        std::fs::create_dir(&path).unwrap();
        let path = path.join("log");
        let socket = UnixDatagram::bind(ShortPath::new(&path).unwrap().as_path()).unwrap();
        let address = SyslogAddress::Unix(path);
        let (level, facility, identifier) = (Level::Trace, Facility::Daemon, "jackfield".into());
        let mut syslog =
            Syslog::new(&SyslogSink { level, workers: Vec::new(), address, facility, identifier });
        syslog.write(&mut VecDeque::from([Arc::new(record("here").into())])).unwrap();
        let mut got = [0; 512];
        let count = socket.recv(&mut got).unwrap();
        assert!(got[..count].ends_with(b" here"), "{}", String::from_utf8_lossy(&got[..count]));
    }

    #[test]
    fn a_long_one_becomes_several_without_tearing_a_character() {
        let text = "€".repeat(LONGEST);
        let sent = messages(&record(&text), 3, "h", "i", false);
        assert_eq!(sent.len(), 4);
        let texts = sent.iter().map(|m| std::str::from_utf8(m).unwrap().split(" - ").nth(1).unwrap());
        assert_eq!(texts.collect::<String>(), text);
    }
}
