//! What the subcommands of `jackfield wamp` say, and print of what they hear.

use super::super::failure::Failure;
use super::super::output::{print, remark};
use super::common::Common;
use super::values::{self, Arguments};
use clap::Args;
use jackfield_worker::client::{Dict, Message, Payload, Session, Value, kind};
use serde_json::{Map, Value as Json, json};
use tokio::select;
use tokio::signal::ctrl_c;

/// Joins a realm, talks there, and leaves it, whatever has become of that.
async fn joined(
    common: &Common,
    talk: impl AsyncFnOnce(&mut Session) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut session = common.router.join().await?;
    let done = talk(&mut session).await;
    session.leave().await;
    done
}

/// The same with a talk that Ctrl-C ends well.
async fn until_interrupted(
    common: &Common,
    talk: impl AsyncFnOnce(&mut Session) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let talk = async |session: &mut Session| {
        select! {
            done = talk(session) => done,
            _ = ctrl_c() => Ok(()),
        }
    };
    joined(common, talk).await
}

#[derive(Debug, Args)]
pub(super) struct Call {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    arguments: Arguments,
    /// Asks for results in parts, and prints each as it comes
    #[arg(long)]
    progress: bool,
}

impl Call {
    pub(super) async fn run(self) -> Result<(), Failure> {
        joined(&self.common, async |session| self.talk(session).await).await
    }

