from autobahn.twisted.wamp import ApplicationSession
from twisted.internet.defer import inlineCallbacks


class App(ApplicationSession):
    @inlineCallbacks
    def onJoin(self, details):
        print("standard output of", details.authrole)
        self.log.info("logged by {role}", role=details.authrole)
        yield self.register(lambda a, b: a + b, "com.add")
        yield self.register(lambda: [details.authrole, details.realm], "com.who")
