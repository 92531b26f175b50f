"""A WSGI application behind a private Unix socket (PEP 3333). Connections are kept open by the router's reverse proxy; a
connection that waits for its next request, or for the rest of one, takes no thread."""

import os
import queue
import selectors
import socket
import sys
import threading
import time
from http import HTTPStatus
from urllib.parse import unquote_to_bytes

from . import load, records
from .incoming import Incoming

#: Seconds that a request which has begun may be silent for: as long as the router's proxy waits for an answer.
_SILENCE = 300
#: Once so many requests are coming in, no connection is accepted until one of them is whole.
_MOST_COMING = 1000


class Service:
    """An application, its threads, and the connections that wait."""

    def __init__(self, host, spec, listening):
        who = f"web service {spec['path']}"
        found = load.module(spec["module"], who)
        try:
            self._application = getattr(found, spec["object"])
        except AttributeError:
            raise load.Refused(f"{who}: the module \"{spec['module']}\" has no \"{spec['object']}\"") from None
        self._spec = spec
        self._listening = listening
        self._most = max(spec["maxthreads"], 1)
        self._least = max(spec["minthreads"], 0)
        self._work = queue.SimpleQueue()
        self._threads = 0
        self._idle = 0
        self._lock = threading.Lock()
        self._back, self._given = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._returned = queue.SimpleQueue()
        self._ending = False
        self._loop = host.loop
        #: Connection -> the request that has begun on it, and when it is given up.
        self._coming = {}
        self._accepts = False
        #: Connections that were handed to threads, and whether no more will be.
        self._running = 0
        self._closed = False
        self._ended = None

    def text(self):
        return f"WSGI application {self._spec['module']}:{self._spec['object']} at {self._spec['path']}"

    def begin(self):
        self._listening.setblocking(False)
        for _ in range(min(self._least, self._most)):
            self._add_thread()
        threading.Thread(target=self._attend, name="jackfield-wsgi", daemon=True).start()

    def end(self):
        """Accepts nothing more; what is done when no request runs."""
        import txaio

        self._ended = txaio.create_future()
        self._ending = True
        self._wake()
        return self._ended

    def _settle(self):
        """Called with the lock."""
        if self._closed and self._running == 0:
            import txaio

            self._loop.from_thread(lambda: txaio.is_called(self._ended) or txaio.resolve(self._ended, None))

    def _wake(self):
        try:
            os.write(self._given, b"x")
        except (BlockingIOError, OSError):
            pass

    def _attend(self):
        """Waits for connections and for their requests, and hands each to a thread."""
        waiting = selectors.DefaultSelector()
        waiting.register(self._back, selectors.EVENT_READ)
        while not self._closed:
            self._accept_or_not(waiting)
            for key, _ in waiting.select(self._patience()):
                if key.fileobj is self._listening:
                    try:
                        connection, _ = self._listening.accept()
                    except OSError:
                        continue
                    connection.setblocking(True)
                    waiting.register(connection, selectors.EVENT_READ)
                elif key.fileobj == self._back:
                    os.read(self._back, 4096)
                    while not self._returned.empty():
                        waiting.register(self._returned.get(), selectors.EVENT_READ)
                else:
                    self._receive(waiting, key.fileobj)
            self._give_up(waiting)
            if self._ending:
                self._close(waiting)

    def _accept_or_not(self, waiting):
        accepts = not self._ending and len(self._coming) < _MOST_COMING
        if accepts and not self._accepts:
            waiting.register(self._listening, selectors.EVENT_READ)
        elif self._accepts and not accepts:
            waiting.unregister(self._listening)
        self._accepts = accepts

    def _patience(self):
        """How long there is nothing to do but to wait; None: for ever."""
        first = min((until for _, until in self._coming.values()), default=None)
        return None if first is None else max(first - time.monotonic(), 0)

    def _receive(self, waiting, connection):
        """Takes what has come of a request; when it is whole, it goes to a thread."""
        request, _ = self._coming.pop(connection, (None, None))
        request = request or Incoming()
        try:
            data = connection.recv(65_536, socket.MSG_DONTWAIT)
            whole = bool(data) and request.take(data)
        except BlockingIOError:
            data, whole = b" ", False
        except (OSError, ValueError):
            data, whole = b"", False
        if whole:
            waiting.unregister(connection)
            self._hand_out(connection, request)
        elif data:
            self._coming[connection] = (request, time.monotonic() + _SILENCE)
        else:
            request.close()
            waiting.unregister(connection)
            connection.close()

    def _give_up(self, waiting):
        """Ends what has been silent for too long."""
        now = time.monotonic()
        for connection in [one for one, (_, until) in self._coming.items() if until <= now]:
            request, _ = self._coming.pop(connection)
            request.close()
            waiting.unregister(connection)
            connection.close()

    def _close(self, waiting):
        """Closes the connections that no request has begun on; it is over when the others have been handed out."""
        self._accept_or_not(waiting)
        for key, _ in waiting.select(0):
            if key.fileobj != self._back:
                self._receive(waiting, key.fileobj)
        for key in list(waiting.get_map().values()):
            if key.fileobj != self._back and key.fileobj not in self._coming:
                waiting.unregister(key.fileobj)
                key.fileobj.close()
        if not self._coming:
            with self._lock:
                self._closed = True
                self._settle()

    def _hand_out(self, connection, request):
        with self._lock:
            self._running += 1
            self._work.put((connection, request))
            needs = self._idle < self._work.qsize() and self._threads < self._most
        if needs:
            self._add_thread()

    def _add_thread(self):
        with self._lock:
            self._threads += 1
        threading.Thread(target=self._serve, name="jackfield-wsgi-request", daemon=True).start()

    def _serve(self):
        while True:
            with self._lock:
                self._idle += 1
            connection, request = self._work.get()
            with self._lock:
                self._idle -= 1
            try:
                keep = self._answer(connection, request)
            except (OSError, ValueError):
                keep = False
            except Exception as failed:
                records.error(f"{self.text()}: {records.trace(failed)}")
                keep = False
            if keep and not self._ending:
                self._returned.put(connection)
                self._wake()
            else:
                connection.close()
            with self._lock:
                self._running -= 1
                self._settle()

    def _answer(self, connection, request):
        """Answers one request; whether the connection can serve another."""
        try:
            answer = _Answer(connection, request.method)
            self._run(self._environ(request), answer)
            return answer.ends_by_itself
        finally:
            request.close()

    def _run(self, environ, answer):
        try:
            result = self._application(environ, answer.start)
            try:
                for part in result:
                    answer.write(part)
                answer.finish()
            finally:
                if hasattr(result, "close"):
                    result.close()
        except (BrokenPipeError, ConnectionResetError):
            answer.ends_by_itself = False
        except Exception as failed:
            records.error(f"{self.text()}: {environ['REQUEST_METHOD']} {environ['PATH_INFO']}:\n{records.trace(failed)}")
            answer.failed()

    def _environ(self, request):
        method, target, headers, content = request.method, request.target, request.headers, request.content
        path, _, query = target.partition("?")
        path = unquote_to_bytes(path).decode("latin-1")
        script = self._spec["path"].rstrip("/")
        if script and path.startswith(script):
            path = path[len(script):]
        scheme = headers.get("X-Forwarded-Proto", "http")
        name, _, port = headers.get("Host", "").rpartition(":") if ":" in headers.get("Host", "") else (
            headers.get("Host", ""), "", "")
        environ = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": script,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_PROTOCOL": "HTTP/1.1",
            "SERVER_NAME": name or "localhost",
            "SERVER_PORT": headers.get("X-Forwarded-Port", port or "80"),
            "REMOTE_ADDR": headers.get("X-Real-IP", ""),
            "REQUEST_URI": target,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": scheme,
            "wsgi.input": content,
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
        }
        if scheme == "https":
            environ["HTTPS"] = "on"
        for key, value in headers.items():
            key = key.upper().replace("-", "_")
            if key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
                environ[key] = value
            elif key != "PROXY":
                before = environ.get(f"HTTP_{key}")
                environ[f"HTTP_{key}"] = value if before is None else f"{before},{value}"
        if "CONTENT_LENGTH" not in environ and content.length is not None:
            environ["CONTENT_LENGTH"] = str(content.length)
        return environ


