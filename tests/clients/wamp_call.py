"""Calls a procedure as a client with a ticket; prints the result, or the reason why there is no session.

wamp_call.py URL REALM AUTHID TICKET PROCEDURE
"""
import asyncio
import sys

from autobahn.asyncio.component import Component

url, realm, authid, ticket, procedure = sys.argv[1:]


async def main():
    done = asyncio.get_running_loop().create_future()
    component = Component(
        transports=[{"type": "websocket", "url": url, "max_retries": 0}],
        realm=realm,
        authentication={"ticket": {"authid": authid, "ticket": ticket}},
    )

    @component.on_join
    async def joined(session, _details):
        done.set_result(await session.call(procedure))
        session.leave()

    @component.on_leave
    def left(_session, details):
        if not done.done():
            done.set_result(details.reason)

    component.start(loop=asyncio.get_running_loop()).add_done_callback(lambda ended: ended.exception())
    print(await asyncio.wait_for(done, 20))


asyncio.run(main())
