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

    def text(self):
        return f"resource {self._spec['classname']} at {self._spec['path']}"

    def begin(self):
        import socket

        from twisted.web.resource import Resource
        from twisted.web.server import Site

        # Above it stand the segments of its path, as beside a router of Crossbar.io's.
        top = self._resource
        for segment in reversed([part for part in self._spec["path"].split("/") if part]):
            above = Resource()
            above.putChild(segment.encode(), top)
            top = above
        site = Site(top, requestFactory=_request())
        site.noisy = False
        self._listening.setblocking(False)
        self._port = self._reactor.adoptStreamPort(self._listening.fileno(), socket.AF_UNIX, site)

    def end(self):
        if self._port is not None:
            self._port.stopListening()
        import txaio

        # What runs is not waited for: Twisted closes its connections.
        return txaio.create_future_success(None)


def _request():
    from twisted.internet.address import IPv4Address, IPv6Address
    from twisted.web.server import Request

    class Told(Request):
        """A request as the proxy tells of it."""

        def getClientAddress(self):
            told = self.getHeader("x-real-ip") or ""
            return (IPv6Address if ":" in told else IPv4Address)("TCP", told, 0)

        def getClientIP(self):
            return self.getHeader("x-real-ip")

        def isSecure(self):
            return self.getHeader("x-forwarded-proto") == "https"

    return Told
