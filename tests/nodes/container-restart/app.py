from autobahn.twisted.wamp import ApplicationSession

starts = 0


class App(ApplicationSession):
    def onJoin(self, details):
        global starts
        starts += 1
        if starts < 3:
            return self.leave()
        return self.register(lambda: starts, "com.starts")
