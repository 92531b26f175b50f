"""Three components: what `print` and `self.log` say is in the node's log."""

import time

from autobahn.twisted.wamp import ApplicationSession
from twisted.internet.task import LoopingCall


class Adder(ApplicationSession):
    """Can be called."""

    def onJoin(self, details):
        return self.register(lambda a, b: a + b, "com.example.add")


class Clock(ApplicationSession):
    """Publishes the time."""

    def onJoin(self, details):
        self.ticking = LoopingCall(lambda: self.publish("com.example.time", time.strftime("%H:%M:%S")))
        self.ticking.start(self.config.extra["seconds"])

    def onLeave(self, details):
        self.ticking.stop()
        super().onLeave(details)


class Listener(ApplicationSession):
    """Says what time it is."""

    def onJoin(self, details):
        return self.subscribe(lambda now: self.log.info("it is {now}", now=now), "com.example.time")
