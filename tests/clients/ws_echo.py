"""Talks to an echoing WebSocket endpoint: ws_echo.py URL [COUNT]. Prints `ok` and the number of echoes."""

import asyncio
import sys

import websockets


async def main(url, count):
    async with websockets.connect(url, compression=None, max_size=None, proxy=None) as ws:
        messages = ["text", "", "κόσμε 𝄞", b"", b"\x00\xff" * 60, "x" * 126, b"y" * 65536, b"z" * 3_000_000]
        for message in messages:
            await ws.send(message)
            assert await ws.recv() == message, message[:50]
        await ws.send(["in ", "three ", "pieces"])
        assert await ws.recv() == "in three pieces"
        latency = await (await ws.ping(b"payload"))
        assert latency >= 0
        for number in range(count):
            await ws.send(f"message {number}")
        for number in range(count):
            assert await ws.recv() == f"message {number}"
        await ws.close(1000, "done")
        assert ws.close_code == 1000, ws.close_code
        print("ok", len(messages) + 1 + count)


asyncio.run(asyncio.wait_for(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1000), 60))
