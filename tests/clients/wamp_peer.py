"""An Autobahn client: subscribes, publishes, registers, calls, with progress and binary arguments.

wamp_peer.py URL SERIALIZER REALM [METHOD AUTHID SECRET]      URL: ws://, wss://, rs:// or rss://

FRAMEWORK=twisted     not asyncio
UNIX=PATH             connects to this socket in place of the address in the URL
CA=FILE               trusts this authority
"""
import os
import ssl
import sys
import threading
from urllib.parse import urlparse

import txaio

TWISTED = os.environ.get("FRAMEWORK") == "twisted"
if TWISTED:
    from autobahn.twisted.component import Component, run
else:
    from autobahn.asyncio.component import Component, run
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.types import CallOptions, PublishOptions, RegisterOptions

url, serializer, realm = sys.argv[1:4]
where = urlparse(url)
endpoint = {"type": "tcp", "host": where.hostname, "port": where.port}
if "UNIX" in os.environ:
    endpoint = {"type": "unix", "path": os.environ["UNIX"]}
if "CA" in os.environ:
    if TWISTED:
        from twisted.internet.ssl import Certificate, optionsForClientTLS, trustRootFromCertificates

        authority = Certificate.loadPEM(open(os.environ["CA"]).read())
        endpoint["tls"] = optionsForClientTLS("localhost", trustRoot=trustRootFromCertificates([authority]))
    else:
        endpoint["tls"] = ssl.create_default_context(cafile=os.environ["CA"])
transport = {"type": "websocket", "url": url, "serializers": [serializer], "endpoint": endpoint}
if url.startswith("rs"):
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
        heard = txaio.create_future()

        def hear(*args, **kwargs):
            txaio.resolve(heard, (args, kwargs))

        await session.subscribe(hear, "com.test.topic")
        arguments = (1, "two ü", b"\x00\xff", [1.5, None, True], 2**53)
        options = PublishOptions(acknowledge=True, exclude_me=False)
        await session.publish("com.test.topic", *arguments, options=options, k={"a": [1]})
        got = await heard
        assert got == (arguments, {"k": {"a": [1]}}), got

        def add(a, b):
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
        print("ok", details.authid, details.authrole, details.authmethod, file=sys.__stdout__, flush=True)
    except BaseException as e:
        print("failed", repr(e), file=sys.__stdout__, flush=True)
    session.leave()
    # The component would connect again over RawSocket, whose end it takes for a loss.
    threading.Timer(0.5, os._exit, [0]).start()


# A component tries again for ever.
limit = threading.Timer(25, lambda: (print("failed: no session within 25 s", file=sys.__stdout__, flush=True), os._exit(1)))
limit.daemon = True
limit.start()
run([component], log_level="error")
