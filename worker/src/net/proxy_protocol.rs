//! The PROXY protocol, versions 1 and 2, as HAProxy's proxy-protocol.txt describes it: a header in front of a
//! connection that tells for whom a proxy has made it. No input or output happens here.

use jackfield_shared::config::{ProxyProtocolAccept, ProxyProtocolSend, network};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What a header of version 2 begins with.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// What a header of version 1 begins with.
const WORD: &[u8; 6] = b"PROXY ";
/// Most bytes of a header of version 1.
const MOST_V1: usize = 107;
/// Bytes of a header of version 2 up to its addresses.
const FIXED_V2: usize = 16;

/// The two ends of the connection that the proxy speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ends {
    /// The client.
    pub(crate) from: SocketAddr,
    /// Where it has connected to.
    pub(crate) to: SocketAddr,
}

/// What a header says; `None` where the proxy speaks for itself, or for a client without an IP address.
pub(crate) type Header = Option<Ends>;

/// What is wrong with a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    #[error("the connection does not begin with a PROXY header of the version wanted (`proxy_protocol`)")]
    Missing,
    #[error("the PROXY header is malformed")]
    Malformed,
}

/// Reads a header, in pieces of any size.
#[derive(Debug)]
pub(crate) struct Parser {
    accept: ProxyProtocolAccept,
    /// The header so far: 64 KiB and 16 bytes at most.
    bytes: Vec<u8>,
}

impl Parser {
    pub(crate) const fn new(accept: ProxyProtocolAccept) -> Self {
        Self { accept, bytes: Vec::new() }
    }

    /// How many of these bytes belong to the header, and what it says if it is complete with them.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<(usize, Option<Header>), Error> {
        for (index, &byte) in bytes.iter().enumerate() {
            self.bytes.push(byte);
            if let Some(header) = self.look()? {
                return Ok((index + 1, Some(header)));
            }
        }
        Ok((bytes.len(), None))
    }

    /// What the bytes say, if they are complete.
    fn look(&self) -> Result<Option<Header>, Error> {
        let bytes = self.bytes.as_slice();
        let begins = |with: &[u8]| bytes.iter().zip(with).all(|(a, b)| a == b);
        if self.accept != ProxyProtocolAccept::V2 && begins(WORD) {
            return match bytes {
                [.., b'\n'] => v1(bytes).map(Some),
                _ if bytes.len() < MOST_V1 => Ok(None),
                _ => Err(Error::Malformed),
            };
        }
        if self.accept == ProxyProtocolAccept::V1 || !begins(SIGNATURE) {
            return Err(Error::Missing);
        }
        match bytes.split_at_checked(FIXED_V2) {
            Some((&[.., command, family, high, low], rest)) => {
                match rest.get(..usize::from(u16::from_be_bytes([high, low]))) {
                    Some(rest) => v2(command, family, rest).map(Some),
                    None => Ok(None),
                }
            }
            _ => Ok(None),
        }
    }
}

fn v1(line: &[u8]) -> Result<Header, Error> {
    let line = line.strip_prefix(WORD).and_then(|line| line.strip_suffix(b"\r\n")).ok_or(Error::Malformed)?;
    let line = std::str::from_utf8(line).map_err(|_| Error::Malformed)?;
    let mut words = line.split(' ');
    let family = words.next();
    if family == Some("UNKNOWN") {
        return Ok(None);
    }
    let words: Vec<_> = words.collect();
    let [from, to, from_port, to_port] = words.as_slice() else { return Err(Error::Malformed) };
    let end = |address: &str, port: &str| {
        let address = address.parse::<IpAddr>().ok()?;
        let fits = match family {
            Some("TCP4") => address.is_ipv4(),
            Some("TCP6") => address.is_ipv6(),
            _ => false,
        };
        let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
        Some(SocketAddr::new(address, port.parse().ok().filter(|_| fits && is_number)?))
    };
    let ends = end(from, from_port).zip(end(to, to_port)).map(|(from, to)| Ends { from, to });
    ends.map(Some).ok_or(Error::Malformed)
}

