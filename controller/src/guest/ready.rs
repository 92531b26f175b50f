//! Whether a program does what it is for, found out from outside: for those that can't say so.

use jackfield_shared::config::{Ready, ReadyAt};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// How long to wait between two attempts.
const STEP: Duration = Duration::from_millis(50);
/// How long one attempt may take.
const TIME: Duration = Duration::from_secs(2);
/// The beginning of an answer: `HTTP/1.1 200`.
const STATUS: usize = 12;

/// Completes when the program, which runs, is ready. Who waits for it has a limit of its own.
pub(crate) async fn is_ready(ready: &Ready) {
    match ready {
        Ready::Started | Ready::Notify => {}
        Ready::After(time) => sleep(*time).await,
        Ready::Tcp(at) => until(|| connect(at)).await,
        Ready::Http(at, path) => until(|| get(at, path)).await,
    }
}

/// Tries again and again.
async fn until<T, F: Future<Output = io::Result<T>>>(attempt: impl Fn() -> F) {
    while !matches!(timeout(TIME, attempt()).await, Ok(Ok(_))) {
        sleep(STEP).await;
    }
}

async fn connect(at: &ReadyAt) -> io::Result<TcpStream> {
    TcpStream::connect((at.host.as_str(), at.port)).await
}

async fn get(at: &ReadyAt, path: &str) -> io::Result<()> {
    let mut stream = connect(at).await?;
    let ReadyAt { host, port } = at;
    let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut status = [0; STATUS];
    stream.read_exact(&mut status).await?;
    // From 200 to 399.
    if status.starts_with(b"HTTP/1.") && matches!(status[9], b'2' | b'3') {
        Ok(())
    } else {
        Err(io::ErrorKind::InvalidData.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn an_answer_that_is_none_is_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = ReadyAt { host: "127.0.0.1".into(), port: listener.local_addr().unwrap().port() };
        let answered = Cell::new(0);
        let serve = async {
            for answer in ["", "HTTP/1.1 503 No\r\n\r\n", "HTTP/1.1 204 Yes\r\n\r\n"] {
                let (mut client, _) = listener.accept().await.unwrap();
                let mut asked = [0; 9];
                client.read_exact(&mut asked).await.unwrap();
                assert_eq!(&asked, b"GET /up H");
                client.write_all(answer.as_bytes()).await.unwrap();
                answered.set(answered.get() + 1);
            }
        };
        let http = Ready::Http(at.clone(), "/up".into());
        tokio::join!(is_ready(&http), serve);
        assert_eq!(answered.get(), 3);
        is_ready(&Ready::Tcp(at)).await;
        is_ready(&Ready::After(Duration::from_millis(1))).await;
    }
}
