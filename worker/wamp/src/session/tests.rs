//! The handshake, step by step.

use super::*;
use crate::auth::{Anonymous, Secret, Source, Ticket, cryptosign, scram, wampcra};
use crate::{Serializer, codec};
use bytes::Bytes;

struct World;

impl Realms for World {
    fn has_realm(&self, name: &str) -> bool {
        name == "realm1" || name == "realm2"
    }

    fn has_role(&self, realm: &str, role: &str) -> bool {
        role == "user" && realm == "realm1"
    }

    fn roles(&self, _: &str) -> Dict {
        Dict::new()
    }
}

fn connection() -> Connection {
    Connection {
        serializer: Serializer::Json,
        transport: Dict::new(),
        node: Dict::new().with("x_cb_pid", 7u64),
        cookie: None,
        cookie_value: None,
        certificate: None,
        channel: None,
    }
}

fn methods() -> Methods {
    let role = Some("user".to_owned());
    let ticket = Ticket { ticket: Secret("tick".into()), role: role.clone() };
    let norole = Ticket { ticket: Secret("tick".into()), role: Some("missing".into()) };
    let salt = Some(wampcra::Salt { salt: "salt123".into(), iterations: 100, keylen: 16 });
    let user = wampcra::User { secret: Secret("s".into()), role: role.clone(), salt };
    let keys = scram::Keys {
        kdf: "pbkdf2".into(),
        iterations: 4096,
        memory: 512,
        salt: "aabb".into(),
        stored_key: Secret("00".repeat(32)),
        server_key: Secret("00".repeat(32)),
        role: role.clone(),
    };
    let sign = cryptosign::Keys { authorized_keys: vec!["ab".repeat(32)], role, realm: None };
    Methods {
        ticket: Some(Source::Static([("alice".into(), ticket), ("norole".into(), norole)].into())),
        wampcra: Some(Source::Static([("bob".into(), user)].into())),
        scram: Some(Source::Static([("sue".into(), keys)].into())),
        cryptosign: Some(Source::Static([("kate".into(), sign)].into())),
        ..Methods::default()
    }
}

struct Client {
    session: Session,
    methods: Methods,
    ids: Ids,
}

impl Client {
    fn new(methods: Methods) -> Self {
        Self { session: Session::new(99, connection()), methods, ids: Ids::seeded(1) }
    }

    fn send(&mut self, text: &str) -> Output {
        let message = codec::decode(Serializer::Json, &Bytes::from(text.to_owned())).unwrap();
        let terms = Terms { methods: &self.methods, realms: &World };
        self.session.receive(Now::default(), message, terms, &mut self.ids)
    }

    fn answer(&mut self, answer: Answer) -> Output {
        let terms = Terms { methods: &self.methods, realms: &World };
        self.session.answered(Now::default(), answer, terms, &mut self.ids)
    }

    fn hello(&mut self, rest: &str) -> Output {
        self.send(&format!("[1,\"realm1\",{{\"roles\":{{\"caller\":{{}}}}{rest}}}]"))
    }
}

fn text(output: &Output) -> String {
    let message = match output {
        Output::Send(message) | Output::Abort { message, .. } | Output::Leave { goodbye: message, .. } => {
            message
        }
        Output::Join(joined) => &joined.welcome,
        other => return format!("{other:?}"),
    };
    let mut bytes = Vec::new();
    codec::encode(Serializer::Json, message, &mut bytes);
    String::from_utf8(bytes).unwrap()
}

#[test]
fn without_authentication_everybody_is_anonymous() {
    let mut client = Client::new(Methods { absent: true, ..Methods::default() });
    let Output::Join(joined) = client.hello(",\"authextra\":{\"k\":1}") else { panic!() };
    assert_eq!((joined.realm.as_str(), joined.joining.authrole.as_str()), ("realm1", "anonymous"));
    assert_eq!(joined.joining.authid.len(), 29);
    assert!(text(&Output::Join(joined)).contains("\"authextra\":{\"k\":1,\"x_cb_pid\":7}"));
    assert!(matches!(client.send("[48,1,{},\"a.b\"]"), Output::Deliver(_)));
    assert!(matches!(client.hello(""), Output::Violation(_)));
    assert_eq!(text(&client.send("[6,{},\"wamp.close.x\"]")), "[6,{},\"wamp.close.normal\"]");
    // What was under way is ignored, and a new session has the same id.
    assert!(matches!(client.send("[48,2,{},\"a.b\"]"), Output::Nothing));
    assert!(text(&client.hello("")).starts_with("[2,99,"));
}

