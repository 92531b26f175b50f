//! An address that speaks MQTT: how its payloads are read and written, and who is connected.

use super::bridge::Event;
use super::payload::{self, Mapping, Mappings};
use super::topic;
use crate::connect::Means;
use crate::wamp::{self, Embedded, ROUTER, Reply};
use jackfield_shared::config::{MqttOptions, MqttSection};
use jackfield_wamp::{Dict, Payload, Value};
use mqttbytes::v4::Publish;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;
use tracing::info;

/// How long a procedure that reads or writes payloads may take.
const CODEC_TIMEOUT: Duration = Duration::from_secs(5);

/// Payloads that are read or written by procedures at a time, at most.
const CODEC_CALLS: usize = 1000;

/// An address that speaks MQTT.
pub(crate) struct Mqtt {
    pub(super) options: MqttOptions,
    mappings: Mappings,
    pub(super) endpoint: Rc<wamp::Endpoint>,
    /// Calls the procedures that read and write payloads, with the rights of the router itself.
    codec: Embedded,
    /// Who is connected, by client id and name: one connection each (section 3.1.4).
    connected: RefCell<HashMap<(String, String), Rc<Notify>>>,
}

impl fmt::Debug for Mqtt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mqtt").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Mqtt {
    /// What a section asks for; the error says what is not built, or is wrong.
    pub(crate) fn new(section: &MqttSection, means: Means<'_>) -> Result<Self, String> {
        let options = &section.options;
        Ok(Self {
            options: options.clone(),
            mappings: Mappings::new(&options.payload_mapping)?,
            endpoint: wamp::Endpoint::mqtt(section, means.wamp)?,
            codec: Embedded::new(means.wamp, &options.realm, ROUTER, "mqtt", CODEC_CALLS)?,
            connected: RefCell::default(),
        })
    }

    /// Options and arguments for WAMP of what was published; none: it can't be read.
    pub(super) async fn read(&self, publish: &Publish) -> Option<(Dict, Payload)> {
        let uri = topic::of_name(&publish.topic).ok()?;
        let read = match self.mappings.of(&uri) {
            Mapping::Passthrough => Ok(payload::opaque(&publish.payload)),
            Mapping::Native(serializer) => payload::read(*serializer, &publish.payload),
            Mapping::Dynamic { decoder, .. } => {
                let args = vec![
                    uri.as_str().into(),
                    publish.topic.as_str().into(),
                    Value::Bin(publish.payload.to_vec()),
                ];
                match self.ask(decoder, args).await {
                    Ok(value) => payload::of_value(value),
                    Err(e) => Err(e),
                }
            }
        };
        read.inspect_err(|why| info!("MQTT: a message to {} is dropped: {why}", publish.topic)).ok()
    }

    /// The payload for MQTT of an event; none: there is none.
    pub(super) async fn write(&self, event: &Event) -> Option<Vec<u8>> {
        let written = match self.mappings.of(&event.uri) {
            Mapping::Passthrough => payload::bytes(&event.payload),
            Mapping::Native(serializer) => payload::write(*serializer, &event.payload),
            Mapping::Dynamic { encoder, .. } => self.encode(encoder, event).await,
        };
        written.inspect_err(|why| info!("MQTT: an event of {} is dropped: {why}", event.uri)).ok()
    }

    async fn encode(&self, encoder: &str, event: &Event) -> Result<Vec<u8>, String> {
        let (args, kwargs) = event.payload.decode().map_err(|e| e.to_string())?;
        let topic = topic::of_uri(&event.uri);
        let args = vec![topic.into(), event.uri.as_str().into(), Value::List(args), kwargs.into()];
        match self.ask(encoder, args).await? {
            Value::Bin(bytes) => Ok(bytes),
            Value::Str(text) => Ok(text.into_bytes()),
            _ => Err(format!("{encoder} has answered neither bytes nor a text")),
        }
    }

    /// Calls a procedure that answers one value.
    async fn ask(&self, procedure: &str, args: Vec<Value>) -> Result<Value, String> {
        let call = self.codec.call(procedure.to_owned(), Dict::new(), Payload::of(args, Dict::new()));
        let answer = timeout(CODEC_TIMEOUT, call).await;
        let late = || format!("{procedure} has not answered within {} s", CODEC_TIMEOUT.as_secs());
        match answer.map_err(|_| late())?.map_err(|e| e.to_string())? {
            Reply::Result(payload) => {
                let (args, _) = payload.decode().map_err(|e| e.to_string())?;
                args.into_iter().next().ok_or_else(|| format!("{procedure} has answered nothing"))
            }
            Reply::Error(uri, _) => Err(format!("{procedure} has answered {uri}")),
            Reply::Published(_) => Err(format!("{procedure} has not answered")),
        }
    }

    /// Lets a client take the place of one with the same names.
    pub(super) fn enter(&self, name: &(String, String), own: &Rc<Notify>) {
        if let Some(before) = self.connected.borrow_mut().insert(name.clone(), Rc::clone(own)) {
            before.notify_one();
        }
    }

    pub(super) fn leave(&self, name: &(String, String), own: &Rc<Notify>) {
        let mut connected = self.connected.borrow_mut();
        if connected.get(name).is_some_and(|current| Rc::ptr_eq(current, own)) {
            connected.remove(name);
        }
    }
}
