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


async def handle(reader, writer):
    global served
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
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    server = await asyncio.start_server(handle, sock=sockets()["web"])
    telling = asyncio.create_task(tell())
    notify("READY=1")
    print("serving", flush=True)
    await stopping.wait()
    notify("STOPPING=1\nSTATUS=finishing")
    # Closes our duplicate of the socket: those who connect from now on are served by our successor.
    server.close()
    # asyncio has accepted more, perhaps: their handlers are about to begin.
    while others := asyncio.all_tasks() - {asyncio.current_task(), telling}:
        _, late = await asyncio.wait(others, timeout=20)
        if late:
            break
    telling.cancel()
    print(f"served {served} requests", flush=True)


stopping = asyncio.Event()
asyncio.run(main())
