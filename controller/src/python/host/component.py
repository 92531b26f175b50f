"""One component: from connecting to the end of its session, and again if that is wanted."""

import inspect
import time

import txaio
from autobahn.wamp import message
from autobahn.wamp.exception import TransportLost
from autobahn.wamp.types import ComponentConfig

from . import records

#: Reasons of an end that says nothing of the component: its router has gone, and comes back.
_OF_ROUTER = ("wamp.close.transport_lost", "wamp.close.system_shutdown")
#: Seconds between two attempts to connect: at first, at most.
_PAUSE = (0.02, 1.0)
#: Seconds after which a component counts as joined whose `onJoin` goes on.
_SETTLED = 1.0
#: Seconds for a restarted component to stay, or the pause before the next start of it doubles.
_SHORT = 1.0


class Component:
    """A component of the configuration. `make` gives it a session, `host` is told what becomes of it."""

    def __init__(self, host, spec, make):
        self.host = host
        self.spec = spec
        self.id = spec["id"]
        self.make = make
        self.session = None
        #: It is connecting, joining, joined, stopped or failed.
        self.state = "connecting"
        self.reason = None
        self.was_joined = False
        self._since = 0.0
        self._began = 0.0
        self._pause = _PAUSE[0]
        self._restarts = 0

    def start(self):
        """Begins to connect; that is tried until `connect_timeout` is over."""
        self.state, self.reason = "connecting", None
        self._began = time.monotonic()
        self._pause = _PAUSE[0]
        self._connect()

    def again(self):
        """Starts it anew, after a pause if its last session was a short one."""
        short = time.monotonic() - self._since < _SHORT
        self._restarts = self._restarts + 1 if short else 0
        self.state = "connecting"
        self.host.loop.later(min(0.1 * 2 ** min(self._restarts, 9), 30.0) if self._restarts else 0.0, self.start)

    def _connect(self):
        if self.host.ending:
            return
        self.session = None
        transport = self.spec["transport"]
        try:
            self.host.loop.connect(transport, self._open, self._not_connected)
        except Exception as failed:
            # A serializer, a package or a file that is not there: trying again does not help.
            reason = " ".join(str(failed).split()) or type(failed).__name__
            named = reason.startswith(f"{transport['name']}: ")
            self._end("failed", reason if named else f"{transport['name']}: {reason}", clean=False)

    def _not_connected(self, reason):
        if self.host.ending:
            return
        self.reason = f"{self.spec['transport']['name']}: {reason}"
        waited = time.monotonic() - self._began
        limit = self.host.connect_timeout
        if waited > limit:
            self._end("failed", f"can't reach its router for {limit:.0f} s: {self.reason}", clean=False)
            return
        self.host.changed()
        self.host.loop.later(self._pause, self._connect)
        self._pause = min(self._pause * 2, _PAUSE[1])

    def _open(self):
        """A connection stands: the session for it."""
        self.state = "joining"
        self._since = time.monotonic()
        try:
            session = self.make(self._config())
        except Exception as failed:
            self._end("failed", f"can't be made:\n{records.trace(failed)}", clean=False)
            raise
        self.session = session
        ends = _Ends()
        self._hear(session, ends)
        return session

    def _config(self):
        config = ComponentConfig(realm=self.spec["realm"], extra=self.spec["extra"])
        config.controller = self.host.controller if self.host.expose_controller else None
        config.shared = self.host.shared
        return config

    def _hear(self, session, ends):
        leave, disconnect, opened, on_leave = session.leave, session.disconnect, session.onOpen, session.onLeave
        on_join, register = session.onJoin, session.register

        def leaving(*args, **kwargs):
            ends.own = True
            return leave(*args, **kwargs)

        def disconnecting(*args, **kwargs):
            # What follows on the router's GOODBYE is no decision of the component.
            ends.own = ends.own or not ends.left
            return disconnect(*args, **kwargs)

        def registering(endpoint, procedure=None, *args, **kwargs):
            if procedure in self.host.order["authorizers"]:
                endpoint = _with_options(endpoint)
            return register(endpoint, procedure, *args, **kwargs)

        def opening(transport):
            if self.spec.get("trusted"):
                _as_configured(transport, self.spec)
            return opened(transport)

        def swallow(failure, text):
            exception = failure.value if hasattr(failure, "value") else failure
            if _is_an_end(exception) and (ends.left is not None or not session.is_connected()):
                # What it had asked for has ended with its session; the reason of that decides, and is heard of below.
                return
            ends.failed = f"{text[:1].lower()}{text[1:]}:\n{records.trace(exception)}"
            records.error(f"component {self.id}: {ends.failed}")
            disconnect()

        def left(details):
            # Heard before the component itself does, which usually disconnects then.
            ends.left, ends.text = details.reason, details.message
            return on_leave(details)

        def ready(*_):
            if self.session is session and self.state == "joining" and ends.failed is None and session.is_attached():
                self.state, self.reason, self.was_joined = "joined", None, True
                records.info(f"component {self.id} has joined {self.spec['realm']} (session {session._session_id})")
                self.host.changed()

        def joining(details):
            # On asyncio Autobahn does not wait for it, and leaves its exceptions to nobody.
            ends.joined = True
            done = txaio.as_future(on_join, details)
            txaio.add_callbacks(done, ready, lambda failure: swallow(failure, "While firing onJoin"))
            # Some never return: what it does in this time, it does.
            self.host.loop.later(_SETTLED, ready)
            return done

        def disconnected(_session, was_clean=True):
            self.session = None
            self._ended(ends)

        session.leave, session.disconnect, session.onOpen, session.onLeave = leaving, disconnecting, opening, left
        session.onJoin, session.register = joining, registering
        session._swallow_error = swallow
        session.on("disconnect", disconnected)

    def _ended(self, ends):
        """The connection is gone: why decides what comes next."""
        joined = ends.joined
        if ends.failed is not None:
            # Its text stands in the log already.
            self._end("failed", ends.failed.splitlines()[-1], clean=False, said=True)
        elif self.host.ending:
            self._end("stopped", "the host ends", clean=True, said=True)
        elif ends.own and (joined or ends.left not in _OF_ROUTER):
            self.was_joined = self.was_joined or joined
            self._end("stopped", "it has left by itself", clean=True)
        elif ends.left is None or ends.left in _OF_ROUTER:
            if joined:
                records.warn(f"component {self.id} has lost its router ({ends.left}), and joins again")
                self.start()
                self.host.changed()
            else:
                self._not_connected("the connection was closed before there was a session")
        else:
            text = f": {ends.text}" if ends.text else ""
            self._end("failed", f"its router has ended the session: {ends.left}{text}", clean=False)

    def _end(self, state, reason, clean, said=False):
        if self.state in ("stopped", "failed"):
            return
        self.state, self.reason = state, reason
        if not said:
            (records.info if clean else records.error)(f"component {self.id} has {state}: {reason}")
        self.host.ended(self, clean)

    def text(self):
        """What there is to say of it, if it is not as it should be."""
        if self.state == "joined":
            return None
        reason = f": {self.reason.splitlines()[0]}" if self.reason else ""
        return f"{self.id} is {self.state}{reason}" if self.state != "failed" else f"{self.id} has failed{reason}"


