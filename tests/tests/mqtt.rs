//! MQTT bridged to WAMP, with the clients of mosquitto and `jackfield wamp`.

use jackfield_tests::{Authority, Lines, Node, TempDir, Wish, argument, jackfield, until};
use serde_json::{Value, json};
use std::process::{Child, Command, Output, Stdio};

const ALL: &str = r#""allow": {"call": true, "register": true, "publish": true, "subscribe": true}"#;

fn config() -> String {
    let mapping = r#""payload_mapping": {
        "com.native.": {"type": "native", "serializer": "json"},
        "com.coded.": {"type": "dynamic", "decoder": "com.codec.decode", "encoder": "com.codec.encode"}}"#;
    format!(
        r#"{{"version": 2, "workers": [{{"type": "router", "realms": [{{"name": "realm1", "roles": [
            {{"name": "anonymous", "permissions": [{{"uri": "*", {ALL}}}]}},
            {{"name": "sensor", "permissions": [{{"uri": "com.sensors.", "match": "prefix", "allow": {{"publish": true}}}}]}}]}}],
        "transports": [
            {{"type": "mqtt", "endpoint": {{"type": "tcp", "interface": "ADDR", "port": 1883}},
                "options": {{"realm": "realm1", "role": "anonymous", {mapping}}}}},
            {{"type": "universal", "endpoint": {{"type": "tcp", "interface": "ADDR", "port": 8080}},
                "rawsocket": {{}}, "mqtt": {{"options": {{"realm": "realm1", "auth": {{
                    "ticket": {{"type": "static", "principals": {{"joe": {{"ticket": "secret!", "role": "sensor"}}}}}}}}}}}}}},
            {{"type": "mqtt", "endpoint": {{"type": "tcp", "interface": "ADDR", "port": 8883, "tls": {{
                "key": "server.key", "certificate": "server.crt"}}}}, "options": {{"realm": "realm1"}}}}]}}]}}"#
    )
}

fn node() -> (Node, Authority) {
    let (dir, authority) = (TempDir::new(), Authority::new("authority of the test"));
    dir.write(".jackfield/ca.crt", authority.pem());
    // Its clients look up no names.
    authority.write(
        &dir,
        "server",
        Wish { names: &["localhost"], common_name: "localhost", ..Wish::default() },
    );
    (Node::start_in(dir, &config()), authority)
}

/// A client that waits for messages; `-d` says when the server knows its subscription.
struct Subscriber(Child, Lines);

