"""Checks what a node directory of tests/nodes says that it does (expect.json): calls, refusals, pages.

node_check.py DIRECTORY ADDRESS
"""
import asyncio
import json
import pathlib
import sys
import urllib.error
import urllib.request

from autobahn.asyncio.component import Component
from autobahn.wamp.exception import ApplicationError

directory, address = pathlib.Path(sys.argv[1]), sys.argv[2]
expected = json.loads((directory / "expect.json").read_text().replace("${ADDR}", address))
failures = []


async def session_of(authentication, then):
    """Lets `then` run with a session; the reason if there is none."""
    done = asyncio.get_running_loop().create_future()
    transport = {"type": "websocket", "url": f"ws://{address}:8080/ws", "max_retries": 0}
    component = Component(transports=[transport], realm="realm1", authentication=authentication)

    @component.on_join
    async def joined(session, _details):
        try:
            await then(session)
            done.set_result(None)
        except BaseException as error:
            done.set_exception(error)
        session.leave()

    @component.on_leave
    def left(_session, details):
        if not done.done():
            done.set_result(details.reason)

    started = component.start(loop=asyncio.get_running_loop())
    started.add_done_callback(lambda ended: ended.exception())
    return await asyncio.wait_for(done, 20)


async def check_call(wanted):
    async def then(session):
        try:
            result = await session.call(wanted["procedure"], *wanted["args"])
            if "error" in wanted or result != wanted["result"]:
                failures.append(f"{wanted}: {result!r}")
        except ApplicationError as error:
            if error.error != wanted.get("error"):
                failures.append(f"{wanted}: {error}")

    reason = await session_of(wanted.get("authentication"), then)
    if reason is not None:
        failures.append(f"{wanted}: no session: {reason}")


async def check_refusal(wanted):
    async def then(_session):
        failures.append(f"{wanted}: let in")

    reason = await session_of(wanted["authentication"], then)
    if reason != wanted["reason"]:
        failures.append(f"{wanted}: {reason}")


def check_page(wanted):
    content = wanted["post"].encode() if "post" in wanted else None
    if "post_size" in wanted:
        content = b"x" * wanted["post_size"]
    request = urllib.request.Request(f"http://{address}:8080{wanted['path']}", data=content)
    if content is not None:
        request.add_header("Content-Type", "application/octet-stream")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            status, text = answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read().decode()
    right = status == wanted.get("status", 200) and wanted.get("contains", "") in text
    if not right or len(text) < wanted.get("size_above", 0):
        failures.append(f"{wanted}: {status} {text[:400]!r}")


async def main():
    for wanted in expected.get("calls", []):
        await check_call(wanted)
    for wanted in expected.get("refused", []):
        await check_refusal(wanted)
    for wanted in expected.get("http", []):
        await asyncio.get_running_loop().run_in_executor(None, check_page, wanted)


asyncio.run(main())
print("\n".join(failures) or "ok")
