//! Ids of requests.

use super::headers::name;
use crate::web::engine::answer::Answer;
use crate::web::engine::request_id::Id;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use jackfield_shared::config::RequestId;

/// Gives ids to requests.
#[derive(Debug)]
pub(super) struct Ids {
    header: HeaderName,
    keep: bool,
}

impl Ids {
    pub(super) fn new(config: &RequestId) -> Result<Self, String> {
        Ok(Self { header: name(&config.header)?, keep: config.keep })
    }

    /// Gives a request an id, in place of what the client says, unless that is kept. Without random numbers it has none.
    pub(super) fn give(&self, headers: &mut HeaderMap) -> Option<HeaderValue> {
        if self.keep
            && let Some(said) = headers.get(&self.header)
            && is_id(said.as_bytes())
        {
            return Some(said.clone());
        }
        headers.remove(&self.header);
        let mut random = [0; 16];
        getrandom::fill(&mut random).ok()?;
        let id = HeaderValue::from_str(&format!("{:032x}", u128::from_be_bytes(random))).ok()?;
        headers.insert(self.header.clone(), id.clone());
        Some(id)
    }

    /// Tells the client, and the access log.
    pub(super) fn tell(&self, answer: &mut Answer, id: HeaderValue) {
        answer.headers_mut().insert(self.header.clone(), id.clone());
        answer.extensions_mut().insert(Id(id));
    }
}

fn is_id(said: &[u8]) -> bool {
    let of_id = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=128).contains(&said.len()) && said.iter().all(of_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_say_is_kept_only_if_that_is_wanted_and_it_is_an_id() {
        for (keep, said, kept) in
            [(true, "a-1", true), (true, "a b", false), (true, "", false), (false, "a-1", false)]
        {
            let ids = Ids::new(&RequestId { header: "X-Id".into(), keep }).unwrap();
            let mut headers = HeaderMap::new();
            headers.insert("x-id", said.parse().unwrap());
            let id = ids.give(&mut headers).unwrap();
            assert_eq!(headers.get("x-id"), Some(&id));
            assert_eq!(id == said, kept, "{said:?}");
            assert!(kept || id.len() == 32);
        }
    }
}
