"""WebSocket clients with cookies: wamp_cookie.py URL SCRIPT...   Prints one line for each step.

login NAME TICKET COOKIE   joins by a ticket; COOKIE is `new` or the value of an earlier one; prints the cookie
by COOKIE                  joins by the cookie alone
logout COOKIE              joins twice by the cookie; the first says it logs out; prints what the second one hears
"""

import json
import sys

from websockets.sync.client import connect

url, *steps = sys.argv[1:]


def dial(cookie):
    headers = {} if cookie == "new" else {"Cookie": "cbtid=" + cookie}
    return connect(url, subprotocols=["wamp.2.json"], additional_headers=headers, proxy=None)


def say(socket, message):
    socket.send(json.dumps(message))
    return json.loads(socket.recv(timeout=20))


def hello(socket, methods, authid=None):
    details = {"roles": {"caller": {}}, "authmethods": methods}
    if authid:
        details["authid"] = authid
    return say(socket, [1, "realm1", details])


def told(answer):
    if answer[0] == 2:
        return "%s by %s" % (answer[2]["authid"], answer[2]["authmethod"])
    return answer[2]


while steps:
    step = steps.pop(0)
    if step == "login":
        name, ticket, cookie = steps.pop(0), steps.pop(0), steps.pop(0)
        with dial(cookie) as socket:
            challenge = hello(socket, ["ticket"], name)
            assert challenge[0] == 4, challenge
            answer = say(socket, [5, ticket, {}])
            set_cookie = socket.response.headers.get("Set-Cookie", "")
            print(told(answer), set_cookie.split(";")[0].removeprefix("cbtid="), flush=True)
    elif step == "by":
        with dial(steps.pop(0)) as socket:
            print(told(hello(socket, ["cookie"])), flush=True)
    else:
        cookie = steps.pop(0)
        with dial(cookie) as first, dial(cookie) as second:
            print(told(hello(first, ["cookie"])), told(hello(second, ["cookie"])), flush=True)
            print(say(first, [6, {}, "wamp.close.logout"])[2], json.loads(second.recv(timeout=20))[2], flush=True)
