//! From the node's configuration to Arti's.

use crate::news::explain;
use arti_client::TorClientConfig;
use arti_client::config::TorClientConfigBuilder;
use jackfield_shared::config::Tor;
use jackfield_shared::ipc::OnionService;
use serde_json::{Map, Value, json};
use tor_hsservice::config::{OnionServiceConfig, OnionServiceConfigBuilder};

/// In Arti, no limit is the largest one.
const ANY_NUMBER: u32 = 65535;

/// Whether Arti can be set up so; nothing is started or written.
///
/// # Errors
/// What Arti says is wrong: mostly a bridge line that is none.
pub fn check(settings: &Tor) -> Result<(), String> {
    client(settings).map(drop)
}

/// The configuration of the client.
pub(crate) fn client(settings: &Tor) -> Result<TorClientConfig, String> {
    let wrong = |e: &dyn std::error::Error| format!("Arti can't be set up so: {}", explain(e));
    let [state, cache] = ["state", "cache"].map(|name| settings.state_directory.join(name));
    let mut config = json!({
        "storage": {
            // Written as they are: a `$` or `~` in a path means nothing.
            "state_dir": {"literal": state},
            "cache_dir": {"literal": cache},
            // Keys of services are in the files that the node's configuration names, and nowhere else.
            "keystore": {"primary": {"kind": "ephemeral"}},
        },
        "bridges": {"bridges": settings.bridges},
    });
    if let Some(bytes) = settings.max_queued {
        config["system"] = json!({"memory": {"max": bytes}});
    }
    if !settings.authorities.is_empty() {
        private_network(settings, &mut config);
    }
    let builder: TorClientConfigBuilder = serde_json::from_value(config).map_err(|e| wrong(&e))?;
    builder.build().map_err(|e| wrong(&e))
}

/// A network of one's own: small, and mostly on addresses of one machine.
fn private_network(settings: &Tor, config: &mut Value) {
    let authorities: Vec<_> = settings.authorities.iter().map(|authority| &authority.v3ident).collect();
    let fallbacks = settings.fallback_directories.iter().map(|fallback| {
        let (rsa, ed, orports) = (&fallback.rsa_identity, &fallback.ed_identity, &fallback.orports);
        json!({"rsa_identity": rsa, "ed_identity": ed, "orports": orports})
    });
    config["tor_network"] = json!({
        "authorities": {"v3idents": authorities, "uploads": [], "downloads": [], "votes": []},
        "fallback_caches": fallbacks.collect::<Vec<_>>(),
    });
    // Relays of one operator, in one network, would be taken for one family.
    config["path_rules"] = json!({"ipv4_subnet_family_prefix": 33, "ipv6_subnet_family_prefix": 129});
    config["address_filter"] = json!({"allow_local_addrs": true});
    // Vanguards take more relays than such a network has.
    config["vanguards"] = json!({"mode": "disabled"});
}

/// The configuration of a service, and what Arti keeps its state under: the address.
pub(crate) fn service(order: &OnionService) -> Result<OnionServiceConfig, String> {
    let wrong = |e: &dyn std::error::Error| format!("Arti can't publish it so: {}", explain(e));
    let streams = if order.max_streams == 0 { ANY_NUMBER } else { order.max_streams.into() };
    let mut config = json!({
        "nickname": order.address.trim_end_matches(".onion"),
        "max_concurrent_streams_per_circuit": streams,
    });
    if !order.clients.is_empty() {
        let numbered = order.clients.iter().enumerate();
        let keys: Map<_, _> = numbered
            .map(|(index, key)| (format!("client{index}"), json!(format!("descriptor:x25519:{key}"))))
            .collect();
        config["restricted_discovery"] = json!({"enabled": true, "static_keys": keys});
    }
    let builder: OnionServiceConfigBuilder = serde_json::from_value(config).map_err(|e| wrong(&e))?;
    builder.build().map_err(|e| wrong(&e))
}
