//! What client and server agree on for permessage-deflate, by the header Sec-WebSocket-Extensions
//! (RFC 7692 section 7.1).

use super::deflate::Direction;
use crate::fields::items;
use hyper::header::{HeaderMap, SEC_WEBSOCKET_EXTENSIONS};
use jackfield_shared::config::Deflate;

const NAME: &str = "permessage-deflate";
/// zlib has no smaller window for what it compresses.
const LEAST_BITS: u8 = 9;
const MOST_BITS: u8 = 15;

/// What was agreed on, for both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Agreement {
    pub(super) from_client: Direction,
    pub(super) to_client: Direction,
    pub(super) memory_level: u8,
}

/// One offer of a client.
#[derive(Debug, Default)]
struct Offer {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_bits: Option<u8>,
    /// `Some(None)`: any may be asked for.
    client_bits: Option<Option<u8>>,
}

/// Takes the first offer that can be met; returns what is agreed on and the header's value that says so.
pub(super) fn agree(headers: &HeaderMap, config: &Deflate) -> Option<(Agreement, String)> {
    items(headers, &SEC_WEBSOCKET_EXTENSIONS).filter_map(parse).find_map(|offer| accept(&offer, config))
}

/// What a client offers: as the configuration of its side has it.
pub(super) fn offer(config: &Deflate) -> String {
    let mut said = format!("{NAME}; client_max_window_bits");
    if config.request_no_context_takeover {
        said.push_str("; server_no_context_takeover");
    }
    if config.no_context_takeover == Some(true) {
        said.push_str("; client_no_context_takeover");
    }
    if config.request_max_window_bits > 0 {
        said.push_str(&format!("; server_max_window_bits={}", config.request_max_window_bits));
    }
    said
}

/// What the server has made of [`offer`]; `None` if it must not (section 7.1).
pub(super) fn accepted(answer: &str, config: &Deflate) -> Option<Agreement> {
    let answered = parse(answer)?;
    let asked = Some(config.request_max_window_bits).filter(|bits| *bits > 0);
    let to_client = Direction {
        no_context_takeover: answered.server_no_context_takeover,
        window_bits: answered.server_bits.unwrap_or(MOST_BITS).max(LEAST_BITS),
    };
    if asked.is_some_and(|bits| to_client.window_bits > bits)
        || (config.request_no_context_takeover && !to_client.no_context_takeover)
    {
        return None;
    }
    let client_bits = match answered.client_bits {
        None => MOST_BITS,
        Some(bits) => bits?,
    };
    let from_client = Direction {
        no_context_takeover: answered.client_no_context_takeover || config.no_context_takeover == Some(true),
        window_bits: config.max_window_bits.map_or(client_bits, |own| own.min(client_bits)),
    };
    // What is compressed here can't be with a smaller window.
    (from_client.window_bits >= LEAST_BITS).then_some(())?;
    Some(Agreement { from_client, to_client, memory_level: config.memory_level.unwrap_or(8) })
}

/// An offer; `None` if it is of another extension, or must be declined (section 7.1).
fn parse(text: &str) -> Option<Offer> {
    let mut parts = text.split(';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case(NAME) {
        return None;
    }
    let (mut offer, mut seen) = (Offer::default(), Vec::new());
    for part in parts {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim().trim_matches('"'))),
            None => (part, None),
        };
        if seen.contains(&name) {
            return None;
        }
        seen.push(name);
        match (name, value) {
            ("server_no_context_takeover", None) => offer.server_no_context_takeover = true,
            ("client_no_context_takeover", None) => offer.client_no_context_takeover = true,
            ("server_max_window_bits", Some(value)) => offer.server_bits = Some(bits(value)?),
            ("client_max_window_bits", None) => offer.client_bits = Some(None),
            ("client_max_window_bits", Some(value)) => offer.client_bits = Some(Some(bits(value)?)),
            _ => return None,
        }
    }
    Some(offer)
}

fn bits(text: &str) -> Option<u8> {
    let digits = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|bits| digits && (8..=MOST_BITS).contains(bits))
}

