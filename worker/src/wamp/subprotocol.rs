//! Subprotocols of WebSocket: `wamp.2.NAME`, and `wamp.2.NAME.batched`.

use hyper::header::{HeaderMap, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use jackfield_wamp::Serializer;

/// What a client and we have agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subprotocol {
    pub(crate) serializer: Serializer,
    /// Whether a WebSocket message has several messages of WAMP.
    pub(crate) batched: bool,
}

impl Subprotocol {
    /// The first of those that the client offers which is spoken here, with its name.
    pub(crate) fn choose(headers: &HeaderMap, spoken: &[Serializer]) -> Option<(Self, HeaderValue)> {
        let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
        let names = offered.flat_map(|value| value.split(',')).map(str::trim);
        let (subprotocol, name) = Self::of_names(names, spoken)?;
        Some((subprotocol, HeaderValue::from_str(name).ok()?))
    }

    /// The first of these names that is spoken here, and that name.
    pub(crate) fn of_names<'a>(
        mut names: impl Iterator<Item = &'a str>,
        spoken: &[Serializer],
    ) -> Option<(Self, &'a str)> {
        names.find_map(|name| {
            let rest = name.strip_prefix("wamp.2.")?;
            let (serializer, batched) = match rest.strip_suffix(".batched") {
                Some(serializer) => (serializer, true),
                None => (rest, false),
            };
            let serializer = Serializer::named(serializer).filter(|found| spoken.contains(found))?;
            Some((Self { serializer, batched }, name))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_is_spoken_is_taken() {
        let choose = |values: &[&'static str], spoken: &[Serializer]| {
            let values = values.iter().map(|value| (SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(value)));
            Subprotocol::choose(&values.collect(), spoken).map(|(_, name)| name)
        };
        let all = Serializer::ALL;
        assert_eq!(choose(&["wamp.2.json"], &all).unwrap(), "wamp.2.json");
        assert_eq!(choose(&["x, wamp.2.cbor.batched", "wamp.2.json"], &all).unwrap(), "wamp.2.cbor.batched");
        assert_eq!(
            choose(&["wamp.2.cbor,wamp.2.msgpack"], &[Serializer::Msgpack]).unwrap(),
            "wamp.2.msgpack"
        );
        for none in ["wamp.2.ubjson", "wamp.2", "wamp.2.JSON", "wamp.1.json", "wamp.2.json.x", ""] {
            assert_eq!(choose(&[none], &all), None, "{none}");
        }
        assert_eq!(choose(&[], &all), None);
    }
}
