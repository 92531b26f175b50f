//! SOCKS5 as a tor daemon answers it (RFC 1928, RFC 1929, Tor's socks-extensions), to the node's own processes.

use arti_client::ErrorKind;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NONE_ACCEPTABLE: u8 = 0xFF;
const CONNECT: u8 = 1;

/// The reply to what went well.
pub(crate) const SUCCEEDED: u8 = 0;
const GENERAL_FAILURE: u8 = 1;
const NOT_ALLOWED: u8 = 2;
const NETWORK_UNREACHABLE: u8 = 3;
const HOST_UNREACHABLE: u8 = 4;
const REFUSED: u8 = 5;
const TIMED_OUT: u8 = 6;
const NO_SUCH_COMMAND: u8 = 7;
const NO_SUCH_ADDRESS: u8 = 8;

/// User name and password: connections with different ones share no circuit.
pub(crate) type Login = (Vec<u8>, Vec<u8>);

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) host: Host,
    pub(crate) port: u16,
    pub(crate) login: Option<Login>,
}

/// Where to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Host {
    Name(String),
    Address(IpAddr),
}

/// Reads a request; what is none was refused already.
pub(crate) async fn request<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<Request> {
    let [version, count] = read(stream).await?;
    expect(version, VERSION)?;
    let methods = read_vec(stream, count.into()).await?;
    let login = if methods.contains(&USER_AND_PASSWORD) {
        stream.write_all(&[VERSION, USER_AND_PASSWORD]).await?;
        let [version, length] = read(stream).await?;
        expect(version, 1)?;
        let user = read_vec(stream, length.into()).await?;
        let [length] = read(stream).await?;
        let password = read_vec(stream, length.into()).await?;
        stream.write_all(&[1, SUCCEEDED]).await?;
        Some((user, password))
    } else if methods.contains(&NO_AUTHENTICATION) {
        stream.write_all(&[VERSION, NO_AUTHENTICATION]).await?;
        None
    } else {
        stream.write_all(&[VERSION, NONE_ACCEPTABLE]).await?;
        return Err(io::Error::other("none of the ways of authentication is known"));
    };
    let [version, command, _, kind] = read(stream).await?;
    expect(version, VERSION)?;
    let host = match kind {
        1 => Host::Address(Ipv4Addr::from(read(stream).await?).into()),
        4 => Host::Address(Ipv6Addr::from(read::<_, 16>(stream).await?).into()),
        3 => {
            let [length] = read(stream).await?;
            let name = read_vec(stream, length.into()).await?;
            Host::Name(String::from_utf8_lossy(&name).into_owned())
        }
        _ => {
            reply(stream, NO_SUCH_ADDRESS).await?;
            return Err(io::Error::other("the type of address is not known"));
        }
    };
    let port = u16::from_be_bytes(read(stream).await?);
    if command != CONNECT {
        reply(stream, NO_SUCH_COMMAND).await?;
        return Err(io::Error::other("the command is not known"));
    }
    Ok(Request { host, port, login })
}

/// Answers a request. The address the connection comes from is of no use to anybody, and nobody knows it.
pub(crate) async fn reply<S: AsyncWrite + Unpin>(stream: &mut S, code: u8) -> io::Result<()> {
    stream.write_all(&[VERSION, code, 0, 1, 0, 0, 0, 0, 0, 0]).await
}

