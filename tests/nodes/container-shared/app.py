from autobahn.twisted.wamp import ApplicationSession


class Writer(ApplicationSession):
    def onJoin(self, details):
        self.config.shared["word"] = "shared"


class Reader(ApplicationSession):
    def onJoin(self, details):
        return self.register(lambda: self.config.shared["word"], "com.word")
