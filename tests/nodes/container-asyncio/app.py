from autobahn.asyncio.wamp import ApplicationSession


class App(ApplicationSession):
    async def onJoin(self, details):
        self.log.info("logged by {role}", role=details.authrole)
        await self.register(lambda a, b: a + b, "com.add")
