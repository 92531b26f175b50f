//! What a client says of itself with HELLO.

use crate::realm::ClientFeatures;
use crate::{Dict, Value};

/// HELLO, read.
#[derive(Clone, Debug)]
pub(crate) struct Hello {
    pub(crate) realm: Option<String>,
    pub(crate) authmethods: Vec<String>,
    pub(crate) authid: Option<String>,
    pub(crate) authrole: Option<String>,
    pub(crate) authextra: Option<Dict>,
    pub(crate) features: ClientFeatures,
    /// All that it can do, as it says it.
    pub(crate) roles: Value,
}

const ROLES: [&str; 4] = ["caller", "callee", "publisher", "subscriber"];

impl Hello {
    /// Reads the details; the error is what violates the protocol.
    pub(crate) fn read(realm: Option<String>, details: &Dict) -> Result<Self, String> {
        let text = |key: &str| match details.get(key) {
            None => Ok(None),
            Some(Value::Str(text)) => Ok(Some(text.clone())),
            Some(other) => Err(format!("HELLO: \"{key}\" is {}, expected a string", other.describe())),
        };
        let mut authmethods = Vec::new();
        match details.0.iter().rev().find(|(key, _)| key == "authmethods").map(|(_, value)| value) {
            None => {}
            Some(Value::List(list)) => {
                for method in list {
                    let Value::Str(method) = method else {
                        let found = method.describe();
                        return Err(format!("HELLO: \"authmethods\" has {found} in it, expected strings"));
                    };
                    authmethods.push(method.clone());
                }
            }
            Some(other) => {
                return Err(format!("HELLO: \"authmethods\" is {}, expected a list", other.describe()));
            }
        }
        let authextra = match details.get("authextra") {
            None => None,
            Some(extra) => Some(extra.clone().into_dict().ok_or("HELLO: \"authextra\" is no dictionary")?),
        };
        if let Some(resumable) = details.get("resumable")
            && resumable.as_bool().is_none()
        {
            return Err(format!("HELLO: \"resumable\" is {}, expected a boolean", resumable.describe()));
        }
        Ok(Self {
            realm,
            authmethods,
            authid: text("authid")?,
            authrole: text("authrole")?,
            authextra,
            features: features(details)?,
            roles: details.get("roles").cloned().unwrap_or(Value::Null),
        })
    }
}

/// Reads the roles. Unknown ones, and unknown features, are ignored.
fn features(details: &Dict) -> Result<ClientFeatures, String> {
    let roles = details.0.iter().rev().find(|(key, _)| key == "roles").map(|(_, value)| value);
    let Some(Value::Map(roles)) = roles else {
        return Err(match roles {
            None => "HELLO: \"roles\" is missing".into(),
            Some(other) => format!("HELLO: \"roles\" is {}, expected a dictionary", other.describe()),
        });
    };
    if roles.is_empty() {
        return Err("HELLO: \"roles\" is empty, expected at least one role".into());
    }
    let mut found = ClientFeatures::default();
    for (role, value) in roles {
        let Some(role) = role.as_str().filter(|role| ROLES.contains(role)) else { continue };
        let Value::Map(_) = value else {
            return Err(format!("HELLO: role \"{role}\" is {}, expected a dictionary", value.describe()));
        };
        match value.get("features") {
            None | Some(Value::Null) => {}
            Some(Value::Map(features)) => {
                for (feature, value) in features {
                    let Some(feature) = feature.as_str() else { continue };
                    announce(&mut found, role, feature, value)?;
                }
            }
            Some(other) => {
                let other = other.describe();
                return Err(format!(
                    "HELLO: the features of role \"{role}\" are {other}, expected a dictionary"
                ));
            }
        }
    }
    Ok(found)
}

fn announce(found: &mut ClientFeatures, role: &str, feature: &str, value: &Value) -> Result<(), String> {
    let place = match (role, feature) {
        // The specification writes it both ways.
        ("callee", "call_canceling" | "call_cancelling") => &mut found.callee_canceling,
        ("callee", "call_timeout") => &mut found.callee_timeout,
        ("callee", "progressive_call_results") => &mut found.callee_progressive_results,
        ("callee", "progressive_call_invocations") => &mut found.callee_progressive_invocations,
        ("callee", "registration_revocation") => &mut found.callee_revocation,
        ("caller", "call_canceling" | "call_cancelling") => &mut found.caller_canceling,
        ("caller", "progressive_call_results") => &mut found.caller_progressive_results,
        ("subscriber", "subscription_revocation") => &mut found.subscriber_revocation,
        (_, known) if KNOWN.contains(&known) => &mut false,
        _ => return Ok(()),
    };
    match value {
        Value::Bool(value) => *place = *value,
        Value::Null => {}
        other => {
            let found = other.describe();
            return Err(format!(
                "HELLO: feature \"{feature}\" of role \"{role}\" is {found}, expected a boolean"
            ));
        }
    }
    Ok(())
}

/// Features of the specification whose announcement changes nothing here.
const KNOWN: [&str; 16] = [
    "call_canceling",
    "call_timeout",
    "call_trustlevels",
    "caller_identification",
    "event_retention",
    "pattern_based_registration",
    "pattern_based_subscription",
    "payload_encryption_cryptobox",
    "payload_passthru_mode",
    "payload_transparency",
    "progressive_call_results",
    "publication_trustlevels",
    "publisher_exclusion",
    "publisher_identification",
    "shared_registration",
    "subscriber_blackwhite_listing",
];