/// The reply for a kind of error: what a tor daemon with `ExtendedErrors` would say.
pub(crate) fn code(kind: ErrorKind, to_onion: bool) -> u8 {
    match kind {
        ErrorKind::OnionServiceNotFound => 0xF0,
        ErrorKind::OnionServiceProtocolViolation => 0xF1,
        ErrorKind::OnionServiceNotRunning => 0xF2,
        ErrorKind::OnionServiceConnectionFailed => 0xF3,
        ErrorKind::OnionServiceMissingClientAuth => 0xF4,
        ErrorKind::OnionServiceWrongClientAuth => 0xF5,
        ErrorKind::OnionServiceAddressInvalid => 0xF6,
        ErrorKind::InvalidStreamTarget if to_onion => 0xF6,
        ErrorKind::RemoteNetworkTimeout | ErrorKind::TorNetworkTimeout if to_onion => 0xF7,
        // A service says no more than that it does not want the stream; or it closes the circuit, which Arti takes for a
        // use of what is closed.
        ErrorKind::RemoteStreamClosed
        | ErrorKind::RemoteStreamError
        | ErrorKind::CircuitCollapse
        | ErrorKind::BadApiUsage
            if to_onion =>
        {
            REFUSED
        }
        ErrorKind::RemoteConnectionRefused => REFUSED,
        ErrorKind::RemoteNetworkTimeout | ErrorKind::TorNetworkTimeout | ErrorKind::ExitTimeout => TIMED_OUT,
        ErrorKind::RemoteHostNotFound | ErrorKind::RemoteHostResolutionFailed => HOST_UNREACHABLE,
        ErrorKind::ExitPolicyRejected | ErrorKind::ForbiddenStreamTarget | ErrorKind::NoExit => NOT_ALLOWED,
        ErrorKind::RemoteNetworkFailed
        | ErrorKind::TorAccessFailed
        | ErrorKind::LocalNetworkError
        | ErrorKind::BootstrapRequired
        | ErrorKind::DirectoryExpired => NETWORK_UNREACHABLE,
        ErrorKind::InvalidStreamTarget => NO_SUCH_ADDRESS,
        _ => GENERAL_FAILURE,
    }
}

fn expect(found: u8, version: u8) -> io::Result<()> {
    if found == version {
        Ok(())
    } else {
        Err(io::Error::other(format!("version {found} is not spoken here")))
    }
}

async fn read<S: AsyncRead + Unpin, const N: usize>(stream: &mut S) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

async fn read_vec<S: AsyncRead + Unpin>(stream: &mut S, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::duplex;

    async fn ask(bytes: &[u8]) -> (io::Result<Request>, Vec<u8>) {
        let (mut client, mut proxy) = duplex(4096);
        client.write_all(bytes).await.unwrap();
        client.shutdown().await.unwrap();
        let request = request(&mut proxy).await;
        drop(proxy);
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        (request, answer)
    }

    #[tokio::test]
    async fn names_addresses_and_logins() {
        let (request, answer) = ask(b"\x05\x01\0\x05\x01\0\x03\x07x.onion\x01\xbb").await;
        let name = Request { host: Host::Name("x.onion".into()), port: 443, login: None };
        assert_eq!((request.unwrap(), answer), (name, b"\x05\0".to_vec()));
        let (request, answer) = ask(b"\x05\x01\x02\x01\x01u\x02pw\x05\x01\0\x01\x7f\0\0\x01\0\x50").await;
        let request = request.unwrap();
        assert_eq!(request.login, Some((b"u".to_vec(), b"pw".to_vec())));
        assert_eq!(request.host, Host::Address(IpAddr::from([127, 0, 0, 1])));
        assert_eq!(answer, b"\x05\x02\x01\0");
        let (request, _) = ask(&[&b"\x05\x01\0\x05\x01\0\x04"[..], &[0; 18]].concat()).await;
        assert_eq!(request.unwrap().host, Host::Address(Ipv6Addr::UNSPECIFIED.into()));
    }

    #[tokio::test]
    async fn whatever_is_no_request_is_refused() {
        for (bytes, answer) in [
            (&b"\x05\x01\x01"[..], &b"\x05\xff"[..]),
            (b"\x04\x01", b""),
            (b"\x05\x01\0\x05\x02\0\x03\x01x\0\0", b"\x05\0\x05\x07\0\x01\0\0\0\0\0\0"),
            (b"\x05\x01\0\x05\x01\0\x09", b"\x05\0\x05\x08\0\x01\0\0\0\0\0\0"),
            (b"\x05\x01\0\x05\x01\0\x03\xff", b"\x05\0"),
            (b"", b""),
        ] {
            let (request, answered) = ask(bytes).await;
            assert!(request.is_err());
            assert_eq!(answered, answer, "{}", bytes.escape_ascii());
        }
    }
}