class _Ends:
    """How a session ends."""

    def __init__(self):
        #: Whether it has joined before.
        self.joined = False
        #: Whether the component itself wants it.
        self.own = False
        #: The reason and the text of the session's end, and what has failed.
        self.left = None
        self.text = None
        self.failed = None


def _is_an_end(exception):
    """Whether a request has failed because its session is over."""
    return isinstance(exception, TransportLost) or str(getattr(exception, "error", "")).startswith("wamp.close.")


def _with_options(authorizer):
    """The same for one that was written before authorizers were told of a request's options."""

    def takes(count):
        try:
            inspect.signature(authorizer).bind(*[None] * count)
        except (TypeError, ValueError):
            return False
        return True

    if not callable(authorizer) or takes(4) or not takes(3):
        return authorizer
    return lambda session, uri, action, _options: authorizer(session, uri, action)


def _as_configured(transport, spec):
    """Lets a component of a router join with its configured role, whatever it asks for: who can open the connection is
    trusted with that."""
    send = transport.send

    def sending(sent):
        if isinstance(sent, message.Hello):
            sent.authmethods = ["anonymous-proxy"]
            sent.authextra = {
                "proxy_realm": sent.realm or spec["realm"],
                "proxy_authid": spec["id"],
                "proxy_authrole": spec["role"],
                "proxy_authextra": sent.authextra,
            }
        return send(sent)

    transport.send = sending


def of_functions(session_class, callbacks, auth):
    """Makes sessions that call functions."""

    class Session(session_class):
        def onConnect(self):
            if not auth:
                self.join(self.config.realm)
                return
            fields = next(iter(auth.values()))
            keep = {key: fields[key] for key in ("authid", "authrole", "authextra") if key in fields}
            self.join(self.config.realm, authmethods=list(auth), **keep)

        def onChallenge(self, challenge):
            return _answer(challenge, auth)

    def make(config):
        session = Session(config)
        for name, function in callbacks.items():
            session.on(name, function)
        return session

    return make


def _answer(challenge, auth):
    from autobahn.wamp.auth import create_authenticator

    fields = dict(auth.get(challenge.method, {}))
    return create_authenticator(challenge.method, **fields).on_challenge(None, challenge)
