//! Pages for people: each is one document that needs nothing else, in light and dark, on any width.

mod status;

pub(crate) use status::status;

use hyper::StatusCode;
use std::fmt::{self, Display, Write};

/// The style all pages share.
const STYLE: &str = include_str!("style.css");

/// Text in a page: what would be markup is escaped.
pub(crate) struct Escaped<T>(pub(crate) T);

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaper(f), "{}", self.0)
    }
}

struct Escaper<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Write for Escaper<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                '&' => self.0.write_str("&amp;")?,
                '<' => self.0.write_str("&lt;")?,
                '>' => self.0.write_str("&gt;")?,
                '"' => self.0.write_str("&quot;")?,
                '\'' => self.0.write_str("&#39;")?,
                c => self.0.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// A whole page. `head` and `body` are markup, `title` is text.
pub(crate) fn page(title: &str, head: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n{head}</head>\n<body>\n{body}</body>\n</html>\n",
        Escaped(title)
    )
}

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
