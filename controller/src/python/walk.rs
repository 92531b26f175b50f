//! The places in a router's transports where Python may be named.

use jackfield_shared::config::{
    Auth, PathService, RawsocketSection, Transport, TransportKind, WebsocketPath,
};
use std::collections::BTreeMap;

/// Every section that says how clients authenticate.
pub(super) fn each_auth(transport: &mut Transport, visit: &mut impl FnMut(&mut Auth)) {
    match &mut transport.kind {
        TransportKind::Websocket(websocket) => websocket.auth.iter_mut().for_each(visit),
        TransportKind::Universal(universal) => {
            for path in universal.websocket.iter_mut().flat_map(BTreeMap::values_mut) {
                if let WebsocketPath::Websocket(websocket) = path {
                    websocket.auth.iter_mut().for_each(&mut *visit);
                }
            }
            if let Some(web) = &mut universal.web {
                web.sites_mut().for_each(|paths| each_of_paths(paths, visit));
            }
            if let Some(mqtt) = &mut universal.mqtt {
                mqtt.options.auth.iter_mut().for_each(&mut *visit);
            }
            if let Some(RawsocketSection::Rawsocket(rawsocket)) = &mut universal.rawsocket {
                rawsocket.auth.iter_mut().for_each(visit);
            }
        }
        TransportKind::Web(web) => web.sites_mut().for_each(|paths| each_of_paths(paths, visit)),
        TransportKind::Rawsocket(rawsocket) => rawsocket.wamp.auth.iter_mut().for_each(visit),
        TransportKind::Mqtt(mqtt) => mqtt.options.auth.iter_mut().for_each(visit),
        _ => {}
    }
}

fn each_of_paths(paths: &mut BTreeMap<String, PathService>, visit: &mut impl FnMut(&mut Auth)) {
    for service in paths.values_mut() {
        match service {
            PathService::Websocket(websocket) => websocket.auth.iter_mut().for_each(&mut *visit),
            PathService::Longpoll(longpoll) => longpoll.auth.iter_mut().for_each(&mut *visit),
            PathService::Path(nested) => each_of_paths(&mut nested.paths, visit),
            _ => {}
        }
    }
}

/// Every path service, with the path that it is at.
pub(super) fn each_service(transport: &mut Transport, visit: &mut impl FnMut(&str, &mut PathService)) {
    match &mut transport.kind {
        TransportKind::Web(web) => web.sites_mut().for_each(|paths| each_below("", paths, visit)),
        TransportKind::Universal(universal) => {
            if let Some(web) = &mut universal.web {
                web.sites_mut().for_each(|paths| each_below("", paths, visit));
            }
        }
        _ => {}
    }
}

fn each_below(
    above: &str,
    paths: &mut BTreeMap<String, PathService>,
    visit: &mut impl FnMut(&str, &mut PathService),
) {
    for (key, service) in paths {
        let path = if key == "/" { format!("{above}/") } else { format!("{above}/{key}") };
        match service {
            PathService::Path(nested) => each_below(path.trim_end_matches('/'), &mut nested.paths, visit),
            service => visit(&path, service),
        }
    }
}
