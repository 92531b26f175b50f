"""What components see of the node, with `expose_controller`."""

import subprocess
import threading

import txaio
from autobahn.wamp.exception import ApplicationError


class Controller:
    """Answers what Crossbar.io's controller session is called for by components: `crossbar.shutdown`."""

    def __init__(self, node, loop):
        self._node = node
        self._loop = loop
        self._asked = []

    def call(self, procedure, *_args, **_kwargs):
        if procedure == "crossbar.shutdown":
            answer = txaio.create_future()
            self._asked.append(answer)
            threading.Thread(target=self._stop, name="jackfield-stop", daemon=True).start()
            return answer
        return _failed("wamp.error.no_such_procedure", f"the node answers crossbar.shutdown, not {procedure}")

    def _stop(self):
        """Tells the node to stop. The command waits for the node's end, which is ours, too: it returns earlier only when
        it has failed."""
        command = [f"/proc/{self._node['controller']}/exe", "stop", "--dir", self._node["directory"]]
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
            )
        except OSError as error:
            code, reason = 1, str(error)
        else:
            code, reason = done.returncode, done.stderr.strip()
        if code:
            self._loop.from_thread(lambda: self._resolve(f"the node can't be stopped: {reason}"))

    def ending(self):
        """The process is to end: what was asked for is done."""
        self._resolve(None)

    def _resolve(self, failure):
        asked, self._asked = self._asked, []
        for answer in asked:
            if txaio.is_called(answer):
                continue
            if failure is None:
                txaio.resolve(answer, None)
            else:
                txaio.reject(answer, txaio.create_failure(ApplicationError("wamp.error.canceled", failure)))


def _failed(uri, text):
    return txaio.create_future_error(txaio.create_failure(ApplicationError(uri, text)))
