"""What the host says of itself to the node (sd_notify(3))."""

import os
import socket

_last = None


def _send(text):
    name = os.environ.get("NOTIFY_SOCKET")
    if not name:
        return
    address = "\0" + name[1:] if name.startswith("@") else name
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        try:
            sender.sendto(text.encode("utf-8", "replace"), address)
        except OSError:
            # The node is gone, and will take us with it.
            pass


def ready():
    """Says that everything configured is there."""
    _send("READY=1")


def status(text):
    """Says what the host does, in one line for people."""
    global _last
    line = " ".join(text.split())[:400]
    if line != _last:
        _last = line
        _send(f"STATUS={line}")


def stopping():
    """Says that the end has begun."""
    _send("STOPPING=1")
