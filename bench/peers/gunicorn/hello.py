# What static web servers serve here, as a WSGI application.
CONTENT = b"s" * 1000


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "1000")])
    return [CONTENT]


bind = "@ADDRESS@:@PORT@"
workers = @PROCESSES@
worker_class = "gthread"
threads = 16
keepalive = 75
reuse_port = False
backlog = 1024
loglevel = "error"
