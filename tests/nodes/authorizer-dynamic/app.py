from autobahn.twisted.wamp import ApplicationSession


class Authorizer(ApplicationSession):
    def onJoin(self, details):
        def authorize(session, uri, action, options):
            return uri == "com.add" and action == "call"

        self.register(lambda a, b: a + b, "com.add")
        self.register(lambda a, b: a * b, "com.multiply")
        return self.register(authorize, "com.authorize")
