"""Sees that the loop is blocked: by code of a component that does not give it back."""

import sys
import threading
import time
import traceback

from . import notify, records


class Watch:
    """A thread that looks whether the loop goes on; `who` tells whose frame it is in."""

    def __init__(self, loop, seconds, who, status):
        self._loop = loop
        self._limit = seconds
        self._step = max(seconds / 4, 0.05)
        self._who = who
        self._status = status
        self._last = time.monotonic()
        self._main = threading.main_thread().ident

    def begin(self):
        self._tick()
        threading.Thread(target=self._look, name="jackfield-watch", daemon=True).start()

    def _tick(self):
        self._last = time.monotonic()
        self._loop.later(self._step, self._tick)

    def _look(self):
        blocked = None
        while True:
            time.sleep(self._step)
            last = self._last
            silent = time.monotonic() - last
            if blocked is not None and last != blocked:
                records.warn(f"the loop goes on, after it was blocked for {last - blocked:.1f} s")
                notify.status(self._status())
                blocked = None
            elif blocked is None and silent > self._limit:
                blocked = last
                frame = sys._current_frames().get(self._main)
                who = self._who(frame) or "something"
                stack = "".join(traceback.format_stack(frame)) if frame else ""
                text = f"{who} has blocked the loop for {silent:.1f} s: nothing else in this process goes on"
                notify.status(text)
                records.error(f"{text}\n{stack}".rstrip())
