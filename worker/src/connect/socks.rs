//! SOCKS5 as Tor speaks it: RFC 1928, RFC 1929, and Tor's socks-extensions. Names go to Tor as they are. (`tor-socksproto`
//! would bring some 190 crates of Arti's to the build without it.)

use std::net::IpAddr;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Why Tor does not connect.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SocksError {
    /// The other end isn't what is expected.
    #[error("it does not answer like a SOCKS5 proxy (found the byte {0:#04x}): is this Tor's SOCKS port?")]
    NotSocks(u8),
    /// It wants another kind of authentication.
    #[error("it accepts none of the ways of authentication that were offered")]
    Unauthenticated,
    /// It could be asked and says no.
    #[error("Tor says: {words} (reply {reply:#04x})", words = words(*reply))]
    Refused { reply: u8 },
    /// The host's name can't be sent.
    #[error("the host name has {0} bytes, SOCKS5 carries at most 255")]
    NameTooLong(usize),
    /// The connection to it failed.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// A reply code in words: RFC 1928 section 6, and Tor's extended errors from 0xF0.
fn words(reply: u8) -> &'static str {
    match reply {
        0x01 => "the connection failed; the host can't be reached through any exit",
        0x02 => "the connection is not allowed by Tor's rules",
        0x03 => "the network can't be reached",
        0x04 => "the host can't be reached",
        0x05 => "the connection was refused: nobody listens on that port",
        0x06 => "the connection timed out",
        0x07 => "the command is not supported",
        0x08 => "the type of address is not supported",
        0xF0 => {
            "the onion service's descriptor can't be found: the service is not published, or the address is wrong"
        }
        0xF1 => "the onion service's descriptor is invalid",
        0xF2 => "the introduction failed: the onion service does not answer",
        0xF3 => "the rendezvous with the onion service failed",
        0xF4 => "the onion service wants a client authorization, and there is none",
        0xF5 => "the onion service does not accept this client's authorization",
        0xF6 => "the onion address is invalid: version, checksum or form is wrong",
        0xF7 => "the introduction to the onion service timed out",
        _ => "an error without a name",
    }
}

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;

/// Asks the proxy at the other end of `stream` to connect to `host`. Connections with different `isolation`
/// (user name and password, at most 255 bytes each) do not share a circuit.
pub(super) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    host: &str,
    port: u16,
    isolation: Option<(&str, &str)>,
) -> Result<(), SocksError> {
    let method = if isolation.is_some() { USER_AND_PASSWORD } else { NO_AUTHENTICATION };
    stream.write_all(&[VERSION, 1, method]).await?;
    let [version, chosen] = read(stream).await?;
    if version != VERSION {
        return Err(SocksError::NotSocks(version));
    }
    if chosen != method {
        return Err(SocksError::Unauthenticated);
    }
    if let Some((user, password)) = isolation {
        let mut login = vec![1];
        push_text(&mut login, user)?;
        push_text(&mut login, password)?;
        stream.write_all(&login).await?;
        let [_, status] = read(stream).await?;
        if status != 0 {
            return Err(SocksError::Unauthenticated);
        }
    }
    let mut request = vec![VERSION, 1, 0];
    match host.parse() {
        Ok(IpAddr::V4(address)) => {
            request.push(1);
            request.extend_from_slice(&address.octets());
        }
        Ok(IpAddr::V6(address)) => {
            request.push(4);
            request.extend_from_slice(&address.octets());
        }
        Err(_) => {
            request.push(3);
            push_text(&mut request, host)?;
        }
    }
    request.extend_from_slice(&port.to_be_bytes());
    stream.write_all(&request).await?;
    let [version, reply, _, kind] = read(stream).await?;
    if version != VERSION {
        return Err(SocksError::NotSocks(version));
    }
    if reply != 0 {
        return Err(SocksError::Refused { reply });
    }
    // The address the connection comes from; of no use here, but it stands before the first byte of the peer.
    let length = match kind {
        1 => 4,
        4 => 16,
        3 => usize::from(read::<_, 1>(stream).await?[0]),
        other => return Err(SocksError::NotSocks(other)),
    };
    let mut address = vec![0; length + 2];
    stream.read_exact(&mut address).await?;
    Ok(())
}

