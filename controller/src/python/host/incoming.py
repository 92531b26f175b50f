"""A request as it comes in over a private Unix socket: what is there is taken, and nothing is waited for."""

import io
import tempfile
from http.client import parse_headers

#: Longest line, and most bytes of a head.
_LINE = 65_536
#: Longest content that is kept in memory; longer content goes to a file.
_IN_MEMORY = 65_536


class Incoming:
    """A request, as far as it has come."""

    def __init__(self):
        self.method = self.target = self.headers = None
        #: A file at its beginning, with its length; that is None where the client has announced none.
        self.content = None
        self._bytes = bytearray()
        self._step = self._head
        self._left = self._length = 0

    def take(self, data):
        """Takes what has come; whether the request is whole. ValueError: it is none."""
        self._bytes += data
        while self._step is not None and self._step():
            pass
        return self._step is None

    def close(self):
        """Forgets the content."""
        if self.content is not None:
            self.content.close()

    def _until(self, mark):
        """What comes before a mark, both taken; None if it is not there yet."""
        at = self._bytes.find(mark)
        if at < 0:
            if len(self._bytes) > _LINE:
                raise ValueError("a line or a head is too long")
            return None
        found = bytes(self._bytes[:at])
        del self._bytes[: at + len(mark)]
        return found

    def _head(self):
        head = self._until(b"\r\n\r\n")
        if head is None:
            return False
        line, _, rest = head.partition(b"\r\n")
        self.method, self.target, _version = line.decode("latin-1").split(None, 2)
        self.headers = parse_headers(io.BytesIO(rest + b"\r\n\r\n"))
        self.content = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            self._step = self._size
        else:
            self._left = int(self.headers.get("Content-Length") or 0)
            if self._left < 0:
                raise ValueError("a length below 0")
            self._step = self._whole
        return True

    def _some(self):
        """Takes what is there of a part; whether it has ended."""
        part = self._bytes[: self._left]
        del self._bytes[: len(part)]
        self.content.write(part)
        self._length += len(part)
        self._left -= len(part)
        return self._left == 0

    def _whole(self):
        return self._some() and self._end()

    def _size(self):
        line = self._until(b"\r\n")
        if line is None:
            return False
        self._left = int(line.split(b";")[0], 16)
        self._step = self._chunk if self._left else self._trailer
        return True

    def _chunk(self):
        if not self._some():
            return False
        self._step = self._after_chunk
        return True

    def _after_chunk(self):
        if len(self._bytes) < 2:
            return False
        del self._bytes[:2]
        self._step = self._size
        return True

    def _trailer(self):
        line = self._until(b"\r\n")
        return line is not None and (bool(line) or self._end())

    def _end(self):
        if self._bytes:
            # A proxy sends its next request when it has the answer.
            raise ValueError("there is more than a request")
        announced = "Content-Length" in self.headers or "Transfer-Encoding" in self.headers
        self.content.seek(0)
        self.content.length = self._length if announced else None
        self._step = None
        return True
