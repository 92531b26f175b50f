"""A client of the xconn project that registers a procedure, says so, and serves it until it is killed.

wamp_named.py URL REALM PROCEDURE
"""
import sys
import threading

from wampproto import auth, serializers
from xconn import client, types

url, realm, procedure = sys.argv[1:4]
session = client.Client(
    authenticator=auth.AnonymousAuthenticator(""), serializer=serializers.CBORSerializer()
).connect(url, realm)
session.register(procedure, lambda invocation: types.Result(args=["from xconn"]))
print("registered", flush=True)
threading.Event().wait()
