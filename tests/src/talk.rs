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
    let mut bytes = vec![0; len];
    from.read_exact(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// Reads to the end, however that comes.
pub fn rest(from: &mut Talk) -> String {
    let mut bytes = Vec::new();
    let _ = from.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Writes.
pub fn say(to: &mut Talk, text: &str) {
    to.get_mut().write_all(text.as_bytes()).unwrap();
}

/// A port of 127.0.0.1 that leads somewhere else, so that a node's certificate can be for localhost.
#[derive(Debug)]
pub struct Forward(pub u16);

impl Forward {
    /// Leads there from now on.
    pub fn to(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let target = target.to_owned();
        // It ends with the test.
        std::thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                let Ok(server) = std::net::TcpStream::connect(&target) else { return };
                for (mut from, mut to) in
                    [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)]
                {
                    std::thread::spawn(move || {
                        let _ = std::io::copy(&mut from, &mut to);
                        let _ = to.shutdown(std::net::Shutdown::Write);
                    });
                }
            }
        });
        Self(port)
    }
}