/// `rest` is what follows the fixed part: addresses, then more that nobody here asks for.
fn v2(command: u8, family: u8, rest: &[u8]) -> Result<Header, Error> {
    match command {
        0x20 => return Ok(None), // LOCAL
        0x21 => {}               // PROXY
        _ => return Err(Error::Malformed),
    }
    let port = |at: usize| Some(u16::from_be_bytes(*rest.get(at..)?.first_chunk()?));
    let v4 = |at: usize| Some(Ipv4Addr::from(*rest.get(at..)?.first_chunk::<4>()?));
    let v6 = |at: usize| Some(Ipv6Addr::from(*rest.get(at..)?.first_chunk::<16>()?));
    let end = |address: Option<IpAddr>, port: Option<u16>| Some(SocketAddr::new(address?, port?));
    let (from, to) = match family {
        0x11 => (end(v4(0).map(Into::into), port(8)), end(v4(4).map(Into::into), port(10))),
        0x21 => (end(v6(0).map(Into::into), port(32)), end(v6(16).map(Into::into), port(34))),
        // Unspecified, datagrams, Unix sockets.
        0x00 | 0x12 | 0x22 | 0x31 | 0x32 => return Ok(None),
        _ => return Err(Error::Malformed),
    };
    from.zip(to).map(|(from, to)| Some(Ends { from, to })).ok_or(Error::Malformed)
}

/// The header that says this.
pub(crate) fn encode(version: ProxyProtocolSend, header: Header) -> Vec<u8> {
    let ends = header.map(|Ends { from, to }| match (from.ip().to_canonical(), to.ip().to_canonical()) {
        (a @ IpAddr::V4(_), b @ IpAddr::V4(_)) | (a @ IpAddr::V6(_), b @ IpAddr::V6(_)) => {
            (SocketAddr::new(a, from.port()), SocketAddr::new(b, to.port()))
        }
        // Both have to be of one family.
        (a, b) => {
            (SocketAddr::new(mapped(a).into(), from.port()), SocketAddr::new(mapped(b).into(), to.port()))
        }
    });
    match version {
        ProxyProtocolSend::V1 => {
            let line = match ends {
                None => "PROXY UNKNOWN\r\n".to_owned(),
                Some((from, to)) => {
                    let family = if from.is_ipv4() { 4 } else { 6 };
                    format!("PROXY TCP{family} {} {} {} {}\r\n", from.ip(), to.ip(), from.port(), to.port())
                }
            };
            line.into_bytes()
        }
        ProxyProtocolSend::V2 => {
            let (command, family, addresses) = match ends {
                None => (0x20, 0x00, Vec::new()),
                Some((from, to)) => {
                    let bytes = |address: SocketAddr| match address.ip() {
                        IpAddr::V4(address) => address.octets().to_vec(),
                        IpAddr::V6(address) => address.octets().to_vec(),
                    };
                    let ports = [from.port().to_be_bytes(), to.port().to_be_bytes()].concat();
                    let family = if from.is_ipv4() { 0x11 } else { 0x21 };
                    (0x21, family, [bytes(from), bytes(to), ports].concat())
                }
            };
            let fixed = [command, family, 0, addresses.len() as u8]; // 36 bytes at most
            [SIGNATURE.as_slice(), &fixed, &addresses].concat()
        }
    }
}

const fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Networks whose word is taken.
#[derive(Debug)]
pub(crate) struct Networks(Vec<(IpAddr, u8)>);

impl Networks {
    /// Each as the configuration writes it; others, which it does not let pass, trust nobody.
    pub(crate) fn new(networks: &[String]) -> Self {
        Self(networks.iter().filter_map(|text| network(text)).collect())
    }

    pub(crate) fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|(network, bits)| match (network, address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                (a.to_bits() ^ b.to_bits()).leading_zeros() >= u32::from(*bits).min(32)
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => {
                (a.to_bits() ^ b.to_bits()).leading_zeros() >= u32::from(*bits).min(128)
            }
            _ => false,
        })
    }
}

