"""What components see of the node, with `expose_controller`."""

import subprocess

import txaio
from autobahn.wamp.exception import ApplicationError


class Controller:
    """Answers what Crossbar.io's controller session is called for by components: `crossbar.shutdown`."""

    def __init__(self, node):
        self.node = node

    def call(self, procedure, *_args, **_kwargs):
        if procedure == "crossbar.shutdown":
            command = [f"/proc/{self.node['controller']}/exe", "stop", "--dir", self.node["directory"]]
            # The node's end is ours, too: it is not waited for.
            subprocess.Popen(command, start_new_session=True, stdin=subprocess.DEVNULL)
            return txaio.create_future_success(None)
        error = ApplicationError("wamp.error.no_such_procedure", f"the node answers crossbar.shutdown, not {procedure}")
        return txaio.create_future_error(txaio.create_failure(error))
