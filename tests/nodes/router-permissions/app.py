from autobahn.twisted.wamp import ApplicationSession
from autobahn.wamp.exception import ApplicationError
from twisted.internet.defer import inlineCallbacks


class App(ApplicationSession):
    @inlineCallbacks
    def onJoin(self, details):
        try:
            yield self.register(lambda: 1, "com.strong")
        except ApplicationError as refused:
            yield self.register(lambda error=refused.error: error, "com.weak.refusal")
