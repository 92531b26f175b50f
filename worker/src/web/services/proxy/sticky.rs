//! Which backend a browser is kept at, by a cookie.

use hyper::header::{COOKIE, HeaderMap, HeaderValue};
use jackfield_shared::config::Sticky;

/// The place of the backend that the client was told to stay at; absent: none, or its cookie says nothing.
pub(super) fn kept(sticky: &Sticky, headers: &HeaderMap) -> Option<usize> {
    let fields = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = fields.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(name, _)| *name == sticky.cookie)?;
    value.parse().ok()
}

/// Tells a browser to stay at the backend with this place, for as long as it runs.
pub(super) fn keep(sticky: &Sticky, place: usize, is_secure: bool) -> Option<HeaderValue> {
    let secure = if is_secure { "; Secure" } else { "" };
    HeaderValue::try_from(format!("{}={place}; Path=/; HttpOnly; SameSite=Lax{secure}", sticky.cookie)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_found_among_others_and_what_is_no_place_is_passed_over() {
        let sticky = Sticky { cookie: "backend".into() };
        let place = |fields: &[&'static str]| {
            let values = fields.iter().map(|field| (COOKIE, HeaderValue::from_static(field)));
            kept(&sticky, &values.collect())
        };
        assert_eq!(place(&["a=b; backend=2; c=d"]), Some(2));
        assert_eq!(place(&["a=b", "backend=0"]), Some(0));
        assert_eq!(place(&["xbackend=1"]), None);
        assert_eq!(place(&["backend=-1"]), None);
        assert_eq!(place(&["backend"]), None);
        assert_eq!(place(&[]), None);
        let told = keep(&sticky, 3, true).unwrap();
        assert_eq!(told, "backend=3; Path=/; HttpOnly; SameSite=Lax; Secure");
    }
}
