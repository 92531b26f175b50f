//! Events of the progress of uploads, as Crossbar.io publishes them.

use super::chunk::Chunk;
use super::refusal::Refusal;
use super::store::{Put, State};
use crate::wamp::{Embedded, Failure, Reply, Router};
use jackfield_shared::config::{FormFields, UploadService};
use jackfield_wamp::{Dict, Payload, Serializer, Value, codec};
use std::collections::HashMap;
use std::rc::Rc;
use tracing::debug;

/// Events that wait to be published at a time, at most; more are left out.
const MOST: usize = 1000;

/// Publishes the progress of a service's uploads.
#[derive(Debug)]
pub(super) struct Progress {
    session: Embedded,
    names: FormFields,
}

/// What a client wants to be told of a chunk.
#[derive(Debug, PartialEq)]
pub(super) struct Wanted {
    topic: String,
    options: Dict,
    chunk_extra: Value,
    finish_extra: Value,
}

impl Progress {
    /// None where no field of the form names a topic; the error says what is missing.
    pub(super) fn new(config: &UploadService, router: Option<&Rc<Router>>) -> Result<Option<Self>, String> {
        if config.form_fields.on_progress.is_none() {
            return Ok(None);
        }
        let (Some(realm), Some(role)) = (&config.realm, &config.role) else {
            return Err(
                "\"on_progress\" needs the \"realm\" and the \"role\" that progress is published in".into()
            );
        };
        let session = Embedded::new(router, realm, role, "upload", MOST)?;
        Ok(Some(Self { session, names: config.form_fields.clone() }))
    }

    /// What the fields of a form want to be told; none: nothing.
    pub(super) fn wanted(&self, fields: &HashMap<String, String>) -> Result<Option<Wanted>, Refusal> {
        wanted(&self.names, fields)
    }

    /// Tells of a chunk that was put.
    pub(super) async fn tell(&self, wanted: Wanted, chunk: &Chunk, put: &Put) {
        for event in events(&wanted, chunk, put) {
            let (topic, options) = (wanted.topic.clone(), wanted.options.clone());
            let published = self.session.publish(topic, options, Payload::one(Value::from(event))).await;
            let why = match published {
                Ok(Reply::Error(uri, _)) => uri,
                Ok(_) => continue,
                // The process ends.
                Err(Failure::Gone) => return,
                Err(e) => e.to_string(),
            };
            debug!("upload of {:?}: its progress can't be published: {why}", chunk.file);
        }
    }
}

fn wanted(names: &FormFields, fields: &HashMap<String, String>) -> Result<Option<Wanted>, Refusal> {
    let field = |name: &Option<String>| name.as_ref().and_then(|name| fields.get(name));
    let Some(topic) = field(&names.on_progress) else { return Ok(None) };
    let mut options = Dict::new();
    if let Some(session) = field(&names.session) {
        let id = session.parse::<u64>().map_err(|_| Refusal::wrong("The session is no number."))?;
        options.push("eligible", Value::List(vec![id.into()]));
    }
    let extra = |name: &Option<String>| match field(name) {
        None => Ok(Dict::new().into()),
        Some(text) => codec::decode_value(Serializer::Json, text.as_bytes())
            .map_err(|_| Refusal::wrong("What is to be told of the progress is no JSON.")),
    };
    Ok(Some(Wanted {
        topic: topic.clone(),
        options,
        chunk_extra: extra(&names.chunk_extra)?,
        finish_extra: extra(&names.finish_extra)?,
    }))
}

/// What is told of a chunk: `started` before the first one, then `progress`, and `finished` in the place of or after the last.
fn events(wanted: &Wanted, chunk: &Chunk, put: &Put) -> Vec<Dict> {
    let event = |status: &str, received: u64| {
        let progress = if chunk.total == 0 { 1.0 } else { received as f64 / chunk.total as f64 };
        Dict::new()
            .with("id", chunk.file.as_str())
            .with("chunk", chunk.index + 1)
            .with("name", chunk.file.as_str())
            .with("total", chunk.total)
            .with("remaining", chunk.total.saturating_sub(received))
            .with("status", status)
            .with("progress", Value::Float((progress * 1000.0).round() / 1000.0))
            .with("chunk_extra", wanted.chunk_extra.clone())
    };
    let mut events = Vec::new();
    if put.first {
        events.push(event("started", 0));
    }
    if chunk.count > 1 {
        events.push(event("progress", put.received));
    }
    if put.state == State::Complete {
        events.push(event("finished", chunk.total).with("finish_extra", wanted.finish_extra.clone()));
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> FormFields {
        serde_json::from_value(serde_json::json!({"file_name": "n", "total_size": "t", "chunk_number": "c", "chunk_size": "s",
            "total_chunks": "k", "content": "f", "identifier": null, "on_progress": "topic", "session": "session", "chunk_extra": "each",
            "finish_extra": "end"}))
        .unwrap()
    }

    fn fields(fields: &[(&str, &str)]) -> HashMap<String, String> {
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_form_says_who_is_told_what() {
        assert_eq!(wanted(&names(), &fields(&[("each", "1")])).unwrap(), None);
        let all = fields(&[("topic", "com.up"), ("session", "77"), ("each", "{\"a\": 1}")]);
        let wanted_all = wanted(&names(), &all).unwrap().unwrap();
        assert_eq!(wanted_all.topic, "com.up");
        assert_eq!(wanted_all.options, Dict::new().with("eligible", Value::List(vec![77_u64.into()])));
        assert_eq!(wanted_all.chunk_extra, Dict::new().with("a", 1_u64).into());
        assert_eq!(wanted_all.finish_extra, Dict::new().into());
        for wrong in [("session", "x"), ("each", "{"), ("end", "no")] {
            assert!(wanted(&names(), &fields(&[("topic", "com.up"), wrong])).is_err());
        }
    }

    #[test]
    fn a_file_starts_goes_on_and_is_finished() {
        let wanted = wanted(&names(), &fields(&[("topic", "com.up"), ("end", "5")])).unwrap().unwrap();
        let chunk =
            |index| Chunk { file: "a".into(), total: 12, index, count: 3, size: 4, upload: String::new() };
        let told = |index, first, received, state| {
            let events = events(&wanted, &chunk(index), &Put { state, first, received });
            let told = |event: &Dict| {
                let text = event.get("status").and_then(Value::as_str).unwrap().to_owned();
                (text, event.get("remaining").and_then(Value::as_u64).unwrap())
            };
            events.iter().map(told).collect::<Vec<_>>()
        };
        let event = |status: &str, remaining| (status.to_owned(), remaining);
        assert_eq!(told(1, true, 4, State::Present), [event("started", 12), event("progress", 8)]);
        assert_eq!(told(2, false, 8, State::Present), [event("progress", 4)]);
        assert_eq!(told(0, false, 12, State::Complete), [event("progress", 0), event("finished", 0)]);
        let whole = Chunk { count: 1, ..chunk(0) };
        let events = events(&wanted, &whole, &Put { state: State::Complete, first: true, received: 12 });
        assert_eq!(events.len(), 2);
        assert_eq!(events[1].get("finish_extra"), Some(&5_u64.into()));
        assert_eq!(events[1].get("progress"), Some(&Value::Float(1.0)));
    }
}
