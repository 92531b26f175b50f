use super::*;
use hyper::Method;
use hyper::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName,
    IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, LAST_MODIFIED, RANGE, VARY,
};
use jackfield_tests::TempDir;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

struct Site {
    dir: TempDir,
    files: Files,
}

fn site(change: impl FnOnce(&mut StaticOptions)) -> Site {
    let dir = TempDir::new();
    let root = dir.path().join("root");
    fs::create_dir_all(root.join("sub dir/empty")).unwrap();
    fs::write(dir.path().join("secret"), "secret").unwrap();
    fs::write(root.join("index.html"), "<h1>root</h1>").unwrap();
    fs::write(root.join("ten.txt"), "0123456789").unwrap();
    fs::write(root.join("sub dir/<a:b>"), "x").unwrap();
    symlink("../secret", root.join("out")).unwrap();
    let mut options = StaticOptions::default();
    change(&mut options);
    let config = StaticService { directory: Some(root), package: None, resource: None, options };
    Site { files: Files::new(&config).unwrap(), dir }
}

impl Site {
    async fn ask(&self, request: Request<()>) -> Answer {
        let path = request.uri().path().to_owned();
        self.files.respond(&request, Rest::of(&path)).await
    }

    async fn get(&self, path: &str, headers: &[(HeaderName, &str)]) -> Answer {
        let mut request = Request::new(());
        *request.uri_mut() = path.parse().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        self.ask(request).await
    }
}

