"""Subscribes to what the example `flask` publishes, orders something at ORDERS, and prints the event.

wamp_ordered.py URL
"""
import asyncio
import os
import sys
import urllib.request

from autobahn.asyncio.component import Component


async def main():
    loop = asyncio.get_running_loop()
    heard = loop.create_future()
    component = Component(transports=[{"type": "websocket", "url": sys.argv[1], "max_retries": 0}], realm="realm1")

    @component.on_join
    async def joined(session, _details):
        await session.subscribe(heard.set_result, "com.example.ordered")
        await loop.run_in_executor(None, lambda: urllib.request.urlopen(os.environ["ORDERS"], b"item=coffee").read())
        await heard
        session.leave()

    component.start(loop=loop).add_done_callback(lambda ended: ended.exception())
    print(await asyncio.wait_for(heard, 20))


asyncio.run(main())
