"""Log records: a record is one line on standard error, however many lines its text has."""

import importlib
import json
import logging
import os
import sys
import threading
import traceback

#: Before a record's line stands this character (RFC 7464), by which the node knows it.
SEPARATOR = "\x1e"
#: Most characters of a text: what is longer is cut in the middle, where a traceback says least.
LONGEST = 15_000

#: Files whose frames tell nobody anything.
_OURS = ("<jackfield>", "<frozen importlib", importlib.__file__)

_lock = threading.Lock()
_LEVELS = ((logging.ERROR, "error"), (logging.WARNING, "warn"), (logging.INFO, "info"))


def record(level, text):
    """Writes a record of this level: error, warn, info or debug."""
    if len(text) > LONGEST:
        half = LONGEST // 2
        text = f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"
    line = SEPARATOR + json.dumps({"level": level, "message": text}) + "\n"
    data = line.encode("utf-8", "replace")
    with _lock:
        while data:
            data = data[os.write(2, data):]


def error(text):
    record("error", text)


def warn(text):
    record("warn", text)


def info(text):
    record("info", text)


def debug(text):
    record("debug", text)


def trace(exception):
    """The traceback of an exception, without the frames of the host and of Python's import."""
    found = traceback.TracebackException.from_exception(exception)
    frames = [frame for frame in found.stack if not frame.filename.startswith(_OURS)]
    if frames:
        found.stack = traceback.StackSummary.from_list(frames)
    return "".join(found.format()).rstrip()


class _Handler(logging.Handler):
    """Records of the package `logging`."""

    def emit(self, entry):
        try:
            text = entry.getMessage()
            if entry.exc_info and entry.exc_info[1] is not None:
                text = f"{text}\n{trace(entry.exc_info[1])}"
            level = next((name for least, name in _LEVELS if entry.levelno >= least), "debug")
            record(level, text)
        except Exception:
            self.handleError(entry)


def begin():
    """Takes what is logged by `logging`, and exceptions that nobody has caught."""
    root = logging.getLogger()
    root.addHandler(_Handler())
    root.setLevel(logging.INFO)

    def uncaught(kind, exception, _trace):
        error(f"nobody has caught this exception:\n{trace(exception)}")

    sys.excepthook = uncaught
    threading.excepthook = lambda args: uncaught(args.exc_type, args.exc_value or args.exc_type(), None)
