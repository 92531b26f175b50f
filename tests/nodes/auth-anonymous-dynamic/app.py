from autobahn.twisted.wamp import ApplicationSession


class Authenticator(ApplicationSession):
    def onJoin(self, details):
        self.register(lambda a, b: a + b, "com.add")
        return self.register(lambda realm, authid, details: {"role": "user", "authid": "somebody"}, "com.authenticate")
