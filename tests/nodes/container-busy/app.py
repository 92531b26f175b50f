from autobahn.twisted.util import sleep
from autobahn.twisted.wamp import ApplicationSession
from twisted.internet.defer import inlineCallbacks


class App(ApplicationSession):
    @inlineCallbacks
    def onJoin(self, details):
        yield self.register(lambda a, b: a + b, "com.add")
        while True:
            yield sleep(1)