fn accept(offer: &Offer, config: &Deflate) -> Option<(Agreement, String)> {
    let server_bits = match (offer.server_bits, config.max_window_bits) {
        (Some(offered), own) => Some(own.map_or(offered, |own| own.min(offered))),
        (None, own) => own,
    };
    if server_bits.is_some_and(|bits| bits < LEAST_BITS) {
        return None;
    }
    let client_bits = offer.client_bits.map(|offered| {
        let asked = Some(config.request_max_window_bits).filter(|bits| *bits > 0);
        match (offered, asked) {
            (Some(offered), Some(asked)) => Some(offered.min(asked)),
            (one, other) => one.or(other),
        }
    });
    let to_client = Direction {
        no_context_takeover: offer.server_no_context_takeover || config.no_context_takeover == Some(true),
        window_bits: server_bits.unwrap_or(MOST_BITS),
    };
    let from_client = Direction {
        no_context_takeover: offer.client_no_context_takeover || config.request_no_context_takeover,
        // What was compressed with 8 bits is read with 9 as well.
        window_bits: client_bits.flatten().unwrap_or(MOST_BITS).max(LEAST_BITS),
    };
    let mut said = NAME.to_owned();
    if to_client.no_context_takeover {
        said.push_str("; server_no_context_takeover");
    }
    if from_client.no_context_takeover {
        said.push_str("; client_no_context_takeover");
    }
    if let Some(bits) = server_bits {
        said.push_str(&format!("; server_max_window_bits={bits}"));
    }
    if let Some(Some(bits)) = client_bits {
        said.push_str(&format!("; client_max_window_bits={bits}"));
    }
    let memory_level = config.memory_level.unwrap_or(8);
    Some((Agreement { from_client, to_client, memory_level }, said))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(offers: &[&str], change: impl FnOnce(&mut Deflate)) -> Option<String> {
        let mut config = Deflate {
            request_no_context_takeover: false,
            request_max_window_bits: 0,
            no_context_takeover: None,
            max_window_bits: None,
            memory_level: None,
        };
        change(&mut config);
        let mut headers = HeaderMap::new();
        for offer in offers {
            headers.append(SEC_WEBSOCKET_EXTENSIONS, offer.parse().unwrap());
        }
        agree(&headers, &config).map(|(_, said)| said.replace("permessage-deflate", "P"))
    }

    #[test]
    fn the_client_gets_what_it_asks_for() {
        for (offer, expected) in [
            ("permessage-deflate", "P"),
            ("permessage-deflate; client_max_window_bits", "P"),
            ("Permessage-Deflate;client_max_window_bits=10", "P; client_max_window_bits=10"),
            ("permessage-deflate; server_no_context_takeover", "P; server_no_context_takeover"),
            ("permessage-deflate; client_no_context_takeover", "P; client_no_context_takeover"),
            ("permessage-deflate; server_max_window_bits=\"9\"", "P; server_max_window_bits=9"),
            ("x-webkit-deflate-frame, permessage-deflate", "P"),
            // What can't be met is declined for the next offer.
            ("permessage-deflate; server_max_window_bits=8, permessage-deflate", "P"),
            (
                "permessage-deflate; unknown, permessage-deflate; server_max_window_bits=12",
                "P; server_max_window_bits=12",
            ),
        ] {
            assert_eq!(said(&[offer], |_| {}).as_deref(), Some(expected), "{offer}");
        }
        for declined in [
            "permessage-bzip2",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; server_max_window_bits=16",
            "permessage-deflate; server_max_window_bits=010",
            "permessage-deflate; client_max_window_bits=7",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
        ] {
            assert_eq!(said(&[declined], |_| {}), None, "{declined}");
        }
    }

    #[test]
    fn what_a_client_offers_a_server_takes() {
        let mut config = Deflate {
            request_no_context_takeover: true,
            request_max_window_bits: 10,
            no_context_takeover: Some(true),
            max_window_bits: Some(12),
            memory_level: Some(3),
        };
        let offer_and_accept = |client: &Deflate, server: &Deflate| {
            let mut headers = HeaderMap::new();
            headers.append(SEC_WEBSOCKET_EXTENSIONS, offer(client).parse().unwrap());
            let (of_server, said) = agree(&headers, server).unwrap();
            (of_server, accepted(&said, client).unwrap())
        };
        let plain = Deflate {
            request_no_context_takeover: false,
            request_max_window_bits: 0,
            no_context_takeover: None,
            max_window_bits: None,
            memory_level: None,
        };
        for (client, server) in [(&config, &plain), (&plain, &config), (&config, &config), (&plain, &plain)] {
            let (of_server, of_client) = offer_and_accept(client, server);
            assert_eq!(of_server.to_client, of_client.to_client);
            assert_eq!(of_server.from_client.no_context_takeover, of_client.from_client.no_context_takeover);
            assert!(of_server.from_client.window_bits >= of_client.from_client.window_bits);
        }
        assert_eq!(accepted("permessage-deflate", &config), None, "it was asked for more");
        config.request_no_context_takeover = false;
        assert_eq!(accepted("permessage-deflate; server_max_window_bits=11", &config), None);
        assert_eq!(accepted("permessage-other", &config), None);
    }

    #[test]
    fn the_configuration_asks_for_more() {
        let ask = |config: &mut Deflate| {
            config.request_no_context_takeover = true;
            config.request_max_window_bits = 11;
            config.no_context_takeover = Some(true);
            config.max_window_bits = Some(12);
        };
        let both = "P; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=";
        for (offer, expected) in [
            ("permessage-deflate", format!("{both}12")),
            ("permessage-deflate; client_max_window_bits", format!("{both}12; client_max_window_bits=11")),
            (
                "permessage-deflate; client_max_window_bits=9; server_max_window_bits=10",
                format!("{both}10; client_max_window_bits=9"),
            ),
        ] {
            assert_eq!(said(&[offer], ask).as_deref(), Some(&*expected), "{offer}");
        }
    }
}
