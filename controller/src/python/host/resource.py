"""A resource of Twisted's behind a private Unix socket, told of the client by the router's reverse proxy."""

from . import load


class Service:
    """A resource, and the site that it is the only one of."""

    def __init__(self, host, spec, listening):
        who = f"web service {spec['path']}"
        load.module("twisted.web", who)
        made = load.thing(spec["classname"], who)
        from twisted.web.resource import Resource

        if not (isinstance(made, type) and issubclass(made, Resource)):
            raise load.Refused(f"{who}: {spec['classname']} is no twisted.web.resource.Resource")
        try:
            self._resource = made(spec["extra"] or {})
        except Exception as failed:
            from . import records

            raise load.Refused(f"{who}: {spec['classname']} can't be made:\n{records.trace(failed)}") from None
        self._spec = spec
        self._listening = listening
        self._reactor = host.loop.reactor
        self._port = None
        #: The transports of connections, and of those on which a request is not answered to the end.
        self._open = set()
        self._busy = set()
        #: What is done when no connection is left while it ends.
        self._ended = None

    def text(self):
        return f"resource {self._spec['classname']} at {self._spec['path']}"

    def begin(self):
        from twisted.web.resource import Resource

        # Above it stand the segments of its path, as beside a router of Crossbar.io's.
        top = self._resource
        for segment in reversed([part for part in self._spec["path"].split("/") if part]):
            above = Resource()
            above.putChild(segment.encode(), top)
            top = above
        site = _site(self)(top, requestFactory=_request(self))
        site.noisy = False
        self._listening.setblocking(False)
        self._port = _port()._fromListeningDescriptor(self._reactor, self._listening.fileno(), site)
        self._port.startListening()

    def end(self):
        """Accepts nothing more; what is done when no request runs and all answers are on their way."""
        import txaio

        if self._port is not None:
            self._port.stopListening()
        self._ended = txaio.create_future()
        for transport in self._open - self._busy:
            transport.loseConnection()
        self._settle()
        return self._ended

    @property
    def is_ending(self):
        return self._ended is not None

    def connected(self, connection):
        """Counts a connection until it is gone."""
        make, lost = connection.makeConnection, connection.connectionLost

        def made(transport):
            self._open.add(transport)

            def gone(reason):
                self._open.discard(transport)
                lost(reason)
                self._settle()

            connection.connectionLost = gone
            make(transport)

        connection.makeConnection = made

    def began(self, request):
        """Counts a request until it is answered, or its connection is gone."""
        transport = request.channel.transport
        self._busy.add(transport)
        request.notifyFinish().addBoth(lambda _result: self._busy.discard(transport))

    def _settle(self):
        import txaio

        if self.is_ending and not self._open and not txaio.is_called(self._ended):
            txaio.resolve(self._ended, None)


def _port():
    import os
    import socket

    from twisted.internet import unix
    from twisted.internet.address import UNIXAddress

    class Port(unix.Port):
        """A port at a socket of the node's, which goes to the host that comes after this one. Twisted lets everybody connect to
        a socket that it listens at, and at the end removes its name; it leaves those alone whose name is in no directory."""

        #: At the end, it is closed here and for nobody else.
        _shouldShutdown = False

        def __init__(self, *args, **named):
            super().__init__(*args, **named)
            self.backlog = socket.SOMAXCONN

        def _buildAddr(self, name):
            return UNIXAddress(b"\0" + os.fsencode(name) if name else None)

    return Port


def _site(service):
    from twisted.web import server

    class Site(server.Site):
        """A site whose connections are known to the service."""

        def buildProtocol(self, address):
            connection = super().buildProtocol(address)
            service.connected(connection)
            return connection

    return Site


def _request(service):
    from twisted.internet.address import IPv4Address, IPv6Address
    from twisted.web.server import Request

    class Told(Request):
        """A request as the proxy tells of it."""

        def __init__(self, *args, **named):
            super().__init__(*args, **named)
            service.began(self)

        def process(self):
            if service.is_ending:
                # The connection serves no other.
                self.setHeader(b"connection", b"close")
            super().process()

        def finish(self):
            if service.is_ending and self.channel is not None:
                self.channel.persistent = False
            super().finish()

        def getClientAddress(self):
            told = self.getHeader("x-real-ip") or ""
            return (IPv6Address if ":" in told else IPv4Address)("TCP", told, 0)

        def getClientIP(self):
            return self.getHeader("x-real-ip")

        def isSecure(self):
            return self.getHeader("x-forwarded-proto") == "https"

    return Told
