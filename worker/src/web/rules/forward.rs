//! Forward authentication: a server that decides who may come is asked before each request, on connections that are kept.

use super::headers::name;
use crate::connect::{ConnectError, Connector, Kept, Means};
use crate::fields::set;
use crate::log::{Also, Throttle};
use crate::net::stream::{Peer, Stream};
use crate::web::engine::answer::{Answer, failure};
use crate::web::engine::body::{Body, next_frame};
use crate::web::engine::client::Client;
use crate::web::engine::hop_by_hop::remove_hop_by_hop;
use crate::web::engine::received::Asked;
use crate::web::engine::request::host;
use crate::web::services::{GOES_ROUND, add_hop, goes_round, looped, remove_ambiguous};
use bytes::{Bytes, BytesMut};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, HeaderMap, HeaderName,
    HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
};
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use jackfield_shared::config::ForwardAuth;
use jackfield_shared::tls::Files;
use std::time::Duration;
use tokio::task::spawn_local;
use tokio::time::timeout;
use tracing::{debug, error};

/// Connections without a request that are kept by each process.
const KEPT: usize = 32;
/// Bytes buffered for one connection, which is what the head of an answer may have.
const BUFFER: usize = 64 << 10;
/// The longest content of an answer that a client gets, in bytes.
const MOST: usize = 256 << 10;
/// How often it is reported that nobody can be asked.
const REPORT: Duration = Duration::from_secs(1);
/// What a request says of its own content, and of what of the answer it wants: neither is what is asked for.
const OF_THE_REQUEST: [HeaderName; 11] = [
    ACCEPT_ENCODING,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    EXPECT,
    IF_MATCH,
    IF_MODIFIED_SINCE,
    IF_NONE_MATCH,
    IF_RANGE,
    IF_UNMODIFIED_SINCE,
    RANGE,
];

type Sender = SendRequest<Empty<Bytes>>;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("HTTP: {0}")]
    Http(#[from] hyper::Error),
    #[error("it speaks HTTP/2 only; HTTP/1.1 is needed, so leave \"h2\" out of \"alpn\"")]
    Version,
    #[error("its answer has more than {MOST} bytes")]
    TooLong,
}

/// The server that is asked.
#[derive(Debug)]
pub(super) struct Forward {
    connector: Connector,
    host: HeaderValue,
    target: Uri,
    headers: Vec<HeaderName>,
    timeout: Duration,
    idle: Kept<Empty<Bytes>>,
    failing: Throttle,
}

impl Forward {
    pub(super) fn new(config: &ForwardAuth, means: Means<'_>) -> Result<Self, String> {
        let connector = Connector::new(&config.endpoint, means)?;
        let target: PathAndQuery =
            config.path.parse().map_err(|_| format!("{:?} can't be asked for", config.path))?;
        let host = config.endpoint.authority();
        Ok(Self {
            host: HeaderValue::try_from(&host).map_err(|_| format!("{host:?} can't be a Host"))?,
            connector,
            target: Uri::from(target),
            headers: config.headers.iter().map(|header| name(header)).collect::<Result<_, _>>()?,
            timeout: config.timeout,
            idle: Kept::new(KEPT),
            failing: Throttle::new(REPORT),
        })
    }

    /// Takes the files of TLS as they are now.
    pub(super) fn renew(&self, files: &Files) -> Result<(), String> {
        self.connector.renew(files)
    }

    /// Whether a request may go on, which then has the headers of the answer; else what is said to it.
    pub(super) async fn check(&self, request: &mut Asked, client: &Client) -> Result<(), Answer> {
        // First, so that the server believes nothing either that only it may say.
        self.forget(request.headers_mut());
        if goes_round(request.headers()) {
            if let Some(quiet) = self.failing.pass() {
                error!("{}: {GOES_ROUND}{}", client.peer, Also(quiet));
            }
            return Err(looped(request.headers()));
        }
        let question = self.question(request, client);
        let (status, reason) = match timeout(self.timeout, self.ask(question)).await {
            Ok(Ok(answer)) if answer.status().is_success() => {
                self.take(answer.headers(), request.headers_mut());
                return Ok(());
            }
            Ok(Ok(answer)) => return Err(answer),
            Ok(Err(e)) => (StatusCode::BAD_GATEWAY, e.to_string()),
            Err(_) => {
                let seconds = self.timeout.as_secs_f64();
                (StatusCode::GATEWAY_TIMEOUT, format!("no answer within {seconds} s"))
            }
        };
        if let Some(quiet) = self.failing.pass() {
            let connector = self.connector.to_string();
            // What a connection fails with names the server already.
            let to = if reason.starts_with(&connector) { String::new() } else { format!("{connector}: ") };
            error!("{}: nobody says whether a request may come: {to}{reason}{}", client.peer, Also(quiet));
        }
        let text = "The server that decides who may come does not answer. Try again later.";
        Err(failure(request.headers(), status, text))
    }

