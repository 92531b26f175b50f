//! What a client wants to get (RFC 9110, section 12.5.1).

use crate::fields::weighted;
use hyper::HeaderMap;
use hyper::header::ACCEPT;

/// How much the client wants this media type, from 0 to 1, as far as it names it.
fn quality(headers: &HeaderMap, wanted: &str) -> f32 {
    let weights = weighted(headers, &ACCEPT).filter(|(range, _)| range.eq_ignore_ascii_case(wanted));
    weights.map(|(_, weight)| weight).fold(0.0, f32::max)
}

/// Whether the client asks for pages, as browsers do; programs mostly take anything and name nothing.
pub(crate) fn wants_page(headers: &HeaderMap) -> bool {
    let page = quality(headers, "text/html").max(quality(headers, "application/xhtml+xml"));
    page > 0.0 && page >= quality(headers, "application/json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_want_pages_and_programs_do_not() {
        for (accept, page) in [
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true),
            ("*/*", false),
            ("application/json", false),
            ("application/json, text/html;q=0.5", false),
            ("application/json;q=0.2, Text/HTML ; q=0.5", true),
            ("text/html;q=0", false),
            ("text/html;q=x", false),
        ] {
            let mut headers = HeaderMap::new();
            assert!(!wants_page(&headers));
            headers.insert(ACCEPT, accept.parse().unwrap());
            assert_eq!(wants_page(&headers), page, "{accept}");
        }
    }
}