#[test]
fn a_realm_and_a_role_have_to_exist() {
    let mut client = Client::new(Methods { absent: true, ..Methods::default() });
    let hello = |realm: &str| format!("[1,{realm},{{\"roles\":{{\"caller\":{{}}}}}}]");
    assert!(text(&client.send(&hello("\"other\""))).ends_with("\"wamp.error.no_such_realm\"]"));
    assert!(text(&client.send(&hello("\"a b\""))).ends_with("\"wamp.error.invalid_uri\"]"));
    // The third refusal is the last.
    let last = client.send(&hello("null"));
    assert!(text(&last).ends_with("\"wamp.error.no_such_realm\"]"));
    assert!(matches!(last, Output::Abort { close: true, .. }));
    let mut client = Client::new(methods());
    let refused = client.hello(",\"authmethods\":[\"ticket\"],\"authid\":\"norole\"");
    assert!(text(&refused).ends_with("\"wamp.error.no_such_role\"]"));
    assert!(text(&client.hello("")).ends_with("\"wamp.error.no_auth_method\"]"));
}

#[test]
fn who_does_not_exist_gets_the_same_challenge_and_the_same_answer() {
    for (method, known, extra) in [
        ("ticket", "alice", ""),
        ("wampcra", "bob", ""),
        ("scram", "sue", ",\"authextra\":{\"nonce\":\"AAAAAAAAAAAAAAAAAAAAAA==\"}"),
    ] {
        let mut answers = Vec::new();
        for authid in [known, "nobody"] {
            let mut client = Client::new(methods());
            let asked = client
                .hello(&format!(",\"authmethods\":[\"magic\",\"{method}\"],\"authid\":\"{authid}\"{extra}"));
            let Output::Send(Message::Challenge { method: asked, extra }) = asked else {
                panic!("{asked:?}")
            };
            assert_eq!(asked, method);
            let keys: Vec<_> = extra.0.iter().map(|(key, _)| key.clone()).collect();
            let lengths: Vec<_> =
                ["salt", "nonce"].map(|key| extra.get(key).and_then(|v| v.as_str()).map(str::len)).into();
            let refused = client.send("[5,\"wrong\",{}]");
            assert!(matches!(refused, Output::Abort { failed: true, .. }));
            answers.push((keys, lengths, text(&refused)));
            // The challenge is used up.
            assert!(text(&client.send("[5,\"tick\",{}]")).contains("no pending authentication"));
        }
        assert_eq!(answers[0], answers[1], "{method}");
    }
    let mut answers = Vec::new();
    for (authid, key) in [("kate", "cd"), ("nobody", "ab"), ("nobody", "zz")] {
        let key = key.repeat(32);
        let hello = format!(
            ",\"authmethods\":[\"cryptosign\"],\"authid\":\"{authid}\",\"authextra\":{{\"pubkey\":\"{key}\"}}"
        );
        answers.push(text(&Client::new(methods()).hello(&hello)));
    }
    assert!(
        answers[0].ends_with("\"wamp.error.not_authorized\"]")
            && answers.iter().all(|one| *one == answers[0])
    );
}

