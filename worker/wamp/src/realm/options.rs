//! Options of requests, with their types checked.

use super::broker::Filter;
use crate::uri::Match;
use crate::{Dict, Id, Value};

/// Why a request is refused: an option of the wrong type or value, for people.
pub(crate) type Refusal = String;

fn refuse<T>(key: &str, expected: &str, value: &Value) -> Result<T, Refusal> {
    Err(match value {
        Value::Int(number) => format!("the option '{key}' has to be {expected}, not {number}"),
        _ => format!("the option '{key}' has to be {expected}, not {}", value.describe()),
    })
}

fn boolean(key: &str, value: &Value) -> Result<bool, Refusal> {
    value.as_bool().map_or_else(|| refuse(key, "true or false", value), Ok)
}

fn text<'a>(key: &str, value: &'a Value) -> Result<&'a str, Refusal> {
    value.as_str().map_or_else(|| refuse(key, "a string", value), Ok)
}

fn policy(key: &str, value: &Value) -> Result<Match, Refusal> {
    let name = text(key, value)?;
    Match::named(name).ok_or_else(|| format!("the option '{key}' has to be exact, prefix or wildcard"))
}

fn ids(key: &str, value: &Value) -> Result<Vec<Id>, Refusal> {
    let Some(list) = value.as_list() else { return refuse(key, "a list of session ids", value) };
    let mut ids = Vec::with_capacity(list.len());
    for value in list {
        match value.as_id() {
            Some(id) => ids.push(id),
            None => return refuse(key, "a list of session ids", value),
        }
    }
    ids.sort_unstable();
    Ok(ids)
}

