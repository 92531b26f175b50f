"""All rows of the table."""

from . import relay, tls, web, websocket


def every():
    """In the order of the table."""
    return [row for part in (relay, tls, web, websocket) for row in part.rows()]