/// Whatever comes: it is read in the same way in pieces, and what is understood can be written and read again.
pub(crate) fn fuzz(bytes: &[u8]) {
    for accept in [ProxyProtocolAccept::Auto, ProxyProtocolAccept::V1, ProxyProtocolAccept::V2] {
        let whole = Parser::new(accept).feed(bytes);
        let (mut parser, mut used) = (Parser::new(accept), 0);
        let mut pieces = Ok((bytes.len(), None));
        for byte in bytes.chunks(1) {
            match parser.feed(byte) {
                Ok((taken, None)) => used += taken,
                Ok((taken, header)) => pieces = Ok((used + taken, header)),
                Err(error) => pieces = Err(error),
            }
            if pieces != Ok((bytes.len(), None)) {
                break;
            }
        }
        assert_eq!(whole, pieces, "by {accept:?}");
        let Ok((_, Some(header))) = whole else { continue };
        for version in [ProxyProtocolSend::V1, ProxyProtocolSend::V2] {
            let written = encode(version, header);
            let read = Parser::new(ProxyProtocolAccept::Auto).feed(&written);
            let Ok((length, Some(again))) = read else { panic!("{header:?} is not read again: {read:?}") };
            let plain = |header: Header| header.map(|ends| [ends.from, ends.to].map(canonical));
            assert_eq!((length, plain(again)), (written.len(), plain(header)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ProxyProtocolAccept::{Auto, V1, V2};

    fn parse(accept: ProxyProtocolAccept, bytes: &[u8]) -> Result<(usize, Option<Header>), Error> {
        Parser::new(accept).feed(bytes)
    }

    fn ends(from: &str, to: &str) -> Header {
        Some(Ends { from: from.parse().unwrap(), to: to.parse().unwrap() })
    }

    #[test]
    fn what_is_written_is_read() {
        for header in [None, ends("192.0.2.1:1", "198.51.100.2:65535"), ends("[2001:db8::1]:5", "[::1]:6")] {
            for (version, accept) in [(ProxyProtocolSend::V1, V1), (ProxyProtocolSend::V2, V2)] {
                let written = encode(version, header);
                for accept in [accept, Auto] {
                    let more = [written.as_slice(), b"GET /"].concat();
                    assert_eq!(parse(accept, &more), Ok((written.len(), Some(header))));
                    let mut parser = Parser::new(accept);
                    for (index, byte) in written.iter().enumerate() {
                        let done = (index + 1 == written.len()).then_some(header);
                        assert_eq!(parser.feed(&[*byte]), Ok((1, done)));
                    }
                }
                let other = if accept == V1 { V2 } else { V1 };
                assert_eq!(parse(other, &written), Err(Error::Missing));
            }
        }
    }

    #[test]
    fn two_families_become_one() {
        let written = encode(ProxyProtocolSend::V1, ends("[2001:db8::1]:5", "192.0.2.1:6"));
        assert_eq!(written, b"PROXY TCP6 2001:db8::1 ::ffff:192.0.2.1 5 6\r\n");
        let written = encode(ProxyProtocolSend::V1, ends("[::ffff:192.0.2.9]:5", "192.0.2.1:6"));
        assert_eq!(written, b"PROXY TCP4 192.0.2.9 192.0.2.1 5 6\r\n");
    }

    #[test]
    fn what_is_no_header_is_refused() {
        for bytes in [&b"GET / HTTP/1.1\r\n"[..], b"\x16\x03\x01", b"proxy TCP4", b"\r\n\r\nX", b"PROXX"] {
            assert_eq!(parse(Auto, bytes), Err(Error::Missing), "{}", bytes.escape_ascii());
        }
        let long = [&b"PROXY UNKNOWN "[..], &[b'x'; 100]].concat();
        for bytes in [
            &b"PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n"[..],
            b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n",
            b"PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n",
            b"PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n",
            b"PROXY TCP4 ::1 ::2 1 2\r\n",
            b"PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n",
            b"PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n",
            b"PROXY \xff\r\n",
            b"\r\n\r\n\0\r\nQUIT\n\x11\x11\0\0",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x04\x01\x02\x03\x04",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x77\0\0",
            &long,
        ] {
            assert_eq!(parse(Auto, bytes), Err(Error::Malformed), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn what_follows_the_addresses_is_passed_over() {
        let mut written = encode(ProxyProtocolSend::V2, ends("192.0.2.1:1", "192.0.2.2:2"));
        written[15] += 5;
        written.extend(b"\x04\0\x02xx");
        let length = written.len();
        written.push(b'!');
        assert_eq!(parse(V2, &written), Ok((length, Some(ends("192.0.2.1:1", "192.0.2.2:2")))));
        // From a Unix socket.
        let unix = [&b"\r\n\r\n\0\r\nQUIT\n\x21\x31\0\xd8"[..], &[0; 216]].concat();
        assert_eq!(parse(V2, &unix), Ok((232, Some(None))));
    }

    #[test]
    fn networks_contain_addresses() {
        let networks = Networks::new(&["10.0.0.0/8".into(), "192.0.2.7".into(), "2001:db8::/33".into()]);
        for (address, expected) in [
            ("10.255.0.1", true),
            ("11.0.0.1", false),
            ("192.0.2.7", true),
            ("192.0.2.6", false),
            ("::ffff:10.1.1.1", true),
            ("2001:db8:7fff::1", true),
            ("2001:db8:8000::1", false),
        ] {
            assert_eq!(networks.contain(address.parse().unwrap()), expected, "{address}");
        }
        assert!(Networks::new(&["0.0.0.0/0".into()]).contain(Ipv4Addr::LOCALHOST.into()));
    }
}
