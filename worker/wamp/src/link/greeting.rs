//! What an edge says first on a connection to the process that has the realms.

use super::error::Error;
use super::wire::{Read, begin_frame, end_frame, put_bytes, put_number, take_frame};
use bytes::BytesMut;

/// What an edge says first on a connection to the process that has the realms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// The number of the edge.
    pub edge: u64,
    /// What the connection is for.
    pub about: About,
}

/// What a connection is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// It is the link of this realm.
    Realm(String),
    /// It says which realms the edge has links for, and that it is there: nobody else waits for it.
    Realms(Vec<String>),
}

const REALM: u8 = 16;
const REALMS: u8 = 17;

impl Greeting {
    /// Appends it.
    pub fn put(&self, out: &mut Vec<u8>) {
        let (kind, names) = match &self.about {
            About::Realm(name) => (REALM, std::slice::from_ref(name)),
            About::Realms(names) => (REALMS, &names[..]),
        };
        let start = begin_frame(kind, out);
        put_number(self.edge, out);
        for name in names {
            put_bytes(name.as_bytes(), out);
        }
        end_frame(start, out);
    }

    /// Takes it from the beginning of what has come. None: it has not come whole.
    ///
    /// # Errors
    ///
    /// It is none; the connection is to be closed.
    pub fn take(input: &mut BytesMut) -> Result<Option<Self>, Error> {
        let Some((kind, mut read)) = take_frame(input)? else { return Ok(None) };
        let edge = read.number()?;
        let about = match kind {
            REALM => About::Realm(read.text()?),
            REALMS => About::Realms(names(&mut read)?),
            _ => return Err(Error::Malformed),
        };
        if read.is_empty() { Ok(Some(Self { edge, about })) } else { Err(Error::Malformed) }
    }
}

fn names(read: &mut Read) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    while !read.is_empty() {
        names.push(read.text()?);
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_is_read_once_it_is_whole_and_what_follows_is_left() {
        for about in [
            About::Realm("realm1".into()),
            About::Realms(Vec::new()),
            About::Realms(vec!["a".into(), "ü".repeat(100)]),
        ] {
            let greeting = Greeting { edge: 7, about };
            let mut bytes = Vec::new();
            greeting.put(&mut bytes);
            let whole = bytes.len();
            bytes.extend_from_slice(b"more");
            for length in 0..whole {
                assert_eq!(Greeting::take(&mut BytesMut::from(&bytes[..length])), Ok(None));
            }
            let mut input = BytesMut::from(&bytes[..]);
            assert_eq!(Greeting::take(&mut input), Ok(Some(greeting)));
            assert_eq!(&input[..], b"more");
        }
    }

    #[test]
    fn what_is_no_greeting_is_refused() {
        for bytes in
            [&[2, 0, 0, 0, 1, 7][..], &[4, 0, 0, 0, REALM, 7, 1, 0xff], &[4, 0, 0, 0, REALM, 7, 0, 0]]
        {
            assert_eq!(Greeting::take(&mut BytesMut::from(bytes)), Err(Error::Malformed), "{bytes:?}");
        }
    }
}
