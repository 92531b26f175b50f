//! A client of WAMP by RawSocket, in JSON, message by message.

use crate::DEADLINE;
use serde_json::{Value, json};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};

/// A client of WAMP by RawSocket, in JSON, message by message.
#[derive(Debug)]
pub struct Wamp(pub TcpStream);

impl Wamp {
    /// Connects.
    pub fn dial(to: (Ipv4Addr, u16)) -> Self {
        let mut stream = TcpStream::connect(to).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.write_all(b"\x7f\xf1\0\0").unwrap();
        stream.read_exact(&mut [0; 4]).unwrap();
        Self(stream)
    }

    /// Says HELLO to `realm1`, answers a challenge by a ticket, and gives WELCOME or ABORT.
    pub fn join(&mut self, who: Option<(&str, &str)>) -> Value {
        self.join_realm("realm1", who)
    }

    /// The same for any realm.
    pub fn join_realm(&mut self, realm: &str, who: Option<(&str, &str)>) -> Value {
        let roles = ["caller", "callee", "publisher", "subscriber"].map(|role| (role.to_owned(), json!({})));
        let mut details = json!({"roles": roles.into_iter().collect::<serde_json::Map<_, _>>()});
        if let Some((authid, _)) = who {
            details["authid"] = json!(authid);
            details["authmethods"] = json!(["ticket"]);
        }
        self.say(&json!([1, realm, details])).unwrap();
        let answer = self.hear();
        match who {
            Some((_, ticket)) if answer[0] == 4 => {
                self.say(&json!([5, ticket, {}])).unwrap();
                self.hear()
            }
            _ => answer,
        }
    }

    /// Connects, and is let in anonymously.
    pub fn joined(to: (Ipv4Addr, u16)) -> Self {
        Self::joined_to(to, "realm1")
    }

    /// Connects, and is let into this realm anonymously.
    pub fn joined_to(to: (Ipv4Addr, u16), realm: &str) -> Self {
        let mut client = Self::dial(to);
        let welcome = client.join_realm(realm, None);
        assert_eq!(welcome[0], 2, "{welcome}");
        client
    }

    /// Sends a message.
    pub fn say(&mut self, message: &Value) -> io::Result<()> {
        let text = message.to_string();
        self.0.write_all(&[&u32::try_from(text.len()).unwrap().to_be_bytes()[..], text.as_bytes()].concat())
    }

    /// The next message.
    pub fn hear(&mut self) -> Value {
        let mut length = [0; 4];
        self.0.read_exact(&mut length).unwrap();
        let mut text = vec![0; u32::from_be_bytes(length) as usize];
        self.0.read_exact(&mut text).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    /// Sends a message, and gives the next one.
    pub fn ask(&mut self, message: &Value) -> Value {
        self.say(message).unwrap();
        self.hear()
    }
}
