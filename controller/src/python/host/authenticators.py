"""Authenticators that are functions: called by the router as procedures."""

import txaio

from . import load
from .component import Component


def component(host, order):
    """The component that has them."""
    specs = order["authenticators"]
    made = []
    for spec in specs:
        who = f"authenticator {spec['create']}"
        made.append((spec["procedure"], load.thing(spec["create"], who), spec))

    class Authenticators(host.loop.session_class()):
        def onJoin(self, _details):
            return self._register(0)

        def _register(self, index):
            """Makes and registers those from this one on."""
            if index == len(made):
                return None
            procedure, create, spec = made[index]
            controller = host.controller if spec["expose_controller"] else None
            created = txaio.as_future(create, spec["config"], controller)
            after = txaio.create_future()

            def registered(_registration):
                rest = txaio.as_future(self._register, index + 1)
                txaio.add_callbacks(rest, lambda _: txaio.resolve(after, None), lambda e: txaio.reject(after, e))

            def have(function):
                done = self.register(function, procedure)
                txaio.add_callbacks(done, registered, lambda e: txaio.reject(after, e))

            txaio.add_callbacks(created, have, lambda e: txaio.reject(after, e))
            return after

    spec = dict(order["authenticator_session"], extra={})
    return Component(host, spec, Authenticators)
