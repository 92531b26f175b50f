from twisted.internet.defer import inlineCallbacks


@inlineCallbacks
def joined(session, details):
    yield session.register(lambda a, b: a + b, "com.add")
