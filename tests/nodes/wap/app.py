from autobahn.twisted.wamp import ApplicationSession


class App(ApplicationSession):
    def onJoin(self, details):
        self.register(lambda name, times="1": {"text": name * int(times)}, "com.greeting")
        self.register(lambda a, b: {"text": a + b}, "com.sum")
        return self.register(lambda data, data_type: {"text": f"{data!r} {data_type}"}, "com.sent")
