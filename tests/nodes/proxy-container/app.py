from autobahn.twisted.wamp import ApplicationSession
from autobahn.wamp.exception import ApplicationError


class Authenticator(ApplicationSession):
    def onJoin(self, details):
        def authenticate(realm, authid, details):
            if details["ticket"] != "secret1":
                raise ApplicationError("com.error.wrong_ticket", f"the ticket of {authid} is another one")
            return {"realm": "realm1", "role": "user", "extra": {"told": authid}}

        return self.register(authenticate, "com.authenticate")


class App(ApplicationSession):
    def onJoin(self, details):
        return self.register(lambda a, b: a + b, "com.add")
