//! Connections on which tests speak HTTP byte by byte.

use crate::DEADLINE;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs};

/// A connection, and what of it was read ahead.
pub type Talk = BufReader<TcpStream>;

fn within(stream: TcpStream) -> Talk {
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    BufReader::new(stream)
}

/// Connects.
pub fn dial(to: impl ToSocketAddrs) -> Talk {
    within(TcpStream::connect(to).unwrap())
}

/// The next client.
pub fn accept(listener: &TcpListener) -> Talk {
    within(listener.accept().unwrap().0)
}

/// Reads a head: its lines, without the empty one.
pub fn head(from: &mut Talk) -> Vec<String> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        assert!(from.read_line(&mut line).unwrap() > 0, "ended in the head after {lines:?}");
        match line.trim_end() {
            "" => return lines,
            line => lines.push(line.to_owned()),
        }
    }
}

/// Reads so many bytes.
pub fn exactly(from: &mut Talk, len: usize) -> String {
    let mut octets = vec![0; len];
    from.read_exact(&mut octets).unwrap();
    String::from_utf8(octets).unwrap()
}

/// Reads to the end, however that comes.
pub fn rest(from: &mut Talk) -> String {
    let mut octets = Vec::new();
    let _ = from.read_to_end(&mut octets);
    String::from_utf8_lossy(&octets).into_owned()
}

/// Writes.
pub fn say(to: &mut Talk, text: &str) {
    to.get_mut().write_all(text.as_bytes()).unwrap();
}
