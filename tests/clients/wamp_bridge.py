"""An Autobahn client (asyncio) behind the HTTP bridge: prints each event, and offers procedures.

wamp_bridge.py URL REALM
"""
import asyncio
import json
import sys

from autobahn.asyncio.component import Component, run
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.types import CallResult, RegisterOptions, SubscribeOptions

url, realm = sys.argv[1:3]
component = Component(transports=[{"type": "websocket", "url": url, "serializers": ["msgpack"]}], realm=realm)


def say(**what):
    print(json.dumps(what), flush=True)


@component.on_join
async def joined(session, _):
    def heard(*args, details=None, **kwargs):
        say(topic=details.topic or "", args=args, kwargs=kwargs, publisher=details.publisher_authrole)

    def add(a, b=0, details=None):
        say(called="add", caller=details.caller_authrole)
        return a + b

    def fail(*args):
        raise ApplicationError("com.test.failed", *args, detail="x")

    async def hang():
        say(called="hang")
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            say(cancelled="hang")
            raise

    options = RegisterOptions(details_arg="details")
    await session.register(add, "com.test.add", options=options)
    await session.register(fail, "com.test.fail")
    await session.register(hang, "com.test.hang")
    await session.register(lambda: CallResult(1, 2, k=[None]), "com.test.many")
    await session.register(lambda: None, "com.test.nothing")
    await session.register(lambda *args, **kwargs: CallResult(*args, **kwargs), "com.test.echo")
    await session.subscribe(heard, "com.test.", options=SubscribeOptions(match="prefix", details_arg="details"))
    say(ready=True)


run([component])
