//! What relays and proxies connect to. As little as answers: its processor time is not counted, but it shares the
//! cores with what is.

use crate::{Outcome, socket};
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The head of a raw request: its length and that of its answer, eight bytes each, little-endian.
pub(crate) const HEAD: usize = 16;

/// What is written at once.
static ZEROS: [u8; 256 << 10] = [0; 256 << 10];

/// Serves until it is killed.
pub(crate) fn run(address: SocketAddr, http: Option<usize>) -> Outcome {
    let answer: Option<&'static [u8]> = http.map(|length| {
        let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").into_bytes();
        answer.resize(answer.len() + length, b'x');
        &*answer.leak()
    });
    socket::serve(address, move |stream| async move {
        // An error is the client's going away.
        let _ = match answer {
            Some(answer) => serve_http(stream, answer).await,
            None => serve_raw(stream).await,
        };
    })
}

/// The two lengths of a raw request.
fn lengths(head: &[u8; HEAD]) -> (usize, usize) {
    let (mut request, mut answer) = ([0; 8], [0; 8]);
    request.copy_from_slice(&head[..8]);
    answer.copy_from_slice(&head[8..]);
    let as_length = |bytes| usize::try_from(u64::from_le_bytes(bytes)).unwrap_or(usize::MAX);
    (as_length(request), as_length(answer))
}

async fn serve_raw(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let mut got = 0;
        while got < HEAD {
            match stream.read(&mut buffer[got..]).await? {
                0 => return Ok(()),
                count => got += count,
            }
        }
        let mut head = [0; HEAD];
        head.copy_from_slice(&buffer[..HEAD]);
        let (request, mut answer) = lengths(&head);
        while got < request {
            match stream.read(&mut buffer).await? {
                0 => return Ok(()),
                count => got += count,
            }
        }
        while answer > 0 {
            let count = answer.min(ZEROS.len());
            stream.write_all(&ZEROS[..count]).await?;
            answer -= count;
        }
    }
}

async fn serve_http(mut stream: TcpStream, answer: &'static [u8]) -> io::Result<()> {
    let mut buffer = vec![0; 16 << 10];
    let mut got = 0;
    loop {
        match stream.read(&mut buffer[got..]).await? {
            0 => return Ok(()),
            count => got += count,
        }
        // The clients of the bench ask once at a time, without content.
        if buffer[..got].ends_with(b"\r\n\r\n") {
            stream.write_all(answer).await?;
            got = 0;
        }
    }
}
