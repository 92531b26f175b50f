"""A client of the xconn project: subscribes, publishes, registers, calls.

wamp_xconn.py URL SERIALIZER REALM [METHOD AUTHID SECRET]
"""
import os
import sys
import threading

from wampproto import auth, serializers
from xconn import client, types
from xconn.exception import ApplicationError

url, name, realm = sys.argv[1:4]
serializer = {
    "json": serializers.JSONSerializer,
    "msgpack": serializers.MsgPackSerializer,
    "cbor": serializers.CBORSerializer,
}[name]()
authenticator = auth.AnonymousAuthenticator("")
if len(sys.argv) > 4:
    method, authid, secret = sys.argv[4:7]
    authenticator = {
        "ticket": lambda: auth.TicketAuthenticator(authid, secret),
        "wampcra": lambda: auth.WAMPCRAAuthenticator(authid, secret),
        "cryptosign": lambda: auth.CryptoSignAuthenticator(authid, secret),
    }[method]()
session = client.Client(authenticator=authenticator, serializer=serializer).connect(url, realm)
heard = threading.Event()
got = []


def hear(event: types.Event):
    got.append((event.args, event.kwargs))
    heard.set()


session.subscribe("com.test.topic", hear)
session.publish("com.test.topic", [1, "two ü", [1.5, None, True]], {"k": {"a": [1]}}, {"exclude_me": False, "acknowledge": True})
assert heard.wait(10), "no event"
assert (list(got[0][0]), got[0][1]) == ([1, "two ü", [1.5, None, True]], {"k": {"a": [1]}}), got
session.register("com.test.add", lambda invocation: types.Result(args=[invocation.args[0] + invocation.args[1]]))
assert list(session.call("com.test.add", [2, 3]).args) == [5]
try:
    session.call("com.test.nothing")
    raise AssertionError("a procedure that is not there has answered")
except ApplicationError as e:
    assert "no_such_procedure" in str(e), e
session.leave()
print("ok", flush=True)
# By RawSocket its reading thread sleeps on in a socket that it has closed, until the router ends the connection.
os._exit(0)
