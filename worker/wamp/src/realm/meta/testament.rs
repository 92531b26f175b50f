//! `wamp.session.add_testament` and `flush_testaments`

use super::{Arguments, Refused, Reply};
use crate::realm::broker::{Scope, Testament};
use crate::realm::{Realm, errors, options};
use crate::{Id, Payload, uri};

impl Realm {
    pub(crate) fn add_testament(
        &mut self,
        caller: Option<Id>,
        arguments: &Arguments,
    ) -> Result<Reply, Refused> {
        arguments.only(&["topic", "args", "kwargs", "publish_options", "scope"])?;
        let topic = arguments.text(0, "topic")?;
        let payload = Payload::of(arguments.list(1, "args")?, arguments.dict(2, "kwargs")?);
        let options = arguments.dict_if(3, "publish_options")?.unwrap_or_default();
        let options = options::Publish::parse(&options).map_err(Refused::argument)?;
        let scope = scope(arguments, 4)?;
        if !uri::is_valid(topic, self.config.uri_check) {
            let text = format!("testament for invalid topic URI '{}'", errors::short(topic));
            return Err(Refused::new(errors::INVALID_URI, text));
        }
        let id = self.ids.id();
        let (bound, bytes) = (self.config.bounds.testaments, self.config.bounds.testament_bytes);
        let testament = Testament { scope, topic: topic.to_owned(), payload, options };
        let own = caller.and_then(|caller| self.sessions.get_mut(&caller)).ok_or_else(nobody)?;
        let size = own.testaments.iter().chain([&testament]).map(Testament::size).sum::<usize>();
        if own.testaments.len() >= bound || size > bytes {
            let text = format!("a session may have {bound} testaments of {bytes} bytes");
            return Err(Refused::new(errors::LIMIT_REACHED, text));
        }
        own.testaments.push(testament);
        Ok(id.into())
    }

    pub(crate) fn flush_testaments(
        &mut self,
        caller: Option<Id>,
        arguments: &Arguments,
    ) -> Result<Reply, Refused> {
        arguments.only(&["scope"])?;
        let scope = scope(arguments, 0)?;
        let own = caller.and_then(|caller| self.sessions.get_mut(&caller)).ok_or_else(nobody)?;
        let before = own.testaments.len();
        own.testaments.retain(|testament| testament.scope != scope);
        Ok(((before - own.testaments.len()) as u64).into())
    }
}

fn scope(arguments: &Arguments, at: usize) -> Result<Scope, Refused> {
    let name = arguments.text_if(at, "scope")?.unwrap_or("destroyed");
    Scope::named(name)
        .ok_or_else(|| Refused::new(errors::TESTAMENT, "scope must be destroyed or detached".to_owned()))
}

fn nobody() -> Refused {
    Refused::argument("only a session has testaments")
}
