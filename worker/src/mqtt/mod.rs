//! MQTT 3.1.1, bridged to WAMP as Crossbar.io does it: topics are URIs, payloads are arguments (`payload_mapping`), QoS 0 and 1,
//! retained messages, wills.

mod bridge;
mod payload;
mod serve;
mod service;
mod topic;
mod words;

pub(crate) use serve::Error;
pub(crate) use service::Mqtt;

/// The first byte that a client of MQTT sends: the type of CONNECT (section 3.1.1).
pub(crate) const CONNECT: u8 = 0x10;
