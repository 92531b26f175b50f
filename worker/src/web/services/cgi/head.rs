//! What a script says before its content (RFC 3875, section 6).

use crate::log::Preview;
use crate::web::engine::hop_by_hop::remove_hop_by_hop;
use hyper::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, LOCATION};
use hyper::{Response, StatusCode};

/// The longest head, in bytes.
pub(super) const LONGEST: usize = 64 << 10;

const STATUS: HeaderName = HeaderName::from_static("status");

/// What the script wants the client to get.
#[derive(Debug)]
pub(super) enum Head {
    /// This, with what follows as its content.
    Document(Response<()>),
    /// What there is at this path of the server (section 6.2.2).
    Redirect(String),
}

/// Where the content begins, if all of the head is there.
pub(super) fn end(bytes: &[u8]) -> Option<usize> {
    let mut line = 0;
    while let Some(length) = bytes[line..].iter().position(|&b| b == b'\n') {
        let next = line + length + 1;
        if matches!(&bytes[line..next], b"\n" | b"\r\n") {
            return Some(next);
        }
        line = next;
    }
    None
}

/// Reads a head, which ends with an empty line; the error says what is wrong with it.
pub(super) fn parse(bytes: &[u8]) -> Result<Head, String> {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|&b| b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            break;
        }
        let (name, value) = field(line).ok_or_else(|| format!("{} is no header field", Preview(line)))?;
        headers.append(name, value);
    }
    if headers.is_empty() {
        return Err("it has no header field, such as Content-Type".into());
    }
    let status = status(headers.remove(STATUS).as_ref())?;
    let location = headers.get(LOCATION).map(|location| location.to_str().unwrap_or_default().to_owned());
    if let (None, Some(location)) = (status, &location)
        && location.starts_with('/')
        && !location.starts_with("//")
    {
        return Ok(Head::Redirect(location.clone()));
    }
    remove_hop_by_hop(&mut headers);
    if headers.get_all(CONTENT_LENGTH).iter().count() > 1 {
        return Err("it has Content-Length twice".into());
    }
    let mut response = Response::new(());
    let otherwise = if location.is_some() { StatusCode::FOUND } else { StatusCode::OK };
    *response.status_mut() = status.unwrap_or(otherwise);
    *response.headers_mut() = headers;
    Ok(Head::Document(response))
}

fn field(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|&b| b == b':')?;
    let name = HeaderName::from_bytes(&line[..colon]).ok()?;
    Some((name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?))
}

/// `Status: 404 Not Found`. What is no final answer is not a script's to give.
fn status(value: Option<&HeaderValue>) -> Result<Option<StatusCode>, String> {
    let Some(value) = value else { return Ok(None) };
    let code = value.as_bytes().get(..3).filter(|_| value.as_bytes().get(3).is_none_or(|b| *b == b' '));
    let status = code.and_then(|code| StatusCode::from_bytes(code).ok());
    match status.filter(|status| !status.is_informational() && status.as_u16() < 600) {
        Some(status) => Ok(Some(status)),
        None => Err(format!("Status: {} is no status", Preview(value.as_bytes()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::CONTENT_TYPE;

    #[test]
    fn a_head_ends_with_an_empty_line_of_either_kind() {
        for (bytes, expected) in [
            (&b"A: b\n\nc"[..], Some(6)),
            (b"A: b\r\n\r\nc", Some(8)),
            (b"A: b\r\n\nc", Some(7)),
            (b"\nc", Some(1)),
            (b"A: b\n", None),
            (b"A: b\n\r", None),
            (b"", None),
        ] {
            assert_eq!(end(bytes), expected, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn the_three_fields_of_cgi_decide() {
        for (head, status) in [
            ("Content-Type: text/plain\n\n", 200),
            ("Status: 404 Not Found\nContent-Type: a/b\n\n", 404),
            ("status:204\r\n\r\n", 204),
            ("Location: http://h/\n\n", 302),
            ("Location: //h/\n\n", 302),
            ("Location: /here\nStatus: 303\n\n", 303),
        ] {
            let Ok(Head::Document(response)) = parse(head.as_bytes()) else { panic!("{head}") };
            assert_eq!(response.status(), status, "{head}");
            assert!(!response.headers().contains_key("status"));
        }
        assert!(matches!(parse(b"Location: /a?b\n\n"), Ok(Head::Redirect(to)) if to == "/a?b"));
    }

    #[test]
    fn nothing_about_the_connection_comes_from_a_script() {
        let head = b"Content-Type: a/b\nTransfer-Encoding: chunked\nConnection: x\nX: 1\nSet-Cookie: a\nSet-Cookie: b\n\n";
        let Ok(Head::Document(response)) = parse(head) else { panic!() };
        let names: Vec<_> = response.headers().keys().map(HeaderName::as_str).collect();
        assert_eq!(names, [CONTENT_TYPE.as_str(), "set-cookie"]);
        assert_eq!(response.headers().get_all("set-cookie").iter().count(), 2);
    }

    #[test]
    fn garbage_is_told() {
        for head in [
            "\n\n",
            "HTTP/1.1 200 OK\n\n",
            "<html>\n\n",
            "A b: c\n\n",
            ": x\n\n",
            "A: \x01\n\n",
            "Status: 99\n\n",
            "Status: 101 Switching\n\n",
            "Status: 2000\n\n",
            "Status: x\n\n",
            "A: b\nContent-Length: 1\nContent-Length: 2\n\n",
        ] {
            assert!(parse(head.as_bytes()).is_err(), "{head}");
        }
    }
}
