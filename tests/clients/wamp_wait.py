"""A WAMP client that joins and prints what it gets, one line each, until it is disconnected.

wamp_wait.py URL REALM [TOPIC]
"""
import asyncio
import json
import sys

import websockets


async def main(url, realm, topic=None):
    async with websockets.connect(url, subprotocols=["wamp.2.json"]) as socket:
        roles = {role: {} for role in ("caller", "callee", "publisher", "subscriber")}
        roles["subscriber"] = {"features": {"subscription_revocation": True}}
        await socket.send(json.dumps([1, realm, {"roles": roles}]))
        print("joined", json.loads(await socket.recv())[0], flush=True)
        if topic:
            await socket.send(json.dumps([32, 1, {}, topic]))
        try:
            async for message in socket:
                print(message, flush=True)
                if message.startswith("[6,"):
                    await socket.send('[6,{},"wamp.close.goodbye_and_out"]')
        except websockets.exceptions.ConnectionClosed:
            pass
        print("closed", socket.close_code, flush=True)


asyncio.run(main(*sys.argv[1:]))
