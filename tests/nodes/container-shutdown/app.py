from autobahn.twisted.wamp import ApplicationSession


class App(ApplicationSession):
    def onJoin(self, details):
        self.leave()
