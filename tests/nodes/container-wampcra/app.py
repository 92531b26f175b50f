from autobahn.twisted.wamp import ApplicationSession
from autobahn.wamp import auth


class App(ApplicationSession):
    def onConnect(self):
        self.join(self.config.realm, ["wampcra"], "joe")

    def onChallenge(self, challenge):
        return auth.compute_wcs(self.config.extra["secret"], challenge.extra["challenge"])

    def onJoin(self, details):
        return self.register(lambda: [details.authid, details.authrole], "com.who")