    /// Takes out the headers that only the server may say, also where a program would take another name for theirs.
    fn forget(&self, headers: &mut HeaderMap) {
        if self.headers.is_empty() {
            return;
        }
        let is_same = |a: &str, b: &str| {
            let plain = |byte: u8| if byte == b'_' { b'-' } else { byte };
            a.len() == b.len() && a.bytes().zip(b.bytes()).all(|(a, b)| plain(a) == plain(b))
        };
        let theirs = |said: &&HeaderName| self.headers.iter().any(|own| is_same(own.as_str(), said.as_str()));
        let said: Vec<_> = headers.keys().filter(theirs).cloned().collect();
        for name in said {
            headers.remove(name);
        }
    }

    /// Gives a request what the server says of it.
    fn take(&self, said: &HeaderMap, headers: &mut HeaderMap) {
        for name in &self.headers {
            for value in said.get_all(name) {
                headers.append(name.clone(), value.clone());
            }
        }
    }

    /// What the server is asked.
    fn question(&self, request: &Asked, client: &Client) -> Request<Empty<Bytes>> {
        let mut headers = request.headers().clone();
        remove_hop_by_hop(&mut headers);
        remove_ambiguous(&mut headers);
        for name in OF_THE_REQUEST {
            headers.remove(name);
        }
        let address = match client.peer {
            Peer::Tcp(address) => address.ip().to_canonical().to_string(),
            Peer::Unix | Peer::Onion => "unknown".to_owned(),
        };
        let target = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
        let told = [
            ("x-forwarded-method", request.method().as_str()),
            ("x-forwarded-proto", if client.is_secure() { "https" } else { "http" }),
            ("x-forwarded-host", host(request)),
            ("x-forwarded-uri", target),
            ("x-forwarded-for", &address),
        ];
        for (name, value) in told {
            let name = HeaderName::from_static(name);
            // What can't be said is not left to the client.
            headers.remove(&name);
            set(&mut headers, name, value);
        }
        add_hop(&mut headers, request.version());
        headers.insert(HOST, self.host.clone());
        let mut question = Request::new(Empty::new());
        *question.method_mut() = Method::GET;
        *question.uri_mut() = self.target.clone();
        *question.headers_mut() = headers;
        question
    }

    /// Asks, on a kept connection or a new one.
    async fn ask(&self, question: Request<Empty<Bytes>>) -> Result<Answer, Error> {
        let mut question = question;
        while let Some(mut sender) = self.idle.take().await {
            match sender.try_send_request(question).await {
                Ok(answer) => return self.read(answer, sender).await,
                // Closed by the server meanwhile: to ask changes nothing, so it is asked again.
                Err(mut failed) => match failed.take_message() {
                    Some(again) => question = again,
                    None => return Err(failed.into_error().into()),
                },
            }
        }
        let stream = self.connector.connect(|| None).await?;
        if stream.protocol().is_some_and(|protocol| protocol == b"h2") {
            return Err(Error::Version);
        }
        let mut builder = http1::Builder::new();
        builder.max_buf_size(BUFFER);
        let (mut sender, connection) = builder.handshake::<TokioIo<Stream>, _>(TokioIo::new(stream)).await?;
        let to = self.connector.to_string();
        spawn_local(async move {
            if let Err(e) = connection.await {
                debug!("{to}: {e}");
            }
        });
        let answer = sender.send_request(question).await?;
        self.read(answer, sender).await
    }

    /// The answer as a client may get it. A connection on which nothing more comes is kept.
    async fn read(&self, answer: Response<Incoming>, sender: Sender) -> Result<Answer, Error> {
        let (mut parts, mut content) = answer.into_parts();
        let mut read = BytesMut::new();
        while let Some(frame) = next_frame(&mut content).await {
            if let Ok(data) = frame?.into_data() {
                read.extend_from_slice(&data);
            }
            if read.len() > MOST {
                return Err(Error::TooLong);
            }
        }
        self.idle.keep(sender);
        remove_hop_by_hop(&mut parts.headers);
        parts.headers.remove(CONTENT_LENGTH);
        let mut answer = Response::new(Body::Full(read.freeze()));
        *answer.status_mut() = parts.status;
        *answer.headers_mut() = parts.headers;
        Ok(answer)
    }
}
