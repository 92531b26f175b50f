"""Factories of Autobahn's for the connections of components."""

import os

from .load import Refused

_RAWSOCKET = {"json": "JsonSerializer", "msgpack": "MsgPackSerializer", "cbor": "CBORSerializer"}
_PACKAGES = {"msgpack": "msgpack", "cbor": "cbor2"}


class Attempt:
    """One attempt to connect, which ends with a session, or fails once."""

    def __init__(self, open_session, failed):
        self._open_session = open_session
        self._failed = failed

    def open(self):
        """Gives the session, when the other side has agreed to speak WAMP."""
        self._failed = None
        return self._open_session()

    def lost(self, protocol):
        """The connection is gone; after the session was there, that is the session's affair."""
        failed, self._failed = self._failed, None
        if failed is not None:
            reason = getattr(protocol, "wasNotCleanReason", None)
            failed(reason or "the connection was closed before WAMP was spoken")


def serializer(name, wanted_by):
    """A serializer of this name."""
    from autobahn.wamp import serializer as known

    found = getattr(known, _RAWSOCKET.get(name, ""), None)
    if found is None:
        from .load import install

        package = _PACKAGES.get(name, "autobahn[serialization]")
        raise Refused(f"{wanted_by}: the serializer \"{name}\" is not there; {install(package)}")
    return found()


def factory(transport, open_session, websocket, rawsocket):
    """A factory for connections by this transport, of these modules of Autobahn."""
    if transport["type"] == "rawsocket":
        wanted = transport["serializer"]
        made = rawsocket.WampRawSocketClientFactory(
            open_session, serializer(wanted, transport["name"]) if wanted else None
        )
        made.setProtocolOptions(maxMessagePayloadSize=transport["max_message_size"])
    else:
        wanted = transport["serializers"]
        found = [serializer(name, transport["name"]) for name in wanted] if wanted else None
        made = websocket.WampWebSocketClientFactory(open_session, url=transport["url"], serializers=found)
        made.setProtocolOptions(**transport["options"])
        if transport["compress"]:
            made.setProtocolOptions(**_compression())
    made.noisy = False
    return made


def _compression():
    from autobahn.websocket.compress import (
        PerMessageDeflateOffer,
        PerMessageDeflateResponse,
        PerMessageDeflateResponseAccept,
    )

    def accept(response):
        if isinstance(response, PerMessageDeflateResponse):
            return PerMessageDeflateResponseAccept(response)
        return None

    return {
        "perMessageCompressionOffers": [PerMessageDeflateOffer()],
        "perMessageCompressionAccept": accept,
    }


#: Descriptors of the directories of sockets whose paths are too long, by directory.
_directories = {}


def unix_path(path):
    """The path of a Unix socket, by a descriptor of its directory where it is too long for an address."""
    if len(os.fsencode(path)) < 108:
        return path
    name = os.path.dirname(path)
    directory = _directories.get(name)
    if directory is None or not os.path.samestat(os.fstat(directory), os.stat(name)):
        # One of a directory that was replaced is of no use any more.
        if directory is not None:
            os.close(_directories.pop(name))
        directory = _directories[name] = os.open(name, os.O_PATH | os.O_CLOEXEC)
    return f"/proc/self/fd/{directory}/{os.path.basename(path)}"
