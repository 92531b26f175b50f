//! What a transport of the configuration does with a connection: the one list of what serves each type.

mod mqtt;
mod rawsocket;
mod relay;
mod service;
mod sniff;
mod stream;
mod universal;

pub(crate) use service::Service;

use crate::connect::Means;
use crate::mqtt::Mqtt;
use crate::rawsocket as rawsocket_protocol;
use crate::web::Websocket;
use jackfield_shared::config::{Transport, TransportKind};
use rawsocket::Rawsocket;
use relay::Relay;
use std::rc::Rc;
use stream::StreamTestee;
use universal::Universal;

/// Prepares what the configuration asks for.
///
/// # Errors
/// What can't be served, for people.
pub(crate) fn service(transport: &Transport, means: Means<'_>) -> Result<Rc<dyn Service>, String> {
    Ok(match &transport.kind {
        TransportKind::Mqtt(section) => Rc::new(Mqtt::new(section, means)?),
        TransportKind::Rawsocket(config) => {
            let service = rawsocket_protocol::Service::wamp(&config.wamp, means)?;
            Rc::new(Rawsocket { service, limit: config.handshake_timeout })
        }
        TransportKind::RawsocketTestee(config) => {
            let service = rawsocket_protocol::Service::echo(&config.echo);
            Rc::new(Rawsocket { service, limit: config.handshake_timeout })
        }
        TransportKind::StreamRelay(config) => Rc::new(Relay::new(config, means)?),
        TransportKind::StreamTestee(config) => Rc::new(StreamTestee { debug: config.debug }),
        TransportKind::Universal(config) => Rc::new(Universal::new(config, means)?),
        TransportKind::Web(config) => Rc::new(Universal::web(config, means)?),
        TransportKind::Websocket(config) => {
            Rc::new(Universal::websocket(Websocket::wamp(config, means)?, &config.options)?)
        }
        TransportKind::WebsocketTestee(config) => {
            Rc::new(Universal::websocket(Websocket::echo(config), &config.options)?)
        }
        TransportKind::Flashpolicy(_) => return Err("its type is not in this release".into()),
    })
}
