//! Health checks of web servers.

use super::pool::Pool;
use super::upload::Uploading;
use crate::backends::{Backend, connects};
use hyper::header::{HOST, HeaderValue, USER_AGENT};
use hyper::http::uri::Authority;
use hyper::{Request, Uri, Version};
use jackfield_shared::config::{HttpHealth, Reverseproxy};

/// Asks a web server whether it is well; on connections of its own, which say more than those that stand already.
pub(super) async fn check(
    config: &Reverseproxy,
    health: &HttpHealth,
    backend: &Backend,
) -> Result<(), String> {
    let Some(path) = &health.path else { return connects(backend).await };
    let Some(endpoint) = config.backends.get(backend.index) else { return Ok(()) };
    let pool = Pool::new(&endpoint.endpoint, config.http2);
    let mut sender = pool.connect(&backend.connector).await.map_err(|e| e.to_string())?;
    let host = match &health.host {
        Some(host) => {
            HeaderValue::try_from(host.as_str()).map_err(|_| format!("{host:?} can't be a Host"))?
        }
        None => pool.host.clone(),
    };
    let mut request = Request::new(Uploading::none());
    let target = path.parse().map_err(|_| format!("{path:?} can't be asked for"))?;
    let mut parts = hyper::http::uri::Parts::default();
    parts.path_and_query = Some(target);
    if sender.is_two() {
        *request.version_mut() = Version::HTTP_2;
        parts.authority = Authority::try_from(host.as_bytes()).ok();
        parts.scheme = parts.authority.is_some().then_some(hyper::http::uri::Scheme::HTTP);
    } else {
        request.headers_mut().insert(HOST, host);
    }
    *request.uri_mut() = Uri::from_parts(parts).map_err(|_| format!("{path:?} can't be asked for"))?;
    request.headers_mut().insert(USER_AGENT, HeaderValue::from_static("jackfield"));
    let answer = sender.send(request).await.map_err(|e| e.error().to_string())?;
    match answer.status().as_u16() {
        status if health.is_well(status) => Ok(()),
        status => Err(format!("{} answers {path} with {status}", backend.connector)),
    }
}
