def joined(session, details):
    return session.register(lambda a, b: a + b, "com.add")
