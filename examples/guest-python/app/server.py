"""An HTTP server on a socket that somebody else has bound (sd_listen_fds), with nothing but asyncio.

It says when it is ready, what it does and that it is alive (sd_notify), and on SIGTERM finishes what is open.
"""

import asyncio
import os
import signal
import socket

FIRST = 3  # SD_LISTEN_FDS_START


def sockets():
    """The sockets that this process was given, by name."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return {}
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    count = int(os.environ["LISTEN_FDS"])
    return {names[n]: socket.socket(fileno=FIRST + n) for n in range(count)}


def notify(text):
    """Tells whoever has started this process; does nothing if nobody wants to know."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
            to.sendto(text.encode(), "\0" + address[1:] if address[0] == "@" else address)


served = 0
open_connections = set()


async def accept(listener):
    """Accepts until it is time to stop. (asyncio.start_server would drop what it has just accepted.)"""
    listener.setblocking(False)
    while not stopping.is_set():
        connection, _ = await asyncio.get_running_loop().sock_accept(listener)
        task = asyncio.create_task(handle(connection))
        open_connections.add(task)
        task.add_done_callback(open_connections.discard)


async def handle(connection):
    global served
    reader, writer = await asyncio.open_connection(sock=connection)
    try:
        while await reader.readuntil(b"\r\n\r\n"):
            served += 1
            body = f"hello from python, process {os.getpid()}\n".encode()
            head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
            last = stopping.is_set()
            writer.write(head.encode() + (b"Connection: close\r\n\r\n" if last else b"\r\n") + body)
            await writer.drain()
            if last:
                break
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def tell():
    """Twice as often as the watchdog wants to hear of us."""
    interval = int(os.environ.get("WATCHDOG_USEC", 2_000_000)) / 2_000_000
    while True:
        notify(f"WATCHDOG=1\nSTATUS={served} requests served")
        await asyncio.sleep(min(interval, 1))


async def main():
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    listener = sockets()["web"]
    tasks = [asyncio.create_task(accept(listener)), asyncio.create_task(tell())]
    notify("READY=1")
    print("serving", flush=True)
    await stopping.wait()
    notify("STOPPING=1\nSTATUS=finishing")
    # Who connects from now on is served by our successor; who was accepted just now still gets a handler.
    loop.remove_reader(listener)
    await asyncio.sleep(0)
    if open_connections:
        await asyncio.wait(open_connections, timeout=20)
    for task in tasks:
        task.cancel()
    print(f"served {served} requests", flush=True)


stopping = asyncio.Event()
asyncio.run(main())
