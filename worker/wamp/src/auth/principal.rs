//! What authentication says about a client, by the configuration or by a procedure.

use crate::{Dict, Payload, Value};

/// Who a client is. What is absent stays as the client wants it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Principal {
    /// The realm.
    pub realm: Option<String>,
    /// Who it is.
    pub authid: Option<String>,
    /// What it may do.
    pub role: Option<String>,
    /// What it is told with its WELCOME (`authextra`).
    pub extra: Option<Dict>,
    /// All that a procedure has answered; keys and secrets of methods with a challenge are in it.
    pub answer: Dict,
}

impl Principal {
    /// One that has a role.
    #[must_use]
    pub fn with_role(role: Option<&str>) -> Self {
        Self { role: role.map(str::to_owned), ..Self::default() }
    }

    /// Reads what a procedure has answered: the name of a role, or a dictionary. Errors say what is wrong with it.
    pub(crate) fn of(answer: &Payload) -> Result<Self, String> {
        let wrong = |found: &str| {
            format!("the authenticator has answered {found}, expected the name of a role or a dictionary")
        };
        let (mut args, kwargs) = answer.decode().map_err(|_| wrong("what can't be read"))?;
        if args.len() != 1 || !kwargs.is_empty() {
            return Err(wrong("other than one argument"));
        }
        match args.remove(0) {
            Value::Str(role) => Ok(Self { role: Some(role), ..Self::default() }),
            map @ Value::Map(_) => {
                let dict =
                    map.into_dict().ok_or_else(|| wrong("a dictionary with keys that are no strings"))?;
                let text = |key: &str| match dict.get(key) {
                    None => Ok(None),
                    Some(Value::Str(text)) => Ok(Some(text.clone())),
                    Some(other) => Err(format!(
                        "the authenticator's \"{key}\" is {}, expected a string",
                        other.describe()
                    )),
                };
                let extra = match dict.get("extra") {
                    None => None,
                    Some(extra) => Some(
                        extra.clone().into_dict().ok_or("the authenticator's \"extra\" is no dictionary")?,
                    ),
                };
                Ok(Self {
                    realm: text("realm")?,
                    authid: text("authid")?,
                    role: text("role")?,
                    extra,
                    answer: dict,
                })
            }
            other => Err(wrong(other.describe())),
        }
    }
}
