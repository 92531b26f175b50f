"""Publishes, subscribes, registers and calls at a router until standard input ends; prints what was lost of it.

wamp_load.py URL

Four sessions subscribe, three publish numbers, three share a procedure, three call it, and others come and go. The figures
are JSON: sessions that ended, events that are missing, came twice or in the wrong order between one publisher and one
subscriber, calls without a result, and the longest call of each second in milliseconds.
"""
import asyncio
import json
import sys
import time

from autobahn.asyncio.wamp import ApplicationRunner, ApplicationSession
from autobahn.wamp.types import PublishOptions, RegisterOptions

SUBSCRIBERS, PUBLISHERS, CALLEES, CALLERS = 4, 3, 3, 3
TOPIC, PROCEDURE = "com.example.numbers", "com.example.same"
PATIENCE = 30


class Client(ApplicationSession):
    def onJoin(self, details):
        self.config.extra["joined"].set_result(self)

    def onLeave(self, details):
        if not self.config.extra["leaves"]:
            self.config.extra["ended"].append(details.reason)
        self.disconnect()

    def onDisconnect(self):
        pass


class Load:
    def __init__(self, url):
        self.url, self.ended, self.errors = url, [], []
        self.stopping = asyncio.Event()
        self.seen, self.doubled, self.disordered = {}, 0, 0
        self.published = [0] * PUBLISHERS
        self.calls = self.results = self.events = self.visits = 0
        self.longest = {}

    async def join(self):
        extra = {"joined": asyncio.get_running_loop().create_future(), "ended": self.ended, "leaves": False}
        runner = ApplicationRunner(self.url, "realm1", extra=extra)
        await runner.run(Client, start_loop=False)
        return await asyncio.wait_for(extra["joined"], PATIENCE)

    def subscriber(self, me):
        def event(publisher, number):
            self.events += 1
            seen = self.seen.setdefault((me, publisher), [set(), -1])
            if number in seen[0]:
                self.doubled += 1
            elif number < seen[1]:
                self.disordered += 1
            seen[0].add(number)
            seen[1] = max(number, seen[1])

        return event

    async def publish(self, me, session):
        while not self.stopping.is_set():
            number = self.published[me]
            self.published[me] += 1
            options = PublishOptions(acknowledge=number % 10 == 0)
            acknowledged = session.publish(TOPIC, me, number, options=options)
            if acknowledged is not None:
                await acknowledged
            await asyncio.sleep(0.002)

    async def call(self, session):
        while not self.stopping.is_set():
            began = time.monotonic()
            self.calls += 1
            try:
                result = await asyncio.wait_for(session.call(PROCEDURE, self.calls), PATIENCE)
                self.results += 1
                del result
            except Exception as e:
                self.errors.append(f"{type(e).__name__}: {e}")
            second = int(began)
            self.longest[second] = max(self.longest.get(second, 0), time.monotonic() - began)

    async def visit(self):
        while not self.stopping.is_set():
            session = await self.join()
            await session.subscribe(lambda *_: None, TOPIC)
            await asyncio.sleep(0.2)
            session.config.extra["leaves"] = True
            session.leave()
            self.visits += 1

    def missing(self):
        pairs = [(me, publisher) for me in range(SUBSCRIBERS) for publisher in range(PUBLISHERS)]
        return sum(self.published[p] - len(self.seen.get((me, p), [()])[0]) for me, p in pairs)

    async def run(self):
        for me in range(SUBSCRIBERS):
            await (await self.join()).subscribe(self.subscriber(me), TOPIC)
        for _ in range(CALLEES):
            await (await self.join()).register(lambda x: x, PROCEDURE, options=RegisterOptions(invoke="roundrobin"))
        publishers = [self.publish(me, await self.join()) for me in range(PUBLISHERS)]
        callers = [self.call(await self.join()) for _ in range(CALLERS)]
        print("running", flush=True)
        loop = asyncio.get_running_loop()
        loop.run_in_executor(None, sys.stdin.read).add_done_callback(lambda _: self.stopping.set())
        await asyncio.gather(*publishers, *callers, self.visit())
        until = time.monotonic() + PATIENCE
        while self.missing() and time.monotonic() < until:
            await asyncio.sleep(0.05)
        figures = {
            "ended": self.ended, "missing": self.missing(), "doubled": self.doubled, "disordered": self.disordered,
            "calls": self.calls, "results": self.results, "errors": self.errors, "events": self.events,
            "published": sum(self.published), "visits": self.visits,
            "longest_ms": [round(1000 * longest) for longest in self.longest.values()],
        }
        print(json.dumps(figures), flush=True)


asyncio.run(Load(sys.argv[1]).run())