class _Answer:
    """An answer, written as the application gives it."""

    def __init__(self, connection, method):
        self._connection = connection
        self._has_content = method != "HEAD"
        self._head = None
        self._sent = False
        self._chunked = False
        self.ends_by_itself = True

    def start(self, status, headers, exc_info=None):
        if exc_info:
            try:
                if self._sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        elif self._head is not None:
            raise AssertionError("start_response was called before")
        self._head = (status, list(headers))
        return self.write

    def _send_head(self, whole=None):
        if self._head is None:
            raise AssertionError("the application has not called start_response")
        status, headers = self._head
        names = {name.lower() for name, _ in headers}
        code = int(status.split(None, 1)[0])
        if code in (204, 304) or code < 200:
            self._has_content = False
        elif "content-length" not in names and whole is not None:
            headers.append(("Content-Length", str(whole)))
        elif "content-length" not in names:
            headers.append(("Transfer-Encoding", "chunked"))
            self._chunked = True
        text = "".join(f"{name}: {value}\r\n" for name, value in headers)
        self._sent = True
        return f"HTTP/1.1 {status}\r\n{text}\r\n".encode("latin-1")

    def write(self, part):
        if not part and self._sent:
            return
        data = b"" if self._sent else self._send_head()
        if part and self._has_content:
            data += b"%x\r\n%b\r\n" % (len(part), part) if self._chunked else part
        self._connection.sendall(data)

    def finish(self):
        data = b"" if self._sent else self._send_head(0)
        if self._chunked and self._has_content:
            data += b"0\r\n\r\n"
        if data:
            self._connection.sendall(data)

    def failed(self):
        """Says that there is no answer, or breaks off what has begun."""
        self.ends_by_itself = False
        if self._sent:
            return
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        text = b"The application has failed; the node's log says why.\n"
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: text/plain\r\nContent-Length: {len(text)}\r\n"
        try:
            self._connection.sendall(f"{head}Connection: close\r\n\r\n".encode("latin-1") + text)
        except OSError:
            pass