fn names(key: &str, value: &Value) -> Result<Vec<String>, Refusal> {
    let Some(list) = value.as_list() else { return refuse(key, "a list of strings", value) };
    let mut names = Vec::with_capacity(list.len());
    for value in list {
        match value.as_str() {
            Some(name) => names.push(name.to_owned()),
            None => return refuse(key, "a list of strings", value),
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Options that receivers get as they came: of payloads that are passed through, and of links between routers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Passed(Dict);

impl Passed {
    /// Takes an option; false: it is none of these.
    fn take(&mut self, key: &str, value: &Value) -> Result<bool, Refusal> {
        match key {
            "enc_algo" => {
                let known = matches!(text(key, value)?, "cryptobox" | "mqtt" | "xbr");
                if !known && !text(key, value)?.starts_with("x_") {
                    return Err(format!(
                        "the option '{key}' has to be cryptobox, mqtt, xbr or begin with x_"
                    ));
                }
            }
            "enc_serializer" | "ppt_scheme" | "ppt_serializer" | "ppt_cipher" | "transaction_hash" => {
                text(key, value)?;
            }
            "enc_key" | "ppt_keyid" if matches!(value, Value::Str(_) | Value::Bin(_)) => {}
            "enc_key" | "ppt_keyid" => return refuse(key, "a string", value),
            "forward_for" => {
                let hops = value.as_list().filter(|hops| hops.iter().all(|hop| matches!(hop, Value::Map(_))));
                if hops.is_none() {
                    return refuse(key, "a list of dictionaries", value);
                }
            }
            _ => return Ok(false),
        }
        self.0.push(key, value.clone());
        Ok(true)
    }

    /// The details. Those of an encryption belong to a payload that is one opaque value.
    pub(crate) fn into_details(mut self, opaque: bool) -> Dict {
        if !opaque {
            self.0.0.retain(|(key, _)| !key.starts_with("enc_"));
        }
        self.0
    }
}

/// Goes through options: absent and null are the same.
fn each(options: &Dict, mut take: impl FnMut(&str, &Value) -> Result<(), Refusal>) -> Result<(), Refusal> {
    options.0.iter().filter(|(_, value)| *value != Value::Null).try_for_each(|(key, value)| take(key, value))
}

/// Options of PUBLISH.
#[derive(Clone, Debug, Default)]
pub(crate) struct Publish {
    pub(crate) acknowledge: bool,
    pub(crate) include_me: bool,
    pub(crate) retain: bool,
    /// None: everybody gets the event.
    pub(crate) filter: Option<Box<Filter>>,
    pub(crate) passed: Passed,
}

impl Publish {
    pub(crate) fn parse(options: &Dict) -> Result<Self, Refusal> {
        let mut this = Self::default();
        each(options, |key, value| {
            match key {
                "acknowledge" => this.acknowledge = boolean(key, value)?,
                "exclude_me" => this.include_me = !boolean(key, value)?,
                "retain" => this.retain = boolean(key, value)?,
                "exclude" => this.filter().exclude = ids(key, value)?,
                "exclude_authid" => this.filter().exclude_authid = names(key, value)?,
                "exclude_authrole" => this.filter().exclude_authrole = names(key, value)?,
                "eligible" => this.filter().eligible = ids(key, value)?,
                "eligible_authid" => this.filter().eligible_authid = names(key, value)?,
                "eligible_authrole" => this.filter().eligible_authrole = names(key, value)?,
                _ => {
                    this.passed.take(key, value)?;
                }
            }
            Ok(())
        })?;
        // Empty lists are as none.
        this.filter.take_if(|filter| filter.is_empty());
        Ok(this)
    }

    /// It as options again, without those that concern the answer.
    pub(crate) fn options(&self) -> Dict {
        let mut options = self.filter.as_deref().map_or_else(Dict::new, Filter::options);
        options.push("retain", self.retain);
        options.0.extend(self.passed.0.0.iter().cloned());
        options
    }

    fn filter(&mut self) -> &mut Filter {
        self.filter.get_or_insert_default()
    }

    /// Whether a PUBLISH with options that cannot be read is to be answered.
    pub(crate) fn wants_answer(options: &Dict) -> bool {
        options.get("acknowledge").is_some_and(|value| !matches!(value, Value::Bool(false) | Value::Int(0)))
    }
}

/// Options of SUBSCRIBE.
#[derive(Debug, Default)]
pub(crate) struct Subscribe {
    pub(crate) policy: Match,
    pub(crate) get_retained: bool,
}

impl Subscribe {
    pub(crate) fn parse(options: &Dict) -> Result<Self, Refusal> {
        let mut this = Self::default();
        each(options, |key, value| {
            match key {
                "match" => this.policy = policy(key, value)?,
                "get_retained" => this.get_retained = boolean(key, value)?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(this)
    }
}

/// How a call finds one of several callees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Invoke {
    #[default]
    Single,
    First,
    Last,
    RoundRobin,
    Random,
}

impl Invoke {
    const ALL: [Self; 5] = [Self::Single, Self::First, Self::Last, Self::RoundRobin, Self::Random];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::First => "first",
            Self::Last => "last",
            Self::RoundRobin => "roundrobin",
            Self::Random => "random",
        }
    }
}

/// Options of REGISTER.
#[derive(Debug, Default)]
pub(crate) struct Register {
    pub(crate) policy: Match,
    pub(crate) invoke: Invoke,
    /// 0: no limit.
    pub(crate) concurrency: u64,
    pub(crate) force: bool,
    pub(crate) forward_timeout: bool,
}

impl Register {
    pub(crate) fn parse(options: &Dict) -> Result<Self, Refusal> {
        let mut this = Self::default();
        each(options, |key, value| {
            match key {
                "match" => this.policy = policy(key, value)?,
                "invoke" => {
                    let name = text(key, value)?;
                    let known = Invoke::ALL.into_iter().find(|invoke| invoke.name() == name);
                    let names = "single, first, last, roundrobin or random";
                    this.invoke = known.ok_or_else(|| format!("the option '{key}' has to be {names}"))?;
                }
                "concurrency" => match value.as_u64() {
                    Some(number) if number > 0 => this.concurrency = number,
                    _ => return refuse(key, "an integer from 1", value),
                },
                "force_reregister" => this.force = boolean(key, value)?,
                "forward_timeout" => this.forward_timeout = boolean(key, value)?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(this)
    }
}

/// Options of CALL.
#[derive(Debug, Default)]
pub(crate) struct Call {
    /// 0: none.
    pub(crate) timeout: u64,
    pub(crate) receive_progress: bool,
    pub(crate) progress: bool,
    pub(crate) passed: Passed,
}

impl Call {
    pub(crate) fn parse(options: &Dict) -> Result<Self, Refusal> {
        let mut this = Self::default();
        each(options, |key, value| {
            match key {
                "timeout" => match value.as_u64() {
                    Some(number) => this.timeout = number,
                    None => return refuse(key, "an integer from 0", value),
                },
                "receive_progress" => this.receive_progress = boolean(key, value)?,
                "progress" => this.progress = boolean(key, value)?,
                _ => {
                    this.passed.take(key, value)?;
                }
            }
            Ok(())
        })?;
        Ok(this)
    }
}

/// Options of YIELD, and details of an ERROR by a callee.
#[derive(Debug, Default)]
pub(crate) struct Yield {
    pub(crate) progress: bool,
    pub(crate) passed: Passed,
}

impl Yield {
    pub(crate) fn parse(options: &Dict) -> Result<Self, Refusal> {
        let mut this = Self::default();
        each(options, |key, value| {
            match key {
                "progress" => this.progress = boolean(key, value)?,
                _ => {
                    this.passed.take(key, value)?;
                }
            }
            Ok(())
        })?;
        Ok(this)
    }
}

/// How a call is cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CancelMode {
    Skip,
    Kill,
    KillNoWait,
}

impl CancelMode {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Kill => "kill",
            Self::KillNoWait => "killnowait",
        }
    }

    /// The mode of a CANCEL, if it has one.
    pub(crate) fn parse(options: &Dict) -> Result<Option<Self>, Refusal> {
        let Some(value) = options.get("mode") else { return Ok(None) };
        let name = text("mode", value)?;
        let known = [Self::Skip, Self::Kill, Self::KillNoWait].into_iter().find(|mode| mode.name() == name);
        known.map(Some).ok_or_else(|| "the option 'mode' has to be skip, kill or killnowait".to_owned())
    }
}
