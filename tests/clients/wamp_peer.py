"""An Autobahn client (asyncio): subscribes, publishes, registers, calls, with progress and binary arguments.

wamp_peer.py URL SERIALIZER REALM [METHOD AUTHID SECRET]      URL: ws:// or rs://
"""
import asyncio
import os
import sys
import threading
from urllib.parse import urlparse

from autobahn.asyncio.component import Component, run
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.types import CallOptions, PublishOptions, RegisterOptions

url, serializer, realm = sys.argv[1:4]
transport = {"type": "websocket", "url": url, "serializers": [serializer]}
if url.startswith("rs"):
    where = urlparse(url)
    endpoint = {"type": "tcp", "host": where.hostname, "port": where.port}
    transport = {"type": "rawsocket", "url": url, "serializer": serializer, "endpoint": endpoint}
authentication = None
if len(sys.argv) > 4:
    method, authid, secret = sys.argv[4:7]
    field = {"ticket": "ticket", "wampcra": "secret", "cryptosign": "privkey", "scram": "password"}[method]
    authentication = {method: {"authid": authid, field: secret}}
    if method == "scram":
        authentication[method].update(kdf="pbkdf2", nonce="")
component = Component(transports=[transport], realm=realm, authentication=authentication)


@component.on_join
async def joined(session, details):
    try:
        heard = asyncio.get_running_loop().create_future()
        await session.subscribe(lambda *args, **kwargs: heard.set_result((args, kwargs)), "com.test.topic")
        arguments = (1, "two ü", b"\x00\xff", [1.5, None, True], 2**53)
        options = PublishOptions(acknowledge=True, exclude_me=False)
        await session.publish("com.test.topic", *arguments, options=options, k={"a": [1]})
        assert await asyncio.wait_for(heard, 10) == (arguments, {"k": {"a": [1]}}), heard

        async def add(a, b):
            return a + b

        await session.register(add, "com.test.add")
        assert await session.call("com.test.add", 2, 3) == 5

        def count(n, details=None):
            for i in range(n):
                details.progress(i)
            return n

        await session.register(count, "com.test.count", options=RegisterOptions(details_arg="details"))
        progress = []
        assert await session.call("com.test.count", 3, options=CallOptions(on_progress=progress.append)) == 3
        assert progress == [0, 1, 2], progress
        try:
            await session.call("com.test.nothing")
            raise AssertionError("a procedure that is not there has answered")
        except ApplicationError as e:
            assert e.error == "wamp.error.no_such_procedure", e
        print("ok", details.authid, details.authrole, details.authmethod, flush=True)
    except Exception as e:
        print("failed", repr(e), flush=True)
    session.leave()
    # The component would connect again over RawSocket, whose end it takes for a loss.
    asyncio.get_running_loop().call_later(0.5, os._exit, 0)


# A component tries again for ever.
limit = threading.Timer(25, lambda: (print("failed: no session within 25 s", flush=True), os._exit(1)))
limit.daemon = True
limit.start()
run([component], log_level="error")
