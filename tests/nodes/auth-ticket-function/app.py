from autobahn.twisted.wamp import ApplicationSession
from autobahn.wamp.exception import ApplicationError


async def create_authenticator(config, controller):
    def authenticate(realm, authid, details):
        if details["ticket"] != config["ticket"]:
            raise ApplicationError("com.error.wrong_ticket", f"the ticket of {authid} is another one")
        return {"realm": realm, "role": "user"}

    return authenticate


class App(ApplicationSession):
    def onJoin(self, details):
        return self.register(lambda a, b: a + b, "com.add")
