"""A backend: offers procedures, hears what the page says, and publishes the time.   pip install autobahn"""

import asyncio
import os
import time
from urllib.parse import urlparse

from autobahn.asyncio.component import Component, run

url = f"rs://{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8080')}"
where = urlparse(url)
endpoint = {"type": "tcp", "host": where.hostname, "port": where.port}
component = Component(
    transports=[{"type": "rawsocket", "url": url, "serializer": "cbor", "endpoint": endpoint, "max_retries": -1}],
    realm="realm1",
)


@component.register("com.example.add")
def add(a, b):
    return a + b


@component.subscribe("com.example.said")
def said(text):
    print("the page says:", text, flush=True)


@component.on_join
async def joined(session, details):
    print("joined", details.realm, flush=True)
    while session.is_attached():
        session.publish("com.example.time", time.strftime("%H:%M:%S"))
        await asyncio.sleep(1)


if __name__ == "__main__":
    run([component])
