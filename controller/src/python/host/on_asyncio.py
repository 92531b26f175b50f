"""The loop of asyncio."""

import asyncio
import signal
import ssl

from .transport import Attempt, factory, unix_path


class Loop:
    """asyncio's event loop."""

    name = "asyncio"

    def __init__(self):
        import txaio

        txaio.use_asyncio()
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        txaio.config.loop = self.loop
        self._at_end = []
        self._stopping = False
        self._tasks = set()

    def session_class(self):
        from autobahn.asyncio.wamp import ApplicationSession

        return ApplicationSession

    def take_logs(self, level):
        """Lets Autobahn log by `logging`, which makes records."""
        import txaio

        txaio.set_global_log_level(level)

    def later(self, seconds, function):
        self.loop.call_later(seconds, function)

    def from_thread(self, function):
        """Calls a function in the loop, from another thread."""
        self.loop.call_soon_threadsafe(function)

    def connect(self, transport, open_session, failed):
        """Connects; `open_session` is called when the connection stands, `failed` with the reason if it does not."""
        from autobahn.asyncio import rawsocket, websocket

        attempt = Attempt(open_session, failed)
        made = factory(transport, attempt.open, websocket, rawsocket)
        limit = transport["endpoint"]["timeout"] or None

        async def connect():
            try:
                stream, protocol = await asyncio.wait_for(self._connect(transport["endpoint"], made), limit)
            except (OSError, ssl.SSLError, asyncio.TimeoutError) as error:
                failed(str(error) or "it takes too long")
                return
            lost = protocol.connection_lost

            def gone(error):
                lost(error)
                attempt.lost(protocol)

            protocol.connection_lost = gone
            if stream.is_closing():
                attempt.lost(protocol)

        self._start(connect())

    async def _connect(self, endpoint, made):
        tls = endpoint["tls"]
        secured = {"ssl": _tls(tls), "server_hostname": tls["hostname"]} if tls else {}
        if endpoint["type"] == "unix":
            return await self.loop.create_unix_connection(made, unix_path(endpoint["path"]), **secured)
        return await self.loop.create_connection(made, endpoint["host"], endpoint["port"], **secured)

    def _start(self, coroutine):
        task = self.loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def before_end(self, function):
        """Calls a function before the loop ends; if that gives something to wait for, it is waited for."""
        self._at_end.append(function)

    def gather(self, futures, seconds):
        """What is done when all of these are, or this time is over."""
        return asyncio.wait(futures, timeout=seconds) if futures else asyncio.sleep(0)

    def run(self, begin, terminate):
        self.loop.call_soon(begin)
        for number in (signal.SIGTERM, signal.SIGINT):
            self.loop.add_signal_handler(number, terminate)
        try:
            self.loop.run_forever()
        finally:
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())

    def stop(self):
        if self._stopping:
            return
        self._stopping = True

        async def end():
            for function in self._at_end:
                waited = function()
                if waited is not None:
                    await waited
            self.loop.stop()

        self._start(end())


def _tls(tls):
    context = ssl.create_default_context()
    if tls["ca_certificates"]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        for path in tls["ca_certificates"]:
            context.load_verify_locations(path)
    if tls["key"] and tls["certificate"]:
        context.load_cert_chain(tls["certificate"], tls["key"])
    return context
