from autobahn.twisted.wamp import ApplicationSession


class Authorizer(ApplicationSession):
    def onJoin(self, details):
        self.register(lambda a, b: a + b, "com.add")
        self.register(lambda a, b: a * b, "com.multiply")
        return self.register(self.authorize, "com.authorize")

    def authorize(self, session, uri, action):
        """As authorizers were written before they were told of options."""
        return uri == "com.add" and action == "call"
