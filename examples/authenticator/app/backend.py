"""Says who a client is, and greets who was let in."""

from autobahn.twisted.wamp import ApplicationSession
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.types import RegisterOptions

#: Yours come from a database.
TICKETS = {"joe": "secret1", "ann": "secret2"}


class Authenticator(ApplicationSession):
    def onJoin(self, details):
        def authenticate(realm, authid, details):
            if TICKETS.get(authid) != details["ticket"]:
                raise ApplicationError("com.example.not_you", f"that is not the ticket of {authid}")
            return {"realm": realm, "role": "user"}

        return self.register(authenticate, "com.example.authenticate")


class Greeter(ApplicationSession):
    def onJoin(self, details):
        def greet(details=None):
            return f"hello, {details.caller_authid}"

        return self.register(greet, "com.example.greet", RegisterOptions(details_arg="details"))