#[test]
fn a_right_proof_opens_the_session() {
    let mut client = Client::new(methods());
    client.hello(",\"authmethods\":[\"ticket\"],\"authid\":\"alice\",\"authextra\":{\"a\":[1,null]}");
    let welcome = text(&client.send("[5,\"tick\",{}]"));
    assert!(welcome.contains(
        "\"authid\":\"alice\",\"authrole\":\"user\",\"authmethod\":\"ticket\",\"authprovider\":\"static\""
    ));
    assert!(welcome.contains("\"authextra\":{\"a\":[1,null],"));
    let mut client = Client::new(methods());
    let asked = client.hello(",\"authmethods\":[\"wampcra\"],\"authid\":\"bob\"");
    let Output::Send(Message::Challenge { extra, .. }) = asked else { panic!() };
    let challenge = extra.get("challenge").unwrap().as_str().unwrap().to_owned();
    let Some(Source::Static(users)) = &client.methods.wampcra else { panic!() };
    let signature = wampcra::sign(&users["bob"], &challenge);
    assert!(matches!(client.send(&format!("[5,\"{signature}\",{{}}]")), Output::Join(_)));
}

#[test]
fn violations_end_the_handshake() {
    for text in [
        "[48,1,{},\"a\"]",
        "[2,1,{}]",
        "[1,\"realm1\",{}]",
        "[1,\"realm1\",{\"roles\":{}}]",
        "[1,\"realm1\",{\"roles\":{\"caller\":true}}]",
        "[1,\"realm1\",{\"roles\":{\"caller\":{\"features\":{\"call_canceling\":1}}}}]",
        "[1,\"realm1\",{\"roles\":{\"caller\":{}},\"authmethods\":null}]",
        "[1,\"realm1\",{\"roles\":{\"caller\":{}},\"authid\":7}]",
    ] {
        assert!(matches!(Client::new(methods()).send(text), Output::Violation(_)), "{text}");
    }
    let mut client = Client::new(methods());
    client.hello(",\"authmethods\":[\"ticket\"],\"authid\":\"alice\"");
    assert!(matches!(client.hello(""), Output::Violation(_)));
    let mut client = Client::new(methods());
    client.hello(",\"authmethods\":[\"ticket\"],\"authid\":\"alice\"");
    assert!(matches!(client.send("[3,{},\"a.b\"]"), Output::Nothing));
    assert!(matches!(client.hello(",\"authmethods\":[\"ticket\"],\"authid\":\"alice\""), Output::Send(_)));
    let ignored =
        client.send("[1,\"realm1\",{\"roles\":{\"dancer\":{},\"caller\":{\"features\":{\"telepathy\":3}}}}]");
    assert!(matches!(ignored, Output::Violation(_)));
}

#[test]
fn a_procedure_decides() {
    let dynamic = crate::auth::Dynamic {
        procedure: "com.auth".into(),
        realm: Some("realm2".into()),
        role: Some("asker".into()),
    };
    let methods = Methods {
        ticket: Some(Source::Dynamic(dynamic.clone())),
        anonymous: Some(Source::<Anonymous>::Dynamic(dynamic)),
        ..Methods::default()
    };
    let mut client = Client::new(methods.clone());
    client.hello(",\"authmethods\":[\"ticket\"],\"authid\":\"tom\"");
    let Output::Ask { realm, role, procedure, payload } = client.send("[5,\"tt\",{}]") else { panic!() };
    assert_eq!((realm.as_str(), role.as_deref(), procedure.as_str()), ("realm2", Some("asker"), "com.auth"));
    let (args, _) = payload.decode().unwrap();
    assert_eq!(args[2].get("ticket").and_then(Value::as_str), Some("tt"));
    assert!(client.session.is_asking());
    let principal = Dict::new().with("role", "user").with("authid", "other");
    let welcome = text(&client.answer(Ok(Payload::one(principal))));
    assert!(welcome.contains("\"authid\":\"other\"") && welcome.contains("\"authprovider\":\"dynamic\""));
    for (answer, reason) in [
        (Ok(Payload::one(5u64)), "wamp.error.authentication_failed"),
        (Ok(Payload::None), "wamp.error.authentication_failed"),
        (Ok(Payload::one("missing")), "wamp.error.no_such_role"),
        (Err(("com.no".into(), Payload::one("a\nTraceback"))), "com.no"),
        (Err(("no uri".into(), Payload::None)), "wamp.error.authentication_failed"),
    ] {
        let mut client = Client::new(methods.clone());
        assert!(matches!(client.hello(""), Output::Ask { .. }));
        let refused = text(&client.answer(answer));
        assert!(refused.ends_with(&format!("\"{reason}\"]")), "{refused}");
        assert!(!refused.contains("Traceback"));
    }
}

