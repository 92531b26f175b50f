def application(environ, start_response):
    """Says what it was asked."""
    if environ["PATH_INFO"] == "/fails":
        raise RuntimeError("as it is meant to")
    content = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    keys = ("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "REMOTE_ADDR", "wsgi.url_scheme", "HTTP_HOST")
    yield " ".join(environ[key] for key in keys).encode()
    yield b" " + content
