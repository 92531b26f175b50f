//! What a router is told about a client, and the client about its session with the router.

use crate::client::{Credentials, Login};
use jackfield_wamp::session::Joined;
use jackfield_wamp::{Dict, Id, Message, Value};

/// How a session is joined for a client that was let in. Who the proxy is, its connection adds.
pub(super) fn login(joined: &Joined) -> Login {
    let who = &joined.joining;
    let mut extra = joined.remember.authextra.clone().unwrap_or_default();
    // Of the connection the proxy tells, whatever the client has said of itself.
    extra.0.retain(|(key, _)| key != "transport");
    let extra = extra.with("transport", who.transport.clone());
    let authextra = Dict::new()
        .with("proxy_realm", joined.realm.as_str())
        .with("proxy_authid", who.authid.as_str())
        .with("proxy_authrole", who.authrole.as_str())
        .with("proxy_authmethod", who.authmethod.as_str())
        .with("proxy_authprovider", who.authprovider.as_str())
        .with("proxy_authextra", extra);
    let details = Dict::new().with("roles", joined.roles.clone()).with("authextra", authextra);
    Login {
        realm: Some(joined.realm.clone()),
        authid: None,
        credentials: Credentials::Method(String::new()),
        bound: false,
        details,
    }
}

/// WELCOME for the client: as the router says, but how the client has authenticated, and with what is told of the proxy.
pub(super) fn welcome(session: Id, details: &Dict, joined: &Joined, proxy: &Dict) -> Message {
    let who = &joined.joining;
    let mut extra = details.get("authextra").cloned().and_then(Value::into_dict).unwrap_or_default();
    for (key, value) in joined.remember.authextra.iter().flat_map(|extra| &extra.0) {
        if key != "transport" && extra.get(key).is_none() {
            extra.push(key.as_str(), value.clone());
        }
    }
    // Behind another proxy, that one is nearer to the client.
    let own = proxy.0.iter().filter(|(key, _)| !extra.0.iter().any(|(known, _)| known == key));
    let own: Vec<_> = own.cloned().collect();
    extra.0.extend(own);
    let mut details = details.clone();
    details.0.retain(|(key, _)| !matches!(key.as_str(), "authmethod" | "authprovider" | "authextra"));
    let details = details
        .with("authmethod", who.authmethod.as_str())
        .with("authprovider", who.authprovider.as_str())
        .with("authextra", extra);
    Message::Welcome { session, details }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_wamp::auth::Remembered;
    use jackfield_wamp::realm::{ClientFeatures, Joining};
    use jackfield_wamp::{Serializer, codec};

    fn joined() -> Joined {
        let joining = Joining {
            session: 5,
            authid: "ann".into(),
            authrole: "user".into(),
            authmethod: "ticket".into(),
            authprovider: "static".into(),
            authextra: None,
            transport: Dict::new().with("peer", "far"),
            features: ClientFeatures::default(),
        };
        let remember = Remembered {
            realm: "realm1".into(),
            authid: "ann".into(),
            authrole: "user".into(),
            authmethod: "ticket".into(),
            authextra: Some(Dict::new().with("transport", "false").with("a", 1u64)),
        };
        let welcome = Message::Welcome { session: 5, details: Dict::new() };
        let roles = Value::from(Dict::new().with("caller", Dict::new()));
        Joined { realm: "realm1".into(), joining, welcome, remember, roles }
    }

    fn text(message: &Message) -> String {
        let mut text = Vec::new();
        codec::encode(Serializer::Json, message, &mut text);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn a_router_is_told_who_the_client_is_and_what_it_can() {
        let Login { realm, details, .. } = login(&joined());
        assert_eq!(
            text(&Message::Hello { realm, details }),
            concat!(
                r#"[1,"realm1",{"roles":{"caller":{}},"authextra":{"proxy_realm":"realm1","proxy_authid":"ann","#,
                r#""proxy_authrole":"user","proxy_authmethod":"ticket","proxy_authprovider":"static","#,
                r#""proxy_authextra":{"a":1,"transport":{"peer":"far"}}}}]"#
            )
        );
    }

    #[test]
    fn a_client_gets_the_session_of_the_router_with_its_own_way_in() {
        let told = Dict::new()
            .with("authid", "ann")
            .with("authmethod", "anonymous-proxy")
            .with("authextra", Dict::new().with("a", 2u64));
        let proxy = Dict::new().with("x_cb_proxy_pid", 9u64);
        assert_eq!(
            text(&welcome(77, &told, &joined(), &proxy)),
            concat!(
                r#"[2,77,{"authid":"ann","authmethod":"ticket","authprovider":"static","#,
                r#""authextra":{"a":2,"x_cb_proxy_pid":9}}]"#
            )
        );
    }
}
