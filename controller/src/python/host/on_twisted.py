"""The loop of Twisted."""

import re
import signal
import sys

from . import records
from .load import Refused, install
from .transport import Attempt, factory, unix_path


def choose(name):
    """Installs the reactor of this name, before somebody imports one."""
    if name is None or "twisted.internet.reactor" in sys.modules:
        return
    import importlib

    try:
        importlib.import_module(f"twisted.internet.{name}reactor").install()
    except ImportError as failed:
        raise Refused(f"options.reactor: Twisted has no reactor \"{name}\" here: {failed}") from None


class Loop:
    """Twisted's reactor."""

    name = "Twisted"

    def __init__(self):
        import txaio

        txaio.use_twisted()
        from twisted.internet import reactor

        self.reactor = reactor

    def session_class(self):
        from autobahn.twisted.wamp import ApplicationSession

        return ApplicationSession

    def take_logs(self, level):
        """Makes records of what is logged by Twisted and by Autobahn."""
        import txaio
        from twisted.logger import formatEvent, globalLogBeginner

        txaio.set_global_log_level(level)
        order = ("error", "warn", "info", "debug")

        def observe(event):
            found = getattr(event.get("log_level"), "name", "info")
            found = "error" if found == "critical" else found
            if found == "info" and str(event.get("log_namespace") or "").startswith("twisted.internet"):
                # What Twisted does is of no interest to operators.
                found = "debug"
            if order.index(found) > order.index(level):
                return
            text = formatEvent(event) or ""
            failure = event.get("log_failure")
            if failure is not None and getattr(failure, "value", None) is not None:
                trace = records.trace(failure.value)
                if failure.value.__traceback__ is None:
                    trace = failure.getTraceback().rstrip()
                text = f"{text}\n{trace}" if text else trace
            if text:
                records.record(found, text)

        globalLogBeginner.beginLoggingTo([observe], discardBuffer=False, redirectStandardIO=False)

    def later(self, seconds, function):
        self.reactor.callLater(seconds, function)

    def from_thread(self, function):
        """Calls a function in the loop, from another thread."""
        self.reactor.callFromThread(function)

    def connect(self, transport, open_session, failed):
        """Connects; `open_session` is called when the connection stands, `failed` with the reason if it does not."""
        from autobahn.twisted import rawsocket, websocket

        attempt = Attempt(open_session, failed)
        made = factory(transport, attempt.open, websocket, rawsocket)

        def connected(protocol):
            lost = protocol.connectionLost

            def gone(reason):
                lost(reason)
                attempt.lost(protocol)

            protocol.connectionLost = gone

        connecting = self._endpoint(transport["endpoint"]).connect(made)
        connecting.addCallbacks(connected, lambda failure: failed(_reason(failure)))

    def _endpoint(self, endpoint):
        from twisted.internet import endpoints

        timeout = endpoint["timeout"] or 30
        if endpoint["type"] == "unix":
            made = endpoints.UNIXClientEndpoint(self.reactor, unix_path(endpoint["path"]), timeout=timeout)
        else:
            made = endpoints.HostnameEndpoint(self.reactor, endpoint["host"], endpoint["port"], timeout=timeout)
        return endpoints.wrapClientTLS(_tls(endpoint["tls"]), made) if endpoint["tls"] else made

    def before_end(self, function):
        """Calls a function before the loop ends; if that gives something to wait for, it is waited for."""
        self.reactor.addSystemEventTrigger("before", "shutdown", function)

    def gather(self, futures, seconds):
        """What is done when all of these are, or this time is over."""
        from twisted.internet.defer import DeferredList

        every = DeferredList(futures, consumeErrors=True)
        every.addTimeout(seconds, self.reactor)
        every.addErrback(lambda _failure: None)
        return every

    def run(self, begin, terminate):
        """Runs until it is stopped; `begin` is called in it, and `terminate` when the process is to end."""

        def running():
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: self.reactor.callFromThread(terminate))
            begin()

        self.reactor.callWhenRunning(running)
        self.reactor.run()

    def stop(self):
        if self.reactor.running:
            self.reactor.callLater(0, _stop, self.reactor)


def _stop(reactor):
    from twisted.internet.error import ReactorNotRunning

    try:
        reactor.stop()
    except ReactorNotRunning:
        pass


def _reason(failure):
    value = failure.value
    return " ".join(str(value).split()) or type(value).__name__


def _tls(tls):
    try:
        from twisted.internet import ssl
    except ImportError as missing:
        raise Refused(f"TLS needs \"{missing.name}\"; {install('twisted[tls]')}") from None
    options = {}
    if tls["ca_certificates"]:
        trusted = [one for path in tls["ca_certificates"] for one in _certificates(path)]
        options["trustRoot"] = ssl.trustRootFromCertificates([ssl.Certificate.loadPEM(one) for one in trusted])
    if tls["key"] and tls["certificate"]:
        own, *between = _certificates(tls["certificate"])
        options["clientCertificate"] = ssl.PrivateCertificate.loadPEM(_read(tls["key"]) + b"\n" + own)
        if between:
            chain = [ssl.Certificate.loadPEM(one).original for one in between]
            options["extraCertificateOptions"] = {"extraCertChain": chain}
    return ssl.optionsForClientTLS(tls["hostname"], **options)


def _certificates(path):
    """Each certificate of a file: Twisted takes the first one alone."""
    found = re.findall(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", _read(path), re.DOTALL)
    if not found:
        raise Refused(f"{path}: there is no certificate in it")
    return [one + b"\n" for one in found]


def _read(path):
    with open(path, "rb") as file:
        return file.read()
