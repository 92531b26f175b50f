"""All rows of the table."""

from . import balance, begin, disturbed, idle, logs, relay, tls, wamp, web, websocket


def every():
    """In the order of the table."""
    parts = (relay, tls, web, websocket, wamp, idle, balance, begin, disturbed, logs)
    return [row for part in parts for row in part.rows()]