#[test]
fn a_session_that_was_ended_waits_for_goodbye_alone() {
    let mut client = Client::new(Methods { absent: true, ..Methods::default() });
    client.hello("");
    client.session.kicked();
    assert!(client.session.realm().is_none());
    assert!(matches!(client.send("[48,1,{},\"a.b\"]"), Output::Nothing));
    assert!(matches!(client.send("[6,{},\"wamp.close.goodbye_and_out\"]"), Output::Nothing));
    assert!(matches!(client.hello(""), Output::Join(_)));
    assert!(matches!(client.send("[3,{},\"a.b\"]"), Output::End));
}

#[test]
fn an_answer_about_one_client_is_never_taken_for_one_about_the_next_on_its_connection() {
    let dynamic =
        crate::auth::Dynamic { procedure: "com.auth".into(), realm: Some("realm2".into()), role: None };
    let methods = Methods { ticket: Some(Source::Dynamic(dynamic)), ..Methods::default() };
    let mut client = Client::new(methods);
    client.hello(",\"authmethods\":[\"ticket\"],\"authid\":\"tom\"");
    assert!(matches!(client.send("[5,\"right\",{}]"), Output::Ask { .. }));
    assert!(matches!(client.send("[3,{},\"wamp.error.canceled\"]"), Output::End));
    assert!(matches!(client.hello(",\"authmethods\":[\"ticket\"],\"authid\":\"ann\""), Output::Nothing));
    assert!(matches!(client.answer(Ok(Payload::one("user"))), Output::Nothing));
}

#[test]
fn a_proxy_says_who_its_client_is_and_how_it_is_connected() {
    let extra = "{\"proxy_realm\":\"realm1\",\"proxy_authid\":\"ann\",\"proxy_authrole\":\"user\",\
        \"proxy_authextra\":{\"a\":1,\"transport\":{\"peer\":\"far\"}}";
    let seen = |output: Output| {
        let Output::Join(joined) = output else { panic!("{output:?}") };
        let peer = joined.joining.transport.get("peer").and_then(Value::as_str).map(str::to_owned);
        assert_eq!(joined.remember.authextra, Some(Dict::new().with("a", 1u64)));
        (joined.joining.authid, joined.joining.authrole, peer)
    };
    let ann = || ("ann".to_owned(), "user".to_owned(), Some("far".to_owned()));
    let mut client = Client::new(Methods { anonymous_proxy: true, ..Methods::default() });
    let hello =
        format!(",\"authid\":\"proxy\",\"authmethods\":[\"anonymous-proxy\"],\"authextra\":{extra}}}");
    assert_eq!(seen(client.hello(&hello)), ann());
    // What an authenticator answers is about the proxy, and so is its key.
    let secret = crate::auth::client::Credentials::CryptosignProxy(Secret("07".repeat(32)));
    let mut prover = crate::auth::client::Client::new(secret, None, [0; 16], None);
    let mut details = Dict::new();
    prover.hello(&mut details).unwrap();
    let key = details.get("authextra").and_then(|extra| extra.get("pubkey")?.as_str()).unwrap().to_owned();
    let dynamic = crate::auth::Dynamic { procedure: "com.auth".into(), realm: None, role: None };
    let mut client =
        Client::new(Methods { cryptosign_proxy: Some(Source::Dynamic(dynamic)), ..Methods::default() });
    let asked = client.hello(&format!(
        ",\"authmethods\":[\"cryptosign-proxy\"],\"authextra\":{extra},\"pubkey\":\"{key}\"}}"
    ));
    assert!(matches!(asked, Output::Ask { .. }));
    let answer = Dict::new().with("pubkey", key).with("role", "other").with("authid", "proxy");
    let Output::Send(Message::Challenge { method, extra }) = client.answer(Ok(Payload::one(answer))) else {
        panic!()
    };
    let signature = prover.answer(&method, &extra).unwrap();
    assert_eq!(seen(client.send(&format!("[5,\"{signature}\",{{}}]"))), ann());
}
