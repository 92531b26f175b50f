//! The features that the router announces (WELCOME.Details.roles).

use crate::Dict;

const BROKER: [&str; 11] = [
    "publisher_identification",
    "publisher_exclusion",
    "subscriber_blackwhite_listing",
    "pattern_based_subscription",
    "event_retention",
    "event_history",
    "subscription_revocation",
    "payload_passthru_mode",
    "payload_transparency",
    "payload_encryption_cryptobox",
    "session_meta_api",
];

const DEALER: [&str; 12] = [
    "caller_identification",
    "call_timeout",
    "call_canceling",
    "progressive_call_results",
    "progressive_call_invocations",
    "pattern_based_registration",
    "shared_registration",
    "registration_revocation",
    "payload_passthru_mode",
    "payload_transparency",
    "payload_encryption_cryptobox",
    "session_meta_api",
];

/// The features of the roles broker and dealer. `meta_api`: the realm has the procedures and events of `wamp.`;
/// `history`: it keeps events.
pub(crate) fn roles(meta_api: bool, history: bool) -> Dict {
    let role = |names: &[&str], meta: &[&str]| {
        let without = |name: &str| match name {
            "session_meta_api" => !meta_api,
            "event_history" => !(meta_api && history),
            _ => false,
        };
        let meta = if meta_api { meta } else { &[] };
        let names = names.iter().filter(|name| !without(name)).chain(meta);
        let features = names.fold(Dict::new(), |features, name| features.with(*name, true));
        Dict::new().with("features", features)
    };
    Dict::new()
        .with("broker", role(&BROKER, &["subscription_meta_api"]))
        .with("dealer", role(&DEALER, &["registration_meta_api", "testament_meta_api"]))
}