    async fn talk(&self, session: &mut Session) -> Result<(), Failure> {
        let Common { uri, json, .. } = &self.common;
        let mut options = values::dict(&self.common.options);
        if self.progress {
            options.push("receive_progress", true);
        }
        let payload = self.arguments.payload();
        let call = |request| Message::Call { request, options, procedure: uri.clone(), payload };
        let mut answer = session.ask(call).await?;
        loop {
            let Message::Result { request, details, payload } = answer else {
                return Err(refused(&answer, *json));
            };
            let more = details.get("progress").and_then(Value::as_bool).unwrap_or_default();
            show(*json, &payload, |shown| {
                if more {
                    shown.insert("progress".into(), json!(true));
                }
            })?;
            if !more {
                return Ok(());
            }
            answer = session.next_answer(request).await?;
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct Publish {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    arguments: Arguments,
    /// Keeps the event for who subscribes later
    #[arg(long)]
    retain: bool,
}

impl Publish {
    pub(super) async fn run(self) -> Result<(), Failure> {
        joined(&self.common, async |session| self.talk(session).await).await
    }

    async fn talk(&self, session: &mut Session) -> Result<(), Failure> {
        let Common { uri, json, .. } = &self.common;
        let mut options = values::dict(&self.common.options).with("acknowledge", true);
        if self.retain {
            options.push("retain", true);
        }
        let payload = self.arguments.payload();
        let publish = |request| Message::Publish { request, options, topic: uri.clone(), payload };
        match session.ask(publish).await? {
            Message::Published { publication, .. } if *json => line(&json!({"publication": publication})),
            Message::Published { publication, .. } => print(&format!("published as {publication}\n")),
            other => Err(refused(&other, *json)),
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct Subscribe {
    #[command(flatten)]
    common: Common,
    /// How the URI is compared with topics: exact, prefix or wildcard
    #[arg(long = "match", value_name = "POLICY", value_parser = ["exact", "prefix", "wildcard"])]
    policy: Option<String>,
    /// Prints the retained event first
    #[arg(long)]
    retained: bool,
    /// Ends after so many events; absent: with Ctrl-C
    #[arg(short = 'n', long, value_name = "N")]
    count: Option<u64>,
}

impl Subscribe {
    pub(super) async fn run(self) -> Result<(), Failure> {
        until_interrupted(&self.common, async |session| self.talk(session).await).await
    }

    async fn talk(&self, session: &mut Session) -> Result<(), Failure> {
        let Common { uri, json, .. } = &self.common;
        let mut options = values::dict(&self.common.options);
        if let Some(policy) = &self.policy {
            options.push("match", policy.as_str());
        }
        if self.retained {
            options.push("get_retained", true);
        }
        let subscribe = |request| Message::Subscribe { request, options, topic: uri.clone() };
        match session.ask(subscribe).await? {
            Message::Subscribed { .. } => remark(&format!("subscribed to {uri}")),
            other => return Err(refused(&other, *json)),
        }
        let mut left = self.count;
        while left != Some(0) {
            match session.next().await? {
                Message::Event { publication, details, payload, .. } => {
                    let topic = details.get("topic").and_then(Value::as_str).unwrap_or(uri);
                    if *json {
                        show(true, &payload, |shown| {
                            shown.insert("topic".into(), topic.into());
                            shown.insert("publication".into(), publication.into());
                            shown.insert("details".into(), values::details(&details));
                        })?;
                    } else {
                        print(&format!("{topic} {}\n", values::shown(&payload)?))?;
                    }
                    left = left.map(|left| left - 1);
                }
                Message::Unsubscribed { .. } => {
                    return Err(Failure::new("the router has taken the subscription back"));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

#[derive(Debug, Args)]
pub(super) struct Register {
    #[command(flatten)]
    common: Common,
    /// Answers every call with this: JSON, or else a text. Absent: with the arguments of the call
    #[arg(long, value_name = "VALUE")]
    answer: Option<String>,
    /// How several that have registered the procedure share its calls: single, first, last, roundrobin or random
    #[arg(long, value_name = "POLICY", value_parser = ["single", "first", "last", "roundrobin", "random"])]
    invoke: Option<String>,
    /// How the URI is compared with procedures: exact, prefix or wildcard
    #[arg(long = "match", value_name = "POLICY", value_parser = ["exact", "prefix", "wildcard"])]
    policy: Option<String>,
    /// Ends after so many calls; absent: with Ctrl-C
    #[arg(short = 'n', long, value_name = "N")]
    count: Option<u64>,
}

impl Register {
    pub(super) async fn run(self) -> Result<(), Failure> {
        until_interrupted(&self.common, async |session| self.talk(session).await).await
    }

    async fn talk(&self, session: &mut Session) -> Result<(), Failure> {
        let Common { uri, json, .. } = &self.common;
        let mut options = values::dict(&self.common.options);
        for (key, value) in [("match", &self.policy), ("invoke", &self.invoke)] {
            if let Some(value) = value {
                options.push(key, value.as_str());
            }
        }
        let register = |request| Message::Register { request, options, procedure: uri.clone() };
        match session.ask(register).await? {
            Message::Registered { .. } => remark(&format!("registered {uri}")),
            other => return Err(refused(&other, *json)),
        }
        let mut left = self.count;
        while left != Some(0) {
            match session.next().await? {
                Message::Invocation { request, details, payload, .. } => {
                    let answer = match &self.answer {
                        Some(text) => Payload::one(values::value(text)),
                        None => payload.clone(),
                    };
                    session.send(Message::Yield { request, options: Dict::new(), payload: answer });
                    let procedure = details.get("procedure").and_then(Value::as_str).unwrap_or(uri);
                    if *json {
                        show(true, &payload, |shown| {
                            shown.insert("procedure".into(), procedure.into());
                            shown.insert("details".into(), values::details(&details));
                        })?;
                    } else {
                        print(&format!("{procedure} {}\n", values::shown(&payload)?))?;
                    }
                    left = left.map(|left| left - 1);
                }
                Message::Unregistered { .. } => {
                    return Err(Failure::new("the router has taken the registration back"));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Prints arguments, and as JSON what `more` adds.
fn show(json: bool, payload: &Payload, more: impl FnOnce(&mut Map<String, Json>)) -> Result<(), Failure> {
    if !json {
        return print(&(values::shown(payload)? + "\n"));
    }
    let mut shown = values::to_json(payload)?;
    more(&mut shown);
    line(&Json::from(shown))
}

fn line(value: &Json) -> Result<(), Failure> {
    print(&format!("{value}\n"))
}

/// Why a request has failed, as the answer says.
fn refused(answer: &Message, json: bool) -> Failure {
    let Message::Error { request_type, error, payload, .. } = answer else {
        return Failure::new(format!("the router answers by {}, which is not expected", answer.name()));
    };
    if json {
        let mut shown = values::to_json(payload).unwrap_or_default();
        shown.insert("error".into(), error.as_str().into());
        // Programs read the standard output.
        return print(&format!("{}\n", Json::from(shown))).err().unwrap_or_else(Failure::silent);
    }
    let what = match *request_type {
        kind::CALL => "the call",
        kind::PUBLISH => "the event",
        kind::SUBSCRIBE => "the subscription",
        _ => "the registration",
    };
    let text = values::shown(payload).unwrap_or_default();
    let colon = if text.is_empty() { "" } else { ": " };
    Failure::new(format!("{what} is answered by {error}{colon}{text}"))
}