impl Subscriber {
    fn start(node: &Node, args: &[&str]) -> Self {
        let host = node.addr.to_string();
        let mut command = Command::new("stdbuf");
        command.args(["-oL", "mosquitto_sub", "-d", "-h", &host]).args(args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = Lines::follow(child.stdout.take().unwrap());
        lines.wait(0, "Subscribed (mid:");
        Self(child, lines)
    }

    /// What it prints of messages.
    fn heard(&self, text: &str) -> String {
        self.1.wait(0, text).0
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn publish(node: &Node, args: &[&str]) -> Output {
    Command::new("mosquitto_pub").args(["-h", &node.addr.to_string()]).args(args).output().unwrap()
}

/// `jackfield wamp` on the node's RawSocket, as somebody who needs no proof.
fn wamp(node: &Node, args: &[&str]) -> Command {
    let mut command = Command::new(jackfield());
    command.arg("wamp").args(args).args(["--url", &format!("rs://{}:8080", node.addr)]);
    command
}

/// One that goes on, once the router knows it.
fn going(mut command: Command) -> Subscriber {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    Lines::follow(child.stderr.take().unwrap()).wait(0, "ed ");
    let lines = Lines::follow(child.stdout.take().unwrap());
    Subscriber(child, lines)
}

#[test]
fn messages_pass_between_mqtt_and_wamp_in_each_mapping() {
    let (node, _) = node();
    let events = going(wamp(&node, &["subscribe", "com.", "--match", "prefix", "--json"]));
    let mqtt = Subscriber::start(&node, &["-p", "1883", "-v", "-t", "com/#"]);
    // As it is: bytes on both sides, and told to be a payload of MQTT.
    for qos in ["0", "1"] {
        let topic = format!("com/plain/{qos}");
        let out = publish(&node, &["-p", "1883", "-q", qos, "-t", &topic, "-m", "21.5 °C"]);
        assert!(out.status.success(), "{out:?}");
        mqtt.heard(&format!("{topic} 21.5 °C"));
        let event: Value = serde_json::from_str(&events.heard(&topic.replace('/', "."))).unwrap();
        assert_eq!(event["details"]["enc_algo"], "mqtt");
        assert!(event["args"][0].as_str().unwrap().starts_with("\0MjEuNSDCsEM"), "{event}");
    }
    assert!(wamp(&node, &["publish", "com.plain.back", "hello"]).status().unwrap().success());
    mqtt.heard("com/plain/back hello");
    // By a serializer.
    let native = r#"{"args": [1, "x"], "kwargs": {"k": true}}"#;
    publish(&node, &["-p", "1883", "-t", "com/native/a", "-m", native]);
    let event: Value = serde_json::from_str(&events.heard("com.native.a")).unwrap();
    assert_eq!((&event["args"], &event["kwargs"]), (&json!([1, "x"]), &json!({"k": true})));
    assert!(wamp(&node, &["publish", "com.native.b", "5", "-k", "a=b"]).status().unwrap().success());
    mqtt.heard(r#"com/native/b {"args":[5],"kwargs":{"a":"b"}}"#);
    // By procedures.
    let decode =
        going(wamp(&node, &["register", "com.codec.decode", "--answer", r#"{"args": ["decoded"]}"#]));
    let encode = going(wamp(&node, &["register", "com.codec.encode", "--answer", "encoded!"]));
    publish(&node, &["-p", "1883", "-t", "com/coded/a", "-m", "raw"]);
    let event: Value = serde_json::from_str(&events.heard("com.coded.a")).unwrap();
    assert_eq!(event["args"], json!(["decoded"]));
    mqtt.heard("com/coded/a encoded!");
    decode.heard("com.coded.a com/coded/a");
    encode.heard("com/coded/a com.coded.a [\"decoded\"]");
    // What can't be read is dropped, acknowledged, and no harm to what follows.
    let out = publish(&node, &["-p", "1883", "-q", "1", "-t", "com/native/wrong", "-m", "no json"]);
    assert!(out.status.success(), "{out:?}");
    node.log.wait(0, "a message to com/native/wrong is dropped");
    publish(&node, &["-p", "1883", "-t", "com/last", "-m", "end"]);
    mqtt.heard("com/last end");
    assert!(!mqtt.1.all().iter().any(|line| line.contains("native/wrong")));
    node.stop();
}

#[test]
fn filters_retained_messages_and_wills_work() {
    let (node, _) = node();
    let wildcard =
        Subscriber::start(&node, &["-p", "1883", "-v", "-q", "1", "-t", "com/+/temp", "-t", "other"]);
    publish(&node, &["-p", "1883", "-r", "-q", "1", "-t", "com/hall/temp", "-m", "20"]);
    publish(&node, &["-p", "1883", "-t", "com/hall/light", "-m", "dark"]);
    publish(&node, &["-p", "1883", "-t", "other", "-m", "too"]);
    wildcard.heard("com/hall/temp 20");
    wildcard.heard("other too");
    assert!(!wildcard.1.all().iter().any(|line| line.contains("dark")));
    // Retained: for who comes later, and taken back by an empty one.
    let later = Subscriber::start(&node, &["-p", "1883", "-F", "%t %p retained %r", "-t", "com/hall/#"]);
    later.heard("com/hall/temp 20 retained 1");
    publish(&node, &["-p", "1883", "-r", "-n", "-t", "com/hall/temp"]);
    publish(&node, &["-p", "1883", "-r", "-t", "com/cellar/temp", "-m", "12"]);
    let last =
        Subscriber::start(&node, &["-p", "1883", "-v", "-t", "com/hall/temp", "-t", "com/cellar/temp"]);
    last.heard("com/cellar/temp 12");
    assert!(!last.1.all().iter().any(|line| line.starts_with("com/hall/temp")), "{:?}", last.1.all());
    // A will, of who goes without a word; not of who says that it goes.
    let wills = Subscriber::start(&node, &["-p", "1883", "-v", "-t", "wills/#"]);
    let args = |topic: &'static str| {
        ["-p", "1883", "-t", "x", "--will-topic", topic, "--will-payload", "gone", "--will-qos", "1"]
    };
    let mut polite = Subscriber::start(&node, &[&args("wills/polite")[..], &["-E"]].concat());
    assert!(polite.0.wait().unwrap().success());
    drop(Subscriber::start(&node, &args("wills/rude")));
    wills.heard("wills/rude gone");
    assert!(!wills.1.all().iter().any(|line| line.contains("polite")));
    node.stop();
}

#[test]
fn clients_authenticate_and_one_replaces_the_one_before() {
    let (node, _) = node();
    let events = going(wamp(&node, &["subscribe", "com.", "--match", "prefix", "--json"]));
    let sensor = ["-p", "8080", "-q", "1", "-t", "com/sensors/one", "-m", "1"];
    let out = publish(&node, &[&sensor[..], &["-u", "joe", "-P", "secret!"]].concat());
    assert!(out.status.success(), "{out:?}");
    events.heard("com.sensors.one");
    for who in [&["-u", "joe", "-P", "wrong"][..], &["-u", "nobody", "-P", "secret!"], &[]] {
        let out = publish(&node, &[&sensor[..], who].concat());
        let text = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(!out.status.success() && text.contains("not authorised"), "{who:?}: {out:?}");
    }
    // Who may not publish is not told so, which MQTT has no words for; nobody gets it.
    let out = publish(
        &node,
        &["-p", "8080", "-q", "1", "-t", "com/secret", "-m", "1", "-u", "joe", "-P", "secret!"],
    );
    assert!(out.status.success(), "{out:?}");
    let out = publish(&node, &[&sensor[..], &["-u", "joe", "-P", "secret!", "-V", "mqttv5"]].concat());
    assert!(!out.status.success(), "version 5 is refused");
    let out = publish(&node, &[&sensor[..], &["-u", "joe", "-P", "secret!", "-V", "mqttv31"]].concat());
    assert!(!out.status.success(), "version 3.1 is refused");
    let ca = argument(&node.dir, "ca.crt");
    let out = publish(
        &node,
        &["-p", "8883", "--cafile", &ca, "--insecure", "-q", "1", "-t", "com/secure", "-m", "1"],
    );
    assert!(out.status.success(), "{out:?}");
    events.heard("com.secure");
    assert!(!events.1.all().iter().any(|line| line.contains("com.secret")));

    let first = Subscriber::start(&node, &["-p", "1883", "-i", "same", "-v", "-t", "a"]);
    let second = Subscriber::start(&node, &["-p", "1883", "-i", "same", "-v", "-t", "a"]);
    // mosquitto's client connects again, and again takes the place of the other: both go on for ever.
    until("the first to lose its connection", || {
        (first.1.all().iter().filter(|line| line.contains("CONNECT")).count() > 2).then_some(())
    });
    drop((first, second));
    node.stop();
}

#[test]
fn a_silent_client_is_gone_after_its_keep_alive() {
    let (node, _) = node();
    let wills = Subscriber::start(&node, &["-p", "1883", "-v", "-t", "wills/#"]);
    let args = ["-p", "1883", "-k", "5", "-t", "x", "--will-topic", "wills/frozen", "--will-payload", "gone"];
    let frozen = Subscriber::start(&node, &args);
    jackfield_tests::signal_pid(frozen.0.id(), rustix::process::Signal::STOP);
    wills.heard("wills/frozen gone");
    drop(frozen);
    node.stop();
}
