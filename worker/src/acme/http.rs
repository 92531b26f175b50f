//! HTTP for the library: over connections as all others of ours are, and in this thread.

use crate::connect::{Connector, Means};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use jackfield_shared::config::{ConnectingEndpoint, TcpConnecting, TlsConnecting};
use jackfield_shared::tls::Files;
use std::future::poll_fn;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_local;
use tokio::time::timeout;

/// How long a directory may take for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Most bytes of an answer: a certificate with its chain has some thousand.
const MOST: usize = 1 << 20;

type Answer = oneshot::Sender<Result<BytesResponse, Error>>;

/// Hands requests to the task that makes them: the library's futures may go to other threads, and connections may not.
pub(super) struct Http(mpsc::Sender<(Request<BodyWrapper<Bytes>>, Answer)>);

impl Http {
    /// Begins the task; the directory's certificate is signed by one of these.
    pub(super) fn new(ca_certificates: Option<Vec<PathBuf>>, files: Files) -> Self {
        let (sender, mut requests) = mpsc::channel::<(Request<BodyWrapper<Bytes>>, Answer)>(1);
        spawn_local(async move {
            while let Some((request, answer)) = requests.recv().await {
                let uri = request.uri().clone();
                let got = timeout(PATIENCE, exchange(request, ca_certificates.clone(), &files)).await;
                let got = got.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())));
                let _ = answer.send(got.map_err(|e| Error::Other(format!("{uri}: {e}").into())));
            }
        });
        Self(sender)
    }
}

impl HttpClient for Http {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let sender = self.0.clone();
        Box::pin(async move {
            let gone = || Error::Other("the process ends".into());
            let (answer, got) = oneshot::channel();
            sender.send((request, answer)).await.map_err(|_| gone())?;
            got.await.map_err(|_| gone())?
        })
    }
}

async fn exchange(
    mut request: Request<BodyWrapper<Bytes>>,
    ca_certificates: Option<Vec<PathBuf>>,
    files: &Files,
) -> Result<BytesResponse, String> {
    let uri = request.uri().clone();
    let secure = uri.scheme_str() == Some("https");
    let authority = uri.authority().ok_or("expected a URL with a host")?;
    let host = authority.host().trim_matches(['[', ']']).to_owned();
    let mut endpoint = TcpConnecting::to(host, authority.port_u16().unwrap_or(if secure { 443 } else { 80 }));
    endpoint.tls = secure.then(|| TlsConnecting { ca_certificates, ..TlsConnecting::default() });
    let connector = Connector::new(&ConnectingEndpoint::Tcp(endpoint), Means::of(files))?;
    let stream = connector.connect(|| None).await.map_err(|e| e.to_string())?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|e: hyper::Error| e.to_string())?;
    let running = spawn_local(async move {
        let _ = connection.await; // what it fails with is told by the answer
    });
    request.headers_mut().insert(HOST, authority.as_str().parse().map_err(|_| "expected a host")?);
    *request.uri_mut() = Uri::from(uri.path_and_query().cloned().ok_or("expected a path")?);
    let answer = sender.send_request(request).await.map_err(|e| e.to_string())?;
    let whole = whole(answer).await;
    running.abort();
    whole
}

async fn whole(answer: Response<Incoming>) -> Result<BytesResponse, String> {
    let (parts, mut content) = answer.into_parts();
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut content).poll_frame(cx)).await {
        if let Ok(data) = frame.map_err(|e| e.to_string())?.into_data() {
            bytes.extend_from_slice(&data);
        }
        if bytes.len() > MOST {
            return Err(format!("the answer has more than {MOST} bytes"));
        }
    }
    Ok(BytesResponse { parts, body: Box::new(Bytes::from(bytes)) })
}
