"""The host: what is configured for this process, from its start to its end."""

import os
import sys

from . import load, notify, records
from .watch import Watch

#: Seconds for all components to leave when the process is to end.
_LEAVE = 5.0


def main(order):
    """Runs what the node has ordered; the exit code."""
    records.begin()
    _title(order["title"])
    try:
        host = Host(order)
        host.prepare()
    except load.Refused as refused:
        records.error(str(refused))
        return 1
    return host.run()


def _title(title):
    try:
        from setproctitle import setproctitle
    except ImportError:
        return
    setproctitle(title)


class Host:
    """Everything in this process, and what is to become of it."""

    def __init__(self, order):
        self.order = order
        self.connect_timeout = order["connect_timeout"]
        self.expose_controller = order["expose_controller"]
        self.components = []
        self.services = []
        self.controller = None
        self.shared = None
        self.loop = None
        self.ending = False
        self._code = 0
        self._ready = False
        self._ended_by_us = False
        self._asked = False

    def prepare(self):
        """Imports what is configured, and finds out whose loop it wants."""
        reactor = self.order["reactor"]
        if reactor is not None:
            load.module("twisted", "options.reactor")
            from .on_twisted import choose

            choose(reactor)
        load.module("autobahn", "the host of components")
        found = [(spec, self._find(spec)) for spec in self.order["components"]]
        self.loop = self._choose_loop(found)
        self.loop.take_logs(self.order["log_level"])
        self.shared = {} if self.order["expose_shared"] else None
        if self.shared is not None and self.loop.name == "Twisted":
            self.shared["reactor"] = self.loop.reactor
        if self.expose_controller or any(spec["expose_controller"] for spec in self.order["authenticators"]):
            from .controller import Controller

            self.controller = Controller(self.order["node"], self.loop)
        self._make_components(found)
        self._make_services()

    def _find(self, spec):
        who = f"component {spec['id']}"
        if spec["type"] == "class":
            return load.thing(spec["classname"], who)
        return {name: load.thing(function, who) for name, function in spec["callbacks"].items()}

    def _choose_loop(self, found):
        asyncio_wamp = sys.modules.get("autobahn.asyncio.wamp")
        twisted_wamp = sys.modules.get("autobahn.twisted.wamp")
        kinds = {}
        for spec, thing in found:
            if spec["type"] != "class":
                continue
            for kind, module in (("asyncio", asyncio_wamp), ("Twisted", twisted_wamp)):
                if module and isinstance(thing, type) and issubclass(thing, module.ApplicationSession):
                    kinds.setdefault(kind, spec["id"])
                    break
            else:
                raise load.Refused(
                    f"component {spec['id']}: {spec['classname']} is no ApplicationSession of autobahn.twisted.wamp or "
                    "autobahn.asyncio.wamp"
                )
        if len(kinds) > 1:
            raise load.Refused(
                f"component {kinds['Twisted']} is of Twisted and component {kinds['asyncio']} of asyncio: a process has "
                "one of both; give one of them a container of its own"
            )
        resource = any(spec["type"] == "resource" for spec in self.order["services"])
        if resource and "asyncio" in kinds:
            raise load.Refused(
                f"component {kinds['asyncio']} is of asyncio, and resources are Twisted's: a process has one of both"
            )
        if "asyncio" in kinds or (not kinds and not resource and not _has("twisted")):
            from .on_asyncio import Loop
        else:
            load.module("twisted", "the host of components")
            from .on_twisted import Loop
        return Loop()

    def _make_components(self, found):
        from .component import Component, of_functions

        for spec, thing in found:
            if not isinstance(spec["extra"] or {}, dict):
                raise load.Refused(f"component {spec['id']}: extra is no object")
            spec["extra"] = dict(spec["extra"] or {}, cbdir=self.order["node"]["directory"])
            if spec["type"] != "class":
                thing = of_functions(self.loop.session_class(), thing, spec.get("auth"))
            self.components.append(Component(self, spec, thing))
        if self.order["authenticators"]:
            from .authenticators import component

            self.components.append(component(self, self.order))

    def _make_services(self):
        for spec in self.order["services"]:
            if spec["type"] == "wsgi":
                from .wsgi import Service
            else:
                from .resource import Service
            self.services.append(Service(self, spec, _socket(spec["socket"])))

    def run(self):
        self.loop.before_end(self._leave)
        self.loop.run(self._begin, self._terminate)
        if not self._ended_by_us and not self._asked:
            # Somebody's component has stopped the loop.
            lost = [component.id for component in self.components if component.state in ("connecting", "failed")]
            self._code = 1 if lost else 0
        return self._code

    def _begin(self):
        if self.order["watchdog"]:
            Watch(self.loop, self.order["watchdog"], self._whose, self.status).begin()
        for service in self.services:
            service.begin()
        for component in self.components:
            component.start()
        self.changed()

    def _terminate(self):
        """The node wants the process to end."""
        self._asked = True
        self.loop.stop()

    def _whose(self, frame):
        """The component whose code a frame is in, or was called by."""
        sessions = {id(one.session): one.id for one in self.components if one.session is not None}
        while frame is not None:
            name = sessions.get(id(frame.f_locals.get("self")))
            if name:
                return f"component {name}"
            frame = frame.f_back
        return None

    def _leave(self):
        """Lets all components leave and requests come to their end, and waits for that."""
        self.ending = True
        notify.stopping()
        if self.controller is not None:
            self.controller.ending()
        import txaio

        leaving = [service.end() for service in self.services]
        limit = max(_LEAVE, self.order["drain_timeout"]) if leaving else _LEAVE
        for component in self.components:
            session = component.session
            if session is not None and session.is_attached():
                left = txaio.create_future()
                session.on("disconnect", lambda *_args, left=left, **_kw: txaio.resolve(left, None))
                session.leave()
                leaving.append(left)
        return self.loop.gather(leaving, limit)

    def end(self, code, reason):
        """Ends the process."""
        if not self._ended_by_us:
            self._ended_by_us = True
            self._code = code
            (records.error if code else records.info)(reason)
            self.loop.stop()

    def status(self):
        """What there is to say of this process, in one line."""
        joined = sum(component.state == "joined" for component in self.components)
        parts = [f"{joined} of {len(self.components)} components joined"] if self.components else []
        parts += [service.text() for service in self.services]
        parts += [text for text in (component.text() for component in self.components) if text]
        return "; ".join(parts)

    def changed(self):
        """Something has changed that the node is to know."""
        notify.status(self.status())
        if not self._ready and all(component.was_joined for component in self.components):
            self._ready = True
            notify.ready()

    def ended(self, component, clean):
        """A component has stopped, or failed."""
        self.changed()
        if self.ending:
            return
        if not component.was_joined:
            self.end(1, f"component {component.id} has {component.state} at its start: ending")
            return
        shutdown, restart = self.order["shutdown"], self.order["restart"]
        left = [other for other in self.components if other.state not in ("stopped", "failed")]
        if shutdown == "shutdown-on-any-component-stopped" or (
            shutdown == "shutdown-on-any-component-failed" and not clean
        ):
            self.end(0 if clean else 1, f"component {component.id} has {component.state}: ending ({shutdown})")
        elif shutdown == "shutdown-on-last-component-stopped" and not left:
            self.end(0 if clean else 1, f"no component is left: ending ({shutdown})")
        elif restart == "restart-always" or (restart == "restart-on-failed" and not clean):
            component.again()


def _has(name):
    import importlib.util

    return importlib.util.find_spec(name) is not None


def _socket(name):
    """The listening socket of this name that the node has passed (sd_listen_fds(3))."""
    import socket

    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    return socket.socket(fileno=3 + names.index(name))
