//! Authentication on a control connection (control-spec, 3.5, 3.21 and 3.24).

use super::connection::Control;
use super::error::ControlError;
use super::words::{value, words};
use hmac::{Hmac, Mac as _};
use jackfield_shared::config::Secret;
use sha2::Sha256;
use std::fmt::Write as _;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use tokio::task::spawn_blocking;

const COOKIE: usize = 32;
const TO_CONTROLLER: &[u8] = b"Tor safe cookie authentication server-to-controller hash";
const TO_SERVER: &[u8] = b"Tor safe cookie authentication controller-to-server hash";

/// Authenticates by the best method that tor offers and we can use; returns what is known of tor, for people.
pub(super) async fn authenticate(
    control: &mut Control,
    password: Option<&Secret>,
) -> Result<String, ControlError> {
    let info = control.demand("PROTOCOLINFO", "PROTOCOLINFO 1").await?;
    let auth = words(info.after("AUTH ").unwrap_or_default());
    let version = words(info.after("VERSION ").unwrap_or_default());
    let offered = value(&auth, "METHODS").unwrap_or_default();
    let offers = |method| offered.split(',').any(|offer| offer == method);
    let cookie = value(&auth, "COOKIEFILE").map(PathBuf::from);
    let method = match (password, cookie) {
        _ if offers("NULL") => {
            control.demand("AUTHENTICATE", "AUTHENTICATE").await?;
            "no authentication"
        }
        (Some(password), _) if offers("HASHEDPASSWORD") => {
            let line = format!("AUTHENTICATE {}", hex(password.0.as_bytes()));
            let reply = control.command(&line).await?;
            if !reply.is_ok() {
                return Err(ControlError::WrongPassword(reply.text()));
            }
            "a password"
        }
        (_, Some(path)) if offers("SAFECOOKIE") => {
            safe_cookie(control, path).await?;
            "SAFECOOKIE"
        }
        (_, Some(path)) if offers("COOKIE") => {
            let cookie = read_cookie(path.clone()).await?;
            send_cookie(control, path, &cookie).await?;
            "COOKIE"
        }
        _ if offers("HASHEDPASSWORD") => return Err(ControlError::PasswordWanted),
        _ => return Err(ControlError::NoMethod(offered.to_owned())),
    };
    Ok(format!("tor {} (authenticated by {method})", value(&version, "Tor").unwrap_or("of unknown version")))
}

/// Both sides prove that they know the cookie; who has written it is tor.
async fn safe_cookie(control: &mut Control, path: PathBuf) -> Result<(), ControlError> {
    let cookie = read_cookie(path.clone()).await?;
    let mut ours = [0; 32];
    getrandom::fill(&mut ours)?;
    let line = format!("AUTHCHALLENGE SAFECOOKIE {}", hex(&ours));
    let challenge = control.demand("AUTHCHALLENGE", &line).await?;
    let words = words(challenge.after("AUTHCHALLENGE ").unwrap_or_default());
    let field = |name| value(&words, name).and_then(unhex);
    let (Some(theirs), Some(proof)) = (field("SERVERNONCE"), field("SERVERHASH")) else {
        return Err(ControlError::Refused { command: "AUTHCHALLENGE", reply: challenge.text() });
    };
    let hash = |label| Some(hash_of(label)?.chain_update(cookie).chain_update(ours).chain_update(&theirs));
    let (Some(expected), Some(answer)) = (hash(TO_CONTROLLER), hash(TO_SERVER)) else {
        return Err(ControlError::NoMethod("SAFECOOKIE".into()));
    };
    if expected.verify_slice(&proof).is_err() {
        return Err(ControlError::Impostor(path));
    }
    send_cookie(control, path, &answer.finalize().into_bytes()).await
}

async fn send_cookie(control: &mut Control, path: PathBuf, bytes: &[u8]) -> Result<(), ControlError> {
    let reply = control.command(&format!("AUTHENTICATE {}", hex(bytes))).await?;
    if reply.is_ok() { Ok(()) } else { Err(ControlError::WrongCookie { path, reply: reply.text() }) }
}

fn hash_of(label: &[u8]) -> Option<Hmac<Sha256>> {
    Hmac::new_from_slice(label).ok()
}

/// Only a file of a cookie's length is one: who plays tor must not be told what is in others.
async fn read_cookie(path: PathBuf) -> Result<[u8; COOKIE], ControlError> {
    let name = path.clone();
    let read = spawn_blocking(move || read_short(&name)).await;
    match read.unwrap_or_else(|e| Err(e.into())) {
        Ok(bytes) => bytes.try_into().map_err(|_| ControlError::NoCookie(path)),
        Err(source) => Err(ControlError::Cookie { path, source }),
    }
}

fn read_short(path: &Path) -> io::Result<Vec<u8>> {
    if !path.metadata()?.is_file() {
        return Ok(Vec::new());
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(COOKIE as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.bytes().map(|b| char::from(b).to_digit(16)).collect::<Option<Vec<_>>>()?;
    let pairs = digits.chunks(2).map(|pair| match pair {
        [high, low] => u8::try_from(high << 4 | low).ok(),
        _ => None,
    });
    pairs.collect()
}
