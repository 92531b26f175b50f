//! Pages for people: each is one document that needs nothing else, in light and dark, on any width.

mod page;
mod status;

pub(in crate::web) use page::{Escaped, page};
pub(crate) use status::status;

use hyper::StatusCode;

/// The page of a failure.
pub(crate) fn failure(status: StatusCode, explanation: &str) -> String {
    let reason = status.canonical_reason().unwrap_or("Error");
    let code = status.as_u16();
    let body = format!(
        "<main class=\"notice\">\n<p class=\"code\">{code}</p>\n<h1>{}</h1>\n<p>{}</p>\n</main>\n",
        Escaped(reason),
        Escaped(explanation)
    );
    page(&format!("{code} {reason}"), "", &body)
}

/// The page of an address that speaks WebSocket, for who came with a browser.
pub(crate) fn websocket(url: &str) -> String {
    let body = format!(
        "<main class=\"notice\">\n<p class=\"code\">426</p>\n<h1>This address speaks WebSocket</h1>\n\
         <p>It is for programs and for scripts of pages. They connect to</p>\n\
         <p><code>{}</code></p>\n</main>\n",
        Escaped(url)
    );
    page("WebSocket", "", &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_a_client_says_becomes_markup() {
        let page = failure(StatusCode::NOT_FOUND, "<script>alert('&\"')</script>");
        assert!(page.contains("&lt;script&gt;alert(&#39;&amp;&quot;&#39;)&lt;/script&gt;"));
        assert!(page.contains("<title>404 Not Found</title>"));
        assert!(!page.contains("http"), "a page fetches nothing from elsewhere");
    }
}