async fn read<S: AsyncRead + Unpin, const N: usize>(stream: &mut S) -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

fn push_text(to: &mut Vec<u8>, text: &str) -> Result<(), SocksError> {
    to.push(u8::try_from(text.len()).map_err(|_| SocksError::NameTooLong(text.len()))?);
    to.extend_from_slice(text.as_bytes());
    Ok(())
}

/// Whatever a proxy answers: it is connected, or there is an error for people.
pub(crate) async fn fuzz(answers: &[u8]) {
    for isolation in [None, Some(("user", "password"))] {
        let mut stream = tokio::io::join(answers, tokio::io::sink());
        if let Err(error) = connect(&mut stream, "a.onion", 80, isolation).await {
            assert!(!error.to_string().is_empty());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::duplex;

    /// Talks to a proxy that answers `answers` whatever it is told; gives back the result and what it was told.
    async fn ask(
        host: &str,
        isolation: Option<(&str, &str)>,
        answers: &[u8],
    ) -> (Result<(), SocksError>, Vec<u8>) {
        let (mut client, mut proxy) = duplex(4096);
        proxy.write_all(answers).await.unwrap();
        proxy.shutdown().await.unwrap();
        let result = connect(&mut client, host, 443, isolation).await;
        drop(client);
        let mut told = Vec::new();
        proxy.read_to_end(&mut told).await.unwrap();
        (result, told)
    }

    #[tokio::test]
    async fn names_are_not_resolved_and_addresses_are_sent_as_such() {
        let (result, told) = ask("x.onion", None, b"\x05\0\x05\0\0\x01\0\0\0\0\0\0").await;
        result.unwrap();
        assert_eq!(told, b"\x05\x01\0\x05\x01\0\x03\x07x.onion\x01\xbb");
        let (result, told) = ask("127.0.0.1", None, b"\x05\0\x05\0\0\x03\x02ab\0\0").await;
        result.unwrap();
        assert_eq!(told[3..], *b"\x05\x01\0\x01\x7f\0\0\x01\x01\xbb");
        let (result, told) = ask("::1", None, &[&b"\x05\0\x05\0\0\x04"[..], &[0; 18]].concat()).await;
        result.unwrap();
        assert_eq!(told.len(), 3 + 4 + 16 + 2);
    }

    #[tokio::test]
    async fn isolation_is_a_login() {
        let (result, told) = ask("h", Some(("u", "pw")), b"\x05\x02\x01\0\x05\0\0\x01\0\0\0\0\0\0").await;
        result.unwrap();
        assert!(told.starts_with(b"\x05\x01\x02\x01\x01u\x02pw\x05"));
        let (result, _) = ask("h", Some(("u", "pw")), b"\x05\xff").await;
        assert!(matches!(result, Err(SocksError::Unauthenticated)));
    }

    #[tokio::test]
    async fn every_refusal_has_words() {
        for reply in (1..=8).chain(0xF0..=0xF7) {
            let (result, _) = ask("h", None, &[5, 0, 5, reply, 0, 1, 0, 0, 0, 0, 0, 0]).await;
            let text = result.unwrap_err().to_string();
            assert!(text.contains("Tor says") && !text.contains("without a name"), "{text}");
        }
        let (result, _) = ask("h", None, b"HTTP/1.0 501 Tor is not an HTTP Proxy").await;
        assert!(result.unwrap_err().to_string().contains("SOCKS port"));
        let (result, _) = ask(&"h".repeat(256), None, b"\x05\0").await;
        assert!(matches!(result, Err(SocksError::NameTooLong(256))));
        let (result, _) = ask("h", None, b"\x05\0\x05").await;
        assert!(matches!(result, Err(SocksError::Io(_))));
    }
}
