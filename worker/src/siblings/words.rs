//! What processes say to each other: the client's request in short, and what comes of it.

use crate::wamp::{Action, Done};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Request, Response, StatusCode};
use jackfield_wamp::Serializer;

/// The words for an action of the client with this name; nothing: it is no name.
pub(super) fn request(name: &str, action: Action) -> Option<Request<Full<Bytes>>> {
    let (verb, content) = match action {
        Action::Send(content) => ("send", content),
        Action::Receive => ("receive", Bytes::new()),
        Action::Close => ("close", Bytes::new()),
    };
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let request = Request::post(format!("http://sibling/{name}/{verb}"));
    request.body(Full::new(content)).ok().filter(|_| is_plain)
}

/// The name and the action that a request is about.
pub(super) async fn action(request: Request<Incoming>) -> Result<Option<(String, Action)>, hyper::Error> {
    let (head, content) = request.into_parts();
    let parts = head.uri.path().strip_prefix('/').and_then(|path| path.split_once('/'));
    let Some((name, verb)) = parts else { return Ok(None) };
    let action = match verb {
        // Whoever passes it on has looked at its length.
        "send" => Action::Send(content.collect().await?.to_bytes()),
        "receive" => Action::Receive,
        "close" => Action::Close,
        _ => return Ok(None),
    };
    Ok(Some((name.to_owned(), action)))
}

/// The words for what has come of it.
pub(super) fn answer(done: Option<Done>) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::default());
    match done {
        None => *answer.status_mut() = StatusCode::NOT_FOUND,
        Some(Done::Nothing) => *answer.status_mut() = StatusCode::NO_CONTENT,
        Some(Done::Messages(serializer, messages)) => {
            answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(serializer.name()));
            *answer.body_mut() = Full::new(messages);
        }
    }
    answer
}

/// What has come of it.
pub(super) async fn done(answer: Response<Incoming>) -> Result<Option<Done>, hyper::Error> {
    let kind = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let serializer = kind.and_then(Serializer::named);
    Ok(match (answer.status(), serializer) {
        (StatusCode::OK, Some(serializer)) => {
            Some(Done::Messages(serializer, answer.into_body().collect().await?.to_bytes()))
        }
        (StatusCode::NO_CONTENT, _) => Some(Done::Nothing),
        _ => None,
    })
}