fn header(answer: &Answer, name: HeaderName) -> &str {
    answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

async fn text(mut answer: Answer) -> String {
    let mut got = Vec::new();
    let mut body = std::pin::pin!(answer.body_mut());
    while let Some(frame) = std::future::poll_fn(|cx| hyper::body::Body::poll_frame(body.as_mut(), cx)).await
    {
        got.extend_from_slice(frame.unwrap().data_ref().unwrap());
    }
    String::from_utf8(got).unwrap()
}

#[tokio::test]
async fn a_file_is_sent_with_what_caches_need() {
    let site = site(|_| {});
    let answer = site.get("/ten.txt", &[]).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(header(&answer, CONTENT_TYPE), "text/plain; charset=utf-8");
    assert_eq!(header(&answer, CACHE_CONTROL), "public, max-age=43200");
    assert_eq!(header(&site.get("/", &[]).await, CACHE_CONTROL), "no-cache", "pages are asked for each time");
    let etag = header(&answer, ETAG).to_owned();
    let modified = header(&answer, LAST_MODIFIED).to_owned();
    assert_eq!(text(answer).await, "0123456789");

    for (fresh, name, value) in [
        (true, IF_NONE_MATCH, etag.clone()),
        (true, IF_NONE_MATCH, format!("\"other\", W/{etag}")),
        (true, IF_NONE_MATCH, "*".into()),
        (false, IF_NONE_MATCH, "\"other\"".into()),
        (true, IF_MODIFIED_SINCE, modified.clone()),
        (false, IF_MODIFIED_SINCE, "Thu, 01 Jan 1970 00:00:00 GMT".into()),
        (false, IF_MODIFIED_SINCE, "yesterday".into()),
    ] {
        let answer = site.get("/ten.txt", &[(name, &value)]).await;
        assert_eq!(answer.status() == StatusCode::NOT_MODIFIED, fresh, "{value}");
        assert_eq!(header(&answer, ETAG), etag);
        assert_eq!(text(answer).await.is_empty(), fresh);
    }
    // The tag decides where both are given.
    let both = [(IF_NONE_MATCH, "\"other\""), (IF_MODIFIED_SINCE, modified.as_str())];
    assert_eq!(site.get("/ten.txt", &both).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_part_is_sent_of_the_file_the_client_knows() {
    let site = site(|_| {});
    let answer = site.get("/ten.txt", &[(RANGE, "bytes=2-4")]).await;
    assert_eq!(answer.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(header(&answer, CONTENT_RANGE), "bytes 2-4/10");
    let etag = header(&answer, ETAG).to_owned();
    assert_eq!(text(answer).await, "234");

    let answer = site.get("/ten.txt", &[(RANGE, "bytes=10-")]).await;
    assert_eq!(answer.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(header(&answer, CONTENT_RANGE), "bytes */10");

    for (condition, status) in
        [(etag.as_str(), 206), ("\"other\"", 200), ("Thu, 01 Jan 1970 00:00:00 GMT", 200)]
    {
        let answer = site.get("/ten.txt", &[(RANGE, "bytes=-1"), (IF_RANGE, condition)]).await;
        assert_eq!(answer.status(), status, "{condition}");
    }
}

#[tokio::test]
async fn a_directory_shows_its_default_file_or_nothing() {
    let site = site(|options| options.cache_timeout = CacheTimeout::Untold);
    let answer = site.get("/", &[]).await;
    assert_eq!(header(&answer, CACHE_CONTROL), "");
    assert_eq!(header(&answer, CONTENT_TYPE), "text/html");
    assert_eq!(text(answer).await, "<h1>root</h1>");
    let answer = site.get("/sub%20dir?a=b", &[]).await;
    assert_eq!((answer.status(), header(&answer, LOCATION)), (StatusCode::FOUND, "/sub%20dir/?a=b"));
    // Never to another host.
    let answer = site.get("//sub%20dir", &[]).await;
    assert_eq!(header(&answer, LOCATION), "/sub%20dir/");
    for path in
        ["/sub%20dir/", "/ten.txt/", "/absent", "/out", "/../secret", "/%2e%2e/secret", "/sub%20dir%2f"]
    {
        assert_eq!(site.get(path, &[]).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn a_default_file_answers_where_there_is_nothing() {
    let site = site(|options| options.default_file = Some("ten.txt".into()));
    for path in ["/absent", "/absent/deep", "/sub%20dir/", "/ten.txt/", "/out"] {
        assert_eq!(text(site.get(path, &[]).await).await, "0123456789", "{path}");
    }
    assert_eq!(text(site.get("/", &[]).await).await, "<h1>root</h1>");
    assert_eq!(site.get("/..", &[]).await.status(), StatusCode::NOT_FOUND);
    fs::remove_file(site.dir.path().join("root/ten.txt")).unwrap();
    assert_eq!(site.get("/absent", &[]).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_listing_names_what_can_be_had() {
    let site = site(|options| {
        options.enable_directory_listing = true;
    });
    fs::remove_file(site.dir.path().join("root/index.html")).unwrap();
    let page = text(site.get("/", &[]).await).await;
    assert!(page.contains("<a href=\"./sub%20dir/\">sub dir/</a>"), "{page}");
    assert!(page.find("sub dir/").unwrap() < page.find("ten.txt").unwrap(), "directories come first");
    assert!(!page.contains(">out<") && !page.contains("../"), "{page}");
    let page = text(site.get("/sub%20dir/", &[]).await).await;
    assert!(page.contains("<a href=\"./%3Ca%3Ab%3E\">&lt;a:b&gt;</a>"), "{page}");
    assert!(page.contains("<a href=\"../\">"), "{page}");
    assert_eq!(text(site.get("/sub%20dir/%3Ca%3Ab%3E", &[]).await).await, "x");
}

#[tokio::test]
async fn what_goes_wrong_has_a_status_of_its_own() {
    let site = site(|_| {});
    let mut request = Request::new(());
    *request.method_mut() = Method::POST;
    assert_eq!(site.ask(request).await.status(), StatusCode::METHOD_NOT_ALLOWED);
    let root = site.dir.path().join("root");
    fs::set_permissions(root.join("ten.txt"), fs::Permissions::from_mode(0o000)).unwrap();
    if !rustix::process::geteuid().is_root() {
        assert_eq!(site.get("/ten.txt", &[]).await.status(), StatusCode::FORBIDDEN);
    }
    // Another directory in its place is served at once.
    fs::rename(&root, site.dir.path().join("old")).unwrap();
    assert_eq!(site.get("/ten.txt", &[]).await.status(), StatusCode::NOT_FOUND);
    fs::create_dir(&root).unwrap();
    fs::write(root.join("new.txt"), "new").unwrap();
    assert_eq!(text(site.get("/new.txt", &[]).await).await, "new");
}

#[tokio::test]
async fn several_parts_come_in_one_answer() {
    let site = site(|_| {});
    let answer = site.get("/ten.txt", &[(RANGE, "bytes=0-1,-2")]).await;
    assert_eq!(answer.status(), StatusCode::PARTIAL_CONTENT);
    let kind = header(&answer, CONTENT_TYPE).to_owned();
    let boundary = kind.strip_prefix("multipart/byteranges; boundary=").unwrap();
    let length = answer.body().length();
    let part = |range: &str, bytes: &str| {
        format!(
            "\r\n--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes {range}/10\r\n\r\n{bytes}"
        )
    };
    let expected = part("0-1", "01") + &part("8-9", "89") + &format!("\r\n--{boundary}--\r\n");
    assert_eq!(length, expected.len() as u64);
    assert_eq!(text(answer).await, expected);
}

#[tokio::test]
async fn a_client_that_means_another_state_is_told() {
    let site = site(|_| {});
    let etag = header(&site.get("/ten.txt", &[]).await, ETAG).to_owned();
    for (name, value, expected) in [
        (IF_MATCH, etag.as_str(), StatusCode::OK),
        (IF_MATCH, "*", StatusCode::OK),
        (IF_MATCH, "\"other\"", StatusCode::PRECONDITION_FAILED),
        (IF_UNMODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:37 GMT", StatusCode::PRECONDITION_FAILED),
        (IF_UNMODIFIED_SINCE, "Fri, 31 Dec 9999 23:59:59 GMT", StatusCode::OK),
        (IF_UNMODIFIED_SINCE, "no date", StatusCode::OK),
    ] {
        assert_eq!(site.get("/ten.txt", &[(name, value)]).await.status(), expected, "{value}");
    }
}

#[tokio::test]
async fn compressed_files_are_served_to_those_who_take_them() {
    let site = site(|options| options.precompressed = true);
    let root = site.dir.path().join("root");
    fs::write(root.join("ten.txt.gz"), "gzipped").unwrap();
    fs::write(root.join("index.html.br"), "br").unwrap();
    let answer = site.get("/ten.txt", &[(ACCEPT_ENCODING, "gzip, br")]).await;
    let said = [CONTENT_ENCODING, CONTENT_TYPE, VARY].map(|name| header(&answer, name).to_owned());
    assert_eq!(said, ["gzip", "text/plain; charset=utf-8", "Accept-Encoding"]);
    let etag = header(&answer, ETAG).to_owned();
    assert_eq!(text(answer).await, "gzipped");
    let plain = site.get("/ten.txt", &[]).await;
    assert_eq!((header(&plain, CONTENT_ENCODING), header(&plain, VARY)), ("", "Accept-Encoding"));
    assert_ne!(header(&plain, ETAG), etag);
    assert_eq!(text(plain).await, "0123456789");
    assert_eq!(text(site.get("/", &[(ACCEPT_ENCODING, "br")]).await).await, "br");
    let same = site.get("/ten.txt", &[(ACCEPT_ENCODING, "gzip"), (IF_NONE_MATCH, &etag)]).await;
    assert_eq!((same.status(), header(&same, CONTENT_ENCODING)), (StatusCode::NOT_MODIFIED, ""));
}
